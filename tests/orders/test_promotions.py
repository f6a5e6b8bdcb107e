"""What is bought under a promotion: its gifts come last, its rule refuses changes, the law stays."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from app.core.db import Database
from app.core.ids import new_id, public_single, read_pair
from app.delivery.service import view_calendar
from app.identity.models import Role
from app.orders.models import EntitlementEntry
from app.orders.rules import Pattern, Placement, gifts_by_day, lay_out
from tests.catalog.test_promotions import GIFTS, promote
from tests.factories import orders
from tests.factories.world import MORNING, TODAY, World
from tests.fixtures.application import SetClock
from tests.fixtures.invariants import assert_invariants
from tests.orders.conftest import Deliver
from tests.orders.test_changes import preview
from tests.orders.test_kinds_of_change import bottles

Json = dict[str, Any]
DAY = timedelta(days=1)


async def entries(database: Database, order: Json) -> list[tuple[str, int, int]]:
    _, line_id = read_pair("lin", order["lines"][0]["id"])
    async with database.transaction() as session:
        rows = await session.scalars(
            select(EntitlementEntry)
            .where(EntitlementEntry.order_line_id == line_id)
            .order_by(EntitlementEntry.entry_id)
        )
        return [(row.kind, row.bottles, row.value_fen) for row in rows]


async def promoted_order(
    client: httpx.AsyncClient,
    world: World,
    paid_order: Deliver,
    clock: SetClock,
    *,
    count: int = 30,
    **said: Any,
) -> Json:
    """Bought on the 16th under the promotion, delivered from the 17th on."""
    made = await promote(client, world, GIFTS | said)
    assert made.status_code == 201, made.text
    clock.set(MORNING + DAY)
    return await paid_order(bottles=count)


async def test_gifts_come_last_at_no_value(
    client: httpx.AsyncClient,
    world: World,
    paid_order: Deliver,
    clock: SetClock,
    database: Database,
) -> None:
    order = await promoted_order(client, world, paid_order, clock)
    (line,) = order["lines"]
    assert (line["bottles_bought"], line["gift_bottles"], line["bottles_left"]) == (30, 2, 32)
    assert order["price_fen"] == 30 * 350
    assert line["end_date"] == (TODAY + DAY * 33).isoformat()
    assert sum((await bottles(database, order)).values()) == 32
    assert await entries(database, order) == [("bought", 30, 10500), ("gift", 2, 0)]
    async with database.transaction() as session:
        await assert_invariants(session, clock.now(), only={"I1", "I2", "I5", "I6"})


async def test_the_calendar_marks_the_days_of_gifts(
    client: httpx.AsyncClient,
    world: World,
    paid_order: Deliver,
    clock: SetClock,
    database: Database,
) -> None:
    await promoted_order(client, world, paid_order, clock, forbids=[])
    async with database.transaction() as session:
        calendar = await view_calendar(
            session,
            customer_id=world.household.customer_id,
            first=TODAY,
            last=TODAY + DAY * 60,
            now=clock.now(),
        )
    gifts = {day: milk.gifts for day, milk in calendar.days.items() if milk.gifts}
    assert gifts == {TODAY + DAY * 32: 1, TODAY + DAY * 33: 1}


@given(
    count=st.integers(1, 60),
    each=st.integers(1, 5),
    gifts=st.integers(0, 70),
    waiting=st.integers(0, 20),
)
def test_gifts_are_the_last_bottles(count: int, each: int, gifts: int, waiting: int) -> None:
    place = Placement(Pattern.every(1, each), TODAY, new_id(), new_id(), new_id())
    terms = lay_out(place, start=TODAY, bottles=count)
    days = dict(day for term in terms for day in term.deliveries())
    found = gifts_by_day(terms, gifts=gifts, waiting=waiting)
    assert sum(found.values()) == min(count, max(0, gifts - waiting))
    assert all(0 < given_ <= days[day] for day, given_ in found.items())
    assert set(found) == set(sorted(days)[-len(found) :] if found else ())


WANTED: dict[str, Json] = {
    "pause": {"kind": "pause", "from_date": (TODAY + DAY * 5).isoformat()},
    "skip": {"kind": "skip", "date": (TODAY + DAY * 5).isoformat()},
    "quantity": {"kind": "change_quantity", "quantity": 2},
    "swap": {"kind": "swap"},
    "cancel": {"kind": "cancel"},
}


@pytest.mark.parametrize("ruled", list(WANTED))
async def test_a_change_the_rule_excludes_is_refused_in_its_words(
    client: httpx.AsyncClient,
    world: World,
    paid_order: Deliver,
    clock: SetClock,
    database: Database,
    ruled: str,
) -> None:
    order = await promoted_order(client, world, paid_order, clock, forbids=[ruled])
    # A week later: the law's full refund is over.
    clock.set(MORNING + DAY * 9)
    later = {"from_date", "date"}
    said = {
        name: (TODAY + DAY * 14).isoformat() if name in later else value
        for name, value in WANTED[ruled].items()
    }
    if ruled == "swap":
        said["product_id"] = public_single("prd", world.yogurt_id)
    before = (await bottles(database, order), await entries(database, order))
    refused = await preview(client, order, world, **said)
    assert (refused.status_code, refused.json()["code"]) == (409, "promotion_forbids")
    assert GIFTS["rule"] in refused.json()["detail"]
    assert (await bottles(database, order), await entries(database, order)) == before
    allowed = "skip" if ruled != "skip" else "pause"
    other = WANTED[allowed] | {"date" if allowed == "skip" else "from_date": said.get("date")}
    other = {
        name: (TODAY + DAY * 15).isoformat() if name in later else value
        for name, value in other.items()
    }
    assert (await preview(client, order, world, **other)).status_code == 200


async def test_cancelling_lets_gifts_to_come_lapse(
    client: httpx.AsyncClient,
    world: World,
    paid_order: Deliver,
    clock: SetClock,
    database: Database,
) -> None:
    order = await promoted_order(client, world, paid_order, clock, forbids=[])
    clock.set(MORNING + DAY * 12)
    receipt = await orders.change(client, order["id"], world.household, kind="cancel")
    (settled,) = receipt["settlement"]["lines"]
    kept = settled["bottles_kept"]
    assert 0 < kept < 30
    assert receipt["refund_fen"] == (30 - kept) * 350
    assert (await entries(database, order))[2:] == [
        ("refunded", 30 - kept, (30 - kept) * 350),
        ("forfeited", 2, 0),
    ]
    async with database.transaction() as session:
        await assert_invariants(session, clock.now(), only={"I1", "I2", "I3", "I5", "I6"})


async def test_no_rule_takes_away_the_full_refund_nor_an_end_by_our_fault(
    client: httpx.AsyncClient, world: World, paid_order: Deliver, clock: SetClock
) -> None:
    order = await promoted_order(client, world, paid_order, clock, forbids=["cancel"])
    clock.set(MORNING + DAY * 4)
    lawful = (await preview(client, order, world, kind="cancel")).json()
    assert lawful["settlement"]["lines"][0]["settlement"] == "full_refund"
    assert lawful["refund_fen"] == 10500
    clock.set(MORNING + DAY * 12)
    refused = await preview(client, order, world, kind="cancel")
    assert refused.json()["code"] == "promotion_forbids"
    ours = await client.post(
        f"/orders/{order['id']}/changes/preview",
        json={"kind": "cancel", "fault": "operator"},
        headers=world.staff[Role.SERVICE_AGENT].headers,
    )
    assert ours.status_code == 200, ours.text


async def test_an_added_product_and_a_renewal_bring_their_gifts(
    client: httpx.AsyncClient,
    world: World,
    paid_order: Deliver,
    clock: SetClock,
) -> None:
    order = await promoted_order(client, world, paid_order, clock)
    added = await preview(
        client,
        order,
        world,
        kind="add_product",
        product_id=public_single("prd", world.yogurt_id),
        pattern=orders.EVERY_DAY,
        bottles=30,
    )
    (line,) = added.json()["lines"]
    assert sum(day["bottles_after"] for day in line["days"]) == 32
    renewed = await orders.change(
        client, order["id"], world.household, kind="renew", agreement_version="2026-01"
    )
    renewal = await orders.read(client, renewed["renewal_order_id"], world.household)
    assert (renewal["price_fen"], renewal["lines"][0]["gift_bottles"]) == (10500, 2)
