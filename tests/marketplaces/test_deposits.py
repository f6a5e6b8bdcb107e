"""Milk of a marketplace that needs a box: the box is hung up, no deposit is asked, and that shows."""

from typing import Any

import httpx
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.identity.models import Role
from app.orders.models import Deposit
from tests.factories.marketplaces import Market, our_order, pushed
from tests.factories.world import World, once
from tests.fixtures.application import SetClock
from tests.fixtures.invariants import assert_invariants
from tests.orders.test_deposits import BOTTLE_FEN, BOX_FEN, ask_deposits


async def test_a_marketplace_order_waits_for_its_box_and_asks_no_deposit(
    client: httpx.AsyncClient,
    market: Market,
    world: World,
    session: AsyncSession,
    clock: SetClock,
    drain_jobs: Any,
) -> None:
    await ask_deposits(session, world, bottles=True)
    await market.open_shop()
    await market.push(pushed("T1"))
    await drain_jobs()
    order = await our_order(session, "T1")
    assert (order.status, order.price_fen, order.deposit_fen) == ("delivering", 9000, 0)
    noted = list(await session.scalars(select(Deposit).order_by(Deposit.kind)))
    assert [(one.kind, one.amount_fen, one.state, one.reason) for one in noted] == [
        ("bottles", BOTTLE_FEN, "not_asked", "平台订单不收押金"),
        ("box", BOX_FEN, "not_asked", "平台订单不收押金"),
    ]
    listed = await market.get("/deposits", Role.FINANCE, state="not_asked")
    assert {one["state_label"] for one in listed["items"]} == {"平台订单，不收"}
    manager = world.staff[Role.STATION_MANAGER].headers
    [box] = (await client.get("/box-installations", headers=manager)).json()["items"]
    await assert_invariants(session, clock.now())

    refused = await client.post(
        f"/deposits/{listed['items'][0]['id']}/return",
        json={},
        headers=world.staff[Role.FINANCE].headers | once(),
    )
    assert (refused.status_code, refused.json()["code"]) == (409, "move_not_allowed")
    hung = await client.post(
        f"/box-installations/{box['id']}/done", json={}, headers=manager | once()
    )
    assert hung.status_code == 201, hung.text
    await market.push(pushed("T2"))
    await drain_jobs()
    kinds = [one.kind for one in await session.scalars(select(Deposit))]
    assert sorted(kinds) == ["bottles", "bottles", "box"], "a box that hangs is not noted again"
    await assert_invariants(session, clock.now())
