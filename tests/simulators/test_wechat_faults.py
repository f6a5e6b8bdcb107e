"""HTTP faults: what the caller meets, and what the platform did all the same."""

import httpx
import pytest

from simulators.channels.faults import FaultBox, FaultKind, FaultOrder
from simulators.channels.simulator import ChannelSimulator
from tests.simulators.serving import serving
from tests.simulators.support import Merchant, Shop


async def test_a_time_out_after_the_work_leaves_the_order_behind(
    merchant: Merchant, simulator: ChannelSimulator
) -> None:
    simulator.faults.arm(
        FaultOrder(kind=FaultKind.TIMEOUT_AFTER_COMMIT, count=1, endpoint="create")
    )
    with pytest.raises(httpx.ReadTimeout):
        await merchant.place("F00001")
    assert (await merchant.query("F00001"))["trade_state"] == "NOTPAY"
    assert (await merchant.place("F00001")).status_code == 200
    assert len(simulator.desk.store.list_orders()) == 1


@pytest.mark.parametrize(("after_commit", "orders"), [(False, 0), (True, 1)])
async def test_a_reset_strikes_before_or_after_the_work(
    merchant: Merchant, simulator: ChannelSimulator, after_commit: bool, orders: int
) -> None:
    simulator.faults.arm(
        FaultOrder(kind=FaultKind.CONNECTION_RESET, count=1, after_commit=after_commit)
    )
    with pytest.raises(httpx.ReadError):
        await merchant.place("F00002")
    assert len(simulator.desk.store.list_orders()) == orders


@pytest.mark.parametrize(("after_commit", "refunds"), [(False, 0), (True, 1)])
async def test_a_system_error_strikes_before_or_after_the_work(
    merchant: Merchant, simulator: ChannelSimulator, after_commit: bool, refunds: int
) -> None:
    await merchant.place("F00003")
    simulator.desk.pay("F00003")
    simulator.faults.arm(
        FaultOrder(
            kind=FaultKind.SYSTEM_ERROR, count=1, endpoint="refund", after_commit=after_commit
        )
    )
    answer = await merchant.refund("F00003", "FR0003", 500)
    assert (answer.status_code, answer.json()["code"]) == (500, "SYSTEM_ERROR")
    assert len(simulator.desk.store.list_refunds("F00003")) == refunds
    assert (await merchant.refund("F00003", "FR0003", 500)).status_code == 200
    assert len(simulator.desk.store.list_refunds("F00003")) == 1


async def test_the_rate_limit_does_no_work(merchant: Merchant, simulator: ChannelSimulator) -> None:
    fault = simulator.faults.arm(FaultOrder(kind=FaultKind.RATE_LIMIT))
    for _ in range(3):
        answer = await merchant.place("F00004")
        assert (answer.status_code, answer.json()["code"]) == (429, "FREQUENCY_LIMITED")
    assert simulator.desk.store.list_orders() == []
    assert fault.hits == 3
    simulator.faults.clear(fault.id)
    assert (await merchant.place("F00004")).status_code == 200


async def test_a_fault_can_be_aimed_at_one_order_or_refund(
    merchant: Merchant, simulator: ChannelSimulator
) -> None:
    for number in ("F00010", "FR0010"):
        simulator.faults.arm(FaultOrder(kind=FaultKind.SYSTEM_ERROR, reference=number))
    assert (await merchant.place("F00009")).status_code == 200
    assert (await merchant.place("F00010")).status_code == 500
    assert (await merchant.close("F00010")).status_code == 500
    simulator.desk.pay("F00009")
    assert (await merchant.refund("F00009", "FR0010", 1)).status_code == 500
    assert (await merchant.refund("F00009", "FR0009", 1)).status_code == 200


async def test_a_forged_request_does_not_use_up_a_fault(
    merchant: Merchant, client: httpx.AsyncClient, simulator: ChannelSimulator
) -> None:
    fault = simulator.faults.arm(FaultOrder(kind=FaultKind.SYSTEM_ERROR, count=1))
    headers = merchant.headers(merchant.authorization("GET", "/v3/other", ""))
    assert (await client.get("/v3/certificates", headers=headers)).status_code == 401
    assert fault.hits == 0


def test_faults_strike_where_and_as_often_as_ordered() -> None:
    box = FaultBox()
    box.arm(FaultOrder(kind=FaultKind.RATE_LIMIT, count=2, endpoint="refund"))
    box.arm(FaultOrder(kind=FaultKind.RATE_LIMIT, reference="X"))
    assert box.take(FaultKind.RATE_LIMIT, endpoint="create") is None
    assert box.take(FaultKind.SYSTEM_ERROR, endpoint="refund") is None
    strikes = [box.take(FaultKind.RATE_LIMIT, endpoint="refund") for _ in range(3)]
    assert [strike is not None for strike in strikes] == [True, True, False]
    assert box.take(FaultKind.RATE_LIMIT, reference="X") is not None
    assert [fault.hits for fault in box.all()] == [1]
    assert box.clear() == 1
    assert box.all() == []


async def test_over_real_sockets_the_answer_never_comes(merchant: Merchant, shop: Shop) -> None:
    async with (
        serving(merchant.credentials, shop) as (simulator, base_url),
        httpx.AsyncClient(base_url=base_url, timeout=10, trust_env=False) as client,
    ):
        assert (await place_at(client, merchant, "F00004")).status_code == 200
        simulator.faults.arm(FaultOrder(kind=FaultKind.TIMEOUT_AFTER_COMMIT, count=1))
        client.timeout = httpx.Timeout(10, read=1)
        with pytest.raises(httpx.ReadTimeout):
            await place_at(client, merchant, "F00005")
        assert simulator.desk.orders.get("F00005").state == "NOTPAY"


async def test_over_real_sockets_a_stalled_connection_is_dropped_in_the_end(
    merchant: Merchant, shop: Shop
) -> None:
    async with (
        serving(merchant.credentials, shop, stall_seconds=0.1) as (simulator, base_url),
        httpx.AsyncClient(base_url=base_url, timeout=10, trust_env=False) as client,
    ):
        simulator.faults.arm(FaultOrder(kind=FaultKind.TIMEOUT_AFTER_COMMIT, count=1))
        with pytest.raises(httpx.RemoteProtocolError):
            await place_at(client, merchant, "F00006")
        assert (await place_at(client, merchant, "F00006")).status_code == 200


async def test_over_real_sockets_the_connection_is_reset(merchant: Merchant, shop: Shop) -> None:
    async with (
        serving(merchant.credentials, shop) as (simulator, base_url),
        httpx.AsyncClient(base_url=base_url, timeout=10, trust_env=False) as client,
    ):
        simulator.faults.arm(FaultOrder(kind=FaultKind.CONNECTION_RESET, count=1))
        with pytest.raises(httpx.ReadError):
            await place_at(client, merchant, "F00007")
        assert simulator.desk.store.list_orders() == []
        assert (await place_at(client, merchant, "F00007")).status_code == 200


async def test_served_the_simulator_tells_a_payment_by_itself(
    merchant: Merchant, shop: Shop
) -> None:
    async with (
        serving(merchant.credentials, shop, time_scale=1000.0) as (_, base_url),
        httpx.AsyncClient(base_url=base_url, timeout=10, trust_env=False) as client,
    ):
        shop.answers = [(500, b"")]
        await place_at(client, merchant, "F00008")
        paid = await client.post("/control/wechat/orders/F00008/pay")
        assert paid.json()["trade_state"] == "SUCCESS"
        await shop.wait_for(2)
        assert len({got.json["id"] for got in shop.received}) == 1


async def place_at(
    client: httpx.AsyncClient, merchant: Merchant, out_trade_no: str
) -> httpx.Response:
    """Place an order at a served simulator."""
    base_url = str(client.base_url).rstrip("/")
    at = Merchant(client=client, credentials=merchant.credentials, base_url=base_url)
    return await at.place(out_trade_no)
