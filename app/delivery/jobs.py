"""Background jobs of delivery."""

from datetime import date, timedelta
from uuid import UUID

from app.core.jobs import JobContext, JobSpec, Payload, enqueue
from app.core.schedule import Schedule
from app.delivery import service
from app.delivery.service.withdrawing import TELL_JOB, tell_households, tell_payload

PLAN_JOB = "delivery.freeze_and_plan"


async def freeze_and_plan(context: JobContext, _: Payload) -> None:
    """Freeze and plan what is due; what an earlier run left frozen is planned too."""
    await service.freeze_and_plan(context.database, now=context.clock.now())


async def tell_withdrawn(context: JobContext, payload: Payload) -> None:
    """Tell one batch of households of a withdrawn day, and come back for the next."""
    station_id = UUID(payload["station_id"])
    service_date = date.fromisoformat(payload["service_date"])
    async with context.database.transaction() as session:
        last = await tell_households(
            session,
            station_id=station_id,
            service_date=service_date,
            reason=payload["reason"],
            after=None if payload["after"] is None else UUID(payload["after"]),
            now=context.clock.now(),
        )
        if last is not None:
            again = tell_payload(station_id, service_date, payload["reason"], after=last)
            await enqueue(session, TELL_JOB, again)


JOBS: list[JobSpec] = [
    JobSpec(PLAN_JOB, freeze_and_plan, concurrency=1),
    JobSpec(TELL_JOB, tell_withdrawn),
]
SCHEDULES: list[Schedule] = [
    Schedule(PLAN_JOB, every=timedelta(minutes=1), catch_up=timedelta(minutes=3)),
]
