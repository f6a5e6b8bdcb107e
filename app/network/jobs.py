"""Background jobs of network."""

from datetime import time, timedelta

from app.core.enqueueing import Payload
from app.core.jobs import JobContext, JobSpec
from app.core.schedule import Schedule
from app.network import service


async def make_plan_days(context: JobContext, _payload: Payload) -> None:
    """Make the days of every station up to the horizon; harmless when repeated."""
    async with context.database.transaction() as session:
        await service.ensure_plan_days(session, today=context.clock.today())


async def watch_festivals(context: JobContext, _payload: Payload) -> None:
    """Look whether the calendar of festivals reaches far enough; harmless when repeated."""
    async with context.database.transaction() as session:
        await service.watch_festivals(session, today=context.clock.today())


JOBS: list[JobSpec] = [
    JobSpec("network.make_plan_days", make_plan_days),
    JobSpec("network.watch_festivals", watch_festivals),
]
SCHEDULES: list[Schedule] = [
    Schedule("network.make_plan_days", at=time(0, 30)),
    Schedule("network.watch_festivals", every=timedelta(hours=6), catch_up=timedelta(hours=6)),
]
