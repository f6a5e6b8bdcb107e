"""Making good: bottles on a coming morning, or a credit in the ledger (S1 5.2.9)."""

from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.aftersales.models import Compensation
from app.billing.models import LedgerTransfer
from app.core.alerts import list_open_alerts
from app.core.clock import local_instant
from app.core.ids import read_pair
from app.delivery.make_up import move_make_ups
from app.delivery.models import Delivery, PickingTotal, RouteSheet, Stop
from app.delivery.repository.planning import DayScope, mark_planned
from app.delivery.service.planning import plan_day
from app.identity.models import Role
from app.network.models import AddressBlock, PlanDay, PlanDayState
from app.orders.models import EntitlementEntry
from tests.factories.aftersales import Desk, stored
from tests.factories.delivery import RunningLine, add_line
from tests.factories.world import CUTOFF, MORNING, TODAY
from tests.fixtures.application import SetClock
from tests.fixtures.invariants import assert_invariants

TOMORROW = TODAY + timedelta(days=1)
LATER = TODAY + timedelta(days=3)


@pytest.fixture
async def line(desk: Desk, session: AsyncSession) -> RunningLine:
    """The household's running line: one bottle of milk a day from tomorrow."""
    made = await add_line(session, desk.world.household, desk.world.milk_id)
    await session.commit()
    return made


async def plan(session: AsyncSession, desk: Desk, day: date) -> None:
    """Freeze and plan a day of the station."""
    found = await session.get_one(PlanDay, (desk.world.station_id, day))
    found.state = PlanDayState.FROZEN
    found.frozen_at = local_instant(day - timedelta(days=1), CUTOFF)
    await session.flush()
    stations = [desk.world.station_id]
    await plan_day(session, stations=stations, service_date=day, now=MORNING)
    await mark_planned(session, DayScope(day, stations), now=MORNING)
    await session.commit()


async def make_up(desk: Desk, ticket_id: str, day: date, **said: Any) -> dict[str, Any]:
    """Grant a make-up of two bottles."""
    wanted = {"service_date": day.isoformat(), "bottles": 2} | said.pop("wanted", {})
    return await desk.act(
        ticket_id, "compensate", status=said.pop("status", 201), make_up=wanted, **said
    )


async def bottles(session: AsyncSession, day: date) -> tuple[int, int, int, int]:
    """Of a day: bottles in stops, stops in sheets, bottles in sheets, bottles to be picked."""
    stops = await session.scalar(select(func.sum(Stop.bottles)).where(Stop.service_date == day))
    sheet = (
        await session.execute(
            select(func.sum(RouteSheet.stops), func.sum(RouteSheet.bottles)).where(
                RouteSheet.service_date == day
            )
        )
    ).one()
    picked = await session.scalar(
        select(func.sum(PickingTotal.bottles)).where(PickingTotal.service_date == day)
    )
    return int(stops or 0), int(sheet[0] or 0), int(sheet[1] or 0), int(picked or 0)


async def test_a_make_up_for_an_open_day_waits_for_its_plan(
    desk: Desk, session: AsyncSession, line: RunningLine
) -> None:
    ticket = await desk.file(order_line_id=line.public_id)
    granted = await make_up(desk, ticket["id"], LATER)
    assert granted["bottles"] == 2

    delivery = (await session.scalars(select(Delivery))).one()
    assert (delivery.delivery_no, delivery.quantity, delivery.status) == (1, 2, "planned")
    compensation = (await session.scalars(select(Compensation))).one()
    assert delivery.cause_id == compensation.compensation_id
    assert await bottles(session, LATER) == (0, 0, 0, 0)

    await plan(session, desk, LATER)
    assert await bottles(session, LATER) == (3, 1, 3, 3), "one of the day, two made up"
    await assert_invariants(session, MORNING, only={"I5", "I8"})
    history = (await desk.read(ticket["id"]))["events"]
    assert history[-1]["kind"] == "compensated"


async def test_a_make_up_for_a_planned_day_is_an_addendum(
    desk: Desk, session: AsyncSession, line: RunningLine
) -> None:
    await plan(session, desk, TOMORROW)
    assert await bottles(session, TOMORROW) == (1, 1, 1, 1)
    ticket = await desk.file(order_line_id=line.public_id)
    await make_up(desk, ticket["id"], TOMORROW)
    assert await bottles(session, TOMORROW) == (3, 1, 3, 3)

    await plan_day(session, stations=[desk.world.station_id], service_date=TOMORROW, now=MORNING)
    assert await bottles(session, TOMORROW) == (3, 1, 3, 3), "planning again changes nothing"
    await assert_invariants(session, MORNING, only={"I5", "I8"})


async def test_a_household_without_milk_that_day_gets_a_stop_of_its_own(
    desk: Desk, session: AsyncSession
) -> None:
    other = await desk.world.add_household(session)
    theirs = await add_line(session, other, desk.world.yogurt_id, first=LATER + timedelta(days=10))
    await session.commit()
    await plan(session, desk, TOMORROW)
    ticket = await desk.file(other, order_line_id=theirs.public_id)
    await make_up(desk, ticket["id"], TOMORROW)
    stop = (await session.scalars(select(Stop).where(Stop.service_date == TOMORROW))).one()
    assert (stop.customer_id, stop.bottles, stop.state) == (other.customer_id, 2, "planned")
    assert await bottles(session, TOMORROW) == (2, 1, 2, 2)


async def test_the_bottles_cost_the_line_nothing(
    desk: Desk, session: AsyncSession, line: RunningLine
) -> None:
    ticket = await desk.file(order_line_id=line.public_id)
    await make_up(desk, ticket["id"], LATER)
    gift = (
        await session.scalars(select(EntitlementEntry).where(EntitlementEntry.kind == "gift"))
    ).one()
    assert (gift.bottles, gift.value_fen) == (2, 0)


async def test_two_make_ups_on_one_day_stand_beside_each_other(
    desk: Desk, session: AsyncSession, line: RunningLine
) -> None:
    ticket = await desk.file(order_line_id=line.public_id)
    for _ in range(2):
        await make_up(desk, ticket["id"], LATER)
    numbers = await session.scalars(select(Delivery.delivery_no).order_by(Delivery.delivery_no))
    assert list(numbers) == [1, 2]


async def test_days_that_take_no_make_up(
    desk: Desk, session: AsyncSession, line: RunningLine
) -> None:
    ticket = await desk.file(order_line_id=line.public_id)
    day = await session.get_one(PlanDay, (desk.world.station_id, LATER))
    day.state = PlanDayState.WITHDRAWN
    await session.commit()
    for when, status, code in (
        (TODAY, 400, "make_up_too_late"),
        (LATER, 409, "day_closed"),
        (TODAY + timedelta(days=800), 409, "day_closed"),
    ):
        refused = await make_up(desk, ticket["id"], when, status=status)
        assert refused["code"] == code
    assert await session.scalar(select(func.count()).select_from(Delivery)) == 0
    assert await session.scalar(select(func.count()).select_from(Compensation)) == 0


async def test_an_address_nobody_serves_gets_a_credit_instead(
    desk: Desk, session: AsyncSession
) -> None:
    other = await desk.world.add_household(session, block=None)
    theirs = await add_line(session, other, desk.world.milk_id)
    await session.commit()
    ticket = await desk.file(other, order_line_id=theirs.public_id)
    refused = await make_up(desk, ticket["id"], LATER, status=409)
    assert refused["code"] == "address_not_served"
    await desk.act(ticket["id"], "compensate", status=201, credit_fen=700)


async def test_a_make_up_needs_a_line_of_the_same_household(
    desk: Desk, session: AsyncSession, line: RunningLine
) -> None:
    other = await desk.world.add_household(session)
    theirs = await add_line(session, other, desk.world.milk_id)
    await session.commit()
    ticket = await desk.file()
    assert (await make_up(desk, ticket["id"], LATER, status=400))["code"] == "make_up_needs_line"
    await make_up(desk, ticket["id"], LATER, status=404, wanted={"order_line_id": theirs.public_id})
    await make_up(desk, ticket["id"], LATER, wanted={"order_line_id": line.public_id})
    delivery = (await session.scalars(select(Delivery))).one()
    assert delivery.customer_id == desk.world.household.customer_id


async def test_make_ups_of_a_withdrawn_day_move_to_the_next_open_one(
    desk: Desk, session: AsyncSession, line: RunningLine
) -> None:
    world = desk.world
    ticket = await desk.file(order_line_id=line.public_id)
    await make_up(desk, ticket["id"], LATER)
    day = await session.get_one(PlanDay, (world.station_id, LATER))
    day.state = PlanDayState.WITHDRAWN
    await session.flush()

    moved = await move_make_ups(
        session, station_id=world.station_id, service_date=LATER, now=MORNING
    )

    assert moved == 1
    rows = await session.execute(
        select(Delivery.service_date, Delivery.status).order_by(Delivery.service_date)
    )
    assert [tuple(row) for row in rows] == [
        (LATER, "cancelled"),
        (LATER + timedelta(days=1), "planned"),
    ]
    await assert_invariants(session, MORNING, only={"I5", "I8"})
    again = await move_make_ups(
        session, station_id=world.station_id, service_date=LATER, now=MORNING
    )
    assert again == 0


async def test_a_make_up_that_can_go_nowhere_is_shown(
    desk: Desk, session: AsyncSession, line: RunningLine
) -> None:
    world = desk.world
    ticket = await desk.file(order_line_id=line.public_id)
    await make_up(desk, ticket["id"], LATER)
    day = await session.get_one(PlanDay, (world.station_id, LATER))
    day.state = PlanDayState.WITHDRAWN
    served = (
        await session.scalars(
            select(AddressBlock).where(AddressBlock.customer_id == line.customer_id)
        )
    ).one()
    await session.delete(served)
    await session.flush()
    moved = await move_make_ups(
        session, station_id=world.station_id, service_date=LATER, now=MORNING
    )
    assert moved == 0
    assert [alert.kind for alert in await list_open_alerts(session)] == ["make_up_unplaced"]


async def test_a_credit_is_booked_against_compensation(
    desk: Desk, session: AsyncSession, clock: SetClock
) -> None:
    ticket = await desk.file()
    granted = await desk.act(ticket["id"], "compensate", status=201, credit_fen=350)
    assert granted["credit_fen"] == 350
    transfer = (await session.scalars(select(LedgerTransfer))).one()
    assert (transfer.debit_account, transfer.credit_account) == ("compensation", "balance")
    assert transfer.amount_fen == 350
    assert transfer.reference_id == read_pair("tkt", ticket["id"])[1]
    seen = await desk.read(ticket["id"], by=desk.world.household.headers)
    assert [one["credit_fen"] for one in seen["compensations"]] == [350]
    await assert_invariants(session, clock.now(), only={"I1"})


async def test_a_large_credit_needs_a_manager(desk: Desk, session: AsyncSession) -> None:
    ticket = await desk.file()
    refused = await desk.act(ticket["id"], "compensate", status=403, credit_fen=5001)
    assert (refused["code"], refused["facts"]) == ("credit_above_limit", {"limit_fen": 5000})
    assert await session.scalar(select(func.count()).select_from(LedgerTransfer)) == 0
    manager = desk.world.staff[Role.MANAGER].headers
    await desk.act(ticket["id"], "compensate", by=manager, status=201, credit_fen=5001)


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"credit_fen": 0},
        {"credit_fen": 100, "make_up": {"service_date": "2026-03-18", "bottles": 1}},
        {"make_up": {"service_date": "2026-03-18", "bottles": 0}},
        {"make_up": {"service_date": "2026-03-18", "bottles": 10_000}},
        {"make_up": {"service_date": "2026-02-30", "bottles": 1}},
    ],
)
async def test_a_compensation_is_one_thing(
    desk: Desk, session: AsyncSession, said: dict[str, Any]
) -> None:
    ticket = await desk.file()
    refused = await desk.act(ticket["id"], "compensate", status=422, **said)
    assert refused["code"] == "validation_failed"
    assert (await stored(session, ticket["id"])).status == "open"
    assert await session.scalar(select(func.count()).select_from(Compensation)) == 0
