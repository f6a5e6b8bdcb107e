"""The plan is a query over terms: who gets what on a day, and who is set aside."""

from datetime import date, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete, func, select, text, update
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.alerts import Alert
from app.core.db import Database
from app.customers.models import CustomerKind
from app.delivery.models import (
    Delivery,
    DeliveryStatus,
    PickingTotal,
    PlanException,
    RouteSheet,
    Stop,
    StopState,
)
from app.delivery.service import mark_withdrawn, plan_day
from app.network.models import AddressBlock, Block, BlockDeliverer, Station
from app.orders.models import Order, OrderTerm
from app.orders.repository.calendar import bottles_called
from app.orders.states import OrderStatus
from tests.factories.delivery import TOMORROW, RunningLine, add_line, add_term
from tests.factories.world import MORNING, World

MONDAY = date(2026, 3, 16)


async def plan(session: AsyncSession, world: World, on: date = TOMORROW) -> tuple[int, int, int]:
    result = await plan_day(
        session, stations=[world.station_id], service_date=on, now=MORNING + timedelta(hours=8)
    )
    return result.deliveries, result.stops, result.set_aside


async def planned(session: AsyncSession, line: RunningLine, on: date = TOMORROW) -> int:
    found = await session.scalar(
        select(Delivery.quantity).where(
            Delivery.order_line_id == line.order_line_id, Delivery.service_date == on
        )
    )
    return found or 0


async def reason(session: AsyncSession, line: RunningLine) -> str | None:
    found: str | None = await session.scalar(
        select(PlanException.reason).where(PlanException.order_line_id == line.order_line_id)
    )
    return found


@pytest.mark.parametrize(
    ("pattern", "on", "bottles"),
    [
        ({"quantity": 2}, MONDAY, 2),
        ({"quantity": 1, "interval_days": 3}, MONDAY, 1),
        ({"quantity": 1, "interval_days": 3}, MONDAY + timedelta(days=2), 0),
        ({"quantity": 1, "interval_days": 3}, MONDAY + timedelta(days=3), 1),
        ({"quantity": 4, "interval_days": 2, "anchor": MONDAY - timedelta(days=3)}, MONDAY, 0),
        ({"quantity": 4, "interval_days": 2, "anchor": MONDAY + timedelta(days=4)}, MONDAY, 4),
        ({"weekdays": [3, 0, 0, 0, 0, 0, 5]}, MONDAY, 3),
        ({"weekdays": [3, 0, 0, 0, 0, 0, 5]}, MONDAY + timedelta(days=1), 0),
        ({"weekdays": [3, 0, 0, 0, 0, 0, 5]}, MONDAY + timedelta(days=6), 5),
        ({"until": MONDAY + timedelta(days=1)}, MONDAY, 1),
        ({"until": MONDAY + timedelta(days=1)}, MONDAY + timedelta(days=1), 0),
        ({"first": MONDAY + timedelta(days=1)}, MONDAY, 0),
        ({"status": OrderStatus.CANCELLED}, MONDAY, 1),
    ],
)
async def test_a_line_brings_what_its_pattern_says(
    session: AsyncSession, world: World, pattern: dict[str, object], on: date, bottles: int
) -> None:
    facts = {"first": MONDAY, **pattern}
    line = await add_line(session, world.household, world.milk_id, **facts)  # type: ignore[arg-type]  # facts of a table
    await plan(session, world, on)
    assert await planned(session, line, on) == bottles


terms = st.lists(
    st.tuples(
        st.integers(0, 20),
        st.integers(1, 25),
        st.integers(0, 6),
        st.one_of(
            st.tuples(st.integers(1, 99), st.integers(1, 90), st.integers(-40, 40)),
            st.lists(st.integers(0, 99), min_size=7, max_size=7),
        ),
    ),
    min_size=1,
    max_size=4,
)


@given(terms, st.integers(0, 60))
async def test_any_line_on_any_day_is_planned_as_counted_by_hand(
    database: Database,
    world: World,
    drawn: list[tuple[int, int, int, tuple[int, int, int] | list[int]]],
    offset: int,
) -> None:
    on = MONDAY + timedelta(days=offset)
    async with database.transaction() as session:
        example = await session.begin_nested()
        line = await add_line(session, world.household, world.milk_id, bottles=9999)
        await session.execute(
            delete(OrderTerm).where(OrderTerm.order_line_id == line.order_line_id)
        )
        expected = called = 0
        first = MONDAY
        for gap, days, _, pattern in drawn:
            first += timedelta(days=gap)
            until = first + timedelta(days=days)
            if isinstance(pattern, list):
                await add_term(session, line, first=first, until=until, weekdays=pattern)
            else:
                await add_term(
                    session,
                    line,
                    first=first,
                    until=until,
                    quantity=pattern[0],
                    interval_days=pattern[1],
                    anchor=first + timedelta(days=pattern[2]),
                )
            day = first
            while day < until:
                if isinstance(pattern, list):
                    bottles = pattern[day.weekday()]
                else:
                    anchor = first + timedelta(days=pattern[2])
                    bottles = pattern[0] if (day - anchor).days % pattern[1] == 0 else 0
                if day == on:
                    expected = bottles
                if day < on:
                    called += bottles
                day += timedelta(days=1)
            first = until
        counted = await session.scalar(
            text(
                f"SELECT coalesce(sum({bottles_called('t', 'CAST(:day AS date)')}), 0)"
                " FROM order_terms t WHERE t.order_line_id = :line AND t.first_date <= :day"
            ),
            {"day": on, "line": line.order_line_id},
        )
        assert counted == called
        await plan(session, world, on)
        assert await planned(session, line, on) == expected
        assert await reason(session, line) is None
        await example.rollback()


async def test_a_planned_day_has_stops_sheets_and_totals_that_equal_its_rows(
    session: AsyncSession, world: World
) -> None:
    neighbour = await world.add_household(session, block=0, stop_no=7)
    school = await world.add_household(session, block=1, kind=CustomerKind.SCHOOL)
    await add_line(session, world.household, world.milk_id, quantity=2)
    await add_line(session, world.household, world.yogurt_id)
    await add_line(session, neighbour, world.milk_id, quantity=3)
    await add_line(session, school, world.yogurt_id, quantity=50)

    assert await plan(session, world) == (4, 3, 0)

    stops = {stop.customer_id: stop for stop in await session.scalars(select(Stop))}
    assert stops[world.household.customer_id].bottles == 3
    assert stops[neighbour.customer_id].stop_no == 7
    assert stops[neighbour.customer_id].deliverer_id == world.deliverers[0]
    assert stops[school.customer_id].customer_kind == "school"
    assert stops[school.customer_id].city_code == "310000"
    assert {stop.state for stop in stops.values()} == {StopState.PLANNED}
    sheets = {sheet.block_id: sheet for sheet in await session.scalars(select(RouteSheet))}
    assert (sheets[world.blocks[0]].stops, sheets[world.blocks[0]].bottles) == (2, 6)
    assert (sheets[world.blocks[1]].stops, sheets[world.blocks[1]].bottles) == (1, 50)
    totals = {
        (total.block_id, total.product_id): total.bottles
        for total in await session.scalars(select(PickingTotal))
    }
    assert totals == {
        (world.blocks[0], world.milk_id): 5,
        (world.blocks[0], world.yogurt_id): 1,
        (world.blocks[1], world.yogurt_id): 50,
    }


async def counts(session: AsyncSession) -> list[int]:
    return [
        int(await session.scalar(select(func.count()).select_from(table)) or 0)
        for table in (Delivery, Stop, RouteSheet, PickingTotal, PlanException, Alert)
    ]


async def test_planning_twice_adds_nothing(session: AsyncSession, world: World) -> None:
    await add_line(session, world.household, world.milk_id)
    lost = await world.add_household(session, block=None)
    await add_line(session, lost, world.milk_id)
    assert await plan(session, world) == (1, 1, 1)
    before = await counts(session)
    assert await plan(session, world) == (0, 0, 0)
    assert await counts(session) == before


async def test_a_line_that_comes_later_joins_the_plan_and_its_stop(
    session: AsyncSession, world: World
) -> None:
    await add_line(session, world.household, world.milk_id)
    await plan(session, world)
    await add_line(session, world.household, world.yogurt_id, quantity=2)
    assert (await plan(session, world))[0] == 1
    assert list(await session.scalars(select(Stop.bottles))) == [3]
    sheet = (await session.scalars(select(RouteSheet))).one()
    assert (sheet.stops, sheet.bottles) == (1, 3)


async def test_a_bad_line_is_set_aside_and_the_rest_is_planned(
    session: AsyncSession, world: World
) -> None:
    good = await add_line(session, world.household, world.milk_id)
    nowhere = await world.add_household(session, block=None)
    without_block = await add_line(session, nowhere, world.milk_id)
    closed = await world.add_household(session, block=1)
    in_closed_block = await add_line(session, closed, world.milk_id)
    await session.execute(update(Block).where(Block.id == world.blocks[1]).values(is_active=False))
    unreadable = await add_line(session, world.household, world.milk_id, weekdays=[1] * 7)
    await session.execute(
        text(
            "UPDATE order_terms SET weekday_quantities = '{1,NULL,1,1,1,1,1}'::smallint[]"
            " WHERE order_line_id = :line"
        ),
        {"line": unreadable.order_line_id},
    )
    rejected = await add_line(session, world.household, world.milk_id, status=OrderStatus.REJECTED)
    overdrawn = await add_line(session, world.household, world.milk_id, bottles=2, quantity=3)
    tuesday = MONDAY + timedelta(days=1)

    assert await plan(session, world, tuesday) == (1, 1, 5)

    assert await planned(session, good, tuesday) == 1
    assert await reason(session, without_block) == "no_block"
    assert await reason(session, in_closed_block) == "block_inactive"
    assert await reason(session, unreadable) == "bad_pattern"
    assert await reason(session, rejected) == "order_not_running"
    assert await reason(session, overdrawn) == "more_bottles_than_left"
    alerts = list(await session.scalars(select(Alert).where(Alert.kind == "plan_exceptions")))
    assert sorted(alert.facts["reason"] for alert in alerts) == [
        "bad_pattern",
        "block_inactive",
        "more_bottles_than_left",
        "no_block",
        "order_not_running",
    ]


async def test_bottles_are_held_against_what_was_really_planned(
    session: AsyncSession, world: World
) -> None:
    """Five bottles, terms that call for one too many: the sixth day is set aside, no earlier one."""
    line = await add_line(
        session, world.household, world.milk_id, bottles=5, until=MONDAY + timedelta(days=3)
    )
    await add_term(
        session, line, first=MONDAY + timedelta(days=5), until=MONDAY + timedelta(days=9)
    )
    days = [MONDAY + timedelta(days=offset) for offset in range(9)]
    for day in days:
        await plan(session, world, day)
    assert [await planned(session, line, day) for day in days] == [1, 1, 1, 0, 0, 1, 1, 0, 0]
    found = await session.scalars(
        select(PlanException.service_date).order_by(PlanException.service_date)
    )
    assert list(found) == days[7:]


async def test_a_day_that_was_set_aside_or_given_back_leaves_its_bottles(
    session: AsyncSession, world: World
) -> None:
    line = await add_line(
        session, world.household, world.milk_id, bottles=3, until=MONDAY + timedelta(days=5)
    )
    await plan(session, world, MONDAY)
    await session.execute(
        update(Delivery).values(status=DeliveryStatus.FAILED, our_fault=True, restored_bottles=1)
    )
    served = update(AddressBlock).where(AddressBlock.customer_id == line.customer_id)
    empty = Range(date(2020, 1, 1), date(2020, 1, 2), bounds="[)")
    await session.execute(served.values(valid=empty))
    await plan(session, world, MONDAY + timedelta(days=1))
    assert await reason(session, line) == "no_block"
    await session.execute(served.values(valid=Range(date(2020, 1, 1), None, bounds="[)")))
    for offset in (2, 3, 4):
        await plan(session, world, MONDAY + timedelta(days=offset))
        assert await planned(session, line, MONDAY + timedelta(days=offset)) == 1


async def test_a_block_without_deliverer_is_planned_with_an_alert(
    session: AsyncSession, world: World
) -> None:
    await session.execute(delete(BlockDeliverer).where(BlockDeliverer.block_id == world.blocks[0]))
    await add_line(session, world.household, world.milk_id)
    assert await plan(session, world) == (1, 1, 0)
    assert list(await session.scalars(select(RouteSheet.deliverer_id))) == [None]
    alert = (await session.scalars(select(Alert))).one()
    assert alert.kind == "block_without_deliverer"
    assert alert.facts["block_id"] == str(world.blocks[0])


async def test_another_station_is_not_touched(session: AsyncSession, world: World) -> None:
    other_station, other_block = UUID(int=5), UUID(int=6)
    session.add(
        Station(id=other_station, code="ST02", name="二站", city_code="310000", created_at=MORNING)
    )
    await session.flush()
    session.add(Block(id=other_block, code="ST02-1", name="二", station_id=other_station))
    await session.flush()
    world.blocks.append(other_block)
    far = await world.add_household(session, block=2)
    line = await add_line(session, far, world.milk_id)
    assert await plan(session, world) == (0, 0, 0)
    await plan_day(session, stations=[other_station], service_date=TOMORROW, now=MORNING)
    assert await planned(session, line) == 1


async def test_a_withdrawn_day_lists_the_stops_it_takes_away(
    session: AsyncSession, world: World
) -> None:
    await add_line(session, world.household, world.milk_id, quantity=2)
    await add_line(session, world.household, world.yogurt_id)
    resting = await world.add_household(session)
    await add_line(session, resting, world.milk_id, first=TOMORROW + timedelta(days=1))
    marked = await mark_withdrawn(session, stations=[world.station_id], service_date=TOMORROW)
    assert marked == 1
    stop = (await session.scalars(select(Stop))).one()
    assert (stop.state, stop.bottles, stop.made_at) == (StopState.WITHDRAWN, 3, None)
    assert await session.scalar(select(func.count()).select_from(Delivery)) == 0


async def test_a_withdrawn_stop_that_is_served_after_all_becomes_planned(
    session: AsyncSession, world: World
) -> None:
    await add_line(session, world.household, world.milk_id)
    await mark_withdrawn(session, stations=[world.station_id], service_date=TOMORROW)
    await plan(session, world)
    stop = (await session.scalars(select(Stop))).one()
    assert (stop.state, stop.deliverer_id) == (StopState.PLANNED, world.deliverers[0])


async def test_the_order_of_an_unplanned_frozen_day_may_end_meanwhile(
    session: AsyncSession, world: World
) -> None:
    """Cancelled between freeze and plan: the frozen day was not refunded, so it is brought."""
    line = await add_line(
        session, world.household, world.milk_id, until=TOMORROW + timedelta(days=1)
    )
    await session.execute(
        update(Order)
        .where(Order.order_id == line.order_id)
        .values(status=OrderStatus.CANCELLED, ended_at=MORNING)
    )
    assert await plan(session, world) == (1, 1, 0)
