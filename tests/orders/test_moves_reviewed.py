"""The review of a move: a reviewer names the block, turns it down, or it is taken back first."""

from typing import Any
from uuid import UUID

import httpx

from app.core.db import Database
from app.core.ids import public_pair, public_single
from app.identity.models import Role
from tests.factories import orders
from tests.factories.world import MORNING, World, once
from tests.fixtures.application import SetClock
from tests.orders.conftest import Deliver
from tests.orders.test_changes import apply, preview
from tests.orders.test_kinds_of_change import DAY, Json, iso, on, terms_of, undo
from tests.orders.test_moves import doors, far, hold_true, move, new_address, refused, told

__all__ = ["far"]


async def decide(
    client: httpx.AsyncClient, world: World, order: Json, **said: Any
) -> httpx.Response:
    return await client.post(
        f"/orders/{order['id']}/review",
        json=said,
        headers=world.staff[Role.REVIEWER].headers | once(),
    )


async def queue(client: httpx.AsyncClient, world: World) -> list[Json]:
    answer = await client.get("/reviews", headers=world.staff[Role.REVIEWER].headers)
    items: list[Json] = answer.json()["items"]
    return items


async def test_an_unclear_address_waits_for_a_reviewer_who_names_the_block(
    client: httpx.AsyncClient,
    world: World,
    paid_order: Deliver,
    far: tuple[UUID, UUID],
    database: Database,
    clock: SetClock,
) -> None:
    order = await paid_order(bottles=6)
    old = order["address_id"]
    new = await new_address(client, world, compound="", street="漕溪北路", house_no="")
    shown = (await preview(client, order, world, kind="move", address_id=new)).json()
    assert (shown["review"], shown["lines"]) == ("unclear", [])
    receipt = await move(client, world, order, new, from_date=on(2))
    assert (receipt["status"], receipt["undoable"]) == ("under_review", True)
    assert set((await doors(database, order)).values()) == {old}
    assert (await told(database))[-1] == "move_under_review"
    assert (await refused(client, world, order, new))["code"] == "move_waiting"

    (item,) = await queue(client, world)
    assert (item["order_id"], item["change_id"]) == (order["id"], receipt["id"])
    assert item["street"] == "漕溪北路", "the building that is asked about"
    other = public_pair("chg", world.household.customer_id, UUID(int=1))
    block = public_single("blk", far[1])
    missed = await decide(client, world, order, decision="approve", block_id=block, change_id=other)
    assert (missed.status_code, missed.json()["code"]) == (409, "no_review_waiting")
    clock.set(MORNING + DAY * 2)
    done = await decide(
        client, world, order, decision="approve", block_id=block, change_id=receipt["id"]
    )
    assert done.status_code == 201, done.text
    assert done.json()["next_address"] == {"address_id": new, "from_date": iso(3)}
    assert await doors(database, order) == {1: old, 2: old} | dict.fromkeys(range(3, 7), new)
    assert (await told(database))[-1] == "move_confirmed"
    assert await queue(client, world) == []
    again = await decide(client, world, order, decision="approve", block_id=block)
    assert (again.status_code, again.json()["code"]) == (409, "no_review_waiting")
    await hold_true(database)


async def test_a_rejected_move_leaves_everything_as_it_is(
    client: httpx.AsyncClient,
    world: World,
    paid_order: Deliver,
    far: tuple[UUID, UUID],
    database: Database,
) -> None:
    order = await paid_order(bottles=4)
    before = await terms_of(database, order)
    outside = await new_address(client, world, compound="远郊新村")
    turned_down = await move(client, world, order, outside)
    assert turned_down["status"] == "rejected"
    assert (await told(database))[-1] == "move_rejected"
    unclear = await new_address(client, world, compound="", street="漕溪北路", house_no="")
    await move(client, world, order, unclear)
    answer = await decide(client, world, order, decision="reject", reason="楼栋未交付")
    assert answer.status_code == 201, answer.text
    assert (await told(database)).count("move_rejected") == 2
    assert await terms_of(database, order) == before
    listed = await client.get(f"/orders/{order['id']}/changes", headers=world.household.headers)
    assert [one["status"] for one in listed.json()["items"]] == ["rejected", "rejected"]
    seen = await orders.read(client, order["id"], world.household)
    assert (seen["status"], seen["next_address"]) == ("delivering", None)
    await hold_true(database)


async def test_a_waiting_move_is_taken_back_and_asked_again(
    client: httpx.AsyncClient,
    world: World,
    paid_order: Deliver,
    far: tuple[UUID, UUID],
    database: Database,
) -> None:
    order = await paid_order(bottles=4)
    unclear = await new_address(client, world, compound="", street="漕溪北路", house_no="")
    asked = await preview(client, order, world, kind="move", address_id=unclear)
    receipt = await apply(client, order, world, asked.json()["token"])
    twice = await apply(client, order, world, asked.json()["token"])
    assert (twice.status_code, twice.json()["code"]) == (409, "preview_outdated")
    kept = await client.delete(f"/me/addresses/{unclear}", headers=world.household.headers)
    assert (kept.status_code, kept.json()["code"]) == (409, "address_in_use")
    undone = await undo(client, order, world, receipt.json()["id"])
    assert (undone.status_code, undone.json()["status"]) == (201, "undone")
    assert await queue(client, world) == []
    gone = await client.delete(f"/me/addresses/{unclear}", headers=world.household.headers)
    assert gone.status_code == 204, gone.text
    new = await new_address(client, world)
    assert (await move(client, world, order, new))["status"] == "applied"
    await hold_true(database)
