"""Background jobs of network."""

from datetime import time

from app.core.jobs import JobContext, JobSpec, Payload
from app.core.schedule import Schedule
from app.network import service


async def make_plan_days(context: JobContext, _payload: Payload) -> None:
    """Make the days of every station up to the horizon; harmless when repeated."""
    async with context.database.transaction() as session:
        await service.ensure_plan_days(session, today=context.clock.today())


JOBS: list[JobSpec] = [JobSpec("network.make_plan_days", make_plan_days)]
SCHEDULES: list[Schedule] = [Schedule("network.make_plan_days", at=time(0, 30))]
