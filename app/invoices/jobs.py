"""Background jobs of invoices."""

from datetime import time, timedelta
from typing import Final

import structlog

from app.core.clock import local_date
from app.core.enqueueing import Payload
from app.core.jobs import JobContext, JobSpec
from app.core.schedule import Schedule
from app.invoices.repository import money

log = structlog.get_logger()

LOOK_BACK: Final = timedelta(days=14)
"""How long a worker may have stood still without an order being overlooked."""


async def find_over(context: JobContext, _: Payload) -> None:
    """Find the orders invoiced above what is paid whose money went back without an event."""
    now = context.clock.now()
    async with context.database.transaction() as session:
        marked = await money.mark_recent_over(session, since=local_date(now) - LOOK_BACK, now=now)
    if marked:
        log.warning("invoices.over", requests=marked)


JOBS: list[JobSpec] = [JobSpec("invoices.find_over", find_over)]
SCHEDULES: list[Schedule] = [Schedule("invoices.find_over", at=time(4, 10))]
