"""Background jobs of identity."""

from datetime import time

from app.core.enqueueing import Payload
from app.core.jobs import JobContext, JobSpec
from app.core.schedule import Schedule
from app.identity import service


async def prune(context: JobContext, payload: Payload) -> None:
    """Forget old login codes, ended sessions and old counts."""
    del payload
    async with context.database.transaction() as session:
        await service.prune(session)


JOBS: list[JobSpec] = [JobSpec("identity.prune", prune)]
SCHEDULES: list[Schedule] = [Schedule("identity.prune", at=time(3, 30))]
