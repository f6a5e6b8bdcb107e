"""Days stand ahead, are held, frozen and withdrawn; the cut-off can be moved in time."""

from datetime import date, datetime, time, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import local_instant
from app.core.db import Database
from app.core.ids import public_single
from app.core.jobs import JobContext
from app.identity.models import Role
from app.network import service
from app.network.errors import CutoffTooLate, DayClosed, NoOpenDay, PeriodOver
from app.network.jobs import JOBS, SCHEDULES
from app.network.models import PlanDay, PlanDayState, StationCutoff
from app.network.service.stations import HORIZON_DAYS
from tests.factories.network import add_station, close_day
from tests.factories.world import MORNING, TODAY, World, once

TOMORROW = TODAY + timedelta(days=1)
CUTOFF_TODAY = local_instant(TODAY, time(16))
"""The cut-off for tomorrow."""
MOMENT = timedelta(microseconds=1)


def ahead(days: int) -> date:
    return TODAY + timedelta(days=days)


async def states(session: AsyncSession, world: World, *days: date) -> list[PlanDayState]:
    found = await service.list_days(
        session, station_id=world.station_id, from_date=days[0], until=days[-1] + timedelta(days=1)
    )
    return [day.state for day in found]


async def test_days_are_made_to_the_horizon_once(world: World, session: AsyncSession) -> None:
    await session.execute(delete(PlanDay))
    assert await service.ensure_plan_days(session, today=TODAY) == HORIZON_DAYS
    assert await service.ensure_plan_days(session, today=TODAY) == 0
    assert await service.ensure_plan_days(session, today=TOMORROW) == 1
    days = await service.list_days(
        session, station_id=world.station_id, from_date=TODAY, until=ahead(500)
    )
    assert [day.service_date for day in days] == [ahead(n) for n in range(1, HORIZON_DAYS + 2)]
    assert all(
        day.cutoff_at == local_instant(day.service_date - timedelta(days=1), time(16))
        for day in days
    )


async def test_the_daily_job_makes_days(
    world: World, session: AsyncSession, job_context: JobContext
) -> None:
    assert [schedule.job for schedule in SCHEDULES] == [spec.name for spec in JOBS]
    await JOBS[0].handler(job_context, {})
    latest = await session.scalar(select(func.max(PlanDay.service_date)))
    assert latest == ahead(HORIZON_DAYS)


async def test_the_first_date_keeps_cutoff_lead_days_and_wish(
    world: World, session: AsyncSession
) -> None:
    async def first(now: datetime, lead_days: int = 0, wished: date | None = None) -> date:
        return await service.first_open_date(
            session, station_id=world.station_id, now=now, lead_days=lead_days, wished=wished
        )

    assert await first(MORNING) == TOMORROW
    assert await first(CUTOFF_TODAY - MOMENT) == TOMORROW
    assert await first(CUTOFF_TODAY) == ahead(2)
    assert await first(MORNING, lead_days=2) == ahead(3)
    assert await first(MORNING, wished=ahead(9)) == ahead(9)
    assert await first(MORNING, lead_days=2, wished=TODAY) == ahead(3)

    await close_day(session, world.station_id, TOMORROW, PlanDayState.WITHDRAWN)
    await close_day(session, world.station_id, ahead(9), PlanDayState.FROZEN)
    assert await first(MORNING) == ahead(2)
    assert await first(MORNING, lead_days=2) == ahead(3), "lead days count from the cut-off"
    assert await first(MORNING, wished=ahead(9)) == ahead(10)
    with pytest.raises(NoOpenDay):
        await first(MORNING, wished=ahead(120))


async def test_a_day_is_held_only_while_it_takes_changes(
    world: World, session: AsyncSession
) -> None:
    async def hold(day: date, now: datetime = MORNING) -> None:
        await service.hold_open_day(session, station_id=world.station_id, service_date=day, now=now)

    await hold(TOMORROW)
    await hold(TOMORROW, CUTOFF_TODAY - MOMENT)
    await close_day(session, world.station_id, ahead(3), PlanDayState.WITHDRAWN)
    await close_day(session, world.station_id, ahead(4), PlanDayState.FROZEN)
    for day, now in (
        (TOMORROW, CUTOFF_TODAY),
        (ahead(3), MORNING),
        (ahead(4), MORNING),
        (ahead(999), MORNING),
    ):
        with pytest.raises(DayClosed):
            await hold(day, now)
    closed = await service.list_closed_dates(
        session, station_id=world.station_id, from_date=TOMORROW, now=CUTOFF_TODAY
    )
    assert closed == {TOMORROW, ahead(3), ahead(4)}


async def test_the_freeze_takes_the_days_that_are_due(world: World, session: AsyncSession) -> None:
    other = await add_station(session, code="ST02", days=3)
    await service.freeze_days(session, now=MORNING)
    assert await service.freeze_days(session, now=CUTOFF_TODAY - MOMENT) == []
    frozen = await service.freeze_days(session, now=CUTOFF_TODAY)
    assert frozen == sorted([(world.station_id, TOMORROW), (other, TOMORROW)])
    assert await service.freeze_days(session, now=CUTOFF_TODAY) == []
    day = await session.get_one(PlanDay, (world.station_id, TOMORROW), populate_existing=True)
    assert (day.state, day.frozen_at) == (PlanDayState.FROZEN, CUTOFF_TODAY)
    assert await states(session, world, ahead(2)) == [PlanDayState.OPEN]


async def test_a_day_is_withdrawn_before_its_cutoff_only(
    world: World, session: AsyncSession
) -> None:
    async def withdraw(day: date, now: datetime) -> None:
        await service.withdraw_days(
            session, stations=[world.station_id], first=day, last=day, reason="台风", now=now
        )

    await withdraw(ahead(2), MORNING)
    day = await session.get_one(PlanDay, (world.station_id, ahead(2)))
    assert (day.state, day.reason) == (PlanDayState.WITHDRAWN, "台风")
    for closed, now in ((ahead(2), MORNING), (TOMORROW, CUTOFF_TODAY), (ahead(999), MORNING)):
        with pytest.raises(DayClosed):
            await withdraw(closed, now)
    assert await states(session, world, TOMORROW) == [PlanDayState.OPEN]
    await service.freeze_days(session, now=CUTOFF_TODAY + timedelta(days=1))
    assert await states(session, world, TOMORROW, ahead(2)) == [
        PlanDayState.FROZEN,
        PlanDayState.WITHDRAWN,
    ]


async def test_an_earlier_cutoff_moves_the_open_days_of_its_period(
    world: World, session: AsyncSession
) -> None:
    await close_day(session, world.station_id, ahead(6), PlanDayState.WITHDRAWN)
    await service.set_cutoff(
        session,
        station_id=world.station_id,
        cutoff_time=time(11),
        from_date=ahead(5),
        to_date=ahead(7),
        now=MORNING,
    )
    days = await service.list_days(
        session, station_id=world.station_id, from_date=ahead(4), until=ahead(9)
    )
    assert [day.cutoff_at.hour + 8 for day in days] == [16, 11, 16, 11, 16]
    rows = await session.scalars(
        select(StationCutoff)
        .where(StationCutoff.station_id == world.station_id)
        .order_by(StationCutoff.valid)
    )
    assert [(row.valid.lower, row.valid.upper, row.cutoff_time.hour) for row in rows] == [
        (date(2020, 1, 1), ahead(5), 16),
        (ahead(5), ahead(8), 11),
        (ahead(8), None, 16),
    ]
    made = await service.ensure_plan_days(session, today=TODAY)
    assert made == HORIZON_DAYS - 119


@pytest.mark.parametrize(
    ("now", "from_date", "error"),
    [
        (MORNING, TODAY, PeriodOver),
        (CUTOFF_TODAY, TOMORROW, CutoffTooLate),
        (local_instant(TODAY, time(12)), TOMORROW, CutoffTooLate),
    ],
    ids=["past", "old cut-off has passed", "new cut-off has passed"],
)
async def test_a_cutoff_never_moves_a_day_that_is_closing(
    world: World, session: AsyncSession, now: datetime, from_date: date, error: type[Exception]
) -> None:
    with pytest.raises(error):
        await service.set_cutoff(
            session,
            station_id=world.station_id,
            cutoff_time=time(11),
            from_date=from_date,
            to_date=None,
            now=now,
        )
    assert len(await service.list_cutoffs(session, station_id=world.station_id)) == 1
    days = await service.list_days(
        session, station_id=world.station_id, from_date=TOMORROW, until=ahead(9)
    )
    assert {day.cutoff_at.hour + 8 for day in days} == {16}


# Over HTTP


async def test_a_new_station_takes_orders_at_once(client: httpx.AsyncClient, world: World) -> None:
    body = {"code": "ST09", "name": "静安奶站", "city_code": "310000", "cutoff_time": "18:30"}
    headers = world.staff[Role.MANAGER].headers
    made = await client.post("/stations", json=body, headers=headers | once())
    assert made.status_code == 201
    path = f"/stations/{made.json()['id']}/plan-days"
    days = (await client.get(f"{path}?from=2026-03-15&to=2026-03-17", headers=headers)).json()
    assert [(day["service_date"], day["cutoff_at"]) for day in days["items"]] == [
        ("2026-03-16", "2026-03-15T10:30:00Z"),
        ("2026-03-17", "2026-03-16T10:30:00Z"),
    ]
    assert all(day["takes_changes"] for day in days["items"])
    unknown = await client.post(
        "/stations", json=body | {"code": "X", "city_code": "999999"}, headers=headers | once()
    )
    assert (unknown.status_code, unknown.json()["code"]) == (404, "city_not_found")
    taken = await client.post("/stations", json=body, headers=headers | once())
    assert (taken.status_code, taken.json()["code"]) == (409, "station_code_taken")


async def test_a_cutoff_is_kept_over_http(client: httpx.AsyncClient, world: World) -> None:
    path = f"/stations/{public_single('stn', world.station_id)}/cutoffs"
    headers = world.staff[Role.ADMIN].headers
    body: dict[str, Any] = {"cutoff_time": "12:00", "from_date": "2026-04-01"}
    made = await client.post(path, json=body, headers=headers | once())
    assert (made.status_code, made.json()["to_date"]) == (201, None)
    listed = (await client.get(path, headers=headers)).json()["items"]
    assert [item["cutoff_time"] for item in listed] == ["16:00", "12:00"]
    zoned = await client.post(
        path, json=body | {"cutoff_time": "12:00+08:00"}, headers=headers | once()
    )
    assert zoned.status_code == 422
    late = await client.post(
        path, json=body | {"from_date": "2026-03-15"}, headers=headers | once()
    )
    assert (late.status_code, late.json()["code"]) == (409, "period_over")


async def test_a_station_manager_sees_the_own_days_only(
    client: httpx.AsyncClient, world: World, database: Database
) -> None:
    async with database.transaction() as session:
        other = await add_station(session, code="ST02", days=3)
    headers = world.staff[Role.STATION_MANAGER].headers
    own = await client.get(
        f"/stations/{public_single('stn', world.station_id)}/plan-days", headers=headers
    )
    assert len(own.json()["items"]) == 31
    for part in ("plan-days", "cutoffs"):
        foreign = await client.get(
            f"/stations/{public_single('stn', other)}/{part}", headers=headers
        )
        assert (foreign.status_code, foreign.json()["code"]) == (404, "station_not_found")
    listed = (await client.get("/stations", headers=headers)).json()["items"]
    assert [station["code"] for station in listed] == ["ST01"]


@pytest.mark.parametrize(
    "query", ["from=2026-03-15&to=2026-03-14", "from=2026-01-01&to=2028-01-01"]
)
async def test_impossible_periods_are_refused(
    client: httpx.AsyncClient, world: World, query: str
) -> None:
    path = f"/stations/{public_single('stn', world.station_id)}/plan-days?{query}"
    answer = await client.get(path, headers=world.staff[Role.ADMIN].headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "period_invalid")
