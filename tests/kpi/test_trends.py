"""KPIs day by day: the same as counted at once, again where rows came late."""

from datetime import timedelta
from typing import Any

import httpx
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.aftersales.models import Ticket
from app.aftersales.states import TicketStatus
from app.core.clock import local_instant
from app.core.db import Database
from app.core.ids import public_single
from app.core.jobs import JobContext
from app.customers.models import CustomerKind
from app.delivery.models import StopState
from app.delivery.repository.mornings import rebuild_mornings
from app.identity.models import Role
from app.kpi.definitions import DEFINITIONS, KpiKey, ScopeKind
from app.kpi.jobs import run_recount_days, run_refresh_days
from app.kpi.measuring import Question, measure
from app.kpi.models import KpiDay, KpiDayMark
from app.kpi.rules import Period
from app.kpi.scopes import OPERATOR, Scope
from app.kpi.trends import read_trends
from app.orders.states import OrderSource
from tests.factories.history import DAY, SEVEN, History
from tests.factories.world import MORNING, TODAY, World
from tests.fixtures.application import SetClock

YESTERDAY = TODAY - DAY


async def write_history(session: AsyncSession, world: World) -> None:
    """Two days of everything, with a ticket and an order nobody can place."""
    history = History(session, world)
    far = await world.add_household(session, block=None)
    for day in (YESTERDAY, TODAY):
        noon = local_instant(day, SEVEN) + timedelta(hours=2)
        await history.stop(day)
        await history.stop(day, seconds_from_seven=5)
        await history.stop(day, state=StopState.PARTLY, block=1)
        await history.stop(day, kind=CustomerKind.SCHOOL)
        await history.ticket(noon)
        await history.ticket(noon, answered_after=timedelta(hours=1), block=None)
        await history.ticket(noon, status=TicketStatus.MERGED)
        await history.answer(noon, 5)
        await history.answer(noon, 2, block=1)
        await history.order(world.household, noon, OrderSource.WEB)
        await history.order(far, noon, OrderSource.PHONE)
        await history.order(world.household, noon, None)
    await rebuild_mornings(
        session, [(block, day) for block in world.blocks for day in (YESTERDAY, TODAY)]
    )


async def test_each_kept_day_is_what_is_counted_at_once(
    database: Database,
    world: World,
    session: AsyncSession,
    job_context: JobContext,
    clock: SetClock,
) -> None:
    await write_history(session, world)
    await session.commit()
    clock.set(MORNING + timedelta(hours=5))
    await run_refresh_days(job_context, {})
    async with database.transaction() as reading:
        kept = {
            (row.scope, row.service_date, row.key): row
            for row in await reading.scalars(select(KpiDay))
        }
        for scope in (
            OPERATOR,
            Scope(ScopeKind.CITY, city_code="310000"),
            Scope(ScopeKind.STATION, row_id=world.station_id),
        ):
            for day in (YESTERDAY, TODAY):
                for key in KpiKey:
                    now = clock.now()
                    asked = await measure(Question(reading, scope, Period(day, day), now), key)
                    row = kept.get((scope.text, day, key))
                    found = (row.numerator, row.denominator) if row else (0, 0)
                    assert found == (asked.numerator, asked.denominator), (scope, day, key)
                    if asked.longest is not None and row is not None and row.longest_ms:
                        assert timedelta(milliseconds=row.longest_ms) == asked.longest
        for block_id in world.blocks:
            scope = Scope(ScopeKind.BLOCK, row_id=block_id)
            shown, _ = await read_trends(
                reading,
                scope=scope,
                period=Period(YESTERDAY, TODAY),
                keys=list(KpiKey),
                now=clock.now(),
            )
            for trend in shown:
                for point in trend.points:
                    day = point.service_date
                    question = Question(reading, scope, Period(day, day), clock.now())
                    asked = await measure(question, trend.definition.key)
                    found = (point.numerator, point.denominator)
                    place = (scope, day, trend.definition.key)
                    assert found == (asked.numerator, asked.denominator), place
        assert {key for _, _, key in kept} >= set(DEFINITIONS) - {
            KpiKey.DELIVERY_TEMP_RATE,
            KpiKey.COLD_STORE_TEMP_RATE,
        }


async def marks(database: Database) -> dict[Any, Any]:
    async with database.transaction() as session:
        return {
            row.service_date: row.computed_at for row in await session.scalars(select(KpiDayMark))
        }


async def test_only_days_whose_rows_came_late_are_counted_again(
    database: Database,
    world: World,
    session: AsyncSession,
    job_context: JobContext,
    clock: SetClock,
) -> None:
    quiet, late, ticketed = (TODAY - timedelta(days=n) for n in (9, 8, 7))
    history = History(session, world)
    for day in (quiet, late):
        await history.stop(day, state=StopState.PLANNED)
    ticket = await history.ticket(
        local_instant(ticketed, SEVEN),
        answered_after=timedelta(hours=1),
        resolved_after=timedelta(hours=2),
    )
    await rebuild_mornings(session, [(world.blocks[0], day) for day in (quiet, late)])
    await session.commit()
    await run_refresh_days(job_context, {})
    first = await marks(database)
    assert set(first) == {quiet, late, ticketed, YESTERDAY, TODAY}

    clock.set(MORNING + timedelta(hours=1))
    async with database.transaction() as changing:
        await History(changing, world).stop(late)
        await rebuild_mornings(changing, [(world.blocks[0], late)])
        await changing.execute(
            update(Ticket)
            .where(Ticket.ticket_id == ticket.ticket_id)
            .values(status=TicketStatus.ANSWERED, resolved_at=None)
        )
    await run_refresh_days(job_context, {})
    second = await marks(database)
    assert second[quiet] == first[quiet]
    assert {day for day in second if second[day] != first[day]} == {
        late,
        ticketed,
        YESTERDAY,
        TODAY,
    }
    async with database.transaction() as reading:
        row = await reading.get_one(KpiDay, ("operator", late, KpiKey.ON_TIME_RATE.value))
        assert (row.numerator, row.denominator) == (1, 2)

    await run_recount_days(job_context, {})
    assert len(await marks(database)) == 31


async def test_a_trend_has_a_point_for_every_day(
    client: httpx.AsyncClient,
    world: World,
    session: AsyncSession,
    job_context: JobContext,
    clock: SetClock,
) -> None:
    await write_history(session, world)
    await session.commit()
    clock.set(MORNING + timedelta(hours=5))
    await run_refresh_days(job_context, {})
    headers = world.staff[Role.MANAGER].headers
    found = (await client.get("/kpi/trend", headers=headers)).json()
    assert [item["key"] for item in found["items"]] == [key.value for key in KpiKey]
    on_time = found["items"][0]
    assert len(on_time["points"]) == 30
    assert [point["status"] for point in on_time["points"]] == ["no_data"] * 28 + ["missed"] * 2
    assert on_time["points"][-1] == {
        "date": "2026-03-15", "value": "33.33", "status": "missed", "numerator": 1, "denominator": 3,
    }  # fmt: skip
    block = f"block:{public_single('blk', world.blocks[1])}"
    answer = await client.get("/kpi/trend", params={"scope": block, "days": 2}, headers=headers)
    of_block = {item["key"]: item["points"] for item in answer.json()["items"]}
    assert set(of_block) == set(KpiKey) - {
        KpiKey.DELIVERY_TEMP_RATE,
        KpiKey.COLD_STORE_TEMP_RATE,
    }
    assert [point["denominator"] for point in of_block["on_time_rate"]] == [1, 1]
    clock.set(local_instant(TODAY, SEVEN) - timedelta(seconds=1))
    answer = await client.get("/kpi/trend", params={"scope": block, "days": 2}, headers=headers)
    early = answer.json()["items"][0]["points"]
    assert [point["status"] for point in early] == ["missed", "no_data"], "not due before seven"
    clock.set(MORNING + timedelta(hours=5))
    deliverer = f"deliverer:{public_single('dlv', world.deliverers[0])}"
    for params, status in (
        ({"scope": deliverer}, 400),
        ({"scope": "city:999999"}, 404),
        ({"key": "profit"}, 422),
        ({"days": 93}, 422),
    ):
        answer = await client.get("/kpi/trend", params=params, headers=headers)
        assert answer.status_code == status, params
    own = await client.get("/kpi/trend", headers=world.staff[Role.STATION_MANAGER].headers)
    assert own.json()["scope"] == f"station:{public_single('stn', world.station_id)}"
