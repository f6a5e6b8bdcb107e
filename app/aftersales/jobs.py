"""Background jobs of aftersales."""

from datetime import timedelta

import structlog

from app.aftersales import clocks
from app.core.enqueueing import Payload
from app.core.jobs import JobContext, JobSpec
from app.core.schedule import Schedule

log = structlog.get_logger()


async def watch_tickets(context: JobContext, _payload: Payload) -> None:
    """Escalate before the due time, record what ran over it; by the clock, whatever the slot."""
    async with context.database.transaction() as session:
        escalated, breached = await clocks.watch_tickets(session, now=context.clock.now())
    if escalated or breached:
        log.info("aftersales.watched", escalated=escalated, breached=breached)


JOBS: list[JobSpec] = [JobSpec("aftersales.watch_tickets", watch_tickets)]
SCHEDULES: list[Schedule] = [
    Schedule("aftersales.watch_tickets", every=timedelta(minutes=1), catch_up=timedelta(minutes=2))
]
