"""The adapter of Alipay by itself: documented vectors, raw answers, and what each code means."""

import base64
import hashlib
import json
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from cryptography.hazmat.primitives import serialization

from app.billing.channels.alipay import AlipayGateway
from app.billing.channels.alipay_signing import (
    is_signed,
    raw_members,
    read_private_key,
    read_public_key,
    sign,
    signed_text,
)
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
from app.core.outbound import OutcomeUnknown
from simulators.channels.alipay.signing import load_key, notice_text, request_text, rsa2
from simulators.channels.credentials import public_pem
from tests.fixtures.payments import demo_credentials

REQUEST_SHA = "e74cf35608493f977a5a94c1aa9c88d5d9854c5e6d5277afa4217cd92f7b33ff"
NOTICE_SHA = "2a3f20e8e5bf93c38e5aa916896d230d00fca37e018b6b96f3b41a87d8b40427"
REQUEST = {
    "version": "1.0",
    "app_id": "2021000000000000",
    "biz_content": '{"out_trade_no":"MO1"}',
    "charset": "utf-8",
    "method": "alipay.trade.query",
    "sign_type": "RSA2",
    "timestamp": "2026-01-01 00:00:00",
    "notify_url": "",
    "sign": "not part of it",
}
NOTICE = {
    "total_amount": "20.00",
    "app_id": "2021000000000000",
    "notify_type": "trade_status_sync",
    "out_trade_no": "MO1",
    "subject": "鲜牛奶",
    "trade_status": "TRADE_SUCCESS",
    "body": "",
    "sign": "not part of it",
    "sign_type": "RSA2",
}
ORDER = OrderRequest(
    method="native",
    number="P1",
    amount_fen=10_500,
    description="随心订 A/B=C&D",
    expires_at=datetime(2026, 3, 15, 2, tzinfo=UTC) + timedelta(minutes=15),
)
REFUND = RefundRequest(
    number="R1", payment_number="P1", amount_fen=500, total_fen=10_500, reason="随心订退款"
)


def sha256(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()


def test_both_sides_sign_the_documented_texts() -> None:
    assert sha256(signed_text(REQUEST).encode()) == REQUEST_SHA
    assert sha256(request_text(REQUEST)) == REQUEST_SHA
    assert sha256(signed_text(NOTICE, without=("sign", "sign_type")).encode()) == NOTICE_SHA
    assert sha256(notice_text(NOTICE)) == NOTICE_SHA


def test_both_sides_sign_as_openssl_does(tmp_path: Path) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl here")
    pem = demo_credentials().alipay.private_key_pem
    (tmp_path / "key.pem").write_text(pem)
    (tmp_path / "text").write_bytes(request_text(REQUEST))
    made = subprocess.run(
        [openssl, "dgst", "-sha256", "-sign", tmp_path / "key.pem", tmp_path / "text"],
        check=True,
        capture_output=True,
    ).stdout
    expected = base64.b64encode(made).decode()
    assert sign(read_private_key(pem), signed_text(REQUEST)) == expected
    assert rsa2(load_key(pem), request_text(REQUEST)) == expected


def test_keys_are_read_as_alipays_tools_write_them() -> None:
    pem = demo_credentials().alipay.private_key_pem
    key = read_private_key(pem)
    for form in (serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.TraditionalOpenSSL):
        der = key.private_bytes(serialization.Encoding.DER, form, serialization.NoEncryption())
        bare = base64.b64encode(der).decode()
        assert read_private_key(bare).private_numbers() == key.private_numbers()
    public = public_pem(pem)
    bare = "".join(public.strip().splitlines()[1:-1])
    assert read_public_key(bare) == read_public_key(public) == key.public_key()
    for broken in ("", "AAAA", "not a key", public):
        with pytest.raises(ValueError, match=r".*"):
            read_private_key(broken)


@pytest.mark.parametrize(
    ("text", "members"),
    [
        ('{"a":{"x":"}\\"}","y":"\\/"},"sign":"s"}', {"a": '{"x":"}\\"}","y":"\\/"}'}),
        (' { "a" : {"x": [1, {"b": 2}]} , "sign" : "s" } ', {"a": '{"x": [1, {"b": 2}]}'}),
        ('{"note":"\\"a\\":{1}","a":{},"sign":"s"}', {"note": '"\\"a\\":{1}"', "a": "{}"}),
    ],
)
def test_a_member_is_found_as_it_was_written(text: str, members: dict[str, str]) -> None:
    assert raw_members(text) == members | {"sign": '"s"'}


@pytest.mark.parametrize(
    "text", ["", "{", "{}", "[]", '{"a":1', '{"a":1}x', '{"a":1,"a":2}', '{"a" 1}', "{1:2}", "null"]
)
def test_what_is_no_object_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        raw_members(text)


class Alipay(httpx.AsyncBaseTransport):
    """Answers what the test wrote, signed or not, and keeps what it was asked."""

    def __init__(self, *answers: dict[str, Any] | str | int) -> None:
        self._answers = list(answers)
        self.asked: list[dict[str, str]] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer the next one."""
        form = dict(parse_qsl((await request.aread()).decode(), keep_blank_values=True))
        self.asked.append(form)
        answer = self._answers.pop(0)
        if isinstance(answer, int):
            return httpx.Response(answer)
        if isinstance(answer, str):
            return httpx.Response(200, text=answer)
        written = json.dumps(answer, ensure_ascii=False).replace("/", "\\/")
        signature = rsa2(load_key(demo_credentials().alipay.platform_key_pem), written.encode())
        name = form["method"].replace(".", "_") + "_response"
        return httpx.Response(200, text=f'{{"{name}":{written},"sign":"{signature}"}}')

    def gateway(self) -> AlipayGateway:
        """The adapter that talks to it."""
        app = demo_credentials().alipay
        return AlipayGateway(
            http=httpx.AsyncClient(transport=self),
            base_url="https://alipay.test/gateway.do",
            app_id=app.app_id,
            seller_id=app.seller_id,
            private_key=app.private_key_pem,
            public_key=public_pem(app.platform_key_pem),
            notify_url="https://milk.test/notify",
            return_url="https://milk.test/my/orders",
        )


OK = {"code": "10000", "msg": "Success"}
TRADE = OK | {"out_trade_no": "P1", "trade_no": "2026", "total_amount": "105.00"}
DONE = OK | {"out_trade_no": "P1", "trade_no": "2026"}
REFUNDED = DONE | {
    "out_request_no": "R1",
    "total_amount": "105.00",
    "refund_amount": "5.00",
    "refund_status": "REFUND_SUCCESS",
}


def refusal(code: str, sub_code: str) -> dict[str, str]:
    return {"code": code, "msg": "Business Failed", "sub_code": sub_code, "sub_msg": "}不行/"}


async def test_a_code_is_asked_for_in_yuan_and_beijing_time() -> None:
    alipay = Alipay(OK | {"out_trade_no": "P1", "qr_code": "https://qr.alipay.com/bax"})
    placed = await alipay.gateway().place_order(ORDER)
    assert placed == Placed({"qr_code": "https://qr.alipay.com/bax"})
    [asked] = alipay.asked
    assert json.loads(asked["biz_content"]) == {
        "out_trade_no": "P1",
        "total_amount": "105.00",
        "subject": "随心订 A B C D",
        "time_expire": "2026-03-15 10:15:00",
    }
    key = load_key(demo_credentials().alipay.private_key_pem).public_key()
    assert is_signed(key, request_text(asked), asked["sign"])
    assert asked["notify_url"] == "https://milk.test/notify"


@pytest.mark.parametrize(
    ("method", "name", "product", "key"),
    [
        ("h5", "alipay.trade.wap.pay", "QUICK_WAP_WAY", "pay_url"),
        ("page", "alipay.trade.page.pay", "FAST_INSTANT_TRADE_PAY", "pay_url"),
        ("app", "alipay.trade.app.pay", "QUICK_MSECURITY_PAY", "order_string"),
    ],
)
async def test_the_other_ways_are_signed_and_ask_nobody(
    method: str, name: str, product: str, key: str
) -> None:
    alipay = Alipay()
    order = OrderRequest(
        method=method,
        number="P1",
        amount_fen=10_500,
        description="随心订",
        expires_at=ORDER.expires_at,
    )
    placed = await alipay.gateway().place_order(order)
    assert isinstance(placed, Placed)
    text = placed.handle[key]
    form = dict(parse_qsl(urlsplit(text).query or text))
    assert (form["method"], json.loads(form["biz_content"])["product_code"]) == (name, product)
    public = load_key(demo_credentials().alipay.private_key_pem).public_key()
    assert is_signed(public, request_text(form), form["sign"])
    assert alipay.asked == []


@pytest.mark.parametrize(
    ("status", "more", "state"),
    [
        ("WAIT_BUYER_PAY", {}, TradeState.NOT_PAID),
        ("TRADE_SUCCESS", {"send_pay_date": "2026-03-15 10:00:00"}, TradeState.PAID),
        ("TRADE_FINISHED", {"send_pay_date": "2026-03-15 10:00:00"}, TradeState.PAID),
        ("TRADE_CLOSED", {}, TradeState.CLOSED),
        ("TRADE_CLOSED", {"send_pay_date": "2026-03-15 10:00:00"}, TradeState.PAID),
    ],
)
async def test_a_trade_is_read(status: str, more: dict[str, str], state: TradeState) -> None:
    gateway = Alipay(TRADE | {"trade_status": status} | more).gateway()
    known = await gateway.query_order("P1")
    assert known == Transaction(
        merchant=gateway.merchant,
        appid=gateway.appid,
        number="P1",
        state=state,
        transaction_id="2026",
        amount_fen=10_500,
        currency="CNY",
    )


@pytest.mark.parametrize(
    ("code", "sub_code", "told"),
    [
        ("40004", "ACQ.TRADE_HAS_SUCCESS", "ACQ.TRADE_HAS_SUCCESS"),
        ("40002", "isv.invalid-signature", "isv.invalid-signature"),
        ("40005", "isv.app-call-limited", "40005"),
        ("40006", "", "40006"),
    ],
)
async def test_a_refusal_carries_its_finer_code(code: str, sub_code: str, told: str) -> None:
    assert await Alipay(refusal(code, sub_code)).gateway().place_order(ORDER) == Refused(told)
    unsigned = json.dumps({"error_response": refusal(code, sub_code)})
    assert await Alipay(unsigned).gateway().place_order(ORDER) == Refused(told)


async def test_a_trade_nobody_opened_is_missing_everywhere() -> None:
    gone = refusal("40004", "ACQ.TRADE_NOT_EXIST")
    gateway = Alipay(gone, gone, gone, OK).gateway()
    assert await gateway.query_order("P1") == Missing()
    assert await gateway.close_order("P1") == Missing()
    assert await gateway.query_refund(REFUND) == Missing()
    # a refund query of a trade without that refund carries no status
    assert await gateway.query_refund(REFUND) == Missing()
    assert await Alipay(DONE).gateway().close_order("P1") == Closed()


@pytest.mark.parametrize(
    "answer",
    [
        500,
        "",
        "<html>",
        '{"alipay_trade_query_response":{"code":"10000"},"sign":"AAAA"}',
        '{"alipay_trade_query_response":{"code":"40004","sub_code":"ACQ.X"},"sign":"AAAA"}',
        '{"alipay_trade_query_response":{"code":"10000"}}',
        '{"alipay_trade_query_response":[]}',
        '{"something_else":{"code":"10000"}}',
        refusal("20000", "isp.unknow-error"),
        refusal("20000", "aop.ACQ.SYSTEM_ERROR"),
        refusal("40004", "ACQ.SYSTEM_ERROR"),
        TRADE | {"trade_status": "TRADE_SUCCESS", "total_amount": "105.001"},
        TRADE | {"trade_status": "TRADE_SUCCESS", "total_amount": "NaN"},
        TRADE | {"trade_status": "SOMETHING"},
        OK,
    ],
)
async def test_what_cannot_be_trusted_is_unknown(answer: dict[str, Any] | str | int) -> None:
    with pytest.raises(OutcomeUnknown):
        await Alipay(answer).gateway().query_order("P1")


async def test_a_refund_has_gone_back_or_is_looked_up() -> None:
    moved = DONE | {"fund_change": "Y", "refund_fee": "25.00"}
    kept = DONE | {"fund_change": "N", "refund_fee": "25.00"}
    gateway = Alipay(moved).gateway()
    gone = RefundFacts(
        number="R1",
        refund_id="2026",
        payment_number="P1",
        state=RefundState.SUCCEEDED,
        amount_fen=500,
        total_fen=10_500,
        merchant=gateway.merchant,
        currency="CNY",
    )
    assert await gateway.submit_refund(REFUND) == gone
    assert await Alipay(kept, REFUNDED).gateway().submit_refund(REFUND) == gone
    short = refusal("40004", "ACQ.SELLER_BALANCE_NOT_ENOUGH")
    assert await Alipay(short).gateway().submit_refund(REFUND) == Refused(
        "ACQ.SELLER_BALANCE_NOT_ENOUGH"
    )
    for answers in (
        (kept, OK),
        (moved | {"refund_fee": "4.99"},),
        (moved | {"out_trade_no": "P2"},),
        (DONE | {"fund_change": "N", "refund_fee": "0.00"}, 502),
    ):
        with pytest.raises(OutcomeUnknown):
            await Alipay(*answers).gateway().submit_refund(REFUND)
