"""A move to a door without a milk box: the old door is served until the box hangs."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import select

from app.core.db import Database
from app.core.ids import public_single, read_pair
from app.identity.models import Role
from app.orders.changes.paying import sweep_changes
from app.orders.models import BoxInstallation, Deposit
from tests.factories import orders
from tests.factories.world import MORNING, StaffMember, World, once
from tests.fixtures.application import SetClock
from tests.orders.conftest import Deliver
from tests.orders.test_deposit_stories import (
    act,
    boxed,
    due_back,
    end_all,
    hold_true,
    states_of,
)
from tests.orders.test_deposits import hang, open_boxes
from tests.orders.test_kinds_of_change import undo
from tests.orders.test_moves import doors, far, move, new_address, told
from tests.orders.test_moves_reviewed import decide

__all__ = ["boxed", "far"]


@pytest.fixture
async def there(database: Database, boxed: World, far: tuple[UUID, UUID]) -> StaffMember:
    """The manager of the station the household moves to."""
    async with database.transaction() as session:
        return await boxed.add_staff(session, Role.STATION_MANAGER, station_id=far[0])


async def begun(client: httpx.AsyncClient, world: World, paid_order: Deliver) -> dict[str, Any]:
    """An order whose box hangs at the first door."""
    order = await paid_order(bottles=5)
    [box] = await open_boxes(client, world)
    assert (await hang(client, world, box["id"])).status_code == 201
    return order


async def boxes_of(client: httpx.AsyncClient, who: StaffMember) -> list[dict[str, Any]]:
    answer = await client.get("/box-installations", headers=who.headers)
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


async def status_of(
    client: httpx.AsyncClient, world: World, order: dict[str, Any], change: str
) -> str:
    answer = await client.get(f"/orders/{order['id']}/changes", headers=world.household.headers)
    (found,) = [one for one in answer.json()["items"] if one["id"] == change]
    return str(found["status"])


async def deposits_at(database: Database) -> set[UUID]:
    async with database.transaction() as session:
        return set(await session.scalars(select(Deposit.address_id)))


async def done(
    client: httpx.AsyncClient, who: StaffMember, box: str, named: str = "done"
) -> httpx.Response:
    return await client.post(
        f"/box-installations/{box}/{named}", json={}, headers=who.headers | once()
    )


async def test_the_old_door_is_served_until_the_box_of_the_new_one_hangs(
    client: httpx.AsyncClient,
    database: Database,
    boxed: World,
    there: StaffMember,
    paid_order: Deliver,
    clock: SetClock,
) -> None:
    order = await begun(client, boxed, paid_order)
    old, new = order["address_id"], await new_address(client, boxed)
    receipt = await move(client, boxed, order, new)
    assert (receipt["status"], receipt["status_label"], receipt["undoable"]) == (
        "awaiting_box",
        "等待安装奶箱",
        True,
    )
    assert await doors(database, order) == dict.fromkeys(range(1, 6), old)
    assert (await told(database))[-1] == "move_awaits_box"
    assert await boxes_of(client, boxed.staff[Role.STATION_MANAGER]) == []
    [box] = await boxes_of(client, there)
    again = await client.post(
        f"/orders/{order['id']}/changes/preview",
        json={"kind": "move", "address_id": new},
        headers=boxed.household.headers,
    )
    assert (again.status_code, again.json()["code"]) == (409, "move_waiting")

    clock.set(MORNING + timedelta(days=1))
    hung = await done(client, there, box["id"])
    assert hung.status_code == 201, hung.text
    assert await doors(database, order) == {1: old, 2: new, 3: new, 4: new, 5: new}
    assert await status_of(client, boxed, order, receipt["id"]) == "applied"
    assert (await told(database))[-1] == "move_confirmed"
    assert await deposits_at(database) == {read_pair("adr", new)[1]}
    await hold_true(database)

    assert (await done(client, there, box["id"], "undo")).status_code == 201
    assert await status_of(client, boxed, order, receipt["id"]) == "awaiting_box"
    assert await doors(database, order) == dict.fromkeys(range(1, 6), old)
    assert await deposits_at(database) == {read_pair("adr", old)[1]}
    assert (await done(client, there, box["id"])).status_code == 201
    assert await doors(database, order) == {1: old, 2: new, 3: new, 4: new, 5: new}
    await hold_true(database)

    assert await end_all(database) == 1
    assert await states_of(client, order, boxed.household) == {"due_back"}
    assert await due_back(client, boxed.staff[Role.STATION_MANAGER]) == {}
    deposit = (await due_back(client, there))["box"]
    assert (await act(client, there, deposit, "return")).status_code == 201
    async with database.transaction() as session:
        states = dict(
            (await session.execute(select(BoxInstallation.address_id, BoxInstallation.state))).all()
        )
    assert states == {read_pair("adr", old)[1]: "done", read_pair("adr", new)[1]: "removed"}
    await hold_true(database)


async def test_a_box_that_was_left_behind_is_taken_down(
    client: httpx.AsyncClient,
    database: Database,
    boxed: World,
    there: StaffMember,
    paid_order: Deliver,
    clock: SetClock,
) -> None:
    order = await paid_order(bottles=5)
    here = boxed.staff[Role.STATION_MANAGER]
    [left] = await boxes_of(client, here)
    assert (await done(client, here, left["id"], "removed")).json()["code"] == "move_not_allowed"
    assert (await done(client, here, left["id"])).status_code == 201
    used = await done(client, here, left["id"], "removed")
    assert (used.status_code, used.json()["code"]) == (409, "box_in_use")
    receipt = await move(client, boxed, order, await new_address(client, boxed))
    [box] = await boxes_of(client, there)
    assert (await done(client, there, box["id"])).status_code == 201
    assert (await done(client, there, left["id"], "removed")).status_code == 404
    taken = await undo(client, order, boxed, receipt["id"])
    assert taken.status_code == 201, taken.text
    assert await deposits_at(database) == {read_pair("adr", order["address_id"])[1]}
    assert (await done(client, there, box["id"], "removed")).json()["state_label"] == "已收回"
    assert await end_all(database) == 1
    kept = await done(client, here, left["id"], "removed")
    assert (kept.status_code, kept.json()["code"]) == (409, "box_has_deposit")
    await hold_true(database)


async def test_a_move_that_waits_for_its_box_is_taken_back_with_it(
    client: httpx.AsyncClient,
    database: Database,
    boxed: World,
    there: StaffMember,
    paid_order: Deliver,
) -> None:
    order = await begun(client, boxed, paid_order)
    old, new = order["address_id"], await new_address(client, boxed)
    receipt = await move(client, boxed, order, new)
    [box] = await boxes_of(client, there)
    taken = await undo(client, order, boxed, receipt["id"])
    assert (taken.status_code, taken.json()["status"]) == (201, "undone")
    assert await boxes_of(client, there) == []
    late = await done(client, there, box["id"])
    assert (late.status_code, late.json()["code"]) == (409, "move_not_allowed")
    assert set((await doors(database, order)).values()) == {old}
    assert await deposits_at(database) == {read_pair("adr", old)[1]}
    await hold_true(database)


async def test_an_order_that_ends_takes_its_waiting_move_and_box_along(
    client: httpx.AsyncClient,
    database: Database,
    boxed: World,
    there: StaffMember,
    paid_order: Deliver,
) -> None:
    order = await begun(client, boxed, paid_order)
    receipt = await move(client, boxed, order, await new_address(client, boxed))
    await orders.change(client, order["id"], boxed.household, kind="cancel", reason="不喝了")
    async with database.transaction() as session:
        await sweep_changes(session, now=MORNING)
    assert await status_of(client, boxed, order, receipt["id"]) == "expired"
    assert await boxes_of(client, there) == []
    assert set(await due_back(client, boxed.staff[Role.STATION_MANAGER])) == {"box", "bottles"}
    await hold_true(database)


async def test_a_reviewed_move_waits_for_its_box_too(
    client: httpx.AsyncClient,
    database: Database,
    boxed: World,
    there: StaffMember,
    far: tuple[UUID, UUID],
    paid_order: Deliver,
) -> None:
    order = await begun(client, boxed, paid_order)
    unclear = await new_address(client, boxed, compound="不详小区", street="漕溪北路", house_no="")
    receipt = await move(client, boxed, order, unclear)
    assert receipt["status"] == "under_review"
    assert await boxes_of(client, there) == []
    decided = await decide(
        client, boxed, order, decision="approve", block_id=public_single("blk", far[1])
    )
    assert decided.status_code == 201, decided.text
    assert await status_of(client, boxed, order, receipt["id"]) == "awaiting_box"
    [box] = await boxes_of(client, there)
    assert (await done(client, there, box["id"])).status_code == 201
    assert set((await doors(database, order)).values()) == {unclear}
    await hold_true(database)


async def test_where_a_box_hangs_already_the_deposit_left_behind_is_due_back(
    client: httpx.AsyncClient,
    database: Database,
    boxed: World,
    there: StaffMember,
    paid_order: Deliver,
) -> None:
    order = await begun(client, boxed, paid_order)
    new = await new_address(client, boxed)
    second_door = replace(boxed.household, address_id=read_pair("adr", new)[1])
    second = await paid_order(second_door, bottles=5)
    assert {one["state"] for one in second["deposits"]} == {"held"}
    [box] = await boxes_of(client, there)
    assert (await done(client, there, box["id"])).status_code == 201
    receipt = await move(client, boxed, order, new)
    assert receipt["status"] == "applied"
    assert await states_of(client, order, boxed.household) == {"due_back"}
    assert await states_of(client, second, boxed.household) == {"held"}
    await hold_true(database)
    taken = await undo(client, order, boxed, receipt["id"])
    assert taken.status_code == 201, taken.text
    for one in (order, second):
        assert await states_of(client, one, boxed.household) == {"held"}
    await hold_true(database)
