"""Background jobs of orders."""

from datetime import date, time, timedelta
from uuid import UUID

from app.core.enqueueing import Payload, enqueue_many
from app.core.ids import HOUSE
from app.core.jobs import JobContext, JobSpec
from app.core.schedule import Schedule
from app.orders import repository, service
from app.orders.changes.paying import SETTLE_JOB, settle_change, sweep_changes
from app.orders.changes.telling import (
    REMIND_JOB,
    notice_renewals,
    send_reminders,
    tell_resuming,
    wake_reminders,
)
from app.orders.service.paying import REVIEW_JOB

STUCK_AFTER = timedelta(minutes=2)
BATCH = 500


async def review_order(context: JobContext, payload: Payload) -> None:
    """Review one paid order by its coverage; harmless when repeated."""
    async with context.database.transaction() as session:
        await service.review_by_coverage(
            session,
            customer_id=UUID(payload["customer_id"]),
            order_id=UUID(payload["order_id"]),
            now=context.clock.now(),
        )


async def settle_paid_change(context: JobContext, payload: Payload) -> None:
    """Let a paid change happen, or give its money back; harmless when repeated."""
    async with context.database.transaction() as session:
        await settle_change(
            session,
            customer_id=UUID(payload["customer_id"]),
            change_id=UUID(payload["change_id"]),
            now=context.clock.now(),
        )


async def sweep(context: JobContext, _: Payload) -> None:
    """Wake up what stands still: orders and changes that are unpaid, or paid and forgotten."""
    now = context.clock.now()
    async with context.database.transaction() as session:
        await sweep_changes(session, now=now)
        await wake_reminders(session)
    async with context.database.transaction() as session:
        await service.expire_unpaid(session, now=now)
    async with context.database.transaction() as session:
        stuck = await repository.stuck_in_review(session, before=now - STUCK_AFTER, limit=BATCH)
        await enqueue_many(
            session,
            REVIEW_JOB,
            [
                {"customer_id": str(customer_id), "order_id": str(order_id)}
                for customer_id, order_id in stuck
            ],
            dedupe_keys=[f"{REVIEW_JOB}:{order_id}" for _, order_id in stuck],
        )


async def complete_ended(context: JobContext, _: Payload) -> None:
    """Complete orders whose last day is past."""
    async with context.database.transaction() as session:
        await service.complete_ended_orders(session, now=context.clock.now())


async def tell_resumed(context: JobContext, _: Payload) -> None:
    """Tell households whose pause ends tomorrow that milk comes again; each once."""
    after: UUID | None = HOUSE
    while after is not None:
        async with context.database.transaction() as session:
            after = await tell_resuming(session, after=after, limit=BATCH, now=context.clock.now())


async def notice_ending_orders(context: JobContext, _: Payload) -> None:
    """Write down which orders end within a week; jobs of 500 tell their households."""
    async with context.database.transaction() as session:
        await notice_renewals(session, now=context.clock.now())


async def remind_batch(context: JobContext, payload: Payload) -> None:
    """Tell one batch; harmless when repeated."""
    async with context.database.transaction() as session:
        await send_reminders(
            session,
            noticed=date.fromisoformat(payload["noticed"]),
            batch=int(payload["batch"]),
            now=context.clock.now(),
        )


JOBS: list[JobSpec] = [
    JobSpec(REVIEW_JOB, review_order),
    JobSpec(SETTLE_JOB, settle_paid_change),
    JobSpec("orders.sweep", sweep),
    JobSpec("orders.complete_ended", complete_ended),
    JobSpec("orders.tell_resumed", tell_resumed),
    JobSpec("orders.notice_ending", notice_ending_orders),
    JobSpec(REMIND_JOB, remind_batch),
]
SCHEDULES: list[Schedule] = [
    Schedule("orders.sweep", every=timedelta(minutes=1), catch_up=timedelta(minutes=5)),
    Schedule("orders.complete_ended", at=time(2, 30)),
    Schedule("orders.tell_resumed", at=time(9, 0)),
    Schedule("orders.notice_ending", at=time(9, 30)),
]
