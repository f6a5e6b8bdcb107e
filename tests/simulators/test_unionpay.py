"""The simulated UnionPay: what it verifies, keeps apart by numbers, signs, and tells again."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qsl, urlencode

import httpx
import pytest

from simulators.channels.app import create_app
from simulators.channels.clock import CHINA
from simulators.channels.config import SimulatorConfig
from simulators.channels.credentials import (
    ChannelCredentials,
    ensure_credentials,
    load_credentials,
)
from simulators.channels.faults import FaultKind, FaultOrder
from simulators.channels.simulator import ChannelSimulator
from simulators.channels.unionpay.gateway import PATH
from simulators.channels.unionpay.signing import fits, load_key, load_public, signature_of
from tests.simulators.support import BASE_URL, NOTIFY_URL, Shop

TIME = "20260315100000"


@dataclass(slots=True)
class Merchant:
    """Calls the gateway with signed forms and checks the signature of every answer."""

    client: httpx.AsyncClient
    credentials: ChannelCredentials

    def form(self, kind: str, number: str, **changed: str) -> dict[str, str]:
        """A signed form, with parts replaced before signing."""
        merchant = self.credentials.unionpay
        form = {
            "version": "5.1.0",
            "encoding": "UTF-8",
            "signMethod": "01",
            "certId": load_public(merchant.merchant_certificate_pem)[1],
            "bizType": "000201",
            "accessType": "0",
            "merId": merchant.mer_id,
            "orderId": number,
            "txnTime": TIME,
            "txnType": kind,
            "txnSubType": "01" if kind == "01" else "00",
        } | changed
        return form | {"signature": signature_of(load_key(merchant.merchant_key_pem), form)}

    def payment(self, number: str, fen: int = 2_000, **changed: str) -> dict[str, str]:
        """What a payer's browser posts."""
        until = datetime.now(UTC).astimezone(CHINA) + timedelta(minutes=15)
        said = {
            "txnAmt": str(fen),
            "currencyCode": "156",
            "frontUrl": "https://shop.test/back",
            "backUrl": NOTIFY_URL,
            "payTimeout": f"{until:%Y%m%d%H%M%S}",
        }
        return self.form("01", number, **said | changed)

    async def enter(self, form: dict[str, str]) -> httpx.Response:
        """A browser comes."""
        return await self.client.post(f"{PATH}/frontTransReq.do", data=form)

    async def call(self, name: str, form: dict[str, str]) -> dict[str, str]:
        """One call; its verified answer."""
        text = (await self.client.post(f"{PATH}/{name}.do", data=form)).text
        answer = dict(pair.split("=", 1) for pair in text.split("&"))
        key, _ = load_public(self.credentials.unionpay.platform_certificate_pem)
        assert fits(key, answer)
        return answer

    async def query(self, number: str) -> dict[str, str]:
        """How a number stands."""
        return await self.call("queryTrans", self.form("00", number))

    async def refund(self, number: str, query_id: str, fen: int) -> dict[str, str]:
        """Ask for a refund."""
        said = {"txnAmt": str(fen), "currencyCode": "156", "origQryId": query_id}
        form = self.form("04", number, backUrl=NOTIFY_URL, reqReserved="MO20260001-2000", **said)
        return await self.call("backTransReq", form)


@pytest.fixture
def unionpay(client: httpx.AsyncClient, credentials: ChannelCredentials) -> Merchant:
    """The demo merchant at UnionPay."""
    return Merchant(client=client, credentials=credentials)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"version": "5.0.0"}, "10"),
        ({"merId": "777290058110048"}, "11"),
        ({"certId": "1"}, "11"),
        ({"orderId": "MO_2026_0001"}, "10"),
        ({"orderId": "MO1"}, "10"),
        ({"txnTime": "2026-03-15"}, "10"),
        ({"txnType": "01"}, "10"),
    ],
)
async def test_what_does_not_belong_is_refused(
    unionpay: Merchant, changed: dict[str, str], code: str
) -> None:
    form = unionpay.form("00", "MO20260001", **changed)
    assert (await unionpay.call("queryTrans", form))["respCode"] == code


async def test_a_changed_request_does_not_fit_its_signature(unionpay: Merchant) -> None:
    form = unionpay.form("00", "MO20260001")
    for changed in ({"orderId": "MO20260002"}, {"extra": "1"}, {"signature": "x"}):
        assert (await unionpay.call("queryTrans", form | changed))["respCode"] == "11"
    entered = await unionpay.enter(unionpay.payment("MO20260001") | {"txnAmt": "1"})
    assert (entered.status_code, "11" in entered.text) == (400, True)


async def test_a_payment_is_found_once_its_payer_has_tried(
    unionpay: Merchant, simulator: ChannelSimulator
) -> None:
    form = unionpay.payment("MO20260001")
    entered = await unionpay.enter(form)
    assert entered.headers["location"] == "/unionpay/payments/MO20260001"
    assert (await unionpay.enter(form)).status_code == 303
    assert (await unionpay.enter(unionpay.payment("MO20260001", 2_100))).status_code == 400
    assert (await unionpay.query("MO20260001"))["respCode"] == "34"
    for act, code in (("hang", "05"), ("fail", "01"), ("pay", "00")):
        done = await unionpay.client.post(f"/unionpay/payments/MO20260001/{act}")
        assert (await unionpay.client.get(done.headers["location"])).status_code == 200
        assert (await unionpay.query("MO20260001"))["origRespCode"] == code
    assert "重复交易" in (await unionpay.enter(form)).text
    again = await unionpay.client.post("/control/unionpay/payments/MO20260001/pay")
    assert (again.status_code, again.json()["code"]) == (409, "NOT_PAYABLE")
    listed = await unionpay.client.get("/unionpay/payments")
    assert "MO20260001" in listed.text

    late = urlencode(unionpay.payment("MO20260002"))
    made = await unionpay.client.post("/control/unionpay/payments", json={"form": late})
    assert (made.status_code, made.json()["state"]) == (200, "new")
    simulator.clock.advance(901)
    path = "/control/unionpay/payments/MO20260002/pay"
    assert (await unionpay.client.post(path, json={})).status_code == 409
    paid = await unionpay.client.post(path, json={"late": True, "flawed": True})
    assert paid.json()["state"] == "A6"


async def test_refunds_end_later_and_never_exceed_what_was_paid(
    unionpay: Merchant, simulator: ChannelSimulator, shop: Shop
) -> None:
    shop.usual = (200, b"")
    await unionpay.enter(unionpay.payment("MO20260001"))
    query_id = simulator.unionpay.txns.pay("MO20260001").query_id
    assert (await unionpay.refund("RF20260001", "1", 100))["respCode"] == "34"
    accepted = await unionpay.refund("RF20260001", query_id, 1_500)
    assert (accepted["respCode"], accepted["origQryId"]) == ("00", query_id)
    assert (await unionpay.refund("RF20260001", query_id, 1_500))["respCode"] == "12"
    assert (await unionpay.refund("RF20260002", query_id, 501))["respCode"] == "36"
    assert (await unionpay.query("RF20260001"))["origRespCode"] == "05"
    simulator.faults.arm(FaultOrder(kind=FaultKind.REFUND_CLOSED, reference="RF20260003"))
    await unionpay.refund("RF20260003", query_id, 500)
    await simulator.advance(11)
    await simulator.run_due()
    assert (await unionpay.query("RF20260001"))["origRespCode"] == "00"
    assert (await unionpay.query("RF20260003"))["origRespCode"] == "01"
    told = [dict(parse_qsl(call.body.decode())) for call in shop.received]
    assert [(one["orderId"], one["txnType"]) for one in told] == [
        ("MO20260001", "01"),
        ("RF20260001", "04"),
    ]
    assert told[1]["reqReserved"] == "MO20260001-2000"
    key, _ = load_public(unionpay.credentials.unionpay.platform_certificate_pem)
    assert all(fits(key, one) for one in told)
    simulator.clock.advance(336 * 86_400)
    assert (await unionpay.refund("RF20260004", query_id, 100))["respCode"] == "39"


async def test_a_refused_notification_comes_five_times(
    unionpay: Merchant, simulator: ChannelSimulator, shop: Shop
) -> None:
    shop.usual = (500, b"")
    await unionpay.enter(unionpay.payment("MO20260001"))
    simulator.unionpay.txns.pay("MO20260001")
    await simulator.run_due()
    for seconds in (1, 60, 120, 240, 86_400):
        await simulator.advance(seconds)
    assert len(shop.received) == 5
    [notice] = simulator.unionpay.store.list_notices("MO20260001")
    assert notice.state == "given_up"


@pytest.fixture
async def restarted(tmp_path: Path) -> AsyncIterator[list[ChannelSimulator]]:
    """Simulators over one folder, closed at the end."""
    opened: list[ChannelSimulator] = []
    yield opened
    for one in opened:
        await one.aclose()


async def test_a_restart_forgets_neither_keys_nor_refunds(
    tmp_path: Path, restarted: list[ChannelSimulator]
) -> None:
    settings = ensure_credentials(tmp_path, BASE_URL)["unionpay"]
    kept = load_credentials(tmp_path)
    assert kept is not None
    assert kept.unionpay.mer_id == settings["mer_id"]
    for turn in range(2):
        app = create_app(SimulatorConfig(base_url=BASE_URL, var=tmp_path, refund_seconds=10))
        simulator: ChannelSimulator = app.state.simulator
        restarted.append(simulator)
        assert simulator.credentials.unionpay == kept.unionpay
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url=BASE_URL) as client:
            merchant = Merchant(client, kept)
            if turn == 0:
                await merchant.enter(merchant.payment("MO20260001", backUrl="http://127.0.0.1:9"))
                query_id = simulator.unionpay.txns.pay("MO20260001").query_id
                assert (await merchant.refund("RF20260001", query_id, 500))["respCode"] == "00"
            else:
                await simulator.run_due()
                assert (await merchant.query("RF20260001"))["origRespCode"] == "00"
