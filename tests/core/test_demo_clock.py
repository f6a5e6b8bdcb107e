"""The clock of a demo goes forward only, for an administrator only, and nowhere but in a demo."""

import asyncio
from datetime import UTC, datetime, time, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from app.core.clock import (
    SPEED_HOLDS,
    BusinessClock,
    BusinessClockRow,
    ClockGoesForward,
    move_clock,
    wall_now,
)
from app.core.db import Database
from app.core.demo import mark_demo
from app.core.schedule import ClockSlot, Schedule, tick
from app.identity.models import Role
from tests.factories.world import World

MINUTE = timedelta(minutes=1)
PATH = "/demo/clock"


@pytest.fixture
async def demo(database: Database, world: World) -> None:
    """The small city, marked as a demo."""
    async with database.transaction() as session:
        await mark_demo(session, was_empty=True)


async def rows(database: Database) -> list[tuple[datetime, float]]:
    async with database.transaction() as session:
        found = await session.scalars(select(BusinessClockRow))
        return [(row.anchor_business_at, row.speed) for row in found]


async def move(client: httpx.AsyncClient, world: World, **said: Any) -> httpx.Response:
    return await client.post(PATH, json=said, headers=world.staff[Role.ADMIN].headers)


async def test_outside_a_demo_there_is_no_clock_to_move(
    client: httpx.AsyncClient, world: World, database: Database
) -> None:
    admin = world.staff[Role.ADMIN].headers
    assert (await client.get(PATH, headers=admin)).status_code == 404
    answer = await move(client, world, speed=60)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert await rows(database) == []


@pytest.mark.usefixtures("demo")
async def test_only_an_administrator_moves_it(
    client: httpx.AsyncClient, world: World, database: Database
) -> None:
    for headers, status in (
        ({}, 401),
        (world.household.headers, 403),
        (world.staff[Role.MANAGER].headers, 403),
    ):
        assert (await client.get(PATH, headers=headers)).status_code == status
        answer = await client.post(PATH, json={"speed": 60}, headers=headers)
        assert answer.status_code == status
    assert await rows(database) == []


@pytest.mark.usefixtures("demo")
async def test_it_is_read_moved_and_given_a_speed(client: httpx.AsyncClient, world: World) -> None:
    admin = world.staff[Role.ADMIN].headers
    shown = (await client.get(PATH, headers=admin)).json()
    assert (shown["speed"], shown["moved_at"]) == (1.0, None)
    assert abs(datetime.fromisoformat(shown["at"]) - wall_now()) < MINUTE
    tomorrow = wall_now() + timedelta(days=1)
    moved = await move(client, world, at=tomorrow.isoformat(), speed=0)
    assert moved.status_code == 200, moved.text
    for answer in (moved, await client.get(PATH, headers=admin)):
        assert datetime.fromisoformat(answer.json()["at"]) == tomorrow
        assert answer.json()["speed"] == 0
        assert answer.json()["moved_at"] is not None
    faster = await move(client, world, speed=600)
    assert datetime.fromisoformat(faster.json()["at"]) >= tomorrow
    assert faster.json()["speed"] == 600


@pytest.mark.usefixtures("demo")
async def test_what_is_refused_changes_nothing(
    client: httpx.AsyncClient, world: World, database: Database
) -> None:
    tomorrow = wall_now() + timedelta(days=1)
    await move(client, world, at=tomorrow.isoformat(), speed=0)
    before = await rows(database)
    for said, status, code in (
        ({"at": (tomorrow - MINUTE).isoformat()}, 409, "clock_goes_forward"),
        ({"at": (tomorrow + timedelta(days=8)).isoformat()}, 409, "clock_move_too_long"),
        ({"at": (tomorrow - MINUTE).isoformat(), "speed": 60}, 409, "clock_goes_forward"),
        ({"at": "2026-03-15T04:00:00"}, 422, "validation_failed"),
        ({"speed": -1}, 422, "validation_failed"),
        ({"speed": 601}, 422, "validation_failed"),
        ({"speed": "NaN"}, 422, "validation_failed"),
        ({}, 422, "validation_failed"),
        ({"back": 1}, 422, "validation_failed"),
    ):
        answer = await move(client, world, **said)
        assert (answer.status_code, answer.json()["code"]) == (status, code), said
    assert await rows(database) == before


async def test_two_moves_at_once_end_at_the_later_instant(real: Database) -> None:
    later = wall_now() + timedelta(days=1)

    async def put(at: datetime) -> bool:
        try:
            async with real.transaction() as session:
                await move_clock(session, at=at, speed=0)
        except ClockGoesForward:
            return False
        return True

    wanted = [later + MINUTE * n for n in (3, 0, 2, 4, 1)]
    done = await asyncio.gather(*(put(at) for at in wanted))
    assert done[wanted.index(max(wanted))]
    assert await rows(real) == [(max(wanted), 0)]


async def test_a_speed_alone_never_puts_the_clock_back(real: Database) -> None:
    async def read() -> datetime:
        clock = BusinessClock()
        async with real.transaction() as session:
            await clock.refresh(session)
        return clock.now()

    seen = [await read()]
    for speed in (600, 1, 0, 60, 0):
        async with real.transaction() as session:
            await move_clock(session, at=None, speed=speed)
        seen.append(await read())
    assert seen == sorted(seen)


def test_a_speed_nobody_renews_runs_out() -> None:
    start = datetime(2099, 3, 15, tzinfo=UTC)
    for speed in (0.0, 36.0, 600.0):
        row = BusinessClockRow(anchor_wall_at=start, anchor_business_at=start, speed=speed)
        assert row.at(start + MINUTE) == start + MINUTE * speed
        ended = start + SPEED_HOLDS
        assert (row.speed_at(ended - MINUTE), row.speed_at(ended)) == (speed, 1.0)
        assert row.at(ended + timedelta(days=1)) == row.at(ended) + timedelta(days=1)


async def test_schedules_follow_a_clock_that_leaps(real: Database) -> None:
    daily = Schedule("test.daily", at=time(2, 30))
    minutely = Schedule("test.minutely", every=MINUTE, catch_up=timedelta(minutes=2))
    clock = BusinessClock()
    start = datetime(2099, 3, 15, 4, 0, tzinfo=UTC)
    """Noon in Shanghai."""

    async def at(instant: datetime) -> dict[str, list[datetime]]:
        async with real.transaction() as session:
            row = await session.get(BusinessClockRow, True)
            if row is None:
                session.add(
                    BusinessClockRow(
                        anchor_wall_at=wall_now(), anchor_business_at=instant, speed=0.0
                    )
                )
            else:
                await move_clock(session, at=instant, speed=0)
        await tick(real, clock, [daily, minutely])
        async with real.transaction() as session:
            found = list(await session.scalars(select(ClockSlot).order_by(ClockSlot.slot_at)))
        return {
            job: [s.slot_at for s in found if s.name == job] for job in (daily.job, minutely.job)
        }

    first = await at(start)
    assert (len(first[daily.job]), first[minutely.job]) == (1, [start])
    next_morning = start + timedelta(hours=15, minutes=30)
    second = await at(next_morning)
    assert second[daily.job][1:] == [datetime(2099, 3, 15, 18, 30, tzinfo=UTC)]
    assert second[minutely.job][1:] == [next_morning - MINUTE, next_morning]
    assert await at(next_morning) == second
