"""Move: milk goes to another address from a day on, once that address is reviewed (S1 4.2.5)."""

from datetime import date, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import select, text, update

from app.core.db import Database
from app.core.ids import public_pair, read_pair
from app.delivery.models import Delivery, PickingTotal, RouteSheet, Stop
from app.delivery.service import plan_day
from app.network.models import City, PlanDay, PlanDayState
from app.network.service import freeze_days
from app.notifications.models import SmsMessage
from app.orders.models import OrderReview
from app.orders.repository import list_terms
from tests.factories import network, orders
from tests.factories.world import MORNING, TODAY, World, once
from tests.fixtures.application import SetClock
from tests.fixtures.invariants import assert_invariants
from tests.fixtures.payments import Payments
from tests.orders.conftest import Deliver
from tests.orders.test_changes import Drain, preview
from tests.orders.test_kinds_of_change import DAY, Json, bottles, iso, on, terms_of, undo
from tests.orders.test_renewals import renew

FAR = "双界花园"
"""A compound of the second station."""


@pytest.fixture
async def far(database: Database, world: World) -> tuple[UUID, UUID]:
    """Another station of the city with one block: (station, block)."""
    async with database.transaction() as session:
        station_id = await network.add_station(session, code="ST02", days=119)
        block_id = await network.add_block(session, station_id=station_id, code="ST02-01")
        await network.add_rule(session, block_id, district="徐汇区", compound=FAR)
    return station_id, block_id


async def new_address(client: httpx.AsyncClient, world: World, **said: Any) -> str:
    body = {
        "city_code": "310000",
        "district": "徐汇区",
        "compound": FAR,
        "house_no": "3号",
        "door": "502室",
        "recipient": "王女士",
        "phone": world.household.phone,
    }
    answer = await client.post(
        "/me/addresses", json=body | said, headers=world.household.headers | once()
    )
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def move(client: httpx.AsyncClient, world: World, order: Json, to: str, **said: Any) -> Json:
    return await orders.change(
        client, order["id"], world.household, kind="move", address_id=to, **said
    )


async def refused(
    client: httpx.AsyncClient, world: World, order: Json, to: str, **said: Any
) -> Json:
    answer = await preview(client, order, world, kind="move", address_id=to, **said)
    assert answer.status_code >= 400, answer.text
    found: Json = answer.json()
    return found


async def doors(database: Database, order: Json) -> dict[int, str]:
    """Days from today -> the address that the order's only line is brought to."""
    key = read_pair("lin", order["lines"][0]["id"])
    async with database.transaction() as session:
        terms = (await list_terms(session, [key]))[key[1]]
    return {
        (day - TODAY).days: public_pair("adr", key[0], term.address_id)
        for term in terms
        for day, _ in term.deliveries()
    }


async def told(database: Database) -> list[str]:
    async with database.transaction() as session:
        return list(
            await session.scalars(select(SmsMessage.template).order_by(SmsMessage.message_id))
        )


async def hold_true(database: Database) -> None:
    async with database.transaction() as session:
        await assert_invariants(session, MORNING)


async def test_a_covered_address_is_approved_at_once_and_the_old_one_served_until_then(
    client: httpx.AsyncClient,
    world: World,
    paid_order: Deliver,
    far: tuple[UUID, UUID],
    database: Database,
) -> None:
    order = await paid_order(bottles=5)
    old, new = order["address_id"], await new_address(client, world)
    shown = (await preview(client, order, world, kind="move", address_id=new)).json()
    assert (shown["review"], shown["effective_date"], shown["first_possible_date"]) == (
        "covered",
        iso(1),
        iso(1),
    )
    receipt = await move(client, world, order, new, from_date=on(3))
    assert (receipt["status"], receipt["effective_date"], receipt["address_id"]) == (
        "applied",
        iso(3),
        new,
    )
    assert await bottles(database, order) == {1: 1, 2: 1, 3: 1, 4: 1, 5: 1}, "no day changes"
    assert await doors(database, order) == {1: old, 2: old, 3: new, 4: new, 5: new}
    seen = await orders.read(client, order["id"], world.household)
    assert seen["address_id"] == old
    assert seen["next_address"] == {"address_id": new, "from_date": iso(3)}
    assert (await told(database))[-1] == "move_confirmed"
    assert (await refused(client, world, order, new))["code"] == "move_ahead"
    async with database.transaction() as session:
        review = await session.scalar(select(OrderReview).where(OrderReview.change_id.is_not(None)))
        assert review is not None
        assert (review.verdict, review.decision, review.decided_by) == (
            "covered",
            "approved",
            "system",
        )
    await hold_true(database)


async def test_the_plan_goes_to_the_other_station_from_that_day_on(
    client: httpx.AsyncClient,
    world: World,
    paid_order: Deliver,
    far: tuple[UUID, UUID],
    database: Database,
    clock: SetClock,
) -> None:
    order = await paid_order(bottles=5)
    new = await new_address(client, world)
    clock.set(MORNING + timedelta(hours=7))
    async with database.transaction() as session:
        await freeze_days(session, now=clock.now())
    for station in (world.station_id, far[0]):
        await plan(database, station, on(1), clock)
    receipt = await move(client, world, order, new)
    assert receipt["effective_date"] == iso(2), "tomorrow is frozen and stays where it is"
    clock.set(MORNING + DAY + timedelta(hours=7))
    async with database.transaction() as session:
        await freeze_days(session, now=clock.now())
    for station in (world.station_id, far[0]):
        await plan(database, station, on(2), clock)
    async with database.transaction() as session:
        found = {
            row.service_date: (row.station_id, row.block_id)
            for row in await session.scalars(select(Delivery))
        }
        assert found == {on(1): (world.station_id, world.blocks[0]), on(2): far}
        for table in (Stop, RouteSheet, PickingTotal):
            rows = await session.scalars(
                select(table.station_id).where(table.service_date == on(2))
            )
            assert list(rows) == [far[0]]
    await hold_true(database)


async def plan(database: Database, station_id: UUID, day: date, clock: SetClock) -> None:
    async with database.transaction() as session:
        await plan_day(session, stations=[station_id], service_date=day, now=clock.now())


async def test_moves_that_are_refused(
    client: httpx.AsyncClient,
    world: World,
    paid_order: Deliver,
    far: tuple[UUID, UUID],
    database: Database,
) -> None:
    async with database.transaction() as session:
        session.add(City(code="320500", name="苏州市"))
        foreign = await world.add_household(session)
    order = await paid_order(bottles=4)
    before = await terms_of(database, order)
    elsewhere = await new_address(client, world, city_code="320500")
    assert (await refused(client, world, order, elsewhere))["code"] == "other_city"
    assert (await refused(client, world, order, order["address_id"]))["code"] == "same_address"
    theirs = public_pair("adr", foreign.customer_id, foreign.address_id)
    assert (await refused(client, world, order, theirs))["status"] == 404
    new = await new_address(client, world)
    early = await refused(client, world, order, new, from_date=TODAY.isoformat())
    assert (early["code"], early["facts"]["first_possible_date"]) == ("day_frozen", iso(1))
    late = await refused(client, world, order, new, from_date=iso(9))
    assert late["code"] == "nothing_to_change", "the last bottle comes before"
    unpaid = await orders.place(client, world)
    assert (await refused(client, world, unpaid, new))["code"] == "order_not_changeable"
    await orders.change(client, order["id"], world.household, kind="cancel")
    assert (await refused(client, world, order, new))["code"] == "order_finished"
    assert before
    await hold_true(database)


async def test_a_day_the_new_station_does_not_bring_rolls_to_the_end(
    client: httpx.AsyncClient,
    world: World,
    paid_order: Deliver,
    far: tuple[UUID, UUID],
    database: Database,
) -> None:
    async with database.transaction() as session:
        await network.close_day(session, far[0], on(3), PlanDayState.WITHDRAWN)
        await network.close_day(session, world.station_id, on(5), PlanDayState.WITHDRAWN)
    order = await paid_order(bottles=5)
    assert await bottles(database, order) == {1: 1, 2: 1, 3: 1, 4: 1, 6: 1}
    before = await terms_of(database, order)
    new = await new_address(client, world)
    receipt = await move(client, world, order, new, from_date=on(2))
    assert receipt["lines"][0]["days"] == [
        {"date": iso(3), "bottles_before": 1, "bottles_after": 0},
        {"date": iso(7), "bottles_before": 0, "bottles_after": 1},
    ]
    assert await bottles(database, order) == {1: 1, 2: 1, 4: 1, 6: 1, 7: 1}
    undone = await undo(client, order, world, receipt["id"])
    assert undone.status_code == 201, undone.text
    assert await terms_of(database, order) == before
    assert set((await doors(database, order)).values()) == {order["address_id"]}
    await hold_true(database)


async def test_changes_on_both_sides_of_the_move_keep_their_doors(
    client: httpx.AsyncClient,
    world: World,
    paid_order: Deliver,
    far: tuple[UUID, UUID],
    database: Database,
    clock: SetClock,
) -> None:
    order = await paid_order(bottles=6)
    old, new = order["address_id"], await new_address(client, world)
    await orders.change(
        client, order["id"], world.household, kind="one_day_quantity", date=on(4), quantity=2
    )
    receipt = await move(client, world, order, new, from_date=on(3))
    assert await doors(database, order) == {1: old, 2: old, 3: new, 4: new, 5: new}
    assert (await bottles(database, order))[4] == 2
    skipped = await orders.change(client, order["id"], world.household, kind="skip", date=on(2))
    assert await doors(database, order) == {1: old, 3: new, 4: new, 5: new, 6: new}
    built = await undo(client, order, world, receipt["id"])
    assert (built.status_code, built.json()["code"]) == (409, "change_built_upon")
    assert (await undo(client, order, world, skipped["id"])).status_code == 201
    await orders.change(client, order["id"], world.household, kind="pause", from_date=on(2))
    assert await doors(database, order) == {1: old}
    await orders.change(client, order["id"], world.household, kind="resume", from_date=on(2))
    assert await doors(database, order) == {1: old, 2: old} | dict.fromkeys((3, 4, 5, 6), new)
    clock.set(MORNING + DAY * 3)
    seen = await orders.read(client, order["id"], world.household)
    assert (seen["address_id"], seen["next_address"]) == (new, None)
    late = await undo(client, order, world, receipt["id"])
    assert (late.status_code, late.json()["code"]) == (409, "undo_too_late")
    back = await move(client, world, order, old)
    assert back["effective_date"] == iso(4)
    assert (await doors(database, order))[5] == old
    await hold_true(database)


async def test_the_renewal_goes_where_the_order_goes(
    client: httpx.AsyncClient,
    world: World,
    paid_order: Deliver,
    far: tuple[UUID, UUID],
    payments: Payments,
    drain_jobs: Drain,
    database: Database,
) -> None:
    order = await paid_order(bottles=4)
    old, new = order["address_id"], await new_address(client, world)
    running = await renew(client, world, payments, drain_jobs, order)
    unpaid = await orders.change(
        client, running["id"], world.household, kind="renew", agreement_version="2026-01"
    )
    receipt = await move(client, world, order, new, from_date=on(3))
    assert await doors(database, order) == {1: old, 2: old, 3: new, 4: new}
    assert await doors(database, running) == dict.fromkeys((5, 6, 7, 8), new)
    waits = await orders.read(client, unpaid["renewal_order_id"], world.household)
    assert waits["address_id"] == new
    undone = await undo(client, order, world, receipt["id"])
    assert undone.status_code == 201, undone.text
    assert await doors(database, order) == dict.fromkeys((1, 2, 3, 4), old)
    assert await doors(database, running) == dict.fromkeys((5, 6, 7, 8), old)
    waits = await orders.read(client, unpaid["renewal_order_id"], world.household)
    assert waits["address_id"] == old
    again = await move(client, world, order, new, from_date=on(3))
    later = await orders.read(client, running["id"], world.household)
    assert later["next_address"]["address_id"] == new
    own = await orders.change(client, running["id"], world.household, kind="skip", date=on(6))
    before = await doors(database, running)
    built = await undo(client, order, world, again["id"])
    assert (built.status_code, built.json()["code"]) == (409, "change_built_upon")
    assert await doors(database, running) == before, "the renewal has changed since"
    assert (await undo(client, running, world, own["id"])).status_code == 201
    assert (await undo(client, order, world, again["id"])).status_code == 201
    assert await doors(database, running) == dict.fromkeys((5, 6, 7, 8), old)


async def test_a_renewal_made_after_the_move_goes_to_the_new_address(
    client: httpx.AsyncClient,
    world: World,
    paid_order: Deliver,
    far: tuple[UUID, UUID],
    payments: Payments,
    drain_jobs: Drain,
    database: Database,
) -> None:
    order = await paid_order(bottles=3)
    old, new = order["address_id"], await new_address(client, world)
    receipt = await move(client, world, order, new, from_date=on(2))
    renewal = await renew(client, world, payments, drain_jobs, order)
    assert (renewal["status"], renewal["address_id"]) == ("delivering", new)
    assert await doors(database, renewal) == dict.fromkeys((4, 5, 6), new)
    built = await undo(client, order, world, receipt["id"])
    assert (built.status_code, built.json()["code"]) == (409, "change_built_upon")
    assert await doors(database, order) == {1: old, 2: new, 3: new}
    await hold_true(database)


async def test_an_order_that_waits_for_a_resume_moves_too(
    client: httpx.AsyncClient,
    world: World,
    paid_order: Deliver,
    far: tuple[UUID, UUID],
    database: Database,
) -> None:
    order = await paid_order(bottles=4)
    new = await new_address(client, world)
    await orders.change(client, order["id"], world.household, kind="pause", from_date=on(1))
    receipt = await move(client, world, order, new, from_date=on(2))
    assert receipt["status"] == "applied"
    await orders.change(client, order["id"], world.household, kind="resume", from_date=on(4))
    assert await doors(database, order) == dict.fromkeys((4, 5, 6, 7), new)
    await hold_true(database)


async def test_a_day_frozen_at_the_old_station_is_not_brought_by_the_new_one(
    client: httpx.AsyncClient,
    world: World,
    paid_order: Deliver,
    far: tuple[UUID, UUID],
    database: Database,
    clock: SetClock,
) -> None:
    order = await paid_order(bottles=5)
    new = await new_address(client, world)
    async with database.transaction() as session:
        await session.execute(
            update(PlanDay)
            .where(PlanDay.station_id == far[0])
            .values(cutoff_at=text("cutoff_at + interval '6 hours'"))
        )
        await network.close_day(session, far[0], on(2), PlanDayState.WITHDRAWN)
    clock.set(MORNING + timedelta(hours=7))
    shown = (await preview(client, order, world, kind="move", address_id=new)).json()
    assert shown["first_possible_date"] == iso(3), "1 is frozen here, on 2 nobody brings there"
    assert (await move(client, world, order, new))["effective_date"] == iso(3)
    old = order["address_id"]
    assert await doors(database, order) == {1: old, 2: old, 3: new, 4: new, 5: new}
    await hold_true(database)
