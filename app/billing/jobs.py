"""Background jobs of billing: talking to the channel, sweeping, checking the invariants."""

from datetime import time, timedelta
from typing import Final
from uuid import UUID

from app.billing import service
from app.core.alerts import raise_alert, resolve_alert
from app.core.enqueueing import Payload
from app.core.invariants import check_invariants, list_invariants
from app.core.jobs import JobContext, JobSpec
from app.core.schedule import Schedule

VIOLATED: Final = "invariant_violated"
SAMPLE: Final = 5


async def ask_channel(context: JobContext, payload: Payload) -> None:
    """Wake-up: a payment whose request died before the channel answered."""
    await service.ask_channel(
        context.database,
        customer_id=UUID(payload["customer_id"]),
        payment_id=UUID(payload["payment_id"]),
        now=context.clock.now(),
    )


async def query_payment(context: JobContext, payload: Payload) -> None:
    """Ask what became of a payment."""
    await service.query_payment(
        context.database,
        customer_id=UUID(payload["customer_id"]),
        payment_id=UUID(payload["payment_id"]),
        now=context.clock.now(),
    )


async def apply_notification(context: JobContext, payload: Payload) -> None:
    """Let a kept message of a channel have its effect."""
    async with context.database.transaction() as session:
        await service.apply_notification(
            session,
            channel=payload["channel"],
            event_id=payload["event_id"],
            now=context.clock.now(),
        )


async def submit_refund(context: JobContext, payload: Payload) -> None:
    """Submit a refund, or ask how it stands."""
    await service.submit_refund(
        context.database,
        customer_id=UUID(payload["customer_id"]),
        refund_id=UUID(payload["refund_id"]),
        now=context.clock.now(),
    )


async def ask_for_bills(context: JobContext, _: Payload) -> None:
    """Want yesterday's bill of the channel, and those of days that were missed."""
    async with context.database.transaction() as session:
        await service.ask_for_bills(session, now=context.clock.now())


async def download_bill(context: JobContext, payload: Payload) -> None:
    """Download a bill that is wanted, and match it."""
    await service.download_bill(
        context.database, bill_id=UUID(payload["bill_id"]), now=context.clock.now()
    )


async def match_bills(context: JobContext, _: Payload) -> None:
    """Look again at what bills and books disagree about."""
    await service.match_unsettled(context.database, now=context.clock.now())


async def watch_bills(context: JobContext, _: Payload) -> None:
    """Say aloud which days have no bill at noon."""
    async with context.database.transaction() as session:
        await service.watch_bills(session, now=context.clock.now())


async def sweep(context: JobContext, _: Payload) -> None:
    """Wake whatever stands in a non-final state and is due, whether the queue knows it or not."""
    now = context.clock.now()
    async with context.database.transaction() as session:
        await service.wake_waiting_notifications(session, now=now)
        await service.wake_due_payments(session, now=now)
        await service.wake_due_refunds(session, now=now)
        await service.wake_due_bills(session, now=now)


async def close_past_dates(context: JobContext, _: Payload) -> None:
    """Keep the ledger's totals of every past date that has none yet, and of the last few again."""
    await service.close_past_dates(context.database, now=context.clock.now())


async def check_all_invariants(context: JobContext, _: Payload) -> None:
    """Raise an alert per violated invariant, and resolve those that hold again."""
    now = context.clock.now()
    async with context.database.transaction() as session:
        violations = {found.name: found for found in await check_invariants(session, now=now)}
        for invariant in list_invariants():
            if (found := violations.get(invariant.name)) is None:
                await resolve_alert(session, VIOLATED, invariant.name)
                continue
            sample = [
                {name: str(value) for name, value in row.items()} for row in found.rows[:SAMPLE]
            ]
            await raise_alert(
                session, VIOLATED, invariant.name, rows=len(found.rows), sample=sample
            )


JOBS: list[JobSpec] = [
    JobSpec("billing.ask_channel", ask_channel),
    JobSpec("billing.query_payment", query_payment),
    JobSpec("billing.apply_notification", apply_notification),
    JobSpec("billing.submit_refund", submit_refund),
    JobSpec("billing.ask_for_bills", ask_for_bills),
    JobSpec("billing.download_bill", download_bill, concurrency=2),
    JobSpec("billing.match_bills", match_bills, concurrency=1),
    JobSpec("billing.watch_bills", watch_bills),
    JobSpec("billing.sweep", sweep),
    JobSpec("billing.close_past_dates", close_past_dates, concurrency=1),
    JobSpec("billing.check_invariants", check_all_invariants),
]
SCHEDULES: list[Schedule] = [
    Schedule("billing.sweep", every=timedelta(minutes=1), catch_up=timedelta(minutes=5)),
    Schedule("billing.close_past_dates", at=time(1, 10)),
    Schedule("billing.ask_for_bills", at=time(10, 5)),
    Schedule("billing.watch_bills", at=time(12)),
    Schedule("billing.match_bills", every=timedelta(hours=6)),
    Schedule("billing.check_invariants", at=time(3, 30)),
]
