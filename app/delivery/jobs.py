"""Background jobs of delivery."""

from datetime import date, timedelta
from uuid import UUID

from app.core.jobs import JobContext, JobSpec, Payload, enqueue
from app.core.schedule import Schedule
from app.delivery.service import freeze_and_plan
from app.delivery.service.withdrawing import TELL_JOB, tell_households, tell_payload

PLAN_JOB = "delivery.freeze_and_plan"


async def run_freeze_and_plan(context: JobContext, _: Payload) -> None:
    """Freeze what is due and plan what is frozen; a run that was killed is finished by the next."""
    await freeze_and_plan(context.database, now=context.clock.now())


async def run_tell_withdrawn(context: JobContext, payload: Payload) -> None:
    """Tell one batch of households of a withdrawn day, and leave the rest to the next job."""
    station_id = UUID(payload["station_id"])
    service_date = date.fromisoformat(payload["service_date"])
    reason = payload["reason"]
    async with context.database.transaction() as session:
        last = await tell_households(
            session,
            station_id=station_id,
            service_date=service_date,
            reason=reason,
            after=None if payload["after"] is None else UUID(payload["after"]),
            now=context.clock.now(),
        )
        if last is not None:
            await enqueue(
                session, TELL_JOB, tell_payload(station_id, service_date, reason, after=last)
            )


JOBS: list[JobSpec] = [
    JobSpec(PLAN_JOB, run_freeze_and_plan, concurrency=1),
    JobSpec(TELL_JOB, run_tell_withdrawn),
]
SCHEDULES: list[Schedule] = [
    Schedule(PLAN_JOB, every=timedelta(minutes=1), catch_up=timedelta(minutes=2)),
]
