"""Background jobs of the cold chain."""

from datetime import timedelta

from app.coldchain import service
from app.core.enqueueing import Payload
from app.core.jobs import JobContext, JobSpec
from app.core.schedule import Schedule

WATCH_JOB = "coldchain.watch_silence"


async def watch_silence(context: JobContext, _: Payload) -> None:
    """Raise an alert for each sensor that has stopped speaking, and resolve those that speak."""
    async with context.database.transaction() as session:
        await service.watch_silence(session, now=context.clock.now())


JOBS: list[JobSpec] = [JobSpec(WATCH_JOB, watch_silence)]
SCHEDULES: list[Schedule] = [
    Schedule(WATCH_JOB, every=timedelta(minutes=5), catch_up=timedelta(minutes=5)),
]
