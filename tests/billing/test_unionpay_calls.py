"""The adapter of UnionPay by itself: documented vectors, chains of trust, what each code means."""

import base64
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from cryptography import x509

from app.billing import rules
from app.billing.channels.protocol import (
    Closed,
    Missing,
    OrderRequest,
    Placed,
    RefundFacts,
    RefundRequest,
    RefundState,
    Refused,
    TradeState,
    Transaction,
)
from app.billing.channels.unionpay import UnionPayGateway
from app.billing.channels.unionpay_signing import (
    MerchantKey,
    digest,
    is_genuine,
    read_answer,
    read_certificate,
    read_merchant_key,
    sign,
    signed_text,
)
from app.core.clock import wall_now
from app.core.outbound import OutcomeUnknown
from simulators.channels.unionpay.answers import Signer
from simulators.channels.unionpay.merchant import PFX_PASSWORD, new_merchant
from simulators.channels.unionpay.signing import first_hash, load_key, signature_of
from tests.billing.unionpay_trading import form_of
from tests.fixtures.payments import demo_credentials

FIRST_HASH = "8b4f12489a1518e99efd6b5f504a87642d14297e1dab55af0c531ad43a4e8e41"
MESSAGE = {
    "version": "5.1.0",
    "accessType": "0",
    "bizType": "000201",
    "certId": "68759663125",
    "channelType": "08",
    "currencyCode": "156",
    "encoding": "UTF-8",
    "merId": "777290058110048",
    "orderId": "MO20260101",
    "signMethod": "01",
    "txnAmt": "2000",
    "txnSubType": "01",
    "txnTime": "20260101000000",
    "txnType": "01",
    "reqReserved": "",
    "signature": "not part of it",
}
MERCHANT = demo_credentials().unionpay
ROOT, MIDDLE = read_certificate(MERCHANT.root_pem), read_certificate(MERCHANT.middle_pem)
PAID_NUMBER = rules.timed_number("P", uuid4(), at=wall_now())
REFUND = RefundRequest(
    number=rules.timed_number("R", uuid4(), at=wall_now()),
    payment_number=PAID_NUMBER,
    amount_fen=500,
    total_fen=10_500,
    reason="随心订退款",
)
QUERIED = {
    "respCode": "00",
    "orderId": PAID_NUMBER,
    "merId": MERCHANT.mer_id,
    "txnType": "01",
    "queryId": "202603151000000000001",
    "txnAmt": "10500",
    "currencyCode": "156",
    "origRespCode": "00",
}
REFUNDED = QUERIED | {
    "orderId": REFUND.number,
    "txnType": "04",
    "txnAmt": "500",
    "reqReserved": f"{PAID_NUMBER}-10500",
}


def gateway(*told: dict[str, str] | httpx.Response | str) -> UnionPayGateway:
    """An account whose channel answers this, one after the other."""
    left = list(told)
    signer = Signer(MERCHANT)

    def answer(_: httpx.Request) -> httpx.Response:
        said = left.pop(0)
        if isinstance(said, dict):
            said = "&".join(f"{name}={value}" for name, value in signer.signed(said).items())
        return said if isinstance(said, httpx.Response) else httpx.Response(200, text=said)

    return UnionPayGateway(
        http=httpx.AsyncClient(transport=httpx.MockTransport(answer)),
        base_url="https://gateway.95516.com/gateway/api",
        mer_id=MERCHANT.mer_id,
        key=MerchantKey(load_key(MERCHANT.merchant_key_pem), "68759663125"),
        root=ROOT,
        middle=MIDDLE,
        notify_url="https://milk.test/notify",
        return_url="https://milk.test/back",
    )


def test_the_documented_text_is_hashed_alike_by_both_sides() -> None:
    assert digest(signed_text(MESSAGE)).decode() == FIRST_HASH
    assert first_hash(MESSAGE) == FIRST_HASH
    assert signed_text(MESSAGE).startswith("accessType=0&bizType=000201&certId=68759663125&")


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_openssl_signs_the_hash_alike(tmp_path: Path) -> None:
    key, text = tmp_path / "key.pem", tmp_path / "text"
    key.write_text(MERCHANT.merchant_key_pem)
    text.write_text(FIRST_HASH)
    made = subprocess.run(
        ["openssl", "dgst", "-sha256", "-sign", str(key), str(text)],
        check=True,
        capture_output=True,
    ).stdout
    expected = base64.b64encode(made).decode()
    private = load_key(MERCHANT.merchant_key_pem)
    assert sign(private, MESSAGE) == signature_of(private, MESSAGE) == expected


def test_the_merchants_file_opens_with_its_password_only() -> None:
    pfx = MERCHANT.pfx()
    certificate = x509.load_pem_x509_certificate(MERCHANT.merchant_certificate_pem.encode())
    assert read_merchant_key(pfx, PFX_PASSWORD).cert_id == str(certificate.serial_number)
    for broken, password in ((pfx, "111111"), (b"no file", PFX_PASSWORD)):
        with pytest.raises(ValueError, match="PKCS12"):
            read_merchant_key(broken, password)


def test_only_unionpays_own_certificate_is_believed() -> None:
    said = Signer(MERCHANT).signed(MESSAGE)
    now = wall_now()
    assert is_genuine(said, root=ROOT, middle=MIDDLE, at=now)
    stranger = new_merchant(MERCHANT.mer_id)
    forged = [
        Signer(stranger).signed(MESSAGE),
        said | {"txnAmt": "1"},
        said | {"extra": "1"},
        said | {"signature": "x"},
        said | {"signPubKeyCert": "x"},
    ]
    # the merchant's own certificate has the same authority above it, and is not UnionPay's
    own = said | {"signPubKeyCert": MERCHANT.merchant_certificate_pem}
    own["signature"] = signature_of(load_key(MERCHANT.merchant_key_pem), own)
    for told in (*forged, own):
        assert not is_genuine(told, root=ROOT, middle=MIDDLE, at=now)
    other_root = read_certificate(stranger.root_pem)
    assert not is_genuine(said, root=other_root, middle=MIDDLE, at=now)
    for at in (now - timedelta(days=2), now + timedelta(days=6 * 365)):
        assert not is_genuine(said, root=ROOT, middle=MIDDLE, at=at)


def test_an_answer_is_read_as_it_is_written() -> None:
    text = "signature=a+b/c==&reserved={a=1&b=2}&empty=&respCode=00"
    assert read_answer(text) == {
        "signature": "a+b/c==",
        "reserved": "{a=1&b=2}",
        "empty": "",
        "respCode": "00",
    }
    for broken in ("<html>", "a=1&a=2", "=1"):
        with pytest.raises(ValueError, match="no pair"):
            read_answer(broken)


@pytest.mark.parametrize("days", [0, 1, 330, 386])
def test_a_number_ends_in_its_second(days: int) -> None:
    made = datetime(2026, 3, 15, 2, 3, 4, tzinfo=UTC)
    number = rules.timed_number("P", uuid4(), at=made)
    assert len(number) == 32
    assert number.isalnum()
    assert rules.second_of(number, now=made + timedelta(days=days)) == made
    with pytest.raises(ValueError, match="base32"):
        rules.second_of("P-----", now=made)


async def test_an_order_is_a_signed_form_that_a_retry_repeats() -> None:
    order = OrderRequest(
        method="page",
        number=PAID_NUMBER,
        amount_fen=10_500,
        description="随心订",
        expires_at=datetime(2026, 3, 15, 2, 15, tzinfo=UTC),
    )
    account = gateway()
    placed = await account.place_order(order)
    assert isinstance(placed, Placed)
    assert await account.place_order(order) == placed
    action, form = form_of(placed.handle["pay_form"])
    assert action == "https://gateway.95516.com/gateway/api/frontTransReq.do"
    assert (form["txnAmt"], form["channelType"], form["payTimeout"]) == (
        *("10500", "07"),
        "20260315101500",
    )
    assert form["signature"] == signature_of(load_key(MERCHANT.merchant_key_pem), form)


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"respCode": "34"}, Missing()),
        ({"respCode": "11"}, Refused("UNIONPAY.11")),
        (QUERIED, TradeState.PAID),
        (QUERIED | {"origRespCode": "A6"}, TradeState.PAID),
        (QUERIED | {"origRespCode": "05"}, TradeState.NOT_PAID),
        (QUERIED | {"origRespCode": "01"}, TradeState.NOT_PAID),
    ],
)
async def test_what_a_query_says(told: dict[str, str], expected: object) -> None:
    known = await gateway(told).query_order(PAID_NUMBER)
    assert (known.state if isinstance(known, Transaction) else known) == expected


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("05", Refused("UNIONPAY.05")),
        ("00", Refused("UNIONPAY.00")),
        ("01", Closed()),
    ],
)
async def test_only_what_is_decided_closes(code: str, expected: object) -> None:
    assert await gateway(QUERIED | {"origRespCode": code}).close_order(PAID_NUMBER) == expected


@pytest.mark.parametrize(
    ("code", "state"),
    [
        ("00", RefundState.SUCCEEDED),
        ("A6", RefundState.SUCCEEDED),
        ("03", RefundState.PROCESSING),
        ("30", RefundState.CLOSED),
    ],
)
async def test_only_the_query_says_how_a_refund_ended(code: str, state: RefundState) -> None:
    known = await gateway(REFUNDED | {"origRespCode": code}).query_refund(REFUND)
    assert isinstance(known, RefundFacts)
    assert (known.state, known.number, known.payment_number, known.total_fen) == (
        *(state, REFUND.number),
        *(PAID_NUMBER, 10_500),
    )


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ([QUERIED, {"respCode": "00", "orderId": REFUND.number}], RefundState.PROCESSING),
        ([QUERIED, {"respCode": "12"}, REFUNDED], RefundState.SUCCEEDED),
        ([QUERIED, {"respCode": "36"}], Refused("UNIONPAY.36")),
        ([QUERIED | {"origRespCode": "05"}], Refused("not paid there")),
        ([{"respCode": "34"}], Refused("not paid there")),
        ([{"respCode": "11"}], Refused("UNIONPAY.11")),
    ],
)
async def test_what_the_answer_to_a_refund_means(
    told: list[dict[str, str]], expected: object
) -> None:
    known = await gateway(*told).submit_refund(REFUND)
    assert (known.state if isinstance(known, RefundFacts) else known) == expected


@pytest.mark.parametrize(
    "told",
    [
        [QUERIED, {"respCode": "04"}],
        [QUERIED, {"respCode": "06"}],
        [QUERIED, {"respCode": "12"}, {"respCode": "34"}],
        [QUERIED, {"respCode": "00", "orderId": "SOMEBODYELSES"}],
        [QUERIED | {"orderId": "SOMEBODYELSES"}],
        [QUERIED | {"txnAmt": "1.00"}],
        [httpx.Response(502)],
        ["respCode=00"],
        ["<html>"],
    ],
)
async def test_what_says_nothing_is_unknown(told: list[dict[str, str] | str]) -> None:
    with pytest.raises(OutcomeUnknown):
        await gateway(*told).submit_refund(REFUND)


async def test_a_refund_of_nobody_is_unknown() -> None:
    with pytest.raises(OutcomeUnknown):
        await gateway(REFUNDED | {"reqReserved": ""}).query_refund(REFUND)
