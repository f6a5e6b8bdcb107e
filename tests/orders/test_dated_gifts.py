"""Gifts on days of their own: promised, planned beside the milk, at no value, through any change."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from app.core.db import Database
from app.core.ids import public_single
from app.core.jobs import JobContext
from app.delivery.jobs import run_freeze_and_plan
from app.delivery.models import Delivery, PickingTotal, Stop
from app.delivery.service import view_calendar
from app.orders.models import LineGift
from tests.catalog.test_promotions import GIFTS, promote
from tests.delivery.test_wide_withdrawal import ask
from tests.factories import orders
from tests.factories.world import MORNING, TODAY, World, once
from tests.fixtures.application import SetClock
from tests.fixtures.invariants import assert_invariants
from tests.fixtures.payments import Payments
from tests.orders.conftest import Deliver
from tests.orders.test_changes import Drain
from tests.orders.test_changes_with_money import pay
from tests.orders.test_kinds_of_change import undo
from tests.orders.test_promotions import entries

Json = dict[str, Any]
DAY = timedelta(days=1)
FIRST = TODAY + 2 * DAY
"""The first delivery of what is bought the day after the promotion was made."""
EVERY_TENTH: Json = GIFTS | {
    "name": "每送10天赠1瓶",
    "rule": "订 30 瓶赠 3 瓶，每送 10 天赠 1 瓶，赠品不折现。",
    "gift_bottles": 3,
    "gift_every": 10,
    "forbids": [],
}


async def gifted_order(
    client: httpx.AsyncClient,
    world: World,
    paid_order: Deliver,
    clock: SetClock,
    count: int = 30,
    **said: Any,
) -> Json:
    """Bought on the 16th under the promotion, delivered from the 17th on."""
    made = await promote(client, world, EVERY_TENTH)
    assert made.status_code == 201, made.text
    assert made.json()["gift_every"] == 10
    clock.set(MORNING + DAY)
    return await paid_order(bottles=count, **said)


def nth(number: int) -> date:
    """The n-th delivery day as it was bought."""
    return FIRST + (number - 1) * DAY


def json_days(*numbers: int) -> list[Json]:
    return [{"date": nth(number).isoformat(), "bottles": 1} for number in numbers]


async def plan_until(database: Database, clock: SetClock, day: date) -> None:
    """Let the worker freeze and plan up to a day; nothing is brought."""
    clock.set(MORNING + (day - TODAY - DAY) + timedelta(hours=7))
    await run_freeze_and_plan(JobContext(database=database, clock=clock), {})


async def brought(database: Database) -> list[tuple[date, int]]:
    """The gifts in plans, by day."""
    async with database.transaction() as session:
        rows = await session.execute(
            select(Delivery.service_date, Delivery.quantity)
            .where(Delivery.is_gift)
            .order_by(Delivery.service_date)
        )
        return [(row.service_date, row.quantity) for row in rows]


async def marked_days(
    database: Database, world: World, clock: SetClock
) -> dict[date, tuple[int, int]]:
    """Days with gifts in the household's calendar: bottles, and gifts among them."""
    async with database.transaction() as session:
        month = await view_calendar(
            session,
            customer_id=world.household.customer_id,
            first=TODAY,
            last=nth(60),
            now=clock.now(),
        )
    # What the plan has and nobody has brought yet counts as bottles to come.
    return {day: (milk.bottles, milk.gifts) for day, milk in month.days.items() if milk.gifts}


async def invariants(database: Database, clock: SetClock) -> None:
    async with database.transaction() as session:
        await assert_invariants(session, clock.now(), only={"I1", "I2", "I5", "I8", "I11"})


async def test_the_promised_days_are_quoted_planned_and_marked(
    client: httpx.AsyncClient,
    world: World,
    paid_order: Deliver,
    clock: SetClock,
    database: Database,
) -> None:
    order = await gifted_order(client, world, paid_order, clock)
    quote = await client.post(
        "/orders/quote",
        json={
            "address": orders.ADDRESS,
            "lines": [orders.line(world, bottles=30)],
            "source": "mini_program",
        },
    )
    (quoted,) = quote.json()["lines"]
    assert quoted["gifts"] == json_days(10, 20, 30)
    assert (len(quoted["deliveries"]), quoted["gift_bottles"]) == (30, 3)
    (line,) = order["lines"]
    assert line["gifts"] == json_days(10, 20, 30)
    assert (line["bottles_left"], line["gift_bottles"], line["paid_fen"]) == (30, 3, 10500)
    assert line["end_date"] == nth(30).isoformat()
    assert await entries(database, order) == [("bought", 30, 10500)]

    marked = dict.fromkeys((nth(10), nth(20), nth(30)), (2, 1))
    assert await marked_days(database, world, clock) == marked

    await plan_until(database, clock, nth(10))
    assert await brought(database) == [(nth(10), 1)]
    async with database.transaction() as session:
        stop = select(Stop.bottles).where(Stop.service_date == nth(10))
        picked = select(PickingTotal.bottles).where(PickingTotal.service_date == nth(10))
        assert (await session.scalars(stop)).one() == 2
        assert (await session.scalars(picked)).one() == 2
    listed = await client.get(f"/orders/{order['id']}/deliveries", headers=world.household.headers)
    (gift,) = [one for one in listed.json()["items"] if one["is_gift"]]
    assert (gift["service_date"], gift["delivery_no"]) == (nth(10).isoformat(), 1)
    assert await entries(database, order) == [("bought", 30, 10500), ("gift", 1, 0)]
    assert await marked_days(database, world, clock) == marked
    # Planned once more, nothing is added.
    await run_freeze_and_plan(JobContext(database=database, clock=clock), {})
    await plan_until(database, clock, nth(31))
    assert await brought(database) == [(nth(10), 1), (nth(20), 1), (nth(30), 1)]
    await invariants(database, clock)


Change = Callable[..., Any]


@pytest.mark.parametrize(
    ("wanted", "days"),
    [
        # No milk on the promised day: with the next delivery. The others stay where they are.
        ({"kind": "skip", "date": nth(10), "settle": "period"}, [11, 20, 30]),
        ({"kind": "skip", "date": nth(10), "settle": "money"}, [11, 20, 30]),
        ({"kind": "pause", "from_date": nth(9), "until_date": nth(21)}, [22, 22, 30]),
        # Over earlier: what was promised for later comes before the end, one a day.
        ({"kind": "change_quantity", "quantity": 2, "from_date": nth(9)}, [10, 19, 19]),
        ({"kind": "swap"}, [10, 20, 25]),
    ],
)
async def test_gifts_hold_through_changes(
    client: httpx.AsyncClient,
    world: World,
    paid_order: Deliver,
    clock: SetClock,
    database: Database,
    wanted: Json,
    days: list[int],
) -> None:
    order = await gifted_order(client, world, paid_order, clock)
    await plan_until(database, clock, nth(2))
    if wanted["kind"] == "swap":
        wanted = wanted | {"product_id": public_single("prd", world.yogurt_id)}
    receipt = await orders.change(client, order["id"], world.household, **wanted)
    changed = await orders.read(client, order["id"], world.household)
    gifts = {one["date"]: one["bottles"] for one in changed["lines"][0]["gifts"]}
    assert gifts == {nth(day).isoformat(): days.count(day) for day in days}
    # Taken back before it begins, everything is as it was promised.
    undone = await client.post(
        f"/orders/{order['id']}/changes/{receipt['id']}/undo",
        headers=world.household.headers | once(),
    )
    assert undone.status_code == 201, undone.text
    before = await orders.read(client, order["id"], world.household)
    assert before["lines"][0]["gifts"] == json_days(10, 20, 30)
    await orders.change(client, order["id"], world.household, **wanted)
    await plan_until(database, clock, nth(60))
    found = await brought(database)
    assert [day for day, _ in found] == [nth(day) for day in days]
    await invariants(database, clock)


async def test_a_withdrawn_day_gives_its_gift_with_the_next_milk(
    client: httpx.AsyncClient,
    world: World,
    paid_order: Deliver,
    clock: SetClock,
    database: Database,
) -> None:
    order = await gifted_order(client, world, paid_order, clock)
    said: Json = {"first_date": nth(10).isoformat(), "last_date": nth(11).isoformat()}
    made = await ask(client, world, reason="台风", **said)
    assert (made.status_code, made.json()["bottles"]) == (201, 2)
    seen = await orders.read(client, order["id"], world.household)
    assert seen["lines"][0]["gifts"] == json_days(12, 20, 30)
    await plan_until(database, clock, nth(40))
    assert await brought(database) == [(nth(12), 1), (nth(20), 1), (nth(30), 1)]
    await invariants(database, clock)


async def test_days_withdrawn_for_money_at_the_end_lose_no_gift(
    client: httpx.AsyncClient,
    world: World,
    paid_order: Deliver,
    clock: SetClock,
    database: Database,
) -> None:
    await gifted_order(client, world, paid_order, clock)
    said: Json = {"first_date": nth(28).isoformat(), "last_date": nth(31).isoformat()}
    made = await ask(client, world, reason="台风", settle="money", **said)
    assert (made.status_code, made.json()["credit_fen"]) == (201, 3 * 350)
    await plan_until(database, clock, nth(40))
    assert await brought(database) == [(nth(10), 1), (nth(20), 1), (nth(27), 1)]
    await invariants(database, clock)


async def test_a_pause_without_end_keeps_the_gifts_waiting(
    client: httpx.AsyncClient,
    world: World,
    paid_order: Deliver,
    clock: SetClock,
    database: Database,
) -> None:
    order = await gifted_order(client, world, paid_order, clock)
    await plan_until(database, clock, nth(2))
    await orders.change(client, order["id"], world.household, kind="pause", from_date=nth(6))
    seen = await orders.read(client, order["id"], world.household)
    assert seen["lines"][0]["gifts"] == []
    await plan_until(database, clock, nth(12))
    assert await brought(database) == []
    await orders.change(client, order["id"], world.household, kind="resume", from_date=nth(15))
    await plan_until(database, clock, nth(60))
    assert await brought(database) == [(nth(15), 1), (nth(20), 1), (nth(30), 1)]
    await invariants(database, clock)


async def test_gifts_lapse_with_the_order_but_for_a_frozen_day(
    client: httpx.AsyncClient,
    world: World,
    paid_order: Deliver,
    clock: SetClock,
    database: Database,
) -> None:
    order = await gifted_order(client, world, paid_order, clock)
    await plan_until(database, clock, nth(14))
    receipt = await orders.change(client, order["id"], world.household, kind="cancel")
    # Fourteen were brought or are frozen: the gift that came takes nothing from the refund.
    assert receipt["refund_fen"] == 10500 - 14 * 350
    await plan_until(database, clock, nth(40))
    assert await brought(database) == [(nth(10), 1)]
    async with database.transaction() as session:
        lapsed = select(LineGift.lapsed_at.is_not(None)).order_by(LineGift.promised_date)
        assert list(await session.scalars(lapsed)) == [False, True, True]
    await invariants(database, clock)


async def test_a_line_that_begins_another_day_is_promised_anew(
    client: httpx.AsyncClient, world: World, paid_order: Deliver, clock: SetClock
) -> None:
    order = await gifted_order(client, world, paid_order, clock)
    skip = {"kind": "skip", "settle": "period"}
    receipt = await orders.change(client, order["id"], world.household, **skip, date=nth(1))
    seen = await orders.read(client, order["id"], world.household)
    assert seen["lines"][0]["gifts"] == json_days(11, 21, 31)
    undone = await undo(client, order, world, receipt["id"])
    assert undone.status_code == 201, undone.text
    await orders.change(client, order["id"], world.household, **skip, date=nth(5))
    seen = await orders.read(client, order["id"], world.household)
    assert seen["lines"][0]["gifts"] == json_days(10, 20, 30)


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"gift_every": 1}, "body.gift_every"),
        ({"buy_bottles": None, "gift_bottles": None, "off_fen": 100}, "body"),
    ],
)
async def test_what_is_no_rule_is_refused(
    client: httpx.AsyncClient, world: World, said: Json, field: str
) -> None:
    refused = await promote(client, world, EVERY_TENTH | said)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"].startswith(field)
    offered = await client.get("/promotions")
    assert offered.json()["items"] == []


@pytest.mark.parametrize(
    ("promotion", "last", "beside"),
    [(EVERY_TENTH, 0, 3), (EVERY_TENTH | {"gift_every": None}, 3, 0)],
)
async def test_a_line_added_later_has_its_gifts_and_gives_them_back(
    client: httpx.AsyncClient,
    world: World,
    paid_order: Deliver,
    payments: Payments,
    clock: SetClock,
    database: Database,
    drain_jobs: Drain,
    promotion: Json,
    last: int,
    beside: int,
) -> None:
    yogurt = public_single("prd", world.yogurt_id)
    await promote(client, world, promotion | {"product_ids": [yogurt]})
    clock.set(MORNING + DAY)
    order = await paid_order(bottles=6)
    receipt = await orders.change(
        client,
        order["id"],
        world.household,
        kind="add_product",
        product_id=yogurt,
        pattern=orders.EVERY_DAY,
        bottles=30,
    )
    await pay(client, payments, order, world, receipt["id"])
    await drain_jobs()
    added = (await orders.read(client, order["id"], world.household))["lines"][1]
    assert (added["bottles_left"], added["gift_bottles"]) == (30 + last, 3)
    assert sum(one["bottles"] for one in added["gifts"]) == 3
    swapped = await orders.change(
        client,
        order["id"],
        world.household,
        kind="swap",
        line_id=added["id"],
        product_id=public_single("prd", world.milk_id),
    )
    seen = (await orders.read(client, order["id"], world.household))["lines"][1]
    assert (seen["bottles_left"], len(seen["gifts"])) == (36 + last, 3)
    for change in (swapped, receipt):
        undone = await undo(client, order, world, change["id"])
        assert undone.status_code == 201, undone.text
    await drain_jobs()
    gone = (await orders.read(client, order["id"], world.household))["lines"][1]
    assert (gone["bottles_left"], gone["gifts"]) == (0, [])
    assert beside == 3 - last
    await plan_until(database, clock, nth(40))
    assert await brought(database) == []
    await invariants(database, clock)
