"""The endpoint the channel talks to: what is genuine and fits has its effect once, nothing else."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select, text

from app.billing.jobs import sweep
from app.billing.models import ChannelEvent, Payment, PaymentChannel, PaymentStatus
from app.billing.service import accept_notification, notices
from app.core.db import Database
from app.core.jobs import JobContext
from app.core.runtime import Runtime
from simulators.channels.faults import FaultKind
from simulators.channels.wechat.platform import SigningKey
from simulators.channels.wechat.signing import load_private_key
from tests.billing.forging import Letter, paid_view, sign_letter, write_letter
from tests.factories.billing import (
    Heard,
    alerts,
    booked,
    read_payment,
    security_events,
    start_one,
)
from tests.factories.world import MORNING, World
from tests.fixtures.application import SetClock
from tests.fixtures.hearing import nobody_hears
from tests.fixtures.jobs import drain
from tests.fixtures.payments import Payments, open_payments

URL = "/channels/wechat/notifications"


async def post(client: httpx.AsyncClient, letter: Letter) -> httpx.Response:
    return await client.post(URL, content=letter.body, headers=letter.headers)


async def count_events(database: Database) -> int:
    async with database.transaction() as session:
        return await session.scalar(select(func.count()).select_from(ChannelEvent)) or 0


async def assert_untouched(database: Database, payment: Payment, heard: Heard) -> None:
    now = await read_payment(database, payment)
    assert (now.status, now.captured_fen) == (PaymentStatus.PENDING, None)
    assert await booked(database, payment.customer_id) == []
    assert await count_events(database) == 0
    assert heard.captured == []


async def test_a_repeated_notification_is_answered_alike_and_has_one_effect(
    database: Database, world: World, payments: Payments, client: httpx.AsyncClient, heard: Heard
) -> None:
    payment = await start_one(database, world.household)
    payments.pay(payment.out_trade_no)
    view = paid_view(payments, payment.out_trade_no)
    for _ in range(3):
        answer = await post(client, write_letter(payments, view, event_id="same"))
        assert (answer.status_code, answer.content) == (204, b"")
    another_id = await post(client, write_letter(payments, view, event_id="other"))
    assert another_id.status_code == 204
    assert len(heard.captured) == 1
    assert len(await booked(database, payment.customer_id)) == 1
    assert await alerts(database) == {}


@pytest.mark.parametrize(
    ("kind", "noted"),
    [
        (FaultKind.NOTIFY_FORGED_SIGNATURE, "notification_not_genuine"),
        (FaultKind.NOTIFY_STALE_TIMESTAMP, "notification_not_genuine"),
    ],
)
async def test_forged_and_stale_notifications_are_refused_and_noted(
    database: Database,
    world: World,
    payments: Payments,
    heard: Heard,
    kind: FaultKind,
    noted: str,
) -> None:
    payment = await start_one(database, world.household)
    payments.fault(kind)
    payments.pay(payment.out_trade_no)
    await payments.deliver_notifications()
    assert payments.answers(payment.out_trade_no) == [401]
    await assert_untouched(database, payment, heard)
    assert await security_events(database) == [noted]

    await payments.advance(16)
    assert payments.answers(payment.out_trade_no) == [401, 204]
    assert len(heard.captured) == 1


@pytest.mark.parametrize(
    ("kind", "status"),
    [(FaultKind.NOTIFY_WRONG_AMOUNT, 409), (FaultKind.NOTIFY_OTHER_MERCHANT, 409)],
)
async def test_a_notification_about_something_else_captures_nothing_and_alerts(
    database: Database,
    world: World,
    payments: Payments,
    heard: Heard,
    kind: FaultKind,
    status: int,
) -> None:
    payment = await start_one(database, world.household)
    payments.fault(kind)
    payments.pay(payment.out_trade_no)
    await payments.deliver_notifications()
    assert payments.answers(payment.out_trade_no) == [status]
    await assert_untouched(database, payment, heard)
    assert await alerts(database) == {"facts_differ": payment.out_trade_no}
    assert await security_events(database) == ["facts_differ"]


@pytest.mark.parametrize(
    "changed",
    [
        {"appid": "wx0000000000000000"},
        {"amount": {"total": 10_500, "currency": "USD"}},
        {"amount": {"total": 1, "currency": "CNY"}},
        {"amount": None},
        {"transaction_id": None},
        {"mchid": "1900000001"},
    ],
)
async def test_every_fact_is_compared(
    database: Database,
    world: World,
    payments: Payments,
    client: httpx.AsyncClient,
    heard: Heard,
    changed: dict[str, Any],
) -> None:
    payment = await start_one(database, world.household)
    payments.pay(payment.out_trade_no)
    view = paid_view(payments, payment.out_trade_no, **changed)
    answer = await post(client, write_letter(payments, view))
    assert answer.status_code == 409
    assert answer.json() == {"code": "FAIL", "message": "facts_differ"}
    await assert_untouched(database, payment, heard)


async def test_a_number_that_is_not_ours_is_refused(
    database: Database, world: World, payments: Payments, client: httpx.AsyncClient, heard: Heard
) -> None:
    payment = await start_one(database, world.household)
    payments.pay(payment.out_trade_no)
    view = paid_view(payments, payment.out_trade_no, out_trade_no="PSOMEBODYELSE")
    answer = await post(client, write_letter(payments, view))
    assert (answer.status_code, answer.json()["code"]) == (404, "FAIL")
    await assert_untouched(database, payment, heard)
    assert await security_events(database) == ["notification_of_stranger"]


async def test_a_payment_is_no_refund(
    database: Database, world: World, payments: Payments, client: httpx.AsyncClient, heard: Heard
) -> None:
    payment = await start_one(database, world.household)
    refund = {
        "mchid": payments.gateway.merchant,
        "out_trade_no": payment.out_trade_no,
        "out_refund_no": payment.out_trade_no,
        "refund_id": "503",
        "refund_status": "SUCCESS",
        "amount": {"total": 10_500, "refund": 10_500},
    }
    answer = await post(client, write_letter(payments, refund, event_type="REFUND.SUCCESS"))
    assert answer.status_code == 404
    await assert_untouched(database, payment, heard)


async def test_a_second_transaction_under_one_number_is_shown(
    database: Database, world: World, payments: Payments, client: httpx.AsyncClient, heard: Heard
) -> None:
    payment = await start_one(database, world.household)
    payments.pay(payment.out_trade_no)
    await payments.deliver_notifications()
    view = paid_view(payments, payment.out_trade_no, transaction_id="4200000000other")
    assert (await post(client, write_letter(payments, view))).status_code == 409
    assert await alerts(database) == {"facts_differ": payment.out_trade_no}
    assert len(heard.captured) == 1


async def test_signature_probes_are_refused_without_alarm(
    runtime: Runtime, database: Database, world: World, heard: Heard
) -> None:
    async with open_payments(runtime, signtest_every=1) as payments:
        payment = await start_one(database, world.household)
        payments.pay(payment.out_trade_no)
        await payments.deliver_notifications()
        assert payments.answers(payment.out_trade_no) == [401, 204]
    assert len(heard.captured) == 1
    assert await security_events(database) == []
    assert await alerts(database) == {}


async def test_a_notification_faster_than_the_answer_to_the_order(
    database: Database, world: World, payments: Payments, heard: Heard
) -> None:
    payments.fault(FaultKind.NOTIFY_BEFORE_ANSWER)
    payment = await start_one(database, world.household)
    assert payment.status == PaymentStatus.CAPTURED
    assert payments.answers(payment.out_trade_no) == [204]
    assert len(heard.captured) == 1
    assert len(await booked(database, payment.customer_id)) == 1


async def test_an_event_we_do_not_know_is_taken_and_shown(
    database: Database, world: World, payments: Payments, client: httpx.AsyncClient
) -> None:
    letter = write_letter(payments, {"any": "thing"}, event_type="COUPON.USE")
    assert (await post(client, letter)).status_code == 204
    assert await alerts(database) == {"unknown_channel_event": "COUPON.USE"}
    assert await count_events(database) == 1


async def test_a_kept_message_outlives_the_loss_of_its_job(
    database: Database,
    world: World,
    payments: Payments,
    heard: Heard,
    clock: SetClock,
    job_context: JobContext,
) -> None:
    payment = await start_one(database, world.household)
    await drain(job_context)
    payments.pay(payment.out_trade_no)
    with nobody_hears():
        await payments.deliver_notifications()
    assert payments.answers(payment.out_trade_no) == [204]
    assert (await read_payment(database, payment)).status == PaymentStatus.PENDING
    assert (await booked(database, payment.customer_id), heard.captured) == ([], [])
    async with database.transaction() as session:
        await session.execute(text("DELETE FROM pgqueuer"))

    clock.set(MORNING + timedelta(seconds=59))
    await sweep(job_context, {})
    assert await drain(job_context) == []
    clock.set(MORNING + timedelta(seconds=60))
    await sweep(job_context, {})
    assert "billing.apply_notification" in await drain(job_context)
    paid = await read_payment(database, payment)
    assert (paid.status, paid.captured_at) == (PaymentStatus.CAPTURED, MORNING)
    assert len(heard.captured) == 1
    await sweep(job_context, {})
    assert await drain(job_context) == []


async def test_a_message_that_no_longer_fits_the_books_calls_for_a_person(
    database: Database, world: World, payments: Payments, heard: Heard, job_context: JobContext
) -> None:
    payment = await start_one(database, world.household)
    payments.pay(payment.out_trade_no)
    letter = write_letter(payments, paid_view(payments, payment.out_trade_no, transaction_id="T2"))
    await accept_notification(
        database,
        channel=PaymentChannel.WECHAT,
        headers=letter.headers,
        body=letter.body,
        now=MORNING,
    )
    await payments.deliver_notifications()  # the first transaction is heard before
    await drain(job_context)
    assert await alerts(database) == {"facts_differ": payment.out_trade_no}
    assert len(heard.captured) == 1
    assert len(await booked(database, payment.customer_id)) == 1


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"", 401),
        (b"{}", 401),
        (b"\x00\xff", 401),
        (b"[" * 10_000, 401),
        (b"x" * 70_000, 413),
        (b"x" * 3_000_000, 413),
    ],
)
async def test_unsigned_noise_is_refused(
    database: Database,
    payments: Payments,
    client: httpx.AsyncClient,
    content: bytes,
    status: int,
) -> None:
    answer = await client.post(URL, content=content)
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("application/")
    assert await count_events(database) == 0


async def test_signed_noise_is_refused(
    database: Database, payments: Payments, client: httpx.AsyncClient
) -> None:
    answer = await post(client, sign_letter(payments, b'{"id": 1}'))
    assert (answer.status_code, answer.json()) == (
        400,
        {"code": "FAIL", "message": "notification_malformed"},
    )
    assert await security_events(database) == ["notification_malformed"]


async def test_an_installation_without_an_account_takes_no_notifications(
    runtime: Runtime, client: httpx.AsyncClient
) -> None:
    answer = await client.post(URL, content=b"{}")
    assert (answer.status_code, answer.json()["code"]) == (503, "FAIL")


async def test_a_flood_of_forgeries_does_not_fill_the_table(
    database: Database,
    world: World,
    payments: Payments,
    client: httpx.AsyncClient,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(notices, "_quota", notices._Quota(3))
    payment = await start_one(database, world.household)
    payments.pay(payment.out_trade_no)
    stranger = SigningKey(
        serial=payments.simulator.platform.for_notification().serial,
        key=load_private_key(payments.simulator.credentials.merchant.private_key_pem),
    )
    view = paid_view(payments, payment.out_trade_no)
    for _ in range(10):
        forged = write_letter(payments, view, key=stranger)
        assert (await post(client, forged)).status_code == 401
    assert len(await security_events(database)) == 3
