"""Background jobs of the KPIs."""

from datetime import time, timedelta

from app.core.enqueueing import Payload
from app.core.jobs import JobContext, JobSpec
from app.core.schedule import Schedule
from app.kpi.trends import ALL_DAYS, refresh_days

REFRESH_JOB = "kpi.refresh_days"
RECOUNT_JOB = "kpi.recount_days"


async def run_refresh_days(context: JobContext, _: Payload) -> None:
    """Count today, yesterday and every day whose rows came late."""
    await refresh_days(context.database, now=context.clock.now())


async def run_recount_days(context: JobContext, _: Payload) -> None:
    """Count the past month anew."""
    await refresh_days(context.database, now=context.clock.now(), back=ALL_DAYS)


JOBS: list[JobSpec] = [
    JobSpec(REFRESH_JOB, run_refresh_days, concurrency=1),
    JobSpec(RECOUNT_JOB, run_recount_days, concurrency=1),
]
SCHEDULES: list[Schedule] = [
    Schedule(REFRESH_JOB, every=timedelta(minutes=10), catch_up=timedelta(minutes=10)),
    Schedule(RECOUNT_JOB, at=time(3, 40)),
]
