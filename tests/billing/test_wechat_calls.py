"""The adapter over `wechatpayv3`: its calls in types; what is not known is never guessed."""

import asyncio
import logging
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest
import wechatpayv3

from app.billing.channels import wechat
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
from app.core.clock import wall_now
from app.core.outbound import OutcomeUnknown
from simulators.channels.faults import FaultKind
from tests.fixtures.payments import BASE_URL, Payments

NUMBER = "P0000000001"


def order(**changed: Any) -> OrderRequest:
    asked = OrderRequest(
        method="native",
        number=NUMBER,
        amount_fen=3_000,
        description="随心订 鲜牛奶",
        expires_at=wall_now() + timedelta(minutes=15),
    )
    return replace(asked, **changed)


def refund() -> RefundRequest:
    return RefundRequest(
        number="R0000000001",
        payment_number=NUMBER,
        amount_fen=1_000,
        total_fen=3_000,
        reason="随心订退款",
    )


async def a_paid_order(payments: Payments) -> None:
    await payments.gateway.place_order(order())
    payments.pay(NUMBER)


def test_the_library_is_the_one_whose_inside_we_know() -> None:
    assert wechatpayv3.__version__ == "2.0.4"


async def test_calls_go_to_the_configured_address_through_our_client(payments: Payments) -> None:
    seen: list[str] = []

    async def note(request: httpx.Request) -> None:
        seen.append(str(request.url))

    payments.http.event_hooks["request"].append(note)
    assert isinstance(await payments.gateway.query_order(NUMBER), Missing)
    assert seen == [
        f"{BASE_URL}/v3/pay/transactions/out-trade-no/{NUMBER}?mchid={payments.gateway.merchant}"
    ]


async def test_native_answers_a_code_to_scan(payments: Payments) -> None:
    placed = await payments.gateway.place_order(order())
    assert isinstance(placed, Placed)
    assert placed.handle["code_url"].startswith("weixin://wxpay/bizpayurl?pr=")
    assert payments.order(NUMBER).total_fen == 3_000


async def test_jsapi_answers_parameters_the_cashier_believes(payments: Payments) -> None:
    placed = await payments.gateway.place_order(order(method="jsapi", payer_openid="oUser1"))
    assert isinstance(placed, Placed)
    handle = placed.handle
    assert handle["signType"] == "RSA"
    assert payments.simulator.gate.is_pay_sign(
        appid=handle["appId"],
        timestamp=handle["timeStamp"],
        nonce=handle["nonceStr"],
        package=handle["package"],
        signature=handle["paySign"],
    )
    assert payments.order(NUMBER).openid == "oUser1"


async def test_h5_answers_an_address(payments: Payments) -> None:
    placed = await payments.gateway.place_order(order(method="h5", payer_address="203.0.113.9"))
    assert isinstance(placed, Placed)
    assert placed.handle["h5_url"].startswith("http")


async def test_the_same_order_may_be_placed_again_and_another_not(payments: Payments) -> None:
    asked = order()
    await payments.gateway.place_order(asked)
    assert isinstance(await payments.gateway.place_order(asked), Placed)
    other = await payments.gateway.place_order(order(amount_fen=1))
    assert other == Refused("OUT_TRADE_NO_USED")


async def test_a_query_tells_how_a_payment_stands(payments: Payments) -> None:
    await payments.gateway.place_order(order())
    waiting = await payments.gateway.query_order(NUMBER)
    assert isinstance(waiting, Transaction)
    assert waiting.state is TradeState.NOT_PAID

    paid_order = payments.pay(NUMBER)
    paid = await payments.gateway.query_order(NUMBER)
    assert paid == Transaction(
        merchant=payments.gateway.merchant,
        appid=payments.gateway.appid,
        number=NUMBER,
        state=TradeState.PAID,
        transaction_id=paid_order.transaction_id,
        amount_fen=3_000,
        currency="CNY",
    )


async def test_closing_ends_the_time_to_pay(payments: Payments) -> None:
    assert isinstance(await payments.gateway.close_order(NUMBER), Missing)
    await payments.gateway.place_order(order())
    assert isinstance(await payments.gateway.close_order(NUMBER), Closed)
    assert isinstance(await payments.gateway.close_order(NUMBER), Closed)
    closed = await payments.gateway.query_order(NUMBER)
    assert isinstance(closed, Transaction)
    assert closed.state is TradeState.CLOSED


async def test_a_paid_order_does_not_close(payments: Payments) -> None:
    await a_paid_order(payments)
    assert await payments.gateway.close_order(NUMBER) == Refused("ORDERPAID")


async def test_a_refund_is_accepted_then_done(payments: Payments) -> None:
    await a_paid_order(payments)
    assert isinstance(await payments.gateway.query_refund(refund()), Missing)
    accepted = await payments.gateway.submit_refund(refund())
    assert isinstance(accepted, RefundFacts)
    assert (accepted.state, accepted.amount_fen, accepted.total_fen, accepted.currency) == (
        RefundState.PROCESSING,
        1_000,
        3_000,
        "CNY",
    )
    again = await payments.gateway.submit_refund(refund())
    assert isinstance(again, RefundFacts)
    assert again.refund_id == accepted.refund_id
    assert len(payments.refunds(NUMBER)) == 1

    await payments.finish_refunds()
    done = await payments.gateway.query_refund(refund())
    assert isinstance(done, RefundFacts)
    assert done.state is RefundState.SUCCEEDED


@pytest.mark.parametrize(
    ("kind", "raised"),
    [
        (FaultKind.TIMEOUT_AFTER_COMMIT, httpx.ReadTimeout),
        (FaultKind.CONNECTION_RESET, httpx.ReadError),
        (FaultKind.SYSTEM_ERROR, OutcomeUnknown),
    ],
)
async def test_what_is_not_known_is_raised_and_never_guessed(
    payments: Payments, kind: FaultKind, raised: type[Exception]
) -> None:
    payments.fault(kind, endpoint="create")
    with pytest.raises(raised):
        await payments.gateway.place_order(order())


async def test_throttling_is_a_refusal(payments: Payments) -> None:
    payments.fault(FaultKind.RATE_LIMIT, endpoint="create")
    assert await payments.gateway.place_order(order()) == Refused("FREQUENCY_LIMITED")


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(502, text="<html>bad gateway</html>"),
        httpx.Response(404, text="not here"),
        httpx.Response(403, json=["no object"]),
        httpx.Response(400, json={"code": 7}),
        httpx.Response(200, json={"code_url": "weixin://forged"}),
        httpx.Response(302, headers={"Location": "http://elsewhere/"}, json={}),
    ],
)
async def test_answers_of_somebody_else_mean_nothing(
    payments: Payments, answer: httpx.Response
) -> None:
    payments.gateway._core._client = httpx.AsyncClient(
        transport=httpx.MockTransport(lambda _: answer)
    )
    with pytest.raises(OutcomeUnknown):
        await payments.gateway.place_order(order())


async def test_an_endless_answer_is_given_up(
    payments: Payments, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def drip(_: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(wechat, "LONGEST_CALL_SECONDS", 0.02)
    payments.gateway._core._client = httpx.AsyncClient(transport=httpx.MockTransport(drip))
    with pytest.raises(TimeoutError):
        await payments.gateway.query_order(NUMBER)


async def test_nothing_of_a_call_is_logged(
    payments: Payments, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await payments.gateway.place_order(order(method="jsapi", payer_openid="oSecretPayer"))
    assert "oSecretPayer" not in caplog.text
    assert "WECHATPAY2-SHA256" not in caplog.text
    assert payments.gateway._core._logger is None
