"""Withdrawals of blocks or products: what comes onto their days later, one over another, undone."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import httpx
from sqlalchemy import select, text, update

from app.core.alerts import list_open_alerts
from app.core.db import Database
from app.core.ids import new_id, public_single, read_pair, read_single
from app.core.jobs import JobContext
from app.delivery.jobs import run_freeze_and_plan
from app.delivery.make_up import add_make_up
from app.delivery.models import Delivery, Stop
from app.identity.models import Role
from app.network.models import PlanDay
from app.notifications.models import SmsMessage
from app.orders.models import OrderChange, Withdrawal, WithdrawnLine
from tests.delivery.test_wide_withdrawal import ahead, ask, body, days_of, withdraw
from tests.factories import orders
from tests.factories.world import MORNING, World, once
from tests.fixtures.application import SetClock
from tests.fixtures.invariants import assert_invariants
from tests.orders.conftest import Deliver, paid_order

Drain = Callable[[], Awaitable[list[str]]]
__all__ = ["paid_order"]
FROZEN = MORNING + timedelta(hours=7)
TOLD = {"day_withdrawn", "day_withdrawn_credited", "withdrawal_undone"}


def milk(world: World) -> str:
    return public_single("prd", world.milk_id)


def yogurt(world: World) -> str:
    return public_single("prd", world.yogurt_id)


def on(first: int, last: int | None = None) -> dict[str, Any]:
    return {
        "first_date": ahead(first).isoformat(),
        "last_date": ahead(first if last is None else last).isoformat(),
    }


async def stops_on(database: Database, day: int) -> list[tuple[str, int]]:
    async with database.transaction() as session:
        rows = await session.execute(
            select(Stop.state, Stop.bottles).where(Stop.service_date == ahead(day))
        )
        return [(str(row.state), row.bottles) for row in rows]


async def told(database: Database) -> list[str]:
    async with database.transaction() as session:
        query = select(SmsMessage.template).where(SmsMessage.template.in_(TOLD))
        return sorted(await session.scalars(query.order_by(SmsMessage.created_at)))


async def add_extra(database: Database, order: dict[str, Any], day: int, bottles: int) -> None:
    customer_id, line_id = read_pair("lin", order["lines"][0]["id"])
    async with database.transaction() as session:
        await add_make_up(
            session,
            customer_id=customer_id,
            order_line_id=line_id,
            service_date=ahead(day),
            bottles=bottles,
            cause_id=new_id(),
            now=MORNING,
        )


async def make_ups(database: Database) -> list[tuple[int, str, int]]:
    async with database.transaction() as session:
        rows = await session.execute(
            select(Delivery.service_date, Delivery.status, Delivery.quantity)
            .where(Delivery.delivery_no > 0)
            .order_by(Delivery.service_date)
        )
        return [((row[0] - ahead(0)).days, str(row[1]), row[2]) for row in rows]


async def plan(database: Database, clock: SetClock) -> None:
    await run_freeze_and_plan(JobContext(database=database, clock=clock), {})


async def test_what_comes_onto_a_withdrawn_day_later_is_listed_and_its_make_ups_move(
    client: httpx.AsyncClient,
    world: World,
    paid_order: Deliver,
    database: Database,
    clock: SetClock,
    drain_jobs: Drain,
) -> None:
    await withdraw(client, world, products=[milk(world)], is_standing=True, **on(1, 2))
    late = await paid_order(bottles=2)
    await add_extra(database, late, 1, 3)
    clock.set(FROZEN)
    await plan(database, clock)
    assert await days_of(database, late) == [ahead(2), ahead(3)]
    assert await stops_on(database, 1) == [("withdrawn", 1)]
    # Behind the whole withdrawal, not onto its second day.
    assert await make_ups(database) == [(1, "cancelled", 3), (3, "planned", 3)]
    async with database.transaction() as session:
        found = await session.scalars(select(Withdrawal).where(Withdrawal.actor == "system"))
        made = found.one()
        assert (made.lines, made.stops, made.make_ups) == (1, 1, 1)
        await assert_invariants(session, FROZEN)
    await drain_jobs()
    assert await told(database) == ["day_withdrawn"]
    await plan(database, clock)
    assert await make_ups(database) == [(1, "cancelled", 3), (3, "planned", 3)]


async def test_a_make_up_alone_is_moved_too_and_counted(
    client: httpx.AsyncClient,
    world: World,
    paid_order: Deliver,
    database: Database,
    clock: SetClock,
) -> None:
    order = await paid_order(bottles=4)
    made = await withdraw(client, world, products=[milk(world)], **on(1))
    await add_extra(database, order, 1, 2)
    clock.set(FROZEN)
    await plan(database, clock)
    assert await make_ups(database) == [(1, "cancelled", 2), (2, "planned", 2)]
    async with database.transaction() as session:
        (row,) = await session.scalars(select(Withdrawal))
        assert (row.id, row.make_ups) == (read_single("wdr", made["id"]), 1)


async def test_a_day_planned_after_midnight_rolls_on_all_the_same(
    client: httpx.AsyncClient,
    world: World,
    paid_order: Deliver,
    database: Database,
    clock: SetClock,
) -> None:
    """The worker stood still over the night; no day is open where the make-up could go."""
    await withdraw(client, world, products=[milk(world)], is_standing=True, **on(1))
    late = await paid_order(bottles=2)
    await add_extra(database, late, 1, 3)
    async with database.transaction() as session:
        await session.execute(
            update(PlanDay).where(PlanDay.service_date > ahead(3)).values(state="withdrawn")
        )
        await session.execute(
            text("DELETE FROM plan_days WHERE service_date > :d"), {"d": ahead(4)}
        )
    clock.set(MORNING + timedelta(days=3, hours=9))
    await plan(database, clock)
    assert await stops_on(database, 1) == [("withdrawn", 1)]
    assert await make_ups(database) == [(1, "cancelled", 3)]
    async with database.transaction() as session:
        assert "make_up_unplaced" in {one.kind for one in await list_open_alerts(session)}


async def test_the_undo_of_a_part_says_that_the_wider_withdrawal_stands(
    client: httpx.AsyncClient, world: World, paid_order: Deliver, database: Database
) -> None:
    order = await paid_order(bottles=6)
    part = await withdraw(client, world, products=[milk(world)], **on(2, 3))
    wide = await withdraw(client, world, **on(3, 4))
    before = await days_of(database, order)
    refused = await ask(client, world, f"/{part['id']}/undo")
    assert (refused.status_code, refused.json()["code"]) == (409, "withdrawal_covered")
    assert refused.json()["facts"] == {"withdrawal": wide["id"]}
    assert await days_of(database, order) == before
    async with database.transaction() as session:
        assert list(await session.scalars(select(Withdrawal.undone_at))) == [None, None]
    assert (await ask(client, world, f"/{wide['id']}/undo")).status_code == 200
    assert await days_of(database, order) == [ahead(n) for n in (1, 4, 5, 6, 7, 8)]
    assert (await ask(client, world, f"/{part['id']}/undo")).status_code == 200
    assert await days_of(database, order) == [ahead(n) for n in (1, 2, 3, 4, 5, 6)]


async def test_a_part_under_a_wider_one_whose_first_day_is_frozen_has_begun(
    client: httpx.AsyncClient,
    world: World,
    paid_order: Deliver,
    database: Database,
    clock: SetClock,
) -> None:
    await paid_order(bottles=6)
    part = await withdraw(client, world, products=[milk(world)], **on(1, 3))
    await withdraw(client, world, **on(3, 4))
    clock.set(FROZEN)
    await plan(database, clock)
    refused = await ask(client, world, f"/{part['id']}/undo")
    assert (refused.status_code, refused.json()["code"]) == (409, "withdrawal_begun")


async def test_two_withdrawals_share_a_stop_until_both_are_undone(
    client: httpx.AsyncClient, world: World, paid_order: Deliver, database: Database
) -> None:
    await paid_order(bottles=6)
    await paid_order(
        product_id=yogurt(world),
        bottles=6,
        pattern={"kind": "every_days", "interval_days": 1, "quantity": 2},
    )
    first = await withdraw(client, world, products=[milk(world)], **on(2))
    assert await stops_on(database, 2) == [("withdrawn", 1)]
    second = await withdraw(client, world, products=[yogurt(world)], **on(2))
    assert (second["stops"], second["lines"]) == (1, 1)
    assert await stops_on(database, 2) == [("withdrawn", 3)]
    await ask(client, world, f"/{first['id']}/undo")
    assert await stops_on(database, 2) == [("withdrawn", 2)]
    async with database.transaction() as session:
        await assert_invariants(session, MORNING)
    await ask(client, world, f"/{second['id']}/undo")
    assert await stops_on(database, 2) == []
    async with database.transaction() as session:
        await assert_invariants(session, MORNING)


async def test_the_undo_leaves_no_stop_behind_a_line_that_rests_meanwhile(
    client: httpx.AsyncClient, world: World, paid_order: Deliver, database: Database
) -> None:
    order = await paid_order(bottles=4)
    made = await withdraw(client, world, products=[milk(world)], **on(2))
    await orders.change(
        client, order["id"], world.household, kind="pause", from_date=ahead(1), until_date=ahead(3)
    )
    undone = await ask(client, world, f"/{made['id']}/undo")
    assert undone.json()["kept_lines"] == 0
    assert await days_of(database, order) == [ahead(n) for n in (4, 5, 6, 7)]
    assert await stops_on(database, 2) == []


async def test_days_that_another_withdrawal_holds_stay_without_milk(
    client: httpx.AsyncClient, world: World, paid_order: Deliver, database: Database
) -> None:
    """A block's days over a product's: undone first, the product still gets none in that block."""
    order = await paid_order(bottles=4)
    product = await withdraw(client, world, products=[milk(world)], **on(2, 3))
    assert await days_of(database, order) == [ahead(n) for n in (1, 4, 5, 6)]
    block = [public_single("blk", world.blocks[0])]
    await withdraw(client, world, blocks=block, **on(3, 4))
    assert await days_of(database, order) == [ahead(n) for n in (1, 5, 6, 7)]
    undone = await ask(client, world, f"/{product['id']}/undo")
    assert (undone.status_code, undone.json()["kept_lines"]) == (200, 0)
    assert await days_of(database, order) == [ahead(n) for n in (1, 2, 5, 6)]
    assert await stops_on(database, 2) == []
    assert await stops_on(database, 3) == [("withdrawn", 1)]


async def test_a_line_whose_days_are_all_held_stays_and_is_not_told(
    client: httpx.AsyncClient,
    world: World,
    paid_order: Deliver,
    database: Database,
    drain_jobs: Drain,
) -> None:
    order = await paid_order(bottles=4)
    product = await withdraw(client, world, products=[milk(world)], **on(3))
    block = [public_single("blk", world.blocks[0])]
    await withdraw(client, world, blocks=block, **on(3, 4))
    await drain_jobs()
    before, said = await days_of(database, order), await told(database)
    undone = await ask(client, world, f"/{product['id']}/undo")
    assert undone.json()["kept_lines"] == 1
    await drain_jobs()
    assert await days_of(database, order) == before
    assert await told(database) == said
    assert await stops_on(database, 3) == [("withdrawn", 1)]


async def test_a_part_that_hits_nobody_is_refused_unless_it_is_to_stand(
    client: httpx.AsyncClient, world: World, paid_order: Deliver, database: Database
) -> None:
    await paid_order(bottles=4)
    refused = await ask(client, world, reason="停产", products=[yogurt(world)], **on(2))
    assert (refused.status_code, refused.json()["code"]) == (409, "withdrawal_hits_nobody")
    assert "is_standing" in refused.json()["detail"]
    async with database.transaction() as session:
        assert (await session.scalars(select(Withdrawal.id))).all() == []
        assert (await session.scalars(select(Stop))).all() == []
        assert (await session.scalars(select(OrderChange))).all() == []
    made = await withdraw(client, world, products=[yogurt(world)], is_standing=True, **on(2))
    assert (made["lines"], made["told_at"]) == (0, None)
    # A whole station's day is closed whoever orders.
    await withdraw(client, world, **on(20))


async def test_a_second_click_takes_nothing_twice(
    client: httpx.AsyncClient, world: World, paid_order: Deliver, database: Database
) -> None:
    order = await paid_order(bottles=4)
    said = body(world, reason="停产", products=[milk(world)], **on(2))
    headers = world.staff[Role.MANAGER].headers
    key = once()
    first, again = [
        await client.post("/withdrawals", json=said, headers=headers | key) for _ in range(2)
    ]
    assert first.json() == again.json()
    other = await client.post("/withdrawals", json=said, headers=headers | once())
    assert other.json()["code"] == "withdrawal_hits_nobody"
    assert await days_of(database, order) == [ahead(n) for n in (1, 3, 4, 5)]
    async with database.transaction() as session:
        assert len((await session.scalars(select(WithdrawnLine))).all()) == 1


async def test_only_households_that_were_told_hear_of_the_undo(
    client: httpx.AsyncClient,
    world: World,
    paid_order: Deliver,
    database: Database,
    drain_jobs: Drain,
) -> None:
    await paid_order(bottles=6)
    await drain_jobs()
    made = await withdraw(client, world, **on(2))
    assert (await ask(client, world, f"/{made['id']}/undo")).status_code == 200
    await drain_jobs()
    assert await told(database) == []
    made = await withdraw(client, world, **on(3))
    await drain_jobs()
    await ask(client, world, f"/{made['id']}/undo")
    await drain_jobs()
    assert await told(database) == ["day_withdrawn", "withdrawal_undone"]
    found = await client.get(
        f"/withdrawals/{made['id']}", headers=world.staff[Role.MANAGER].headers
    )
    assert found.json()["told_at"] is not None
