"""An ERP pushes orders: genuine ones once, forged, late, altered and replayed ones not at all."""

import time
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.billing.models import LedgerTransfer, Payment
from app.identity.models import Role
from app.marketplaces.models import ExternalOrder, PushNonce
from app.marketplaces.service.sealing import open_raw
from app.orders.models import Order, OrderLine
from tests.factories.marketplaces import (
    SECRET,
    SHOP,
    Market,
    our_order,
    outside,
    pushed,
)
from tests.fixtures.application import SetClock
from tests.fixtures.invariants import assert_invariants


async def counted(session: AsyncSession) -> tuple[int, int]:
    orders = await session.scalar(select(func.count()).select_from(ExternalOrder))
    nonces = await session.scalar(select(func.count()).select_from(PushNonce))
    return orders or 0, nonces or 0


async def test_a_whole_order_is_placed_paid_and_reviewed(
    market: Market, session: AsyncSession, clock: SetClock, drain_jobs: Any
) -> None:
    await market.open_shop()
    told = await market.push(pushed("T1", gift_wrap={"colour": "红"}, channel_no="抖音"))
    assert told == {"new": 1, "updated": 0, "known": 0, "refunds": 0}
    await drain_jobs()
    story = await market.one("T1")
    assert [move["to_state"] for move in story["moves"]] == ["received", "mapped", "placed"]
    assert (story["label"], story["way"], story["receiver"]) == ("已下单", "push", "李**")
    assert story["receiver_phone"] == "137****0001"

    order = await our_order(session, "T1")
    assert (order.status, order.source, order.confirmation) == ("delivering", "tmall", "online")
    assert (order.price_fen, order.agreed_through) == (9000, "marketplace")
    assert story["order"]["block"] == "ST01-01"
    assert story["order"]["deliverer_name"] == "送奶员1"
    line = (await session.scalars(select(OrderLine))).one()
    assert (line.bottles_bought, line.paid_fen, line.unit_price_fen) == (30, 9000, 350)
    payment = (await session.scalars(select(Payment))).one()
    assert (payment.channel, payment.status, payment.captured_fen) == (
        "marketplace",
        "captured",
        9000,
    )
    booked = (await session.scalars(select(LedgerTransfer))).one()
    assert (booked.debit_account, booked.credit_account) == (f"marketplace:tmall:{SHOP}", "prepaid")
    raw = open_raw(await outside(session, "T1"))
    assert raw["gift_wrap"] == {"colour": "红"}, "fields nobody knows are kept"
    await assert_invariants(session, clock.now())
    rate = await market.get("/kpi?from=2026-03-15&to=2026-03-15")
    internet = next(one for one in rate["items"] if one["key"] == "internet_rate")
    assert (internet["numerator"], internet["denominator"]) == (1, 1)
    assert internet["beside"]["by_source"] == {"tmall": 1}


async def test_the_same_order_again_is_known(
    market: Market, session: AsyncSession, drain_jobs: Any
) -> None:
    await market.open_shop()
    await market.push(pushed("T1"), pushed("T1"))
    await drain_jobs()
    assert (await market.push(pushed("T1")))["known"] == 1
    newer = pushed("T1", modified_at="2026-03-15T08:00:00+08:00")
    assert (await market.push(newer))["updated"] == 1
    await drain_jobs()
    assert await session.scalar(select(func.count()).select_from(Order)) == 1
    assert await session.scalar(select(func.count()).select_from(Payment)) == 1


FORGERIES: dict[str, tuple[dict[str, Any], int, str]] = {
    "forged": ({"secret": "x" * 40}, 401, "push_signature_wrong"),
    "altered": ({"altered": b'{"orders":[]}'}, 401, "push_signature_wrong"),
    "late": ({"timestamp": -301}, 401, "push_timestamp_out_of_range"),
    "early": ({"timestamp": 310}, 401, "push_timestamp_out_of_range"),
    "short nonce": ({"nonce": "abc"}, 401, "push_signature_missing"),
    "unknown shop": ({"shop": "nobody"}, 404, "shop_not_found"),
}


@pytest.mark.parametrize("name", FORGERIES)
async def test_what_is_not_genuine_leaves_nothing(
    market: Market, session: AsyncSession, name: str
) -> None:
    await market.open_shop()
    options, status, code = FORGERIES[name]
    if "timestamp" in options:
        options = {"timestamp": int(time.time()) + options["timestamp"]}
    answer = await market.send({"orders": [pushed("T1")]}, **options)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert await counted(session) == (0, 0)


async def test_a_replay_is_refused(market: Market, session: AsyncSession) -> None:
    await market.open_shop()
    nonce = "n" * 20
    await market.push(pushed("T1"), nonce=nonce)
    again = await market.send({"orders": [pushed("T1")]}, nonce=nonce)
    assert (again.status_code, again.json()["code"]) == (409, "push_replayed")
    other = await market.send({"orders": [pushed("T2")]}, nonce=nonce)
    assert other.json()["code"] == "push_replayed"
    assert await counted(session) == (1, 1)


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b'{"orders": [{}]}',
        b'{"orders": "x"}',
        b"\xff\xfe",
        b"[" * 100_000,
    ],
)
async def test_a_signed_push_that_says_nothing_is_malformed(
    market: Market, session: AsyncSession, body: bytes
) -> None:
    await market.open_shop()
    answer = await market.send(body)
    assert (answer.status_code, answer.json()["code"]) == (422, "push_malformed")
    assert await counted(session) == (0, 0), "the nonce may be used for the mended one"


async def test_a_shop_without_a_secret_takes_no_push(
    market: Market, client: httpx.AsyncClient
) -> None:
    await market.open_shop()
    changed = await client.patch(
        f"/marketplaces/shops/{SHOP}",
        json={"is_active": False},
        headers=market.headers(Role.MANAGER),
    )
    assert changed.status_code == 200
    answer = await market.send({"orders": [pushed("T1")]})
    assert (answer.status_code, answer.json()["code"]) == (404, "shop_not_found")
    assert SECRET not in answer.text


async def test_a_number_of_another_shop_is_refused_whole(
    market: Market, session: AsyncSession
) -> None:
    await market.open_shop()
    await market.open_shop(code="tmall-second")
    await market.push(pushed("T1"))
    answer = await market.send({"orders": [pushed("T1"), pushed("T2")]}, shop="tmall-second")
    assert (answer.status_code, answer.json()["code"]) == (409, "outside_number_of_another_shop")
    assert await counted(session) == (1, 1)
