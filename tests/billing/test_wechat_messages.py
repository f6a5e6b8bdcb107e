"""The adapter over `wechatpayv3`: only genuine, fresh and whole messages are opened."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from app.billing.channels import wechat
from app.billing.channels.protocol import OrderRequest, Placed
from app.billing.errors import NotificationMalformed, NotificationNotGenuine, SignatureProbe
from app.core.clock import wall_now
from app.core.runtime import Runtime
from simulators.channels.faults import FaultKind
from simulators.channels.wechat.platform import SigningMode
from tests.billing.forging import Letter, paid_view, sign_letter, write_letter
from tests.fixtures.payments import Payments, open_payments

NUMBER = "P0000000001"


@pytest.fixture
async def certified(runtime: Runtime) -> AsyncIterator[Payments]:
    """A merchant of the older kind, who knows the platform by its certificates."""
    async with open_payments(runtime, public_key=False) as opened:
        opened.simulator.platform.answers = SigningMode.CERTIFICATE
        opened.simulator.platform.certificate_share = 1.0
        yield opened


async def place(payments: Payments) -> object:
    return await payments.gateway.place_order(
        OrderRequest(
            method="native",
            number=NUMBER,
            amount_fen=3_000,
            description="随心订 鲜牛奶",
            expires_at=wall_now() + timedelta(minutes=15),
        )
    )


async def a_paid_order(payments: Payments) -> dict[str, Any]:
    await place(payments)
    payments.pay(NUMBER)
    return paid_view(payments, NUMBER)


async def read(payments: Payments, letter: Letter, **changed: str) -> object:
    return await payments.gateway.read_notification(letter.headers | changed, letter.body)


async def test_a_genuine_message_is_opened(payments: Payments) -> None:
    view = await a_paid_order(payments)
    letter = write_letter(payments, view, event_id="e-1")
    lower = {name.lower(): value for name, value in letter.headers.items()}
    told = await payments.gateway.read_notification(lower, letter.body)
    assert (told.event_id, told.kind) == ("e-1", "TRANSACTION.SUCCESS")
    assert told.transaction is not None
    assert told.transaction.amount_fen == 3_000


@pytest.mark.parametrize("seconds", [-7200, -301, 301])
async def test_a_message_of_another_time_is_refused(payments: Payments, seconds: int) -> None:
    view = await a_paid_order(payments)
    then = datetime.now(UTC) + timedelta(seconds=seconds)
    with pytest.raises(NotificationNotGenuine):
        await read(payments, write_letter(payments, view, at=then))


async def test_an_old_message_under_fresh_headers_of_another_spelling_is_refused(
    payments: Payments,
) -> None:
    view = await a_paid_order(payments)
    old = write_letter(payments, view, at=datetime.now(UTC) - timedelta(hours=2))
    disguised = {
        "HTTP_" + name.upper().replace("-", "_"): value
        for name, value in old.headers.items()
        if name.startswith("Wechatpay")
    }
    fresh = old.headers | {"Wechatpay-Timestamp": str(int(datetime.now(UTC).timestamp()))}
    with pytest.raises(NotificationNotGenuine):
        await payments.gateway.read_notification(fresh | disguised, old.body)


@pytest.mark.parametrize(
    "changed",
    [
        {"Wechatpay-Signature": ""},
        {"Wechatpay-Signature": "AAAA"},
        {"Wechatpay-Signature": "not base64 at all"},
        {"Wechatpay-Signature-Type": ""},
        {"Wechatpay-Signature-Type": "WECHATPAY2-SM2-WITH-SM3"},
        {"Wechatpay-Serial": "PUB_KEY_ID_0100000000000000000000000001"},
        {"Wechatpay-Serial": "PUB_KEY_ID_"},
        {"Wechatpay-Serial": "no hex"},
        {"Wechatpay-Serial": "ABCDEF"},
        {"Wechatpay-Timestamp": "yesterday"},
        {"Wechatpay-Timestamp": "1e9"},
        {"Wechatpay-Timestamp": "9" * 400},
        {"Wechatpay-Nonce": "another"},
    ],
)
@pytest.mark.parametrize("with_certificates", [False, True])
async def test_broken_signature_headers_are_refused(
    payments: Payments, changed: dict[str, str], with_certificates: bool
) -> None:
    if with_certificates:
        await payments.gateway._refresh_certificates()
        assert payments.gateway._core._certificates
    letter = write_letter(payments, await a_paid_order(payments))
    with pytest.raises(NotificationNotGenuine):
        await read(payments, letter, **changed)


async def test_a_tampered_body_is_refused(payments: Payments) -> None:
    letter = write_letter(payments, await a_paid_order(payments))
    tampered = Letter(letter.body.replace(b'"id"', b'"ID"'), letter.headers)
    with pytest.raises(NotificationNotGenuine):
        await read(payments, tampered)


async def test_a_probe_is_told_apart(payments: Payments) -> None:
    letter = write_letter(payments, await a_paid_order(payments))
    with pytest.raises(SignatureProbe):
        await read(payments, letter, **{"Wechatpay-Signature": "WECHATPAY/SIGNTEST/abc=="})


async def test_content_under_another_key_is_refused(payments: Payments) -> None:
    view = await a_paid_order(payments)
    letter = write_letter(payments, view, apiv3_key="0123456789abcdef0123456789abcdef")
    with pytest.raises(NotificationNotGenuine):
        await read(payments, letter)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"\xff\xfe",
        b'{"id": "1"}',
        b'{"id": 5, "event_type": "X", "resource_type": "encrypt-resource"}',
        b'{"id": "1", "event_type": "TRANSACTION.SUCCESS", "resource_type": "encrypt-resource"}',
        json.dumps(
            {
                "id": "1",
                "event_type": "TRANSACTION.SUCCESS",
                "resource_type": "encrypt-resource",
                "resource": {"algorithm": "ROT13", "nonce": "n", "ciphertext": "c"},
            }
        ).encode(),
    ],
)
async def test_signed_nonsense_is_refused(payments: Payments, body: bytes) -> None:
    with pytest.raises((NotificationMalformed, NotificationNotGenuine)):
        await read(payments, sign_letter(payments, body))


@pytest.mark.parametrize(
    "changed",
    [
        {"trade_state": "NOTPAY"},
        {"amount": {"total": "3000", "currency": "CNY"}},
        {"amount": {"total": 3000.5, "currency": "CNY"}},
        {"mchid": None},
    ],
)
async def test_content_of_wrong_types_is_refused(
    payments: Payments, changed: dict[str, Any]
) -> None:
    view = await a_paid_order(payments) | changed
    with pytest.raises(NotificationMalformed):
        await read(payments, write_letter(payments, view))


async def test_a_message_signed_with_a_certificate_is_believed_in_the_switch_period(
    payments: Payments,
) -> None:
    view = await a_paid_order(payments)
    payments.simulator.platform.certificate_share = 1.0
    assert await read(payments, write_letter(payments, view)) is not None


async def test_certificates_are_fetched_when_first_needed(certified: Payments) -> None:
    assert isinstance(await place(certified), Placed)
    assert len(certified.gateway._core._certificates) == 1


async def test_a_message_signed_with_a_new_certificate_is_believed(
    certified: Payments, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = await a_paid_order(certified)
    certified.simulator.platform.rotate(SigningMode.CERTIFICATE)
    letter = write_letter(certified, view)
    with pytest.raises(NotificationNotGenuine):
        await read(certified, letter)

    monkeypatch.setattr(wechat, "REFRESH_GAP", timedelta(0))
    assert await read(certified, letter) is not None


async def test_strangers_cannot_make_us_fetch_certificates_all_day(certified: Payments) -> None:
    view = await a_paid_order(certified)
    fetched: list[str] = []

    async def note(request: httpx.Request) -> None:
        fetched.append(request.url.path)

    certified.http.event_hooks["request"].append(note)
    for serial in ("AB12", "CD34", "EF56"):
        with pytest.raises(NotificationNotGenuine):
            await read(certified, write_letter(certified, view), **{"Wechatpay-Serial": serial})
    assert fetched == []


async def test_known_certificates_stay_while_new_ones_are_fetched(
    certified: Payments, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = await a_paid_order(certified)
    letter = write_letter(certified, view)
    monkeypatch.setattr(wechat, "REFRESH_GAP", timedelta(0))
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def hold(_: httpx.Request) -> None:
        asked.set()
        await go_on.wait()

    certified.http.event_hooks["request"].append(hold)
    stranger = asyncio.create_task(read(certified, letter, **{"Wechatpay-Serial": "AB12"}))
    await asyncio.wait_for(asked.wait(), 5)
    try:
        assert await asyncio.wait_for(read(certified, letter), 5) is not None
    finally:
        go_on.set()
    with pytest.raises(NotificationNotGenuine):
        await stranger


async def test_a_failed_fetch_loses_no_certificate(
    certified: Payments, monkeypatch: pytest.MonkeyPatch
) -> None:
    letter = write_letter(certified, await a_paid_order(certified))
    monkeypatch.setattr(wechat, "REFRESH_GAP", timedelta(0))
    for kind in (FaultKind.SYSTEM_ERROR, FaultKind.CONNECTION_RESET):
        certified.fault(kind, endpoint="certificates")
        with pytest.raises(NotificationNotGenuine):
            await read(certified, letter, **{"Wechatpay-Serial": "AB12"})
        assert await read(certified, letter) is not None
