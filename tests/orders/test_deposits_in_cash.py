"""Deposits paid in cash: handed back in cash, out of a deliverer's hand or of the office's."""

import httpx
from sqlalchemy import select

from app.billing.models import Refund
from app.billing.service import post
from app.core.db import Database
from app.core.ids import new_id
from app.identity.models import Role
from app.orders.models import Order
from tests.factories.world import MORNING, World, once
from tests.orders.test_deposit_stories import PAPER, act, due_back, end_all, held, hold_true
from tests.orders.test_door_orders import door_order, send


async def door_deposit(client: httpx.AsyncClient, world: World, database: Database) -> str:
    """An order paid at the door with its deposit, brought to its end: what is due back."""
    body = door_order(world, amount_fen=13_500, deposit_fen=3_000)
    body |= {"address": body["address"] | {"compound": "梅陇一村", "street": "梅陇路"}}
    assert (await send(client, world, body)).status_code == 201
    assert await end_all(database) == 1
    return (await due_back(client, world.deliverer_staff[0]))["box"]


async def test_a_cash_deposit_is_handed_back_at_the_door_once(
    client: httpx.AsyncClient, database: Database, world: World
) -> None:
    deliverer = world.deliverer_staff[0]
    account = f"cash:{world.deliverers[0]}"
    deposit = await door_deposit(client, world, database)
    early = await act(client, deliverer, deposit, "paid-out", **PAPER)
    assert (early.status_code, early.json()["code"]) == (409, "move_not_allowed")
    assert await held(database, account) == -13_500
    assert (await act(client, deliverer, deposit, "return")).status_code == 201
    assert await held(database, "refund_payable") == 3_000
    paid = await act(client, deliverer, deposit, "paid-out", **PAPER)
    assert (paid.status_code, paid.json()["state"]) == (201, "returned"), paid.text
    assert await held(database, account) == -10_500
    assert [await held(database, one) for one in ("deposit", "refund_payable")] == [0, 0]
    for who in (deliverer, world.staff[Role.FINANCE]):
        again = await act(client, who, deposit, "paid-out", **PAPER)
        assert (again.status_code, again.json()["code"]) == (409, "move_not_allowed")
    assert await held(database, account) == -10_500
    listed = await client.get("/cash-held", headers=world.staff[Role.FINANCE].headers)
    assert [one["held_fen"] for one in listed.json()["items"]] == [10_500]
    async with database.transaction() as session:
        refund = (await session.scalars(select(Refund))).one()
        assert (refund.status, refund.to_origin) == ("succeeded", True)
        assert refund.settled_by == deliverer.account_id
    await hold_true(database)


async def test_who_holds_too_little_cash_leaves_it_to_the_station(
    client: httpx.AsyncClient, database: Database, world: World
) -> None:
    deposit = await door_deposit(client, world, database)
    account = f"cash:{world.deliverers[0]}"
    async with database.transaction() as session:
        order = (await session.scalars(select(Order))).one()
        await post(
            session,
            customer_id=order.customer_id,
            debit="cash:office",
            credit=account,
            amount_fen=11_000,
            cause="cash_handed_in",
            reference_id=order.order_id,
            source_id=new_id(),
            now=MORNING,
        )
    assert (await act(client, world.deliverer_staff[0], deposit, "return")).status_code == 201
    refused = await act(client, world.deliverer_staff[0], deposit, "paid-out", **PAPER)
    assert (refused.status_code, refused.json()["code"]) == (409, "cash_not_in_hand")
    assert await held(database, account) == -2_500
    assert await held(database, "refund_payable") == 3_000
    paid = await act(client, world.staff[Role.STATION_MANAGER], deposit, "paid-out", **PAPER)
    assert paid.status_code == 201, paid.text
    assert [await held(database, one) for one in (account, "cash:office")] == [-2_500, -8_000]
    await hold_true(database)


async def test_above_the_limit_cash_waits_for_a_second_person(
    client: httpx.AsyncClient, database: Database, world: World
) -> None:
    deposit = await door_deposit(client, world, database)
    limited = await client.put(
        "/refund-limits", json={"limit_fen": 2_999}, headers=world.staff[Role.MANAGER].headers
    )
    assert limited.status_code == 200, limited.text
    deliverer = world.deliverer_staff[0]
    assert (await act(client, deliverer, deposit, "return")).status_code == 201
    refused = await act(client, deliverer, deposit, "paid-out", **PAPER)
    assert (refused.status_code, refused.json()["code"]) == (409, "cash_above_limit")
    assert await held(database, "refund_payable") == 3_000
    [waiting] = (await client.get("/refunds", headers=world.staff[Role.FINANCE].headers)).json()[
        "items"
    ]
    approved = await client.post(
        f"/refunds/{waiting['id']}/approve", headers=world.staff[Role.FINANCE].headers | once()
    )
    assert approved.status_code == 200, approved.text
    assert (await act(client, deliverer, deposit, "paid-out", **PAPER)).status_code == 201
    await hold_true(database)
