"""Pulling a Tmall shop: signed, paged, overlapping; repeats, outages and races lose and double nothing."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.alerts import list_open_alerts
from app.core.db import Database
from app.core.outbound import OutcomeUnknown
from app.identity.models import Role
from app.marketplaces.channels.top import PAGE, TopAccount, TopClient
from app.marketplaces.channels.top_sign import sign
from app.marketplaces.models import ExternalOrder, PullCursor
from app.marketplaces.rules import OVERLAP
from app.marketplaces.service import process_order, reread_day
from app.marketplaces.states import Marketplace
from app.orders.models import Order
from simulators.channels.faults import FaultKind, FaultOrder
from simulators.channels.taobao.signing import expected_sign
from tests.factories.marketplaces import MONTH, Market, Taobao, live_market, our_order, outside
from tests.fixtures.application import SetClock
from tests.fixtures.invariants import assert_invariants

VECTOR = {
    "app_key": "12345678",
    "fields": "num_iid,title,nick,price,num",
    "format": "json",
    "method": "taobao.item.seller.get",
    "num_iid": "11223344",
    "session": "test",
    "timestamp": "2016-01-01 12:00:00",
    "v": "2.0",
}
SIGNED = {
    "md5": "66987CB115214E59E6EC978214934FB8",
    "hmac": "D56D7858309C31B6251083A874D48273",
    "hmac-sha256": "04DB15AD0774D5CFCE2C837DE43E3FCEA9011ED74F3038FB6AB5F3C4CEA119E8",
}


@pytest.mark.parametrize("method", SIGNED)
def test_both_sides_sign_as_the_platform_documents_it(method: str) -> None:
    parameters = VECTOR | {"sign_method": method}
    assert sign(parameters, secret="helloworld") == SIGNED[method]  # the document's
    assert expected_sign(parameters, secret="helloworld") == SIGNED[method]


async def cursor_of(session: AsyncSession) -> PullCursor:
    session.expire_all()
    return (await session.scalars(select(PullCursor))).one()


async def count(session: AsyncSession) -> int:
    return await session.scalar(select(func.count()).select_from(ExternalOrder)) or 0


async def test_a_masked_trade_is_pulled_claimed_and_delivered(
    market: Market, taobao: Taobao, session: AsyncSession, clock: SetClock, drain_jobs: Any
) -> None:
    await market.open_shop()
    shop_id = await taobao.connect(market)
    trade = taobao.simulator.taobao_shop.buy([MONTH], buyer_message="送奶员D002介绍的")
    assert await taobao.pull(shop_id)
    await drain_jobs()
    story = await market.one(trade.tid)
    assert (story["state"], story["way"], story["receiver_phone"]) == (
        "needs_address",
        "pull",
        "*******4471",
    )
    await market.post(f"/marketplace-orders/{story['id']}/claim-link", Role.SERVICE_AGENT)
    await market.claim(await market.claim_token(trade.tid))
    await drain_jobs()
    order = await our_order(session, trade.tid)
    assert (order.status, order.source, order.price_fen) == ("delivering", "tmall", 9000)
    assert order.deliverer_id == market.world.deliverers[1]

    taobao.simulator.taobao_shop.refund(trade.tid, 9000)
    assert await taobao.pull(shop_id)
    await drain_jobs()
    assert (await our_order(session, trade.tid)).status == "cancelled"
    await assert_invariants(session, clock.now())


async def test_pages_that_slide_and_trades_that_repeat_are_each_one_order(
    market: Market, taobao: Taobao, session: AsyncSession
) -> None:
    await market.open_shop()
    shop_id = await taobao.connect(market)
    bought = [taobao.simulator.taobao_shop.buy([MONTH]).tid for _ in range(PAGE + 3)]
    taobao.simulator.faults.arm(FaultOrder(kind=FaultKind.TAOBAO_REPEAT))
    assert await taobao.pull(shop_id)
    assert await taobao.pull(shop_id), "the overlap reads them again"
    numbers = set(await session.scalars(select(ExternalOrder.number)))
    assert numbers == set(bought)


@pytest.mark.parametrize(
    ("kind", "endpoint"),
    [
        (FaultKind.TAOBAO_DOWN, None),
        (FaultKind.RATE_LIMIT, "taobao.trade.fullinfo.get"),
        (FaultKind.CONNECTION_RESET, "taobao.refunds.receive.get"),
    ],
)
async def test_an_hour_s_outage_keeps_the_cursor_and_is_caught_up(
    market: Market,
    taobao: Taobao,
    session: AsyncSession,
    kind: FaultKind,
    endpoint: str | None,
) -> None:
    await market.open_shop()
    shop_id = await taobao.connect(market)
    start = (await cursor_of(session)).pulled_until
    taobao.simulator.faults.arm(FaultOrder(kind=kind, endpoint=endpoint))
    tids = []
    for minutes in (10, 35, 59):
        at = start + timedelta(minutes=minutes)
        tids.append(taobao.simulator.taobao_shop.buy([MONTH], at=at).tid)
        wall = start + timedelta(minutes=minutes + 1)
        assert not await taobao.pull(shop_id, wall=wall)
    stands = await cursor_of(session)
    assert (stands.failures, stands.leased_until) == (3, None)
    assert stands.pulled_until < start + timedelta(minutes=35)
    assert [alert.kind for alert in await list_open_alerts(session)] == ["marketplace_pull_failing"]
    (shown,) = (await market.get("/marketplaces/shops"))["items"]
    assert shown["failures"] == 3
    assert shown["failure"]

    taobao.simulator.faults.clear()
    assert await taobao.pull(shop_id, wall=start + timedelta(hours=1))
    assert set(await session.scalars(select(ExternalOrder.number))) == set(tids)
    caught = await cursor_of(session)
    assert (caught.failures, caught.pulled_until) == (0, start + timedelta(hours=1))
    assert await list_open_alerts(session) == []


async def test_a_trade_the_platform_lists_late_is_in_the_overlap(
    market: Market, taobao: Taobao, session: AsyncSession
) -> None:
    await market.open_shop()
    shop_id = await taobao.connect(market)
    start = (await cursor_of(session)).pulled_until
    assert await taobao.pull(shop_id, wall=start + timedelta(minutes=20))
    late = start + timedelta(minutes=20) - OVERLAP + timedelta(seconds=5)
    taobao.simulator.taobao_shop.buy([MONTH], at=late)
    assert await taobao.pull(shop_id, wall=start + timedelta(minutes=22))
    assert await count(session) == 1


async def test_a_forged_key_gets_nothing(taobao: Taobao) -> None:
    app = taobao.simulator.credentials.taobao
    for key, secret, session, code in (
        (app.app_key, "wrong", app.session, "25"),
        (app.app_key, app.app_secret, "wrong", "27"),
        ("11111111", app.app_secret, app.session, "29"),
    ):
        forged = TopClient(
            TopAccount(key, secret, session),
            http=taobao.http,
            base_url="http://127.0.0.1:8001/taobao/router/rest",
        )
        with pytest.raises(OutcomeUnknown, match=f"TOP: {code}"):
            await forged.changed(taobao.opened_at, taobao.opened_at + timedelta(minutes=1))


async def test_yesterday_is_read_again_whatever_the_cursor_says(
    market: Market, taobao: Taobao, session: AsyncSession, clock: SetClock
) -> None:
    await market.open_shop()
    shop_id = await taobao.connect(market)
    missed = taobao.opened_at - timedelta(hours=30)
    taobao.simulator.taobao_shop.buy([MONTH], at=missed)
    assert await taobao.pull(shop_id)
    assert await count(session) == 0
    before = (await cursor_of(session)).pulled_until
    read = await reread_day(
        taobao.database,
        shop_id=shop_id,
        start=missed - timedelta(hours=1),
        now=clock.now(),
        source=taobao.client,
    )
    assert (read, await count(session)) == (48, 1)
    assert (await cursor_of(session)).pulled_until == before


async def test_what_cannot_be_read_or_was_never_paid_is_left_out(
    market: Market, taobao: Taobao, session: AsyncSession
) -> None:
    await market.open_shop()
    shop_id = await taobao.connect(market)
    shop = taobao.simulator.taobao_shop
    shop.buy([MONTH]).status = "WAIT_BUYER_PAY"
    shop.buy([MONTH]).positions = []
    good = shop.buy([MONTH])
    assert await taobao.pull(shop_id)
    assert (await outside(session, good.tid)).paid_fen == 9000
    assert await count(session) == 1


async def test_a_killed_process_goes_on_where_it_stood(
    market: Market,
    taobao: Taobao,
    session: AsyncSession,
    database: Database,
    clock: SetClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await market.open_shop()
    shop_id = await taobao.connect(market)
    whole = {
        "receiver_name": "韩梅梅",
        "receiver_mobile": "13712340002",
        "receiver_city": "上海市",
        "receiver_district": "徐汇区",
        "receiver_address": "梅陇一村12号302室",
    }
    trade = taobao.simulator.taobao_shop.buy([MONTH], receiver=whole)
    assert await taobao.pull(shop_id)
    key = (Marketplace.TMALL, trade.tid)

    class Killed(BaseException):
        pass

    async def killed(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr("app.marketplaces.service.placing.place_paid_order", killed)
        with pytest.raises(Killed):
            await process_order(database, key, now=clock.now())
    assert (await outside(session, trade.tid)).state == "mapped"
    assert await session.scalar(select(func.count()).select_from(Order)) == 0
    await process_order(database, key, now=clock.now())
    await process_order(database, key, now=clock.now())
    assert (await outside(session, trade.tid)).state == "placed"
    assert await session.scalar(select(func.count()).select_from(Order)) == 1


async def test_two_pulls_at_once_write_each_order_once(
    live_database: Database, clock: SetClock, tmp_path: Any
) -> None:
    async with live_market(live_database, clock, tmp_path) as (market, taobao):
        await market.open_shop()
        shop_id = await taobao.connect(market)
        for _ in range(5):
            taobao.simulator.taobao_shop.buy([MONTH])
        ran = await asyncio.gather(*(taobao.pull(shop_id) for _ in range(3)))
        assert any(ran)
        async with live_database.transaction() as session:
            assert await count(session) == 5
            assert (await cursor_of(session)).leased_until is None
