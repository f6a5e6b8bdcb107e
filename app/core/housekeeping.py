"""Daily work on the foundation's own tables: forget what is old, make partitions ahead of need."""

from datetime import time, timedelta

from app.core.clock import wall_now
from app.core.enqueueing import Payload
from app.core.idempotency import prune_keys
from app.core.jobs import JobContext, JobSpec, prune_log
from app.core.partitions import ensure_partitions
from app.core.schedule import Schedule, prune_slots

KEEP = timedelta(days=30)


async def prune(context: JobContext, payload: Payload) -> None:
    """Forget the queue's log, once-keys and slots older than KEEP, and old idempotency keys."""
    del payload
    async with context.database.transaction() as session:
        await prune_log(session, older_than=KEEP)
        await prune_keys(session)
        await prune_slots(session, before=min(wall_now(), context.clock.now()) - KEEP)


async def make_partitions(context: JobContext, payload: Payload) -> None:
    """Make the partitions of the months around today's business date."""
    del payload
    async with context.database.connection() as connection:
        await ensure_partitions(connection, around=context.clock.today())


JOBS: list[JobSpec] = [
    JobSpec("core.prune", prune),
    JobSpec("core.make_partitions", make_partitions),
]
SCHEDULES: list[Schedule] = [
    Schedule("core.prune", at=time(3, 20)),
    Schedule("core.make_partitions", at=time(1, 10)),
]
