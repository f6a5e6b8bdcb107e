"""The network to the channel fails for long; ten minutes after it heals everything is final."""

from datetime import timedelta

import pytest

from app.billing.jobs import sweep
from app.billing.models import Payment, PaymentStatus, Refund, RefundStatus
from app.billing.service import ask_channel, find_refundable_fen, list_clearing, request_refund
from app.core.jobs import JobContext
from simulators.channels.faults import FaultKind
from tests.factories.billing import open_one, pay_one, read_payment, read_refund, start_one
from tests.factories.world import TODAY, World
from tests.fixtures.application import SetClock
from tests.fixtures.doses import dose
from tests.fixtures.invariants import assert_invariants
from tests.fixtures.jobs import drain
from tests.fixtures.payments import Payments

pytestmark = pytest.mark.usefixtures("heard")
MINUTE = timedelta(minutes=1)
OUTAGE_MINUTES = dose(40, 2_000)
HEALED_MINUTES = 10
EVERY_CALL = None
TROUBLE = [
    (FaultKind.SYSTEM_ERROR, EVERY_CALL, False),
    (FaultKind.SYSTEM_ERROR, EVERY_CALL, True),
    (FaultKind.RATE_LIMIT, EVERY_CALL, False),
    (FaultKind.CONNECTION_RESET, EVERY_CALL, False),
    (FaultKind.CONNECTION_RESET, EVERY_CALL, True),
    (FaultKind.TIMEOUT_AFTER_COMMIT, EVERY_CALL, False),
    *(
        (FaultKind.CONNECTION_RESET, call, True)
        for call in ("create", "query", "close", "refund", "refund_query")
    ),
]


async def pass_minutes(
    payments: Payments, clock: SetClock, context: JobContext, count: int
) -> None:
    """The worker's schedule, minute by minute."""
    for _ in range(count):
        clock.set(clock.now() + MINUTE)
        await payments.advance(MINUTE.total_seconds())
        await sweep(context, {})
        await drain(context)


@pytest.mark.parametrize(("kind", "endpoint", "after_commit"), TROUBLE)
async def test_what_waits_for_nobody_is_final_ten_minutes_after_heal(
    world: World,
    payments: Payments,
    clock: SetClock,
    job_context: JobContext,
    kind: FaultKind,
    endpoint: str | None,
    after_commit: bool,
) -> None:
    database, household = job_context.database, world.household

    async def give_back(payment: Payment) -> Refund:
        async with database.transaction() as session:
            [refund] = await request_refund(
                session,
                customer_id=payment.customer_id,
                reference_id=payment.reference_id,
                amount_fen=10_500,
                cause="order_rejected",
                now=clock.now(),
            )
        return refund

    paid = [await pay_one(database, payments, household) for _ in range(2)]
    accepted = await give_back(paid[0])
    await drain(job_context)
    waiting, left = [await start_one(database, household) for _ in range(2)]

    payments.fault(kind, endpoint=endpoint, after_commit=after_commit, count=None)
    payments.fault(FaultKind.NOTIFY_LOST, count=None)
    asked = await open_one(database, household)
    await ask_channel(
        database, customer_id=asked.customer_id, payment_id=asked.payment_id, now=clock.now()
    )
    payments.pay(waiting.out_trade_no)
    owed = await give_back(paid[1])
    await pass_minutes(payments, clock, job_context, OUTAGE_MINUTES)
    async with database.transaction() as session:
        await assert_invariants(session, clock.now(), only=("I1", "I3", "I4"))

    payments.simulator.faults.clear()
    await pass_minutes(payments, clock, job_context, HEALED_MINUTES)
    assert (await read_payment(database, asked)).status == PaymentStatus.CLOSED
    assert (await read_payment(database, waiting)).status == PaymentStatus.CAPTURED
    assert (await read_payment(database, left)).status == PaymentStatus.CLOSED
    for refund in (owed, accepted):
        assert (await read_refund(database, refund)).status == RefundStatus.SUCCEEDED
    async with database.transaction() as session:
        await assert_invariants(session, clock.now(), only=("I1", "I3", "I4", "I9"))
        for cleared in await list_clearing(session, today=TODAY):
            assert (cleared.balance_fen, cleared.open_items) == (0, 0), cleared
        for payment in paid:
            left_fen = await find_refundable_fen(
                session, customer_id=payment.customer_id, reference_id=payment.reference_id
            )
            assert left_fen == 0
    assert [len(payments.refunds(payment.out_trade_no)) for payment in paid] == [1, 1]
