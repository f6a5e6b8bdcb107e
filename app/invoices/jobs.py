"""Background jobs of invoices."""

from datetime import time

import structlog

from app.core.jobs import JobContext, JobSpec, Payload
from app.core.schedule import Schedule
from app.invoices.repository import money

log = structlog.get_logger()


async def find_over(context: JobContext, _: Payload) -> None:
    """Find the orders invoiced above what is paid whose money went back without an event."""
    async with context.database.transaction() as session:
        marked = await money.mark_all_over(session, now=context.clock.now(), waiting=False)
    if marked:
        log.warning("invoices.over", requests=marked)


JOBS: list[JobSpec] = [JobSpec("invoices.find_over", find_over)]
SCHEDULES: list[Schedule] = [Schedule("invoices.find_over", at=time(4, 10))]
