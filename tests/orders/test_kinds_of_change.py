"""Every kind of change that needs no payment: what it does, what it refuses, and that it is undone."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.db import Database
from app.core.ids import public_single, read_pair
from app.core.jobs import JobContext
from app.network.models import PlanDay, PlanDayState
from app.notifications.models import SmsMessage
from app.orders.jobs import tell_resumed
from app.orders.models import EntitlementEntry, OrderLine, OrderTerm
from app.orders.repository import list_terms
from tests.factories import orders
from tests.factories.world import MORNING, TODAY, World, once
from tests.fixtures.application import SetClock
from tests.fixtures.invariants import assert_invariants
from tests.orders.conftest import Deliver
from tests.orders.test_changes import Drain, preview

DAY = timedelta(days=1)
Json = dict[str, Any]


def on(ahead: int) -> date:
    """So many days from today."""
    return TODAY + DAY * ahead


def iso(ahead: int) -> str:
    return on(ahead).isoformat()


async def calendar(session: AsyncSession, order: Json) -> dict[int, tuple[int, Any]]:
    """Days from today -> bottles and product of an order's only line."""
    key = read_pair("lin", order["lines"][0]["id"])
    terms = (await list_terms(session, [key]))[key[1]]
    return {
        (day - TODAY).days: (count, term.product_id)
        for term in terms
        for day, count in term.deliveries()
    }


async def bottles(database: Database, order: Json) -> dict[int, int]:
    async with database.transaction() as session:
        return {day: count for day, (count, _) in (await calendar(session, order)).items()}


async def terms_of(database: Database, order: Json) -> list[Any]:
    key = read_pair("lin", order["lines"][0]["id"])
    async with database.transaction() as session:
        rows = await session.scalars(
            select(OrderTerm).where(OrderTerm.order_line_id == key[1]).order_by("first_date")
        )
        return [(row.valid, row.product_id, row.quantity, row.change_id) for row in rows]


async def undo(
    client: httpx.AsyncClient, order: Json, world: World, change_id: str
) -> httpx.Response:
    return await client.post(
        f"/orders/{order['id']}/changes/{change_id}/undo",
        headers=world.household.headers | once(),
    )


async def test_one_day_with_three_bottles_ends_the_order_sooner(
    client: httpx.AsyncClient, world: World, paid_order: Deliver, database: Database
) -> None:
    order = await paid_order(bottles=6)
    await orders.change(
        client, order["id"], world.household, kind="one_day_quantity", date=on(3), quantity=3
    )
    assert await bottles(database, order) == {1: 1, 2: 1, 3: 3, 4: 1}
    await orders.change(client, order["id"], world.household, kind="skip", date=on(2))
    assert await bottles(database, order) == {1: 1, 3: 3, 4: 1, 5: 1}, "the asked day stays"
    await orders.change(client, order["id"], world.household, kind="skip", date=on(3))
    assert await bottles(database, order) == {1: 1, 4: 1, 5: 1, 6: 1, 7: 1, 8: 1}
    async with database.transaction() as session:
        await assert_invariants(session, MORNING)


async def test_a_bottle_on_a_day_the_pattern_leaves_out(
    client: httpx.AsyncClient, world: World, paid_order: Deliver, database: Database
) -> None:
    order = await paid_order(
        bottles=4, pattern={"kind": "every_days", "interval_days": 2, "quantity": 1}
    )
    await orders.change(
        client, order["id"], world.household, kind="one_day_quantity", date=on(2), quantity=2
    )
    assert await bottles(database, order) == {1: 1, 2: 2, 3: 1}


async def test_yogurt_for_a_day_is_milk_again_the_next(
    client: httpx.AsyncClient, world: World, paid_order: Deliver, database: Database
) -> None:
    await cheap_yogurt(database, world)
    order = await paid_order(bottles=5)
    receipt = await orders.change(
        client,
        order["id"],
        world.household,
        kind="one_day_product",
        date=on(2),
        product_id=public_single("prd", world.yogurt_id),
    )
    assert (receipt["credit_fen"], receipt["pay_fen"]) == (50, 0)
    assert receipt["lines"][0]["products"] == [
        {
            "date": iso(2),
            "product_before": public_single("prd", world.milk_id),
            "product_after": public_single("prd", world.yogurt_id),
        }
    ]
    async with database.transaction() as session:
        days = await calendar(session, order)
        assert days[2] == (1, world.yogurt_id)
        assert {product for day, (_, product) in days.items() if day != 2} == {world.milk_id}
        assert await balance(session) == 50
        await assert_invariants(session, MORNING)
    undone = await undo(client, order, world, receipt["id"])
    assert undone.status_code == 201, undone.text
    async with database.transaction() as session:
        days = await calendar(session, order)
        assert set(days.values()) == {(1, world.milk_id)}
        assert await balance(session) == 0
        await assert_invariants(session, MORNING)


async def cheap_yogurt(database: Database, world: World) -> None:
    async with database.transaction() as session:
        await session.execute(
            text("UPDATE product_prices SET price_fen = 300 WHERE product_id = :yogurt"),
            {"yogurt": world.yogurt_id},
        )


async def balance(session: AsyncSession) -> int:
    """What all households have as balance, in fen."""
    found = await session.scalar(
        text(
            "SELECT coalesce(sum(CASE WHEN credit_account = 'balance' THEN amount_fen"
            " WHEN debit_account = 'balance' THEN -amount_fen ELSE 0 END), 0)"
            " FROM ledger_transfers"
        )
    )
    return int(found or 0)


async def test_two_a_day_from_a_day_on(
    client: httpx.AsyncClient, world: World, paid_order: Deliver, database: Database
) -> None:
    order = await paid_order(bottles=7)
    await orders.change(
        client, order["id"], world.household, kind="change_quantity", from_date=on(3), quantity=2
    )
    assert await bottles(database, order) == {1: 1, 2: 1, 3: 2, 4: 2, 5: 1}
    await orders.change(client, order["id"], world.household, kind="skip", date=on(1))
    assert await bottles(database, order) == {2: 1, 3: 2, 4: 2, 5: 2}


async def test_other_weekdays_keep_an_earlier_pause(
    client: httpx.AsyncClient, world: World, paid_order: Deliver, database: Database
) -> None:
    order = await paid_order(bottles=6)
    await orders.change(
        client,
        order["id"],
        world.household,
        kind="pause",
        from_date=on(3),
        until_date=on(4),
    )
    weekend = {"kind": "weekdays", "quantities": [0, 0, 2, 0, 0, 1, 1]}
    await orders.change(
        client,
        order["id"],
        world.household,
        kind="change_pattern",
        from_date=on(2),
        pattern=weekend,
    )
    # TODAY is a Sunday: day 3 is the paused Wednesday.
    assert await bottles(database, order) == {1: 1, 6: 1, 7: 1, 10: 2, 13: 1}


async def test_single_dates_and_then_as_before(
    client: httpx.AsyncClient, world: World, paid_order: Deliver, database: Database
) -> None:
    order = await paid_order(bottles=6)
    wanted = {"kind": "dates", "dates": [{"date": iso(5), "quantity": 2}]}
    await orders.change(
        client, order["id"], world.household, kind="change_pattern", from_date=on(2), pattern=wanted
    )
    assert await bottles(database, order) == {1: 1, 5: 2, 6: 1, 7: 1, 8: 1}


async def test_a_pause_without_end_waits_for_its_resume(
    client: httpx.AsyncClient,
    world: World,
    paid_order: Deliver,
    database: Database,
    clock: SetClock,
) -> None:
    order = await paid_order(bottles=5)
    await orders.change(client, order["id"], world.household, kind="pause", from_date=on(3))
    assert await bottles(database, order) == {1: 1, 2: 1}
    clock.set(MORNING + DAY * 20)
    shown = await orders.read(client, order["id"], world.household)
    assert (shown["status"], shown["shown_status"]) == ("delivering", "paused")
    assert shown["lines"][0]["bottles_left"] == 3
    await orders.change(client, order["id"], world.household, kind="resume", from_date=on(22))
    assert await bottles(database, order) == {1: 1, 2: 1, 22: 1, 23: 1, 24: 1}
    async with database.transaction() as session:
        line = (await session.scalars(select(OrderLine))).one()
        assert (line.unscheduled_bottles, line.unscheduled_products) == (0, None)


async def test_a_pause_may_become_balance_and_be_undone(
    client: httpx.AsyncClient, world: World, paid_order: Deliver, database: Database
) -> None:
    order = await paid_order(bottles=6)
    before = await terms_of(database, order)
    receipt = await orders.change(
        client,
        order["id"],
        world.household,
        kind="pause",
        from_date=on(2),
        until_date=on(4),
        settle="money",
    )
    assert (receipt["credit_fen"], receipt["rule"]) == (3 * 350, "money")
    assert await bottles(database, order) == {1: 1, 5: 1, 6: 1}
    async with database.transaction() as session:
        assert await balance(session) == 1050
        await assert_invariants(session, MORNING)
    undone = await undo(client, order, world, receipt["id"])
    assert (undone.status_code, undone.json()["status"]) == (201, "undone"), undone.text
    assert await terms_of(database, order) == before
    async with database.transaction() as session:
        assert await balance(session) == 0
        entries = await session.scalars(select(EntitlementEntry.kind).order_by("entry_id"))
        assert list(entries) == ["bought", "credited", "restored"]
        await assert_invariants(session, MORNING)
    again = await undo(client, order, world, receipt["id"])
    assert (again.status_code, again.json()["code"]) == (409, "change_not_undoable")


async def test_milk_that_comes_again_by_itself_is_told_the_day_before(
    client: httpx.AsyncClient,
    world: World,
    paid_order: Deliver,
    database: Database,
    clock: SetClock,
    drain_jobs: Drain,
) -> None:
    order = await paid_order(bottles=10)
    receipt = await orders.change(
        client, order["id"], world.household, kind="pause", from_date=on(3), until_date=on(6)
    )
    assert receipt["resumes_date"] == iso(7)
    for ahead, expected in ((5, 0), (6, 1), (6, 1)):
        clock.set(MORNING + DAY * ahead)
        await tell_resumed(JobContext(database=database, clock=clock), {})
        await drain_jobs()
        async with database.transaction() as session:
            sent = list(
                await session.scalars(
                    select(SmsMessage.cause).where(SmsMessage.template == "milk_resumed")
                )
            )
        assert len(sent) == expected, ahead


@pytest.mark.parametrize(
    ("wanted", "status", "code"),
    [
        ({"kind": "one_day_quantity", "date": iso(0), "quantity": 2}, 409, "change_too_early"),
        ({"kind": "one_day_quantity", "date": iso(4), "quantity": 2}, 409, "day_closed"),
        ({"kind": "one_day_quantity", "date": iso(2), "quantity": 0}, 400, "quantity_out_of_range"),
        ({"kind": "one_day_quantity", "date": iso(2), "quantity": 6}, 400, "quantity_out_of_range"),
        ({"kind": "one_day_quantity", "date": iso(2), "quantity": 1}, 409, "nothing_to_change"),
        ({"kind": "change_quantity", "quantity": 100}, 400, "quantity_out_of_range"),
        ({"kind": "change_quantity", "quantity": 1}, 409, "nothing_to_change"),
        (
            {
                "kind": "change_pattern",
                "pattern": {"kind": "dates", "dates": [{"date": iso(2), "quantity": 9}]},
            },
            400,
            "quantity_out_of_range",
        ),
        (
            {"kind": "pause", "from_date": iso(3), "until_date": iso(9)},
            409,
            "pause_overlaps",
        ),
        ({"kind": "pause", "from_date": iso(3)}, 409, "pause_overlaps"),
        ({"kind": "pause", "from_date": iso(2), "settle": "money"}, 409, "pause_overlaps"),
        ({"kind": "resume", "from_date": iso(0)}, 409, "change_too_early"),
    ],
)
async def test_refusals_change_nothing(
    client: httpx.AsyncClient,
    world: World,
    paid_order: Deliver,
    database: Database,
    wanted: Json,
    status: int,
    code: str,
) -> None:
    async with database.transaction() as session:
        await session.execute(
            update(PlanDay)
            .where(PlanDay.service_date == on(4))
            .values(state=PlanDayState.WITHDRAWN)
        )
    order = await paid_order(bottles=5)
    await orders.change(
        client, order["id"], world.household, kind="pause", from_date=on(5), until_date=on(6)
    )
    before = await terms_of(database, order)
    answer = await preview(client, order, world, **wanted)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert await terms_of(database, order) == before


async def test_products_and_their_refusals(
    client: httpx.AsyncClient, world: World, paid_order: Deliver, drain_jobs: Callable[..., Any]
) -> None:
    del drain_jobs
    order = await paid_order(bottles=5)
    milk = public_single("prd", world.milk_id)
    same = await preview(client, order, world, kind="one_day_product", date=iso(2), product_id=milk)
    assert (same.status_code, same.json()["code"]) == (409, "same_product")
    void = await preview(
        client,
        order,
        world,
        kind="one_day_product",
        date=iso(9),
        product_id=public_single("prd", world.yogurt_id),
    )
    assert (void.status_code, void.json()["code"]) == (409, "nothing_to_change")
    endless = await preview(client, order, world, kind="pause", from_date=iso(2), settle="money")
    assert (endless.status_code, endless.json()["code"]) == (400, "pause_needs_end")
