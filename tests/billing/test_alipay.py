"""A household pays by Alipay: booked once, on verified facts only."""

from datetime import timedelta
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import pytest
from sqlalchemy import func, select

from app.billing.errors import PaymentMethodUnknown
from app.billing.jobs import sweep
from app.billing.models import (
    ChannelEvent,
    PaymentChannel,
    PaymentStatus,
)
from app.billing.service import (
    query_payment,
)
from app.core.db import Database
from app.core.jobs import JobContext
from simulators.channels.faults import FaultKind
from tests.billing.alipay_trading import (
    PRECREATE,
    QUERY,
    account,
    answers,
    hold,
    start_alipay,
)
from tests.factories import orders
from tests.factories.billing import (
    Heard,
    booked,
    open_one,
    read_payment,
    security_events,
)
from tests.factories.world import MORNING, World, once
from tests.fixtures.application import SetClock
from tests.fixtures.jobs import drain
from tests.fixtures.payments import Payments

MINUTE = timedelta(minutes=1)
URL = "/channels/alipay/notifications"
SUCCESS = (200, "success")


async def test_a_scanned_code_is_captured_by_its_notification(
    database: Database, world: World, payments: Payments, heard: Heard, clock: SetClock
) -> None:
    payment = await start_alipay(database, world.household)
    assert payment.status == PaymentStatus.PENDING
    assert payment.handle is not None
    trades = payments.simulator.alipay.trades
    trade = trades.open(payment.handle["qr_code"].rpartition("/")[2])
    assert (trade.out_trade_no, trade.total_fen) == (payment.out_trade_no, 10_500)

    payments.fault(FaultKind.NOTIFY_DUPLICATE, times=3)
    trades.pay(payment.out_trade_no)
    await payments.deliver_notifications()

    assert answers(payments, payment.out_trade_no) == [SUCCESS] * 3
    paid = await read_payment(database, payment)
    assert (paid.status, paid.captured_fen) == (PaymentStatus.CAPTURED, 10_500)
    assert paid.channel_transaction_id == trade.trade_no
    assert await booked(database, world.household.customer_id) == [
        ("payment_captured", account(payments), "prepaid", 10_500)
    ]
    assert [event.payment_id for event in heard.captured] == [payment.payment_id]
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
    payment = await start_alipay(database, world.household)
    payments.fault(kind)
    payments.simulator.alipay.trades.pay(payment.out_trade_no)
    await payments.deliver_notifications()
    assert answers(payments, payment.out_trade_no) == [(status, noted)]
    now = await read_payment(database, payment)
    assert (now.status, now.captured_fen) == (PaymentStatus.PENDING, None)
    assert await booked(database, payment.customer_id) == []
    assert heard.captured == []
    assert await security_events(database) == [noted]
    async with database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(ChannelEvent)) == 0
    # Alipay repeats it after four minutes; a forged one was only somebody else's
    await payments.advance(241)
    assert len(answers(payments, payment.out_trade_no)) == 2
    assert len(heard.captured) == (1 if status == 401 else 0)


async def test_messages_that_are_no_notification_are_refused(
    client: httpx.AsyncClient, database: Database, payments: Payments, heard: Heard
) -> None:
    signed = payments.simulator.alipay.notifier.signed
    app = payments.simulator.credentials.alipay
    form = {
        "notify_id": "1",
        "notify_type": "trade_status_sync",
        "charset": "utf-8",
        "app_id": app.app_id,
        "seller_id": app.seller_id,
        "out_trade_no": "MO1",
        "trade_no": "2026",
        "trade_status": "TRADE_SUCCESS",
        "total_amount": "20.00",
    }
    stranger = urlencode(signed(form))
    weak = urlencode(signed(form) | {"sign_type": "RSA"})
    changed = urlencode(signed(form) | {"total_amount": "2.00"})
    part_of_a_fen = urlencode(signed(form | {"total_amount": "20.005"}))
    for body, status, code in (
        (stranger, 404, "notification_of_stranger"),
        (weak, 401, "notification_not_genuine"),
        (changed, 401, "notification_not_genuine"),
        (f"{stranger}&out_trade_no=MO2", 400, "notification_malformed"),
        (part_of_a_fen, 400, "notification_malformed"),
        (f"{stranger}&charset=utf-16", 400, "notification_malformed"),
        ("", 400, "notification_malformed"),
        ("{}", 400, "notification_malformed"),
        ("a=%FF", 400, "notification_malformed"),
        ("x" * 70_000, 413, "too large"),
    ):
        answer = await client.post(URL, content=body)
        assert (answer.status_code, answer.text) == (status, code), body[:80]
    assert heard.captured == []


async def test_a_message_in_gbk_is_verified_in_gbk(
    client: httpx.AsyncClient, database: Database, world: World, payments: Payments, heard: Heard
) -> None:
    payment = await start_alipay(database, world.household)
    app = payments.simulator.credentials.alipay
    form = {
        "notify_id": "1",
        "notify_type": "trade_status_sync",
        "charset": "GBK",
        "app_id": app.app_id,
        "seller_id": app.seller_id,
        "out_trade_no": payment.out_trade_no,
        "trade_no": "2026",
        "trade_status": "TRADE_SUCCESS",
        "total_amount": "105.00",
        "subject": "鲜牛奶",
        "body": "",
    }
    body = urlencode(payments.simulator.alipay.notifier.signed(form), encoding="gbk")
    answer = await client.post(URL, content=body)
    assert (answer.status_code, answer.text) == SUCCESS
    assert len(heard.captured) == 1


async def test_a_lost_notification_is_repaired_by_the_poller(
    database: Database,
    world: World,
    payments: Payments,
    heard: Heard,
    clock: SetClock,
    job_context: JobContext,
) -> None:
    payment = await start_alipay(database, world.household)
    clock.set(MORNING + MINUTE)
    await sweep(job_context, {})
    await drain(job_context)
    # nobody has scanned the code yet, which Alipay calls a trade that does not exist
    waiting = await read_payment(database, payment)
    assert (waiting.status, waiting.failure) == (PaymentStatus.PENDING, None)

    payments.fault(FaultKind.NOTIFY_LOST)
    payments.simulator.alipay.trades.pay(payment.out_trade_no)
    payments.fault(FaultKind.SYSTEM_ERROR, endpoint=QUERY)
    for minute in (4, 10):
        clock.set(MORNING + minute * MINUTE)
        await sweep(job_context, {})
        await drain(job_context)
    assert (await read_payment(database, payment)).status == PaymentStatus.CAPTURED
    assert answers(payments, payment.out_trade_no) == []
    assert len(heard.captured) == 1
    await hold(database, clock)


async def test_a_time_out_is_repaired_under_the_same_number_and_an_end_closes(
    database: Database, world: World, payments: Payments, heard: Heard
) -> None:
    payments.fault(FaultKind.TIMEOUT_AFTER_COMMIT, endpoint=PRECREATE)
    payment = await start_alipay(database, world.household)
    assert (payment.status, payment.handle) == (PaymentStatus.UNKNOWN, None)
    again = await query_payment(
        database,
        customer_id=payment.customer_id,
        payment_id=payment.payment_id,
        now=MORNING + MINUTE,
    )
    assert again.status == PaymentStatus.PENDING
    [trade] = payments.simulator.alipay.store.list_trades()
    assert trade.out_trade_no == payment.out_trade_no

    payments.simulator.alipay.trades.open(trade.token)
    ended = await query_payment(
        database,
        customer_id=payment.customer_id,
        payment_id=payment.payment_id,
        now=MORNING + 16 * MINUTE,
    )
    assert ended.status == PaymentStatus.CLOSED
    at_alipay = payments.simulator.alipay.trades.show(payment.out_trade_no)
    assert at_alipay is not None
    assert at_alipay.status == "TRADE_CLOSED"
    assert len(heard.closed) == 1


async def test_each_channel_has_ways_of_its_own(database: Database, world: World) -> None:
    for channel, method in (
        (PaymentChannel.ALIPAY, "jsapi"),
        (PaymentChannel.WECHAT, "page"),
        (PaymentChannel.CASH, "native"),
    ):
        with pytest.raises(PaymentMethodUnknown):
            await open_one(database, world.household, channel=channel, method=method)


async def test_an_order_is_paid_at_alipays_cashier_over_the_api(
    client: httpx.AsyncClient,
    database: Database,
    world: World,
    payments: Payments,
    job_context: JobContext,
    clock: SetClock,
) -> None:
    placed = await orders.place(client, world)
    path = f"/orders/{placed['id']}/payments"
    headers = world.household.headers
    wrong = await client.post(
        path, json={"channel": "alipay", "method": "jsapi"}, headers=headers | once()
    )
    assert (wrong.status_code, wrong.json()["code"]) == (400, "payment_method_unknown")
    for method, key in (("page", "pay_url"), ("h5", "pay_url"), ("app", "order_string")):
        started = await client.post(
            path, json={"channel": "alipay", "method": method}, headers=headers | once()
        )
        assert started.status_code == 201, started.text
        assert started.json()["status"] == "pending"
        address = started.json()["handle"][key]
    seen = await client.get(f"/payments/{started.json()['id']}", headers=headers)
    assert (seen.json()["channel"], seen.json()["method"]) == ("alipay", "app")

    alipay = payments.simulator.alipay
    form = dict(parse_qsl(urlsplit(address).query or address))
    trade = alipay.trades.open(alipay.api.enter_cashier(form).token)
    alipay.trades.pay(trade.out_trade_no)
    await payments.deliver_notifications()
    await drain(job_context)
    assert answers(payments, trade.out_trade_no) == [SUCCESS]
    assert (await orders.read(client, placed["id"], world.household))["status"] != "pending_payment"
    await hold(database, clock)
