"""A change that has not begun is taken back exactly, unless something stands on it."""

from datetime import timedelta

import httpx

from app.core.db import Database
from app.core.ids import public_single
from tests.factories import orders
from tests.factories.world import MORNING, World, once
from tests.fixtures.application import SetClock
from tests.fixtures.invariants import assert_invariants
from tests.orders.conftest import Deliver
from tests.orders.test_changes import apply, preview
from tests.orders.test_kinds_of_change import (
    DAY,
    Json,
    bottles,
    cheap_yogurt,
    iso,
    on,
    terms_of,
    undo,
)


async def test_every_kind_is_undone_exactly(
    client: httpx.AsyncClient, world: World, paid_order: Deliver, database: Database
) -> None:
    await cheap_yogurt(database, world)
    order = await paid_order(bottles=8)
    await orders.change(client, order["id"], world.household, kind="skip", date=on(4))
    before = await terms_of(database, order)
    kinds: list[Json] = [
        {"kind": "skip", "date": iso(2)},
        {"kind": "pause", "from_date": iso(2), "until_date": iso(3)},
        {"kind": "pause", "from_date": iso(2)},
        {"kind": "resume", "from_date": iso(2)},
        {"kind": "one_day_quantity", "date": iso(2), "quantity": 2},
        {
            "kind": "one_day_product",
            "date": iso(2),
            "product_id": public_single("prd", world.yogurt_id),
        },
        {"kind": "change_quantity", "from_date": iso(3), "quantity": 2},
        {
            "kind": "change_pattern",
            "pattern": {"kind": "every_days", "interval_days": 3, "quantity": 1},
        },
        {
            "kind": "change_pattern",
            "pattern": {"kind": "dates", "dates": [{"date": iso(9), "quantity": 3}]},
        },
    ]
    for wanted in kinds:
        receipt = await orders.change(client, order["id"], world.household, **wanted)
        assert await terms_of(database, order) != before, wanted
        answer = await undo(client, order, world, receipt["id"])
        assert answer.status_code == 201, (wanted, answer.text)
        assert await terms_of(database, order) == before, wanted
    listed = await client.get(f"/orders/{order['id']}/changes", headers=world.household.headers)
    assert [one["status"] for one in listed.json()["items"]] == ["applied"] + ["undone"] * 9
    async with database.transaction() as session:
        await assert_invariants(session, MORNING)


async def test_what_something_stands_on_is_not_undone(
    client: httpx.AsyncClient,
    world: World,
    paid_order: Deliver,
    database: Database,
    clock: SetClock,
) -> None:
    order = await paid_order(bottles=8)
    first = await orders.change(client, order["id"], world.household, kind="skip", date=on(2))
    second = await orders.change(client, order["id"], world.household, kind="skip", date=on(4))
    before = await terms_of(database, order)
    refused = await undo(client, order, world, first["id"])
    assert (refused.status_code, refused.json()["code"]) == (409, "change_built_upon")
    clock.set(MORNING + DAY * 3 + timedelta(hours=7))
    late = await undo(client, order, world, second["id"])
    assert (late.status_code, late.json()["code"]) == (409, "undo_too_late")
    assert await terms_of(database, order) == before
    foreign = await paid_order(bottles=2)
    lost = await undo(client, foreign, world, second["id"])
    assert (lost.status_code, lost.json()["code"]) == (404, "change_not_found")


async def test_a_second_household_undoes_nothing(
    client: httpx.AsyncClient, world: World, paid_order: Deliver, database: Database
) -> None:
    order = await paid_order(bottles=5)
    shown = await preview(client, order, world, kind="skip", date=iso(2))
    done = await apply(client, order, world, shown.json()["token"])
    async with database.transaction() as session:
        other = await world.add_household(session)
    answer = await client.post(
        f"/orders/{order['id']}/changes/{done.json()['id']}/undo", headers=other.headers | once()
    )
    assert answer.status_code == 404
    assert 2 not in await bottles(database, order)
