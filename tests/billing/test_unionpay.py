"""A household pays by UnionPay, and what was paid goes back there: by verified facts only."""

from datetime import timedelta
from urllib.parse import urlencode

import httpx
import pytest
from sqlalchemy import func, select

from app.billing.jobs import sweep
from app.billing.models import ChannelEvent, Payment, PaymentStatus, Refund, RefundStatus
from app.billing.service import query_payment, request_refund
from app.core.db import Database
from app.core.jobs import JobContext
from simulators.channels.faults import FaultKind
from tests.billing.unionpay_trading import (
    account,
    answers,
    enter,
    form_of,
    hold,
    pay_unionpay,
    start_unionpay,
)
from tests.factories import orders
from tests.factories.billing import (
    Heard,
    alerts,
    booked,
    read_payment,
    read_refund,
    security_events,
)
from tests.factories.world import MORNING, World, once
from tests.fixtures.application import SetClock
from tests.fixtures.jobs import drain
from tests.fixtures.payments import Payments

MINUTE = timedelta(minutes=1)
URL = "/channels/unionpay/notifications"
SUCCESS = (200, "ok")


async def give_back(
    database: Database, payment: Payment, amount_fen: int, *, cause: str = "order_rejected"
) -> Refund:
    async with database.transaction() as session:
        [refund] = await request_refund(
            session,
            customer_id=payment.customer_id,
            reference_id=payment.reference_id,
            amount_fen=amount_fen,
            cause=cause,
            now=MORNING,
        )
        return refund


async def pass_minutes(clock: SetClock, context: JobContext, *minutes: int) -> None:
    for minute in minutes:
        clock.set(MORNING + minute * MINUTE)
        await sweep(context, {})
        await drain(context)


async def test_paid_on_unionpays_page_and_given_back(
    database: Database,
    world: World,
    payments: Payments,
    heard: Heard,
    clock: SetClock,
    job_context: JobContext,
) -> None:
    payment = await start_unionpay(database, world.household)
    assert payment.status == PaymentStatus.PENDING
    assert len(payment.out_trade_no) == 32
    shown = await enter(payments, payment)
    assert shown == f"/unionpay/payments/{payment.out_trade_no}"
    payments.fault(FaultKind.NOTIFY_DUPLICATE, times=3)
    txn = payments.simulator.unionpay.txns.pay(payment.out_trade_no)
    await payments.deliver_notifications()

    assert answers(payments, payment.out_trade_no) == [SUCCESS] * 3
    paid = await read_payment(database, payment)
    assert (paid.status, paid.captured_fen) == (PaymentStatus.CAPTURED, 10_500)
    assert paid.channel_transaction_id == txn.query_id
    assert [event.payment_id for event in heard.captured] == [payment.payment_id]

    refund = await give_back(database, paid, 700)
    await drain(job_context)
    assert (await read_refund(database, refund)).status == RefundStatus.PROCESSING
    await payments.finish_refunds()
    # its notification says that something moved; only the query says that it succeeded
    assert answers(payments, refund.out_refund_no) == [SUCCESS]
    assert (await read_refund(database, refund)).status == RefundStatus.PROCESSING
    await pass_minutes(clock, job_context, 2)
    done = await read_refund(database, refund)
    assert (done.status, len(done.out_refund_no)) == (RefundStatus.SUCCEEDED, 32)
    [there] = payments.simulator.unionpay.store.list_refunds(txn.query_id)
    assert (there.order_id, there.fen, there.state) == (refund.out_refund_no, 700, "00")
    assert await booked(database, payment.customer_id) == [
        ("payment_captured", account(payments), "prepaid", 10_500),
        ("refund_requested", "prepaid", "refund_payable", 700),
        ("refund_succeeded", "refund_payable", account(payments), 700),
    ]
    await hold(database, clock)


@pytest.mark.parametrize(
    ("kind", "status", "noted"),
    [
        (FaultKind.NOTIFY_FORGED_SIGNATURE, 401, "notification_not_genuine"),
        (FaultKind.NOTIFY_WRONG_AMOUNT, 409, "facts_differ"),
        (FaultKind.NOTIFY_OTHER_MERCHANT, 409, "facts_differ"),
    ],
)
async def test_what_is_forged_or_about_something_else_captures_nothing(
    database: Database,
    world: World,
    payments: Payments,
    heard: Heard,
    kind: FaultKind,
    status: int,
    noted: str,
) -> None:
    payment = await start_unionpay(database, world.household)
    await enter(payments, payment)
    payments.fault(kind)
    payments.simulator.unionpay.txns.pay(payment.out_trade_no)
    await payments.deliver_notifications()
    assert answers(payments, payment.out_trade_no)[0] == (status, noted)
    assert noted in await security_events(database)
    # UnionPay repeats it; a forged one was only somebody else's
    await payments.advance(1)
    assert len(heard.captured) == (1 if status == 401 else 0)
    now = await read_payment(database, payment)
    assert (now.captured_fen is None) == (status == 409)


async def test_messages_that_are_no_notification_are_refused(
    client: httpx.AsyncClient, database: Database, payments: Payments, heard: Heard
) -> None:
    signed = payments.simulator.unionpay.signer.signed
    form = {
        "merId": payments.unionpay.merchant,
        "orderId": "MO20260101",
        "txnType": "01",
        "queryId": "202601010000000000001",
        "txnAmt": "2000",
        "currencyCode": "156",
        "respCode": "00",
    }
    stranger = urlencode(signed(form))
    merchant = payments.simulator.credentials.unionpay
    for body, status, code in (
        (stranger, 404, "notification_of_stranger"),
        (urlencode(signed(form) | {"txnAmt": "200"}), 401, "notification_not_genuine"),
        (
            urlencode(signed(form) | {"signPubKeyCert": merchant.merchant_certificate_pem}),
            401,
            "notification_not_genuine",
        ),
        (urlencode(signed(form) | {"signPubKeyCert": ""}), 401, "notification_not_genuine"),
        (f"{stranger}&orderId=MO2", 400, "notification_malformed"),
        (urlencode(signed(form | {"txnAmt": "20.00"})), 400, "notification_malformed"),
        (urlencode(signed(form | {"txnType": "04"})), 400, "notification_malformed"),
        ("", 400, "notification_malformed"),
        ("{}", 400, "notification_malformed"),
        ("a=%FF", 400, "notification_malformed"),
        ("x" * 70_000, 413, "too large"),
    ):
        answer = await client.post(URL, content=body)
        assert (answer.status_code, answer.text) == (status, code), body[:80]
    assert heard.captured == []
    async with database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(ChannelEvent)) == 0


async def test_a_lost_notification_is_repaired_by_the_poller_and_a_flaw_is_success(
    database: Database,
    world: World,
    payments: Payments,
    heard: Heard,
    clock: SetClock,
    job_context: JobContext,
) -> None:
    payment = await start_unionpay(database, world.household, method="h5")
    await pass_minutes(clock, job_context, 1)
    # nobody has come to the page yet: UnionPay knows no such order
    waiting = await read_payment(database, payment)
    assert (waiting.status, waiting.failure) == (PaymentStatus.PENDING, None)

    await enter(payments, payment)
    txns = payments.simulator.unionpay.txns
    txns.fail(payment.out_trade_no)
    await pass_minutes(clock, job_context, 4)
    assert (await read_payment(database, payment)).status == PaymentStatus.PENDING
    payments.fault(FaultKind.NOTIFY_LOST)
    payments.fault(FaultKind.SYSTEM_ERROR, endpoint="queryTrans")
    txns.pay(payment.out_trade_no, flawed=True)
    await pass_minutes(clock, job_context, 9, 14)
    assert (await read_payment(database, payment)).status == PaymentStatus.CAPTURED
    assert answers(payments, payment.out_trade_no) == []
    assert len(heard.captured) == 1
    await hold(database, clock)


async def test_what_is_being_decided_at_the_end_of_its_time_is_not_closed(
    database: Database, world: World, payments: Payments, heard: Heard
) -> None:
    payment = await start_unionpay(database, world.household)
    await enter(payments, payment)
    payments.simulator.unionpay.txns.hang(payment.out_trade_no)

    async def ask(minute: int) -> PaymentStatus:
        asked = await query_payment(
            database,
            customer_id=payment.customer_id,
            payment_id=payment.payment_id,
            now=MORNING + minute * MINUTE,
        )
        return PaymentStatus(asked.status)

    assert await ask(16) == PaymentStatus.PENDING
    payments.simulator.unionpay.txns.fail(payment.out_trade_no)
    assert await ask(21) == PaymentStatus.CLOSED
    assert len(heard.closed) == 1
    other = await start_unionpay(database, world.household)
    ended = await query_payment(
        database,
        customer_id=other.customer_id,
        payment_id=other.payment_id,
        now=MORNING + 16 * MINUTE,
    )
    assert ended.status == PaymentStatus.CLOSED


async def test_a_refund_that_timed_out_is_asked_about_and_keeps_its_number(
    database: Database,
    world: World,
    payments: Payments,
    heard: Heard,
    clock: SetClock,
    job_context: JobContext,
) -> None:
    paid = await pay_unionpay(database, payments, world.household)
    payments.fault(FaultKind.TIMEOUT_AFTER_COMMIT, endpoint="backTransReq")
    payments.fault(FaultKind.CONNECTION_RESET, endpoint="backTransReq")
    first = await give_back(database, paid, 700, cause="cut:700")
    await drain(job_context)
    second = await give_back(database, paid, 800, cause="cut:800")
    await drain(job_context)
    for refund in (first, second):
        assert (await read_refund(database, refund)).status == RefundStatus.SUBMITTED
    await payments.finish_refunds()
    await pass_minutes(clock, job_context, 3)
    await payments.finish_refunds()
    await pass_minutes(clock, job_context, 6, 12)
    store = payments.simulator.unionpay.store
    there = store.list_refunds(paid.channel_transaction_id or "")
    assert sorted((one.order_id, one.fen) for one in there) == sorted(
        (refund.out_refund_no, refund.amount_fen) for refund in (first, second)
    )
    for refund in (first, second):
        assert (await read_refund(database, refund)).status == RefundStatus.SUCCEEDED
    await hold(database, clock)


async def test_a_refund_that_failed_or_came_too_late_needs_a_person(
    database: Database,
    world: World,
    payments: Payments,
    heard: Heard,
    clock: SetClock,
    job_context: JobContext,
) -> None:
    paid = await pay_unionpay(database, payments, world.household)
    payments.fault(FaultKind.REFUND_CLOSED)
    payments.fault(FaultKind.RATE_LIMIT, endpoint="backTransReq")
    refund = await give_back(database, paid, 700)
    await drain(job_context)
    assert (await read_refund(database, refund)).status == RefundStatus.SUBMITTED
    await pass_minutes(clock, job_context, 3)
    await payments.finish_refunds()
    await pass_minutes(clock, job_context, 6)
    failed = await read_refund(database, refund)
    assert (failed.status, failed.failure) == (RefundStatus.FAILED, "closed by the channel")
    assert (await alerts(database))["refund_by_hand"] == str(refund.refund_id)

    clock.set(MORNING + timedelta(days=331))
    async with database.transaction() as session:
        [late] = await request_refund(
            session,
            customer_id=paid.customer_id,
            reference_id=paid.reference_id,
            amount_fen=100,
            cause="goodwill",
            now=clock.now(),
        )
    assert (late.status, late.failure) == (RefundStatus.REQUESTED, "past_age_limit")
    await drain(job_context)
    assert (
        len(payments.simulator.unionpay.store.list_refunds(paid.channel_transaction_id or "")) == 1
    )


async def test_an_order_is_paid_at_unionpay_over_the_api(
    client: httpx.AsyncClient,
    database: Database,
    world: World,
    payments: Payments,
    job_context: JobContext,
    clock: SetClock,
) -> None:
    placed = await orders.place(client, world)
    path, headers = f"/orders/{placed['id']}/payments", world.household.headers
    asked = {"channel": "unionpay", "method": "native"}
    wrong = await client.post(path, json=asked, headers=headers | once())
    assert (wrong.status_code, wrong.json()["code"]) == (400, "payment_method_unknown")
    started = await client.post(path, json=asked | {"method": "h5"}, headers=headers | once())
    assert started.status_code == 201, started.text
    page = started.json()["handle"]["pay_form"]
    action, form = form_of(page)
    assert (form["channelType"], form["txnTime"] < form["payTimeout"]) == ("08", True)
    assert (await payments.http.post(action, data=form)).status_code == 303
    payments.simulator.unionpay.txns.pay(form["orderId"])
    await payments.deliver_notifications()
    await drain(job_context)
    assert answers(payments, form["orderId"]) == [SUCCESS]
    assert (await orders.read(client, placed["id"], world.household))["status"] != "pending_payment"
    await hold(database, clock)
