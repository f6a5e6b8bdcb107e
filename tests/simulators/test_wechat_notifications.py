"""Notifications: repeated until accepted, and every way they can mislead."""

import time

import httpx
import pytest
from cryptography.exceptions import InvalidSignature

from simulators.channels.faults import FaultKind, FaultOrder
from simulators.channels.simulator import ChannelSimulator
from simulators.channels.wechat.models import NoticeState
from simulators.channels.wechat.notifications import RETRY_SECONDS
from simulators.channels.wechat.platform import SigningMode
from tests.simulators.support import Merchant, Received, Shop, verify_signature


async def pay(merchant: Merchant, simulator: ChannelSimulator, number: str = "N00001") -> None:
    await merchant.place(number)
    simulator.desk.pay(number)


def is_genuine(got: Received, merchant: Merchant) -> bool:
    try:
        verify_signature(got.headers, got.body, merchant.credentials)
    except InvalidSignature:
        return False
    return True


async def test_a_payment_is_told_once_when_accepted(
    merchant: Merchant, simulator: ChannelSimulator, shop: Shop
) -> None:
    await pay(merchant, simulator)
    await simulator.advance(48 * 3600)
    (told,) = shop.received
    assert is_genuine(told, merchant)
    body = told.json
    assert (body["event_type"], body["resource_type"], body["resource"]["algorithm"]) == (
        "TRANSACTION.SUCCESS",
        "encrypt-resource",
        "AEAD_AES_256_GCM",
    )
    assert len(body["id"]) <= 36
    opened = told.open(merchant.credentials)
    assert opened == await merchant.query("N00001")


@pytest.mark.parametrize("answer", [(500, b""), (401, b'{"code":"FAIL"}'), (302, b"")])
async def test_a_refused_notification_comes_again_by_the_schedule_with_the_same_id(
    merchant: Merchant, simulator: ChannelSimulator, shop: Shop, answer: tuple[int, bytes]
) -> None:
    shop.usual = answer
    await pay(merchant, simulator)
    await simulator.run_due()
    for sent, pause in enumerate(RETRY_SECONDS, start=1):
        assert len(shop.received) == sent
        await simulator.advance(pause - 1)
        assert len(shop.received) == sent
        await simulator.advance(1)
    await simulator.advance(7 * 24 * 3600)
    assert len(shop.received) == len(RETRY_SECONDS) + 1 == 16
    assert len({got.json["id"] for got in shop.received}) == 1
    assert len({got.headers["wechatpay-nonce"] for got in shop.received}) == 16
    assert simulator.desk.store.list_notices("N00001")[0].state == NoticeState.GIVEN_UP


def test_the_schedule_lasts_24_hours_and_4_minutes() -> None:
    assert sum(RETRY_SECONDS) == 24 * 3600 + 4 * 60


async def test_repetition_ends_with_the_first_acceptance(
    merchant: Merchant, simulator: ChannelSimulator, shop: Shop
) -> None:
    shop.answers = [(500, b""), (500, b"")]
    await pay(merchant, simulator)
    await simulator.run_due()
    for _ in range(10):
        await simulator.advance(3600)
    assert len(shop.received) == 3
    notice = simulator.desk.store.list_notices("N00001")[0]
    assert (notice.state, notice.attempts) == (NoticeState.ACCEPTED, 3)
    statuses = [a.status for a in simulator.desk.store.list_attempts(notice.id)]
    assert statuses == [500, 500, 204]


async def test_a_silent_receiver_counts_as_refusal(
    merchant: Merchant, simulator: ChannelSimulator
) -> None:
    class Silent(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            raise httpx.ReadTimeout("silent", request=request)

    await simulator.use_transport(Silent())
    await pay(merchant, simulator)
    await simulator.run_due()
    notice = simulator.desk.store.list_notices("N00001")[0]
    assert notice.state == NoticeState.PENDING
    (tried,) = simulator.desk.store.list_attempts(notice.id)
    assert (tried.status, tried.answer) == (None, "ReadTimeout")


async def test_duplicates_come_in_parallel_with_one_id(
    merchant: Merchant, simulator: ChannelSimulator, shop: Shop
) -> None:
    simulator.faults.arm(FaultOrder(kind=FaultKind.NOTIFY_DUPLICATE, times=5))
    await pay(merchant, simulator)
    await simulator.run_due()
    assert len(shop.received) == 5
    assert len({got.json["id"] for got in shop.received}) == 1
    assert all(is_genuine(got, merchant) for got in shop.received)


async def test_a_lost_notification_never_comes_but_the_query_knows(
    merchant: Merchant, simulator: ChannelSimulator, shop: Shop
) -> None:
    simulator.faults.arm(FaultOrder(kind=FaultKind.NOTIFY_LOST, count=1))
    await pay(merchant, simulator)
    await simulator.advance(48 * 3600)
    assert shop.received == []
    assert (await merchant.query("N00001"))["trade_state"] == "SUCCESS"
    (notice,) = simulator.desk.store.list_notices("N00001")
    simulator.desk.notifier.resend(notice.id)
    await simulator.run_due()
    assert [got.json["id"] for got in shop.received] == [notice.id]


async def test_a_delayed_notification_is_overtaken(
    merchant: Merchant, simulator: ChannelSimulator, shop: Shop
) -> None:
    simulator.faults.arm(FaultOrder(kind=FaultKind.NOTIFY_DELAYED, count=1, seconds=300))
    await pay(merchant, simulator)
    await merchant.refund("N00001", "NR0001", 100)
    await simulator.advance(11)
    await simulator.advance(300)
    assert [got.json["event_type"] for got in shop.received] == [
        "REFUND.SUCCESS",
        "TRANSACTION.SUCCESS",
    ]


async def test_the_payer_is_faster_than_the_answer(
    merchant: Merchant, simulator: ChannelSimulator, shop: Shop
) -> None:
    simulator.faults.arm(
        FaultOrder(kind=FaultKind.NOTIFY_BEFORE_ANSWER, count=1, endpoint="create")
    )
    answer = await merchant.place("N00002")
    assert len(shop.received) == 1
    assert answer.status_code == 200
    await simulator.advance(3600)
    assert len(shop.received) == 1


async def test_the_refund_ends_before_its_answer(
    merchant: Merchant, simulator: ChannelSimulator, shop: Shop
) -> None:
    await pay(merchant, simulator)
    await simulator.run_due()
    simulator.faults.arm(
        FaultOrder(kind=FaultKind.NOTIFY_BEFORE_ANSWER, count=1, endpoint="refund")
    )
    answer = await merchant.refund("N00001", "NR0002", 100)
    assert shop.received[-1].json["event_type"] == "REFUND.SUCCESS"
    assert answer.json()["status"] == "PROCESSING"
    await simulator.advance(3600)
    assert len(shop.received) == 2


async def test_a_refused_early_notification_is_repeated_by_the_schedule(
    merchant: Merchant, simulator: ChannelSimulator, shop: Shop
) -> None:
    shop.answers = [(500, b"")]
    simulator.faults.arm(FaultOrder(kind=FaultKind.NOTIFY_BEFORE_ANSWER, count=1))
    await merchant.place("N00003")
    await simulator.advance(14)
    assert len(shop.received) == 1
    await simulator.advance(1)
    assert len(shop.received) == 2


async def test_wrong_amount_and_other_merchant_are_signed_all_the_same(
    merchant: Merchant, simulator: ChannelSimulator, shop: Shop
) -> None:
    for kind in (FaultKind.NOTIFY_WRONG_AMOUNT, FaultKind.NOTIFY_OTHER_MERCHANT):
        simulator.faults.arm(FaultOrder(kind=kind, count=1, reference="N00004"))
    await pay(merchant, simulator, "N00004")
    await simulator.run_due()
    (told,) = shop.received
    assert is_genuine(told, merchant)
    opened, truth = told.open(merchant.credentials), await merchant.query("N00004")
    assert (opened["amount"]["total"], truth["amount"]["total"]) == (2001, 2000)
    assert opened["amount"]["payer_total"] == 2001
    assert opened["mchid"] != truth["mchid"]


async def test_a_forged_signature_does_not_verify_and_the_next_one_does(
    merchant: Merchant, simulator: ChannelSimulator, shop: Shop
) -> None:
    simulator.faults.arm(FaultOrder(kind=FaultKind.NOTIFY_FORGED_SIGNATURE, count=1))
    shop.answers = [(401, b"")]
    await pay(merchant, simulator)
    await simulator.advance(0)
    await simulator.advance(15)
    assert [is_genuine(got, merchant) for got in shop.received] == [False, True]
    assert len({got.headers["wechatpay-serial"] for got in shop.received}) == 1


async def test_a_stale_notification_is_genuine_and_two_hours_old(
    merchant: Merchant, simulator: ChannelSimulator, shop: Shop
) -> None:
    simulator.faults.arm(FaultOrder(kind=FaultKind.NOTIFY_STALE_TIMESTAMP, count=1))
    await pay(merchant, simulator)
    await simulator.run_due()
    (told,) = shop.received
    assert is_genuine(told, merchant)
    age = time.time() - int(told.headers["wechatpay-timestamp"])
    assert 7190 < age < 7230


async def test_every_nth_notification_is_preceded_by_a_probe_and_the_answer_is_kept(
    merchant: Merchant, simulator: ChannelSimulator, shop: Shop
) -> None:
    simulator.desk.notifier._signtest_every = 3
    shop.answers = [(204, b""), (204, b""), (401, b'{"code":"FAIL"}'), (204, b"")]
    for number in range(3):
        await pay(merchant, simulator, f"NP{number:04d}")
        await simulator.run_due()
    probes = [
        got
        for got in shop.received
        if got.headers["wechatpay-signature"].startswith("WECHATPAY/SIGNTEST/")
    ]
    assert len(shop.received) == 4
    assert probes == [shop.received[2]]
    assert not is_genuine_or_broken(probes[0], merchant)
    (notice,) = simulator.desk.store.list_notices("NP0002")
    log = [(a.kind, a.status) for a in simulator.desk.store.list_attempts(notice.id)]
    assert log == [("probe", 401), ("notice", 204)]


def is_genuine_or_broken(got: Received, merchant: Merchant) -> bool:
    """Like is_genuine, for a signature that need not even be base64."""
    try:
        return is_genuine(got, merchant)
    except ValueError:
        return False


async def test_after_a_rotation_notifications_carry_the_new_certificate(
    merchant: Merchant, simulator: ChannelSimulator, shop: Shop
) -> None:
    simulator.platform.certificate_share = 1.0
    old = simulator.credentials.certificates[-1].serial
    new = simulator.platform.rotate(SigningMode.CERTIFICATE)
    merchant.credentials = simulator.credentials
    await pay(merchant, simulator)
    await simulator.run_due()
    assert shop.received[0].headers["wechatpay-serial"] == new != old
    assert is_genuine(shop.received[0], merchant)
    listed = (await merchant.call("GET", "/v3/certificates")).json()["data"]
    assert [entry["serial_no"] for entry in listed] == [old, new]


async def test_a_new_public_key_signs_notifications_but_answers_honour_the_named_one(
    merchant: Merchant, simulator: ChannelSimulator, shop: Shop
) -> None:
    old = simulator.credentials.public_keys[-1].serial
    new = simulator.platform.rotate(SigningMode.PUBLIC_KEY)
    merchant.credentials = simulator.credentials
    merchant.wanted_serial = old
    await pay(merchant, simulator)
    await simulator.run_due()
    assert shop.received[0].headers["wechatpay-serial"] == new
    answer = await merchant.call("GET", "/v3/certificates")
    assert answer.headers["wechatpay-serial"] == old
