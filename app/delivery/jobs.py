"""Background jobs of delivery."""

from datetime import datetime, timedelta
from uuid import UUID

from app.core.clock import local_date
from app.core.enqueueing import Payload
from app.core.jobs import JobContext, JobSpec
from app.core.schedule import Schedule
from app.delivery.repository import mornings
from app.delivery.service import freeze_and_plan
from app.delivery.service.doorstep_news import SLOT, tell_doors
from app.delivery.service.earning import post_revenue
from app.delivery.service.withdrawal_news import (
    TELL_JOB,
    enqueue_telling,
    tell_households,
    wake_untold,
)

PLAN_JOB = "delivery.freeze_and_plan"
SWEEP_JOB = "delivery.sweep_withdrawals"
COUNT_JOB = "delivery.count_mornings"
NEWS_JOB = "delivery.tell_doors"
REVENUE_JOB = "delivery.post_revenue"
COUNTED_BACK = timedelta(days=62)
"""How far back rounds are looked for that nobody has counted."""
MORNINGS_AT_ONCE = 500


async def run_freeze_and_plan(context: JobContext, _: Payload) -> None:
    """Freeze what is due and plan what is frozen; a run that was killed is finished by the next."""
    await freeze_and_plan(context.database, now=context.clock.now())


async def run_tell_withdrawn(context: JobContext, payload: Payload) -> None:
    """Tell one batch of households of a withdrawal, and leave the rest to the next job."""
    withdrawal_id, is_undo = UUID(payload["withdrawal_id"]), bool(payload["is_undo"])
    async with context.database.transaction() as session:
        last = await tell_households(
            session,
            withdrawal_id=withdrawal_id,
            is_undo=is_undo,
            after=UUID(payload["after"]),
            now=context.clock.now(),
        )
        if last is not None:
            await enqueue_telling(session, withdrawal_id, is_undo=is_undo, after=last)


async def run_sweep_withdrawals(context: JobContext, _: Payload) -> None:
    """Wake the telling of withdrawals whose job was lost."""
    async with context.database.transaction() as session:
        await wake_untold(session, now=context.clock.now())


async def run_count_mornings(context: JobContext, _: Payload) -> None:
    """Count the mornings that nobody has counted: of rounds planned before, or loaded in bulk."""
    since = local_date(context.clock.now()) - COUNTED_BACK
    while True:
        async with context.database.transaction() as session:
            keys = await mornings.list_missing(session, since=since, limit=MORNINGS_AT_ONCE)
            await mornings.rebuild_mornings(session, keys)
        if len(keys) < MORNINGS_AT_ONCE:
            return


async def run_tell_doors(context: JobContext, payload: Payload) -> None:
    """Tell households of milk that comes late or did not come."""
    slot = datetime.fromisoformat(payload["slot"])
    await tell_doors(context.database, slot=slot, now=context.clock.now())


async def run_post_revenue(context: JobContext, _: Payload) -> None:
    """Post the days that are due, whoever missed them, and what became known of posted ones."""
    await post_revenue(context.database, now=context.clock.now())


JOBS: list[JobSpec] = [
    JobSpec(PLAN_JOB, run_freeze_and_plan, concurrency=1),
    JobSpec(TELL_JOB, run_tell_withdrawn),
    JobSpec(SWEEP_JOB, run_sweep_withdrawals),
    JobSpec(NEWS_JOB, run_tell_doors, concurrency=1),
    JobSpec(COUNT_JOB, run_count_mornings, concurrency=1),
    JobSpec(REVENUE_JOB, run_post_revenue, concurrency=1),
]
SCHEDULES: list[Schedule] = [
    Schedule(PLAN_JOB, every=timedelta(minutes=1), catch_up=timedelta(minutes=2)),
    Schedule(SWEEP_JOB, every=timedelta(minutes=5), catch_up=timedelta(minutes=5)),
    Schedule(NEWS_JOB, every=SLOT, catch_up=timedelta(hours=1)),
    Schedule(COUNT_JOB, every=timedelta(minutes=10), catch_up=timedelta(minutes=10)),
    Schedule(REVENUE_JOB, every=timedelta(hours=1), catch_up=timedelta(hours=1)),
]
