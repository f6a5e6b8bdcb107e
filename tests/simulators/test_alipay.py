"""The simulated Alipay: what it verifies, keeps apart by numbers, signs, and tells again."""

import base64
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

import httpx
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from simulators.channels.alipay.signing import notice_text
from simulators.channels.app import create_app
from simulators.channels.config import SimulatorConfig
from simulators.channels.credentials import (
    ChannelCredentials,
    ensure_credentials,
    load_credentials,
)
from simulators.channels.faults import FaultKind, FaultOrder
from simulators.channels.simulator import ChannelSimulator
from tests.simulators.support import BASE_URL, NOTIFY_URL, Shop, rsa_key, rsa_sign

BEIJING = timezone(timedelta(hours=8))


@dataclass(slots=True)
class Merchant:
    """Calls the gateway with signed forms and checks the signature of every answer."""

    client: httpx.AsyncClient
    credentials: ChannelCredentials

    def form(self, method: str, content: dict[str, Any], /, **changed: str) -> dict[str, str]:
        """A signed form, with parts replaced before signing."""
        app = self.credentials.alipay
        form = {
            "app_id": app.app_id,
            "method": method,
            "format": "JSON",
            "charset": "utf-8",
            "sign_type": "RSA2",
            "timestamp": datetime.now(BEIJING).strftime("%Y-%m-%d %H:%M:%S"),
            "version": "1.0",
            "notify_url": NOTIFY_URL,
            "biz_content": json.dumps(content, ensure_ascii=False),
        } | changed
        text = "&".join(f"{k}={v}" for k, v in sorted(form.items()) if v)
        return form | {"sign": rsa_sign(rsa_key(app.private_key_pem), text)}

    async def call(self, method: str, **content: Any) -> dict[str, Any]:
        """One call under alipay.trade; its verified answer."""
        form = self.form(f"alipay.trade.{method}", content)
        text = (await self.client.post("/gateway.do", data=form)).text
        name = f"alipay_trade_{method.replace('.', '_')}_response"
        written = text[len(f'{{"{name}":') : text.rindex(',"sign":"')]
        signature = json.loads(text)["sign"]
        rsa_key(self.credentials.alipay.platform_key_pem).public_key().verify(
            base64.b64decode(signature), written.encode(), padding.PKCS1v15(), hashes.SHA256()
        )
        answer: dict[str, Any] = json.loads(written)
        return answer

    async def sub_code(self, method: str, **content: Any) -> str:
        """What a call is refused with; "" when it is not."""
        answer = await self.call(method, **content)
        code: str = answer.get("sub_code", "")
        return code

    async def place(self, number: str, amount: str = "20.00", **more: Any) -> dict[str, Any]:
        """Ask for a QR code."""
        return await self.call(
            "precreate", out_trade_no=number, total_amount=amount, subject="鲜牛奶/月卡", **more
        )


@pytest.fixture
def alipay(client: httpx.AsyncClient, credentials: ChannelCredentials) -> Merchant:
    """The demo merchant at Alipay."""
    return Merchant(client=client, credentials=credentials)


@pytest.fixture
def polite(shop: Shop) -> Shop:
    """A shop that says what Alipay wants to hear."""
    shop.usual = (200, b"success")
    return shop


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"app_id": "2021"}, "isv.invalid-app-id"),
        ({"sign_type": "RSA"}, "isv.invalid-signature-type"),
        ({"charset": "gbk"}, "isv.invalid-charset"),
        ({"timestamp": "2020-01-01 00:00:00"}, "isv.invalid-timestamp"),
        ({"timestamp": "today"}, "isv.invalid-timestamp"),
        ({"method": "alipay.trade.nothing"}, "isv.invalid-method"),
    ],
)
async def test_a_bad_request_is_turned_away_unsigned(
    alipay: Merchant, changed: dict[str, str], code: str
) -> None:
    content = {"out_trade_no": "MO1"}
    form = alipay.form("alipay.trade.query", content, **changed)
    answer = (await alipay.client.post("/gateway.do", data=form)).json()
    assert answer["error_response"]["sub_code"] == code
    assert "sign" not in answer


async def test_a_changed_request_does_not_fit_its_signature(alipay: Merchant) -> None:
    form = alipay.form("alipay.trade.query", {"out_trade_no": "MO1"})
    for changed in ({"biz_content": '{"out_trade_no":"MO2"}'}, {"sign": "AAAA"}, {"extra": "1"}):
        answer = (await alipay.client.post("/gateway.do", data=form | changed)).json()
        assert answer["error_response"]["sub_code"] == "isv.invalid-signature"


async def test_a_number_is_one_trade(alipay: Merchant, simulator: ChannelSimulator) -> None:
    first = await alipay.place("MO1")
    assert await alipay.place("MO1") == first
    assert await alipay.sub_code("query", out_trade_no="MO1") == "ACQ.TRADE_NOT_EXIST"
    assert (await alipay.place("MO1", "21.00"))["sub_code"] == "ACQ.CONTEXT_INCONSISTENT"
    for amount in ("0.00", "1.005", "NaN", "x"):
        assert (await alipay.place("MO9", amount))["sub_code"] == "isv.invalid-parameter"
    answer = await alipay.client.get(first["qr_code"].removeprefix(BASE_URL))
    assert answer.status_code == 303
    waiting = await alipay.call("query", out_trade_no="MO1")
    assert (waiting["trade_status"], "send_pay_date" in waiting) == ("WAIT_BUYER_PAY", False)
    assert await alipay.sub_code("refund", out_trade_no="MO1", refund_amount="1.00") == (
        "ACQ.TRADE_STATUS_ERROR"
    )
    simulator.alipay.trades.pay("MO1")
    assert (await alipay.place("MO1"))["sub_code"] == "ACQ.TRADE_HAS_SUCCESS"
    assert await alipay.sub_code("close", out_trade_no="MO1") == "ACQ.REASON_TRADE_STATUS_INVALID"
    paid = await alipay.call("query", trade_no=waiting["trade_no"])
    assert (paid["trade_status"], paid["total_amount"]) == ("TRADE_SUCCESS", "20.00")

    await alipay.place("MO2")
    assert await alipay.sub_code("close", out_trade_no="MO2") == "ACQ.TRADE_NOT_EXIST"
    simulator.alipay.trades.fail("MO2")
    assert await alipay.sub_code("close", out_trade_no="MO2") == ""
    assert (await alipay.place("MO2"))["sub_code"] == "ACQ.TRADE_HAS_CLOSE"


async def test_time_closes_a_trade(alipay: Merchant, simulator: ChannelSimulator) -> None:
    until = (datetime.now(UTC) + timedelta(minutes=5)).astimezone(BEIJING)
    placed = await alipay.place("MO1", time_expire=f"{until:%Y-%m-%d %H:%M:%S}")
    simulator.alipay.trades.open(placed["qr_code"].rpartition("/")[2])
    await simulator.advance(301)
    assert (await alipay.call("query", out_trade_no="MO1"))["trade_status"] == "TRADE_CLOSED"
    page = await alipay.client.post("/alipay/trades/MO1/pay")
    assert (await alipay.client.get(page.headers["location"])).status_code == 200
    assert (await alipay.call("query", out_trade_no="MO1"))["trade_status"] == "TRADE_CLOSED"


async def test_a_refund_number_pays_once(
    alipay: Merchant, simulator: ChannelSimulator, polite: Shop
) -> None:
    await alipay.place("MO1")
    simulator.alipay.trades.pay("MO1")
    asked = {"out_trade_no": "MO1", "out_request_no": "R1", "refund_amount": "5.00"}
    first = await alipay.call("refund", **asked)
    assert (first["fund_change"], first["refund_fee"]) == ("Y", "5.00")
    again = await alipay.call("refund", **asked)
    assert (again["fund_change"], again["refund_fee"]) == ("N", "5.00")
    for changed, code in (
        ({"refund_amount": "6.00"}, "ACQ.DISCORDANT_REPEAT_REQUEST"),
        ({"out_request_no": ""}, "ACQ.REFUND_AMT_NOT_EQUAL_TOTAL"),
        ({"out_request_no": "R2", "refund_amount": "15.01"}, "ACQ.REASON_TRADE_REFUND_FEE_ERR"),
        ({"out_trade_no": "MO2"}, "ACQ.TRADE_NOT_EXIST"),
    ):
        assert await alipay.sub_code("refund", **asked | changed) == code
    known = await alipay.call(
        "fastpay.refund.query",
        out_trade_no="MO1",
        out_request_no="R1",
        query_options=["gmt_refund_pay"],
    )
    assert (known["refund_status"], known["refund_amount"]) == ("REFUND_SUCCESS", "5.00")
    unknown = await alipay.call("fastpay.refund.query", out_trade_no="MO1", out_request_no="R2")
    assert "refund_status" not in unknown
    await alipay.call("refund", out_trade_no="MO1", out_request_no="R3", refund_amount="15.00")
    gone = await alipay.call("query", out_trade_no="MO1")
    assert gone["trade_status"] == "TRADE_CLOSED"
    assert gone["send_pay_date"]

    await simulator.run_due()
    told = [dict(parse_qsl(one.body.decode())) for one in polite.received]
    assert {one["trade_status"] for one in told} == {"TRADE_SUCCESS", "TRADE_CLOSED"}
    assert {one.get("out_biz_no"): one.get("refund_fee") for one in told} == {
        None: None,
        "R1": "5.00",
        "R3": "20.00",
    }


async def test_a_notification_is_signed_and_repeated_until_success(
    alipay: Merchant, simulator: ChannelSimulator, shop: Shop
) -> None:
    await alipay.place("MO1")
    shop.answers = [(200, b"SUCCESS"), (500, b"success "), (204, b"")]
    shop.usual = (200, b"success")
    simulator.alipay.trades.pay("MO1")
    await simulator.run_due()
    for seconds in (240, 600, 600, 3600):
        await simulator.advance(seconds)
    assert len(shop.received) == 4
    told = [dict(parse_qsl(one.body.decode())) for one in shop.received]
    assert len({one["notify_id"] for one in told}) == 1
    key = rsa_key(alipay.credentials.alipay.platform_key_pem).public_key()
    for one in told:
        text = "&".join(
            f"{k}={v}" for k, v in sorted(one.items()) if k not in {"sign", "sign_type"}
        )
        assert text.encode() == notice_text(one)
        signature = base64.b64decode(one["sign"])
        key.verify(signature, text.encode(), padding.PKCS1v15(), hashes.SHA256())
    [notice] = simulator.alipay.store.list_notices("MO1")
    assert notice.state == "accepted"

    # eight sendings in all, then Alipay gives up; a person may have it sent again
    shop.usual = (500, b"")
    await alipay.place("MO2")
    simulator.alipay.trades.pay("MO2")
    await simulator.run_due()
    for _ in range(9):
        await simulator.advance(54_001)
    [lost] = simulator.alipay.store.list_notices("MO2")
    assert (lost.state, lost.attempts, len(shop.received)) == ("given_up", 8, 12)
    shop.usual = (200, b"success")
    answer = await alipay.client.post(f"/control/alipay/notifications/{lost.id}/resend")
    assert answer.status_code == 200
    await simulator.run_due()
    assert len(shop.received) == 13


async def test_faults_strike_before_and_after_the_work(
    alipay: Merchant, simulator: ChannelSimulator
) -> None:
    arm = simulator.faults.arm
    arm(FaultOrder(kind=FaultKind.RATE_LIMIT, count=1, endpoint="alipay.trade.precreate"))
    assert (await alipay.place("MO1"))["code"] == "40005"
    arm(FaultOrder(kind=FaultKind.SYSTEM_ERROR, count=1))
    assert (await alipay.place("MO1"))["code"] == "20000"
    assert simulator.alipay.store.list_trades() == []
    arm(FaultOrder(kind=FaultKind.SYSTEM_ERROR, count=1, after_commit=True))
    assert (await alipay.place("MO1"))["code"] == "20000"
    arm(FaultOrder(kind=FaultKind.TIMEOUT_AFTER_COMMIT, count=1))
    with pytest.raises(httpx.ReadTimeout):
        await alipay.place("MO2")
    assert len(simulator.alipay.store.list_trades()) == 2


async def test_a_browser_comes_to_the_cashier_with_a_signed_address(
    alipay: Merchant, simulator: ChannelSimulator, polite: Shop
) -> None:
    content = {
        "out_trade_no": "MO1",
        "total_amount": "20.00",
        "subject": "鲜牛奶",
        "product_code": "FAST_INSTANT_TRADE_PAY",
    }
    back = "https://milk.test/my/orders"
    form = alipay.form("alipay.trade.page.pay", content, return_url=back)
    forged = form | {"biz_content": json.dumps(content | {"total_amount": "0.01"})}
    assert (await alipay.client.get(f"/gateway.do?{urlencode(forged)}")).status_code == 400
    wrong = alipay.form("alipay.trade.wap.pay", content)
    assert (await alipay.client.get(f"/gateway.do?{urlencode(wrong)}")).status_code == 400
    assert simulator.alipay.store.list_trades() == []

    answer = await alipay.client.get(f"/gateway.do?{urlencode(form)}")
    seen = await alipay.client.get(answer.headers["location"])
    shown = await alipay.client.get(seen.headers["location"])
    assert "¥20.00" in shown.text
    assert back in shown.text
    await alipay.client.post("/alipay/trades/MO1/pay", follow_redirects=True)
    await simulator.run_due()
    assert len(polite.received) == 1
    assert "已支付" in (await alipay.client.get("/alipay/trades")).text

    app = urlencode(
        alipay.form(
            "alipay.trade.app.pay",
            content | {"out_trade_no": "MO2", "product_code": "QUICK_MSECURITY_PAY"},
        )
    )
    opened = await alipay.client.post("/control/alipay/app", json={"order_string": app})
    assert opened.json()["status"] == "WAIT_BUYER_PAY"
    paid = await alipay.client.post("/control/alipay/trades/MO2/pay", json={"amount_fen": 1})
    assert paid.json()["paid_fen"] == 1
    refused = await alipay.client.post("/control/alipay/trades/MO2/pay")
    assert (refused.status_code, refused.json()["code"]) == (409, "NOT_PAYABLE")


@pytest.fixture
async def restarted(tmp_path: Path, credentials: ChannelCredentials) -> AsyncIterator[Any]:
    """Makes simulators over the same folder, one after the other."""
    made: list[ChannelSimulator] = []

    def start(shop: Shop) -> ChannelSimulator:
        app = create_app(
            SimulatorConfig(
                var=tmp_path,
                base_url=BASE_URL,
                credentials=credentials,
                transport=httpx.ASGITransport(shop),
            )
        )
        made.append(app.state.simulator)
        return made[-1]

    yield start
    for simulator in made:
        await simulator.aclose()


async def test_a_restart_forgets_no_trade_and_no_notification(restarted: Any, polite: Shop) -> None:
    first: ChannelSimulator = restarted(polite)
    first.alipay.trades.place(
        "alipay.trade.precreate",
        out_trade_no="MO1",
        total_fen=2_000,
        subject="鲜牛奶",
        expires_at=None,
        notify_url=NOTIFY_URL,
    )
    first.alipay.trades.pay("MO1")
    second: ChannelSimulator = restarted(polite)
    trade = second.alipay.trades.show("MO1")
    assert trade is not None
    assert trade.status == "TRADE_SUCCESS"
    await second.run_due()
    assert len(polite.received) == 1


def test_a_demo_made_before_alipay_gets_it_and_keeps_the_rest(tmp_path: Path) -> None:
    first = ensure_credentials(tmp_path, BASE_URL)
    path = tmp_path / "demo" / "channels.json"
    older = json.loads(path.read_text())
    del older["alipay"]
    path.write_text(json.dumps(older))
    for key in (tmp_path / "demo" / "alipay").iterdir():
        key.unlink()
    second = ensure_credentials(tmp_path, BASE_URL)
    assert second["wechat"] == first["wechat"]
    assert second["alipay"]["app_id"].startswith("99")
    kept = load_credentials(tmp_path)
    assert kept is not None
    assert kept.alipay.private_key_pem == Path(second["alipay"]["private_key_path"]).read_text()
    assert ensure_credentials(tmp_path, BASE_URL) == second
