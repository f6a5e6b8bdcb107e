"""Refunds: accepted at once, ended later, never more than was paid."""

import asyncio

import httpx
import pytest

from simulators.channels.faults import FaultKind, FaultOrder
from simulators.channels.simulator import ChannelSimulator
from simulators.channels.wechat.models import RefundStatus
from simulators.channels.wechat.refunds import RefundFinal
from tests.simulators.support import Merchant, Shop


@pytest.fixture
async def paid(merchant: Merchant, simulator: ChannelSimulator) -> str:
    """A paid order of ¥20.00 whose notification was delivered."""
    await merchant.place("P00001")
    simulator.desk.pay("P00001")
    await simulator.run_due()
    return "P00001"


def refused(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


async def test_a_refund_is_processing_until_the_channel_says_otherwise(
    merchant: Merchant, simulator: ChannelSimulator, shop: Shop, paid: str
) -> None:
    answer = (await merchant.refund(paid, "R00001", 500)).json()
    assert answer["status"] == "PROCESSING"
    assert "success_time" not in answer
    await simulator.advance(9)
    assert await merchant.refund_status("R00001") == "PROCESSING"
    await simulator.advance(2)
    assert await merchant.refund_status("R00001") == "SUCCESS"
    told = shop.received[-1]
    assert (told.path, told.json["event_type"]) == ("/refund-notify", "REFUND.SUCCESS")
    opened = told.open(merchant.credentials)
    assert opened["amount"] == {
        "total": 2000,
        "refund": 500,
        "payer_total": 2000,
        "payer_refund": 500,
    }
    assert opened["refund_status"] == "SUCCESS"


async def test_the_same_number_refunds_once(
    merchant: Merchant, simulator: ChannelSimulator, paid: str
) -> None:
    first = (await merchant.refund(paid, "R00002", 500)).json()
    again = (await merchant.refund(paid, "R00002", 500)).json()
    assert again["refund_id"] == first["refund_id"]
    assert len(simulator.desk.store.list_refunds(paid)) == 1


async def test_the_same_number_with_another_amount_is_refused(
    merchant: Merchant, simulator: ChannelSimulator, paid: str
) -> None:
    await merchant.refund(paid, "R00003", 500)
    assert refused(await merchant.refund(paid, "R00003", 600)) == (400, "INVALID_REQUEST")
    assert [r.refund_fen for r in simulator.desk.store.list_refunds(paid)] == [500]


async def test_never_more_than_was_paid_even_at_once(
    merchant: Merchant, simulator: ChannelSimulator, paid: str
) -> None:
    answers = await asyncio.gather(
        *(merchant.refund(paid, f"RC{number:04d}", 1500) for number in range(5))
    )
    assert sorted(a.status_code for a in answers) == [200, 400, 400, 400, 400]
    simulator.clock.advance(60)
    assert refused(await merchant.refund(paid, "R00004", 501)) == (400, "INVALID_REQUEST")
    assert (await merchant.refund(paid, "R00005", 500)).status_code == 200
    assert sum(r.refund_fen for r in simulator.desk.store.list_refunds(paid)) == 2000


async def test_two_refunds_of_one_order_are_a_minute_apart(
    merchant: Merchant, simulator: ChannelSimulator, paid: str
) -> None:
    await merchant.refund(paid, "R00006", 100)
    assert refused(await merchant.refund(paid, "R00007", 100)) == (429, "FREQUENCY_LIMITED")
    simulator.clock.advance(60)
    assert (await merchant.refund(paid, "R00007", 100)).status_code == 200


async def test_fifty_partial_refunds_and_no_more(
    merchant: Merchant, simulator: ChannelSimulator, paid: str
) -> None:
    for number in range(50):
        assert (await merchant.refund(paid, f"RP{number:04d}", 1)).status_code == 200
        simulator.clock.advance(61)
    assert refused(await merchant.refund(paid, "RP0050", 1)) == (400, "INVALID_REQUEST")
    assert len(simulator.desk.store.list_refunds(paid)) == 50


async def test_after_a_year_nothing_goes_back(
    merchant: Merchant, simulator: ChannelSimulator, paid: str
) -> None:
    simulator.clock.advance(365 * 24 * 3600)
    assert refused(await merchant.refund(paid, "R00008", 1)) == (400, "INVALID_REQUEST")


async def test_the_request_must_fit_the_order(merchant: Merchant, paid: str) -> None:
    assert refused(await merchant.refund(paid, "R00009", 100, total=1999)) == (
        400,
        "INVALID_REQUEST",
    )
    assert refused(await merchant.refund("P99999", "R00009", 100)) == (404, "RESOURCE_NOT_EXISTS")
    await merchant.place("P00002")
    assert refused(await merchant.refund("P00002", "R00009", 100)) == (400, "INVALID_REQUEST")
    assert refused(await merchant.refund(paid, "R 9", 100)) == (400, "PARAM_ERROR")
    assert refused(await merchant.refund(paid, "R00009", 0)) == (400, "PARAM_ERROR")
    assert refused(await merchant.refund(paid, "R00009", 1, reason="x" * 81)) == (
        400,
        "PARAM_ERROR",
    )
    answer = await merchant.call("GET", "/v3/refund/domestic/refunds/R00009")
    assert refused(answer) == (404, "RESOURCE_NOT_EXISTS")


async def test_a_refund_by_the_platforms_number(merchant: Merchant, paid: str) -> None:
    transaction_id = (await merchant.query(paid))["transaction_id"]
    payload = {
        "transaction_id": transaction_id,
        "out_refund_no": "R00010",
        "amount": {"refund": 2000, "total": 2000, "currency": "CNY"},
    }
    answer = await merchant.call("POST", "/v3/refund/domestic/refunds", payload)
    assert answer.json()["out_trade_no"] == paid
    payload |= {"out_trade_no": "P77777", "out_refund_no": "R00011"}
    assert refused(await merchant.call("POST", "/v3/refund/domestic/refunds", payload)) == (
        400,
        "INVALID_REQUEST",
    )


async def test_short_of_balance_nothing_is_kept_and_the_same_number_works_later(
    merchant: Merchant, simulator: ChannelSimulator, paid: str
) -> None:
    simulator.faults.arm(FaultOrder(kind=FaultKind.REFUND_NOT_ENOUGH, count=1))
    assert refused(await merchant.refund(paid, "R00012", 500)) == (403, "NOT_ENOUGH")
    assert simulator.desk.store.list_refunds(paid) == []
    assert (await merchant.refund(paid, "R00012", 500)).status_code == 200


async def test_a_stuck_refund_waits_until_it_is_ended(
    merchant: Merchant, simulator: ChannelSimulator, shop: Shop, paid: str
) -> None:
    simulator.faults.arm(FaultOrder(kind=FaultKind.REFUND_STUCK, count=1))
    await merchant.refund(paid, "R00013", 500)
    await simulator.advance(7 * 24 * 3600)
    assert await merchant.refund_status("R00013") == "PROCESSING"
    assert len(shop.received) == 1
    simulator.desk.end_refund("R00013", RefundStatus.SUCCESS)
    await simulator.run_due()
    assert shop.received[-1].json["event_type"] == "REFUND.SUCCESS"


async def test_an_abnormal_refund_is_told_and_mended_in_the_portal(
    merchant: Merchant, simulator: ChannelSimulator, shop: Shop, paid: str
) -> None:
    simulator.faults.arm(FaultOrder(kind=FaultKind.REFUND_ABNORMAL, reference="R00014"))
    await merchant.refund(paid, "R00014", 500)
    await simulator.advance(11)
    assert await merchant.refund_status("R00014") == "ABNORMAL"
    assert shop.received[-1].json["event_type"] == "REFUND.ABNORMAL"
    simulator.desk.end_refund("R00014", RefundStatus.SUCCESS)
    await simulator.run_due()
    assert [got.json["event_type"] for got in shop.received[1:]] == [
        "REFUND.ABNORMAL",
        "REFUND.SUCCESS",
    ]
    with pytest.raises(RefundFinal):
        simulator.desk.end_refund("R00014", RefundStatus.CLOSED)


async def test_a_closed_refund_paid_nothing_and_frees_its_amount(
    merchant: Merchant, simulator: ChannelSimulator, shop: Shop, paid: str
) -> None:
    simulator.faults.arm(FaultOrder(kind=FaultKind.REFUND_CLOSED, count=1))
    await merchant.refund(paid, "R00015", 2000)
    assert (await merchant.query(paid))["trade_state"] == "REFUND"
    await simulator.advance(61)
    assert shop.received[-1].json["event_type"] == "REFUND.CLOSED"
    assert (await merchant.query(paid))["trade_state"] == "SUCCESS"
    assert (await merchant.refund(paid, "R00015", 2000)).json()["status"] == "CLOSED"
    assert (await merchant.refund(paid, "R00016", 2000)).status_code == 200
