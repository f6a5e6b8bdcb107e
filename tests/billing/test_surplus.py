"""Late, second and wrong money is captured, moved to suspense and given back."""

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.billing.errors import PaymentNotCaptured
from app.billing.events import PaymentCaptured
from app.billing.models import PaymentStatus, RefundStatus
from app.billing.service import request_refund, return_surplus
from app.core import events
from app.core.db import Database
from app.core.ids import new_id
from app.core.jobs import JobContext
from tests.factories.billing import (
    Heard,
    alerts,
    booked,
    pay_one,
    read_payment,
    read_refund,
    start_one,
    take_cash,
)
from tests.factories.world import MORNING, World
from tests.fixtures.application import SetClock
from tests.fixtures.invariants import assert_invariants
from tests.fixtures.jobs import drain
from tests.fixtures.payments import Payments


async def test_two_payments_of_one_reference_both_arrive_and_the_second_goes_back(
    database: Database,
    world: World,
    payments: Payments,
    heard: Heard,
    clock: SetClock,
    job_context: JobContext,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    taken: list[object] = []

    async def keep_the_first(session: AsyncSession, captured: PaymentCaptured) -> None:
        captured.claim()
        if captured.reference_id in taken:
            await return_surplus(
                session,
                customer_id=captured.customer_id,
                payment_id=captured.payment_id,
                reason="paid twice",
                now=captured.at,
            )
        taken.append(captured.reference_id)

    monkeypatch.setitem(events._handlers, PaymentCaptured, [keep_the_first])
    reference = new_id()
    first = await start_one(database, world.household, reference_id=reference)
    second = await start_one(database, world.household, reference_id=reference)
    payments.pay(first.out_trade_no)
    payments.pay(second.out_trade_no)
    await payments.deliver_notifications()

    statuses = [(await read_payment(database, payment)).status for payment in (first, second)]
    assert statuses == [PaymentStatus.CAPTURED, PaymentStatus.CAPTURED]
    surplus = await read_payment(database, second)
    assert surplus.unmatched_reason == "paid twice"
    await drain(job_context)
    await payments.finish_refunds()
    assert payments.refunds(second.out_trade_no)[0][1:] == (10_500, "SUCCESS")
    assert payments.refunds(first.out_trade_no) == []
    causes = [cause for cause, *_ in await booked(database, first.customer_id)]
    assert sorted(causes) == [
        "payment_captured",
        "payment_captured",
        "refund_requested",
        "refund_succeeded",
        "surplus_found",
    ]
    assert await alerts(database) == {}
    async with database.transaction() as session:
        await assert_invariants(session, clock.now(), only=("I1", "I3", "I4", "I9"))


async def test_surplus_is_returned_once_and_pays_for_nothing(
    database: Database, world: World, payments: Payments, heard: Heard
) -> None:
    payment = await pay_one(database, payments, world.household)
    async with database.transaction() as session:
        [refund] = await return_surplus(
            session,
            customer_id=payment.customer_id,
            payment_id=payment.payment_id,
            reason="order expired",
            now=MORNING,
        )
        again = await return_surplus(
            session,
            customer_id=payment.customer_id,
            payment_id=payment.payment_id,
            reason="order expired",
            now=MORNING,
        )
    assert [known.refund_id for known in again] == [refund.refund_id]
    assert (refund.from_account, refund.amount_fen) == ("suspense", 10_500)
    with pytest.raises(Exception, match="退款金额超过可退金额"):
        async with database.transaction() as session:
            await request_refund(
                session,
                customer_id=payment.customer_id,
                reference_id=payment.reference_id,
                amount_fen=1,
                cause="order_cancelled",
                now=MORNING,
            )


async def test_what_was_already_given_back_is_no_surplus(
    database: Database, world: World, payments: Payments, heard: Heard, clock: SetClock
) -> None:
    payment = await pay_one(database, payments, world.household)
    async with database.transaction() as session:
        await request_refund(
            session,
            customer_id=payment.customer_id,
            reference_id=payment.reference_id,
            amount_fen=4_000,
            cause="order_cancelled",
            now=MORNING,
        )
        [surplus] = await return_surplus(
            session,
            customer_id=payment.customer_id,
            payment_id=payment.payment_id,
            reason="order gone",
            now=MORNING,
        )
    assert surplus.amount_fen == 6_500
    async with database.transaction() as session:
        await assert_invariants(session, clock.now(), only=("I1", "I3", "I9"))


async def test_only_captured_money_is_surplus(
    database: Database, world: World, payments: Payments
) -> None:
    payment = await start_one(database, world.household)
    with pytest.raises(PaymentNotCaptured):
        async with database.transaction() as session:
            await return_surplus(
                session,
                customer_id=payment.customer_id,
                payment_id=payment.payment_id,
                reason="impatience",
                now=MORNING,
            )
    assert await booked(database, payment.customer_id) == []


async def test_surplus_cash_waits_for_finance(database: Database, world: World) -> None:
    async with database.transaction() as session:
        payment = await take_cash(session, world.household, collector_id=world.deliverers[0])
        [refund] = await return_surplus(
            session,
            customer_id=payment.customer_id,
            payment_id=payment.payment_id,
            reason="paid at the door as well",
            now=MORNING,
        )
    assert (await read_refund(database, refund)).status == RefundStatus.REQUESTED
    async with database.transaction() as session:
        queued = await session.scalar(text("SELECT count(*) FROM pgqueuer"))
    assert queued == 0
