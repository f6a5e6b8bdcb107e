"""Orders: what the platform takes, what it refuses, and what a repeated number means."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from simulators.channels.clock import china_seconds
from simulators.channels.config import SimulatorConfig
from simulators.channels.credentials import ChannelCredentials
from simulators.channels.simulator import ChannelSimulator
from simulators.channels.wechat.orders import NotPayable
from simulators.channels.wechat.rules import AskRefund, PlaceOrder
from tests.simulators.support import Merchant, Shop


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"out_trade_no": "12345"}, "/out_trade_no"),
        ({"out_trade_no": "1" * 33}, "/out_trade_no"),
        ({"out_trade_no": "ABC 123"}, "/out_trade_no"),
        ({"out_trade_no": "订单000001"}, "/out_trade_no"),
        ({"description": ""}, "/description"),
        ({"description": "奶" * 128}, "/description"),
        ({"attach": "x" * 129}, "/attach"),
        ({"notify_url": "http://shop.example.com/notify"}, "/notify_url"),
        ({"notify_url": "https://shop.example.com/notify?a=1"}, "/notify_url"),
        ({"notify_url": "shop"}, "/notify_url"),
        ({"amount": {"total": 0}}, "/amount/total"),
        ({"amount": {"total": "2000"}}, "/amount/total"),
        ({"amount": {"total": 20.5}}, "/amount/total"),
        ({"amount": {"total": True}}, "/amount/total"),
        ({"amount": {"total": 2000, "currency": "USD"}}, "/amount/currency"),
        ({"time_expire": "2026-12-01 10:00:00"}, "/time_expire"),
        ({"time_expire": 1}, "/time_expire"),
        ({"description": "\ud800"}, "/description"),
    ],
)
async def test_a_bad_field_is_named_and_nothing_is_kept(
    merchant: Merchant, simulator: ChannelSimulator, change: dict[str, Any], field: str
) -> None:
    # as ASCII, because a lone surrogate travels only as an escape
    answer = await post(merchant, json.dumps(merchant.order("T00001") | change))
    assert (answer.status_code, answer.json()["code"]) == (400, "PARAM_ERROR")
    assert answer.json()["detail"]["field"] == field
    assert simulator.desk.store.list_orders() == []


async def post(merchant: Merchant, body: str) -> httpx.Response:
    target = "/v3/pay/transactions/native"
    headers = merchant.headers(merchant.authorization("POST", target, body))
    return await merchant.client.post(target, content=body.encode(), headers=headers)


@pytest.mark.parametrize("body", ["", "{", "[]", '"x"', "null", "[" * 100_000])
async def test_a_body_that_is_no_object_is_refused(merchant: Merchant, body: str) -> None:
    answer = await post(merchant, body)
    assert (answer.status_code, answer.json()["code"]) == (400, "PARAM_ERROR")


async def test_the_longest_and_the_oddest_fields_pass(merchant: Merchant) -> None:
    answer = await merchant.place(
        "aZ0_-|*" + "9" * 25,
        description="奶" * 127,
        attach="x" * 128,
        time_expire="2026-12-01T10:00:00.5+08:00",
    )
    assert answer.status_code == 200


async def test_appid_and_merchant_must_belong_together(merchant: Merchant) -> None:
    other_app = await merchant.place("T00002", appid="wx0000000000000000")
    other_shop = await merchant.place("T00002", mchid="1900000109")
    assert other_app.json()["code"] == "APPID_MCHID_NOT_MATCH"
    assert other_shop.json()["code"] == "PARAM_ERROR"


async def test_jsapi_needs_a_payer_and_h5_a_scene(merchant: Merchant) -> None:
    payload = merchant.order("T00003")
    jsapi = await merchant.call("POST", "/v3/pay/transactions/jsapi", payload)
    h5 = await merchant.call("POST", "/v3/pay/transactions/h5", payload)
    assert jsapi.json()["detail"]["field"] == "/payer"
    assert h5.json()["detail"]["field"] == "/scene_info"


async def test_an_unknown_order_is_404(merchant: Merchant) -> None:
    mchid = merchant.credentials.merchant.mchid
    for target in (
        f"/v3/pay/transactions/out-trade-no/T00000?mchid={mchid}",
        f"/v3/pay/transactions/id/4200000000?mchid={mchid}",
    ):
        answer = await merchant.call("GET", target)
        assert (answer.status_code, answer.json()["code"]) == (404, "ORDER_NOT_EXIST")
    assert (await merchant.close("T00000")).status_code == 404


async def test_the_query_names_the_merchant(merchant: Merchant) -> None:
    await merchant.place("T00004")
    for query in ("", "?mchid=1900000109"):
        answer = await merchant.call("GET", f"/v3/pay/transactions/out-trade-no/T00004{query}")
        assert (answer.status_code, answer.json()["code"]) == (400, "PARAM_ERROR")


async def test_the_same_number_with_the_same_parameters_gets_a_fresh_ticket(
    merchant: Merchant, simulator: ChannelSimulator
) -> None:
    first = (await merchant.place("T00005")).json()["code_url"]
    second = (await merchant.place("T00005")).json()["code_url"]
    assert first != second
    assert len(simulator.desk.store.list_orders()) == 1
    for url in (first, second):
        token = url.rpartition("=")[2]
        assert simulator.desk.orders.order_of_ticket(token).out_trade_no == "T00005"


@pytest.mark.parametrize(
    "change",
    [
        {"amount": {"total": 1999, "currency": "CNY"}},
        {"description": "酸奶"},
        {"time_expire": "2099-01-01T00:00:00+08:00"},
    ],
)
async def test_the_same_number_with_other_parameters_is_refused(
    merchant: Merchant, change: dict[str, Any]
) -> None:
    await merchant.place("T00006")
    answer = await merchant.place("T00006", **change)
    assert (answer.status_code, answer.json()["code"]) == (403, "OUT_TRADE_NO_USED")
    assert (await merchant.query("T00006"))["amount"]["total"] == 2000


async def test_the_same_number_for_another_kind_of_payment_is_refused(merchant: Merchant) -> None:
    payload = merchant.order("T00007", payer={"openid": "o"})
    await merchant.call("POST", "/v3/pay/transactions/native", payload)
    answer = await merchant.call("POST", "/v3/pay/transactions/jsapi", payload)
    assert answer.json()["code"] == "OUT_TRADE_NO_USED"


async def test_a_paid_order_is_neither_ordered_again_nor_closed_nor_paid_twice(
    merchant: Merchant, simulator: ChannelSimulator
) -> None:
    await merchant.place("T00008")
    paid = simulator.desk.pay("T00008")
    again, closed = await merchant.place("T00008"), await merchant.close("T00008")
    assert (again.json()["code"], closed.json()["code"]) == ("ORDERPAID", "ORDERPAID")
    with pytest.raises(NotPayable):
        simulator.desk.pay("T00008")
    assert simulator.desk.orders.get("T00008") == paid


async def test_a_closed_order_is_neither_ordered_again_nor_paid(
    merchant: Merchant, simulator: ChannelSimulator
) -> None:
    await merchant.place("T00009")
    assert (await merchant.close("T00009")).status_code == 204
    assert (await merchant.place("T00009")).json()["code"] == "ORDER_CLOSED"
    assert (await merchant.close("T00009")).json()["code"] == "ORDER_CLOSED"
    for late in (False, True):
        with pytest.raises(NotPayable):
            simulator.desk.pay("T00009", late=late)
    assert (await merchant.query("T00009"))["trade_state"] == "CLOSED"


async def test_after_its_end_an_order_is_not_payable_and_stays_unpaid_until_closed(
    merchant: Merchant, simulator: ChannelSimulator
) -> None:
    ends = china_seconds(simulator.clock.now() + timedelta(minutes=15))
    await merchant.place("T00010", time_expire=ends)
    simulator.clock.advance(15 * 60)
    with pytest.raises(NotPayable):
        simulator.desk.pay("T00010")
    assert (await merchant.query("T00010"))["trade_state"] == "NOTPAY"
    assert (await merchant.place("T00010", time_expire=ends)).json()["code"] == "OUT_TRADE_NO_USED"
    assert (await merchant.close("T00010")).status_code == 204


async def test_who_opened_the_cashier_in_time_may_pay_late(
    merchant: Merchant, simulator: ChannelSimulator
) -> None:
    await merchant.place("T00011")
    simulator.desk.orders.expire("T00011")
    simulator.desk.pay("T00011", late=True)
    assert (await merchant.query("T00011"))["trade_state"] == "SUCCESS"


async def test_an_end_in_the_past_becomes_one_minute_from_now(
    merchant: Merchant, simulator: ChannelSimulator
) -> None:
    await merchant.place("T00012", time_expire="2020-01-01T00:00:00+08:00")
    order = simulator.desk.orders.get("T00012")
    assert order.expires_at - order.created_at == timedelta(minutes=1)


@pytest.mark.parametrize(
    ("kind", "valid"), [("native", timedelta(hours=2)), ("h5", timedelta(minutes=5))]
)
async def test_a_ticket_to_the_cashier_runs_out(
    merchant: Merchant, simulator: ChannelSimulator, kind: str, valid: timedelta
) -> None:
    scene = {"payer_client_ip": "127.0.0.1", "h5_info": {"type": "Wap"}}
    payload = merchant.order("T00013", scene_info=scene)
    answer = (await merchant.call("POST", f"/v3/pay/transactions/{kind}", payload)).json()
    text = next(iter(answer.values()))
    token = text.rpartition("pr=")[2] if kind == "native" else text.split("prepay_id=")[1][:36]
    simulator.desk.orders.order_of_ticket(token.split("&")[0])
    simulator.clock.advance(valid.total_seconds())
    with pytest.raises(NotPayable, match="过期"):
        simulator.desk.orders.order_of_ticket(token.split("&")[0])


async def test_a_failed_payment_leaves_the_order_payable(
    merchant: Merchant, simulator: ChannelSimulator, shop: Shop
) -> None:
    await merchant.place("T00014")
    simulator.desk.orders.fail("T00014")
    await simulator.run_due()
    assert (await merchant.query("T00014"))["trade_state"] == "NOTPAY"
    assert shop.received == []
    simulator.desk.pay("T00014")
    assert (await merchant.query("T00014"))["trade_state"] == "SUCCESS"


async def test_the_transaction_shows_what_was_paid(
    merchant: Merchant, simulator: ChannelSimulator
) -> None:
    await merchant.place("T00015", attach="附言")
    before = await merchant.query("T00015")
    assert "attach" not in before
    assert "transaction_id" not in before
    simulator.desk.pay("T00015", amount_fen=1999)
    after = await merchant.query("T00015")
    assert after["attach"] == "附言"
    assert after["amount"] == {
        "total": 1999,
        "payer_total": 1999,
        "currency": "CNY",
        "payer_currency": "CNY",
    }
    assert datetime.fromisoformat(after["success_time"]).utcoffset() == timedelta(hours=8)


async def test_a_restart_forgets_no_payment_and_sends_what_was_pending(
    merchant: Merchant, credentials: ChannelCredentials, tmp_path: Path, shop: Shop
) -> None:
    def start() -> ChannelSimulator:
        return ChannelSimulator(
            SimulatorConfig(
                var=tmp_path,
                credentials=credentials,
                transport=httpx.ASGITransport(shop),
                signtest_every=0,
            )
        )

    before = start()
    asked = PlaceOrder.model_validate(merchant.order("T00016"))
    before.desk.orders.place("native", asked, fingerprint="f")
    before.desk.pay("T00016")
    amount = {"refund": 500, "total": 2000, "currency": "CNY"}
    before.desk.refunds.ask(
        AskRefund.model_validate(
            {"out_trade_no": "T00016", "out_refund_no": "R1", "amount": amount}
        )
    )
    await before.aclose()
    assert shop.received == []

    after = start()
    assert after.desk.orders.trade_state(after.desk.orders.get("T00016")) == "REFUND"
    await after.advance(11)
    assert [got.open(credentials)["out_trade_no"] for got in shop.received] == ["T00016"]
    assert after.desk.refunds.get("R1").status == "SUCCESS"
    await after.aclose()
