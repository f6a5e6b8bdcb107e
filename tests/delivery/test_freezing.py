"""The cut-off: every change is in the plan or refused; workers may race and die."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from sqlalchemy import func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.alerts import Alert
from app.core.db import Database
from app.delivery.jobs import PLAN_JOB, SCHEDULES
from app.delivery.models import Delivery, PlanException, RouteSheet, Stop
from app.delivery.repository import planning
from app.delivery.service import freeze_and_plan, plan_day
from app.network.models import AddressBlock, PlanDay, PlanDayState
from app.network.service import freeze_days
from tests.factories.delivery import TOMORROW, RunningLine, add_line
from tests.factories.world import MORNING, Household, World, once
from tests.fixtures.application import SetClock, app_over, make_test_runtime

AFTER_CUTOFF = MORNING + timedelta(hours=7)
BEFORE_CUTOFF = MORNING + timedelta(hours=5, minutes=59)


async def planned_lines(database: Database) -> list[object]:
    async with database.transaction() as session:
        found = await session.scalars(
            select(Delivery.order_line_id)
            .where(Delivery.service_date == TOMORROW)
            .order_by(Delivery.order_line_id)
        )
        return list(found)


async def day(session: AsyncSession, world: World) -> PlanDay:
    found = await session.get(PlanDay, (world.station_id, TOMORROW), populate_existing=True)
    assert found is not None
    return found


async def test_the_job_freezes_plans_and_notes_it(database: Database, world: World) -> None:
    async with database.transaction() as session:
        line = await add_line(session, world.household, world.milk_id)
    assert await freeze_and_plan(database, now=BEFORE_CUTOFF) == 3
    assert await planned_lines(database) == []
    assert await freeze_and_plan(database, now=AFTER_CUTOFF) == 1
    assert await freeze_and_plan(database, now=AFTER_CUTOFF) == 0
    assert await planned_lines(database) == [line.order_line_id]
    async with database.transaction() as session:
        found = await day(session, world)
        assert (found.state, found.planned_at) == (PlanDayState.FROZEN, AFTER_CUTOFF)


def test_the_job_has_its_minute() -> None:
    assert (PLAN_JOB, timedelta(minutes=1)) in [(one.job, one.every) for one in SCHEDULES]


async def test_killed_between_freeze_and_plan_the_next_run_plans(
    database: Database, world: World
) -> None:
    async with database.transaction() as session:
        line = await add_line(session, world.household, world.milk_id)
    async with database.transaction() as session:
        assert (world.station_id, TOMORROW) in await freeze_days(session, now=AFTER_CUTOFF)
    assert await planned_lines(database) == []
    await freeze_and_plan(database, now=AFTER_CUTOFF + timedelta(minutes=1))
    assert await planned_lines(database) == [line.order_line_id]


async def test_killed_while_planning_nothing_is_left_and_the_next_run_plans(
    database: Database, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with database.transaction() as session:
        line = await add_line(session, world.household, world.milk_id)

    class Killed(BaseException):
        """The process is gone."""

    async def die(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as broken:
        broken.setattr(planning, "rebuild_totals", die)
        with pytest.raises(Killed):
            await freeze_and_plan(database, now=AFTER_CUTOFF)
    assert await planned_lines(database) == []
    async with database.transaction() as session:
        assert (await day(session, world)).state is PlanDayState.FROZEN
        assert await session.scalar(select(func.count()).select_from(RouteSheet)) == 0
    await freeze_and_plan(database, now=AFTER_CUTOFF)
    assert await planned_lines(database) == [line.order_line_id]


async def test_a_line_whose_cause_is_mended_joins_the_next_plan(
    database: Database, world: World
) -> None:
    """Another station's plan noticed that nobody serves it; its own plan finds that it is served."""
    async with database.transaction() as session:
        lost = await world.add_household(session, block=None)
        line = await add_line(session, lost, world.milk_id)
        await plan_day(session, stations=[], service_date=TOMORROW, now=AFTER_CUTOFF)
        reason = await session.scalar(select(PlanException.reason))
        assert reason == "no_block"
        session.add(
            AddressBlock(
                customer_id=lost.customer_id,
                address_id=lost.address_id,
                valid_from=TOMORROW,
                valid=text("daterange('2026-03-16', NULL)"),
                block_id=world.blocks[0],
                stop_no=1,
            )
        )
    await freeze_and_plan(database, now=AFTER_CUTOFF)
    assert await planned_lines(database) == [line.order_line_id]
    async with database.transaction() as session:
        assert await session.scalar(select(PlanException.resolution)) == "planned"
        assert await session.scalar(select(func.count()).select_from(Alert)) == 1


@pytest.fixture
async def live(
    live_database: Database, clock: SetClock, tmp_path: Path
) -> AsyncIterator[tuple[httpx.AsyncClient, World]]:
    """The API over a database with real commits, and its city."""
    runtime = make_test_runtime(live_database, clock, tmp_path)
    async with live_database.transaction() as session:
        world = await World.build(session, runtime.keys)
    transport = httpx.ASGITransport(app=app_over(runtime))
    async with httpx.AsyncClient(transport=transport, base_url="http://test/api/v1") as client:
        yield client, world
    await runtime.http.aclose()


async def households(
    database: Database, world: World, count: int
) -> list[tuple[Household, RunningLine]]:
    async with database.transaction() as session:
        made = []
        for _ in range(count):
            home = await world.add_household(session)
            made.append((home, await add_line(session, home, world.milk_id)))
    return made


async def skip_tomorrow(client: httpx.AsyncClient, home: Household, line: RunningLine) -> bool:
    """Whether the change was accepted; otherwise it was refused with a code."""
    path = f"/orders/{line.public_order_id}/changes"
    wanted = {"kind": "skip", "date": TOMORROW.isoformat()}
    shown = await client.post(f"{path}/preview", json=wanted, headers=home.headers)
    if shown.status_code == 409:
        return False
    token = {"token": shown.json()["token"]}
    done = await client.post(path, json=token, headers=home.headers | once())
    assert done.status_code in {201, 409}, done.text
    return done.status_code == 201


async def test_changes_hammered_across_the_freeze_are_in_the_plan_or_refused(
    live: tuple[httpx.AsyncClient, World], live_database: Database, clock: SetClock
) -> None:
    client, world = live
    made = await households(live_database, world, 30)
    waiting, accepted, refused = list(made), [], []
    some_accepted, done = asyncio.Event(), asyncio.Event()
    clock.set(BEFORE_CUTOFF)

    async def customers() -> None:
        while waiting:
            if len(waiting) <= 6:
                await done.wait()
            home, line = waiting.pop()
            if await skip_tomorrow(client, home, line):
                accepted.append(line.order_line_id)
            else:
                refused.append(line.order_line_id)
            if len(accepted) >= 5:
                some_accepted.set()

    async def worker() -> None:
        """Its clock is past the cut-off while the customers' process still shows before."""
        await some_accepted.wait()
        await freeze_and_plan(live_database, now=AFTER_CUTOFF)
        done.set()

    async with asyncio.timeout(60):
        await asyncio.gather(worker(), *(customers() for _ in range(4)))
    planned = await planned_lines(live_database)
    assert len(accepted) >= 5
    assert refused
    assert sorted(planned, key=str) == sorted(refused, key=str)


async def test_workers_planning_at_once_make_one_plan(
    live: tuple[httpx.AsyncClient, World], live_database: Database
) -> None:
    _, world = live
    await households(live_database, world, 30)
    async with asyncio.timeout(60):
        counts = await asyncio.gather(
            *(freeze_and_plan(live_database, now=AFTER_CUTOFF) for _ in range(4))
        )
    await freeze_and_plan(live_database, now=AFTER_CUTOFF)
    assert sum(counts) == 4
    assert len(await planned_lines(live_database)) == 30


async def test_two_plans_of_one_day_at_once_add_nothing_twice(
    live: tuple[httpx.AsyncClient, World], live_database: Database
) -> None:
    _, world = live
    await households(live_database, world, 30)

    async def plan() -> int:
        async with live_database.transaction() as session:
            result = await plan_day(
                session, stations=[world.station_id], service_date=TOMORROW, now=AFTER_CUTOFF
            )
        return result.deliveries

    async with asyncio.timeout(60):
        assert sorted(await asyncio.gather(*(plan() for _ in range(3)))) == [0, 0, 30]
    async with live_database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(Stop)) == 30
        assert await session.scalar(select(func.sum(RouteSheet.bottles))) == 30
        await session.execute(update(PlanDay).values(planned_at=AFTER_CUTOFF))
