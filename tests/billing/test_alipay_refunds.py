"""What was paid at Alipay goes back there: at once, after a time-out, or by a person."""

from datetime import timedelta

import pytest

from app.billing.jobs import sweep
from app.billing.models import (
    Payment,
    PaymentStatus,
    Refund,
    RefundStatus,
)
from app.billing.service import (
    approve_refund,
    request_refund,
    return_surplus,
    set_refund_limit,
)
from app.core.db import Database
from app.core.ids import new_id
from app.core.jobs import JobContext
from simulators.channels.faults import FaultKind
from tests.billing.alipay_trading import (
    REFUND,
    account,
    answers,
    hold,
    pay_alipay,
    start_alipay,
)
from tests.factories.billing import (
    Heard,
    alerts,
    booked,
    read_payment,
    read_refund,
    security_events,
)
from tests.factories.world import MORNING, World
from tests.fixtures.application import SetClock
from tests.fixtures.jobs import drain
from tests.fixtures.payments import Payments

MINUTE = timedelta(minutes=1)
URL = "/channels/alipay/notifications"
SUCCESS = (200, "success")


async def give_back(database: Database, payment: Payment, amount_fen: int) -> Refund:
    async with database.transaction() as session:
        [refund] = await request_refund(
            session,
            customer_id=payment.customer_id,
            reference_id=payment.reference_id,
            amount_fen=amount_fen,
            cause=f"cut:{amount_fen}",
            now=MORNING,
        )
        return refund


async def test_a_late_payment_is_captured_and_goes_back(
    database: Database,
    world: World,
    payments: Payments,
    heard: Heard,
    clock: SetClock,
    job_context: JobContext,
) -> None:
    payment = await start_alipay(database, world.household)
    clock.set(MORNING + 16 * MINUTE)
    await sweep(job_context, {})
    await drain(job_context)
    assert (await read_payment(database, payment)).status == PaymentStatus.CLOSED
    payments.simulator.alipay.trades.pay(payment.out_trade_no, late=True)
    await payments.deliver_notifications()
    assert (await read_payment(database, payment)).status == PaymentStatus.CAPTURED
    async with database.transaction() as session:
        [refund] = await return_surplus(
            session,
            customer_id=payment.customer_id,
            payment_id=payment.payment_id,
            reason="late",
            now=clock.now(),
        )
    await drain(job_context)
    await payments.deliver_notifications()
    assert (await read_refund(database, refund)).status == RefundStatus.SUCCEEDED
    # the refund's own message says the trade is closed: it was paid all the same
    assert answers(payments, payment.out_trade_no) == [SUCCESS, SUCCESS]
    assert (await read_payment(database, payment)).status == PaymentStatus.CAPTURED
    assert await alerts(database) == {}
    await hold(database, clock)


async def test_parts_go_back_the_way_they_came(
    database: Database,
    world: World,
    payments: Payments,
    heard: Heard,
    clock: SetClock,
    job_context: JobContext,
) -> None:
    payment = await pay_alipay(database, payments, world.household)
    refunds = [await give_back(database, payment, fen) for fen in (500, 10_000)]
    await drain(job_context)
    await payments.deliver_notifications()
    for refund in refunds:
        now = await read_refund(database, refund)
        assert (now.status, now.to_origin) == (RefundStatus.SUCCEEDED, True)
    at_alipay = payments.simulator.alipay.store.list_refunds(payment.out_trade_no)
    assert {(one.out_request_no, one.refund_fen) for one in at_alipay} == {
        (one.out_refund_no, one.amount_fen) for one in refunds
    }
    assert {entry[1:] for entry in await booked(database, payment.customer_id)} >= {
        ("refund_payable", account(payments), 500),
        ("refund_payable", account(payments), 10_000),
    }
    assert answers(payments, payment.out_trade_no) == [SUCCESS] * 3
    await hold(database, clock)


@pytest.mark.parametrize("after_commit", [True, False])
async def test_a_refund_without_an_answer_is_asked_about_and_repeated_under_its_number(
    database: Database,
    world: World,
    payments: Payments,
    heard: Heard,
    clock: SetClock,
    job_context: JobContext,
    after_commit: bool,
) -> None:
    payment = await pay_alipay(database, payments, world.household)
    refund = await give_back(database, payment, 1_000)
    payments.fault(
        FaultKind.SYSTEM_ERROR if after_commit else FaultKind.CONNECTION_RESET,
        endpoint=REFUND,
        after_commit=after_commit,
    )
    await drain(job_context)
    assert (await read_refund(database, refund)).status == RefundStatus.SUBMITTED
    clock.set(MORNING + 5 * MINUTE)
    await sweep(job_context, {})
    await drain(job_context)
    assert (await read_refund(database, refund)).status == RefundStatus.SUCCEEDED
    [gone] = payments.simulator.alipay.store.list_refunds(payment.out_trade_no)
    assert (gone.out_request_no, gone.refund_fen) == (refund.out_refund_no, 1_000)
    assert len(heard.refunded) == 1
    await hold(database, clock)


async def test_a_short_balance_passes_and_a_finished_trade_needs_a_person(
    database: Database,
    world: World,
    payments: Payments,
    heard: Heard,
    clock: SetClock,
    job_context: JobContext,
) -> None:
    payment = await pay_alipay(database, payments, world.household)
    refund = await give_back(database, payment, 1_000)
    payments.fault(FaultKind.REFUND_NOT_ENOUGH)
    await drain(job_context)
    assert (await read_refund(database, refund)).failure == "refused: ACQ.SELLER_BALANCE_NOT_ENOUGH"
    assert await alerts(database) == {}
    clock.set(MORNING + 40 * MINUTE)
    await sweep(job_context, {})
    await drain(job_context)
    assert (await read_refund(database, refund)).status == RefundStatus.SUCCEEDED

    payments.simulator.alipay.trades.finish(payment.out_trade_no)
    late = await give_back(database, payment, 2_000)
    await drain(job_context)
    assert await alerts(database) == {"refund_by_hand": str(late.refund_id)}
    assert (await read_refund(database, late)).failure == "refused: ACQ.TRADE_HAS_FINISHED"
    assert len(heard.refunded) == 1
    await hold(database, clock)


async def test_a_refund_nobody_here_asked_for_is_noted(
    database: Database, world: World, payments: Payments, heard: Heard
) -> None:
    payment = await pay_alipay(database, payments, world.household)
    trades = payments.simulator.alipay.trades
    by_hand = trades.get(out_trade_no=payment.out_trade_no)
    trades.refund(by_hand, out_request_no="PORTAL-1", refund_fen=500, reason="")
    await payments.deliver_notifications()
    refused = (404, "notification_of_stranger")
    assert answers(payments, payment.out_trade_no) == [SUCCESS, refused]
    assert await security_events(database) == ["notification_of_stranger"]
    assert heard.refunded == []


async def test_an_approved_refund_is_submitted_by_itself(
    database: Database, world: World, payments: Payments, heard: Heard, job_context: JobContext
) -> None:
    payment = await pay_alipay(database, payments, world.household)
    async with database.transaction() as session:
        await set_refund_limit(session, limit_fen=0, set_by=new_id(), now=MORNING)
        [refund] = await request_refund(
            session,
            customer_id=payment.customer_id,
            reference_id=payment.reference_id,
            amount_fen=1_000,
            cause="goodwill",
            now=MORNING,
            requested_by=new_id(),
        )
    await drain(job_context)
    assert (await read_refund(database, refund)).status == RefundStatus.REQUESTED
    async with database.transaction() as session:
        await approve_refund(
            session,
            customer_id=refund.customer_id,
            refund_id=refund.refund_id,
            by=new_id(),
            now=MORNING,
        )
    await drain(job_context)
    assert (await read_refund(database, refund)).status == RefundStatus.SUCCEEDED
