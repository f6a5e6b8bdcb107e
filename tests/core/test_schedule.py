"""Each slot of a schedule becomes one job: two clocks, downtime, jumps, midnight in Shanghai."""

import asyncio
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from app.core.clock import BusinessClock, BusinessClockRow, local_instant, wall_now
from app.core.db import Database
from app.core.schedule import (
    ClockSlot,
    Schedule,
    claim_slots,
    prune_slots,
    start_clock,
    tick,
)
from tests.fixtures.application import SetClock
from tests.fixtures.foundation import eventually, scalar

NOON = datetime(2026, 3, 15, 4, 0, tzinfo=UTC)
"""12:00 in Shanghai."""
MINUTE = timedelta(minutes=1)
MINUTELY = Schedule("test.minutely", every=MINUTE, catch_up=timedelta(minutes=10))
DAILY = Schedule("test.daily", at=time(4, 30))


async def claim(database: Database, schedule: Schedule, now: datetime) -> int:
    async with database.transaction() as session:
        return await claim_slots(session, schedule, now=now)


async def slots(database: Database) -> list[datetime]:
    async with database.transaction() as session:
        return list(await session.scalars(select(ClockSlot.slot_at).order_by(ClockSlot.slot_at)))


async def jobs(database: Database) -> int:
    return int(str(await scalar(database, "SELECT count(*) FROM pgqueuer")))


async def test_a_slot_is_given_its_job_once(database: Database) -> None:
    assert await claim(database, MINUTELY, NOON) == 1
    assert await claim(database, MINUTELY, NOON + timedelta(seconds=59)) == 0
    assert await claim(database, MINUTELY, NOON + MINUTE) == 1
    assert await slots(database) == [NOON, NOON + MINUTE]
    assert await jobs(database) == 2
    assert (
        await scalar(
            database, "SELECT convert_from(payload, 'UTF8') FROM pgqueuer ORDER BY id LIMIT 1"
        )
        == '{"slot":"2026-03-15T04:00:00+00:00"}'
    )


async def test_two_clocks_racing_give_each_slot_one_job(real: Database) -> None:
    async def clock() -> int:
        claimed = 0
        for step in range(60):
            claimed += await claim(real, MINUTELY, NOON + timedelta(seconds=step * 20))
        return claimed

    assert sum(await asyncio.gather(clock(), clock(), clock())) == 20
    assert await slots(real) == [NOON + MINUTE * n for n in range(20)]
    assert await jobs(real) == 20


async def test_a_transaction_that_fails_takes_neither_slot_nor_job(real: Database) -> None:
    class Failed(Exception):
        pass

    async def fail() -> None:
        async with real.transaction() as session:
            assert await claim_slots(session, MINUTELY, now=NOON) == 1
            raise Failed

    with pytest.raises(Failed):
        await fail()
    assert (await slots(real), await jobs(real)) == ([], 0)
    assert await claim(real, MINUTELY, NOON) == 1


async def test_downtime_is_made_up_to_the_cap(database: Database) -> None:
    await claim(database, MINUTELY, NOON)
    assert await claim(database, MINUTELY, NOON + timedelta(minutes=4)) == 4
    later = NOON + timedelta(hours=3)
    assert await claim(database, MINUTELY, later) == 10
    assert (await slots(database))[-10:] == [later - MINUTE * n for n in range(9, -1, -1)]


async def test_a_night_switched_off_does_not_lose_the_daily_work(database: Database) -> None:
    evening = local_instant(date(2026, 3, 15), time(20, 0))
    await claim(database, DAILY, evening)
    morning = local_instant(date(2026, 3, 16), time(14, 0))
    assert await claim(database, DAILY, morning) == 1
    assert await claim(database, DAILY, morning + timedelta(hours=10)) == 0


async def test_after_a_week_the_daily_work_is_done_once(database: Database) -> None:
    await claim(database, DAILY, local_instant(date(2026, 3, 1), time(5, 0)))
    assert await claim(database, DAILY, local_instant(date(2026, 3, 8), time(9, 0))) == 1


async def test_jumps_forward_and_back_give_each_slot_once(database: Database) -> None:
    for minutes in (0, 60, 0, 1, 59, 60, 61):
        await claim(database, MINUTELY, NOON + MINUTE * minutes)
    found = await slots(database)
    assert len(found) == len(set(found)) == await jobs(database)
    assert {NOON, NOON + MINUTE, NOON + MINUTE * 60, NOON + MINUTE * 61} <= set(found)


async def test_a_clock_put_back_a_day_does_not_stand_still(database: Database) -> None:
    await claim(database, MINUTELY, NOON)
    await claim(database, MINUTELY, NOON + timedelta(days=1))
    assert await claim(database, MINUTELY, NOON + MINUTE) == 1


async def test_midnight_in_shanghai_is_a_slot_of_its_own_day(database: Database) -> None:
    midnight = Schedule("test.midnight", at=time(0, 0))
    before = local_instant(date(2026, 12, 31), time(23, 59))
    await claim(database, midnight, before)
    assert await claim(database, midnight, before + timedelta(seconds=59)) == 0
    assert await claim(database, midnight, before + MINUTE) == 1
    assert (await slots(database))[-1] == datetime(2026, 12, 31, 16, 0, tzinfo=UTC)


@given(
    st.integers(0, 4 * 366 * 24 * 60),
    st.times(),
    st.lists(st.integers(1, 50), min_size=1, max_size=10),
)
def test_daily_slots_follow_one_another(minutes: int, at: time, hours: list[int]) -> None:
    schedule = Schedule("test.daily", at=at, catch_up=timedelta(days=30))
    now = datetime(2024, 2, 27, tzinfo=UTC) + MINUTE * minutes
    first = schedule.due_slots(last=None, now=now)
    assert len(first) == 1
    assert now - timedelta(days=1) < first[0] <= now
    given = list(first)
    for step in hours:
        now += timedelta(hours=step)
        given += schedule.due_slots(last=given[-1], now=now)
    assert [b - a for a, b in pairwise(given)] == [timedelta(days=1)] * (len(given) - 1)
    assert now - timedelta(days=1) < given[-1] <= now


async def test_old_slots_are_forgotten_but_the_last_stays(database: Database) -> None:
    await claim(database, DAILY, NOON - timedelta(days=90))
    for day in (60, 40, 1):
        await claim(database, MINUTELY, NOON - timedelta(days=day))
    async with database.transaction() as session:
        await prune_slots(session, before=NOON - timedelta(days=30))
    async with database.transaction() as session:
        left = {row.name: row for row in await session.scalars(select(ClockSlot))}
    assert set(left) == {DAILY.job, MINUTELY.job}
    assert min(row.slot_at for row in left.values()) < NOON - timedelta(days=80)
    assert await claim(database, DAILY, NOON - timedelta(days=90)) == 0


async def test_the_demo_s_row_moves_the_clock_of_every_process(real: Database) -> None:
    web, worker = BusinessClock(), BusinessClock()
    tonight = datetime(2026, 3, 16, 20, 0, tzinfo=UTC)

    async def refresh(clock: BusinessClock) -> None:
        async with real.transaction() as session:
            await clock.refresh(session)

    await refresh(web)
    assert abs(web.now() - wall_now()) < timedelta(seconds=5)
    async with real.transaction() as session:
        session.add(
            BusinessClockRow(
                anchor_wall_at=wall_now() - timedelta(seconds=10),
                anchor_business_at=tonight,
                speed=60.0,
            )
        )
    for clock in (web, worker):
        await refresh(clock)
        assert timedelta(minutes=10) <= clock.now() - tonight < timedelta(minutes=30)
    assert web.today() == date(2026, 3, 17)
    await tick(real, worker, [MINUTELY])
    (slot,) = await slots(real)
    assert tonight + timedelta(minutes=9) <= slot < tonight + timedelta(minutes=30)
    async with real.transaction() as session:
        await session.delete(await session.get_one(BusinessClockRow, True))
    await refresh(web)
    assert abs(web.now() - wall_now()) < timedelta(seconds=5)


async def test_the_scheduler_ticks_by_itself(real: Database) -> None:
    clock = SetClock(NOON)
    scheduler = start_clock(real, clock, [MINUTELY, DAILY])

    async def two() -> bool:
        return len(await slots(real)) == 2

    try:
        await eventually(two)
    finally:
        scheduler.shutdown(wait=False)
