"""The nightly plan of many lines, killed in the middle again and again (T4)."""

import asyncio
import random
import signal
import time
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock_time

import pytest
from sqlalchemy import text

from app.core.db import Database
from app.delivery.repository.planning import list_unplanned
from app.delivery.service import plan_day
from bench.milk_round import SeededCity, seed_city
from tests.fixtures.doses import dose
from tests.fixtures.figures import note_figure
from tests.fixtures.foundation import eventually, scalar
from tests.fixtures.invariants import assert_invariants
from tests.load.installation import Installation
from tests.load.planner import APPLICATION
from tests.load.programs import Program

pytestmark = pytest.mark.processes

LINES = dose(5_000, 1_000_000)
KILLS = 5
SEEDED = {"I5", "I8"}
"""The invariants of what is planned and brought; the seeded lines were never paid for."""
LONGEST_LIFE_SECONDS = min(LINES, 250_000) / 40_000
"""Within this a planner is killed: about what the stations of one transaction take."""

_AT_WORK = f"""
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND application_name = '{APPLICATION}' AND state <> 'idle'
"""
_WRONG = """
SELECT count(*) FROM (
    SELECT l.order_line_id, count(d.order_line_id) AS deliveries,
           coalesce(l.weekday_quantities[extract(isodow FROM CAST(:day AS date))::int] > 0,
                    (CAST(:day AS date) - l.anchor_date) % l.interval_days = 0)
           AND EXISTS (SELECT FROM order_terms t
                       WHERE t.customer_id = l.customer_id AND t.order_line_id = l.order_line_id
                         AND t.valid @> CAST(:day AS date)) AS is_due
    FROM order_lines l
    LEFT JOIN deliveries d ON d.customer_id = l.customer_id AND d.order_line_id = l.order_line_id
                          AND d.service_date = :day
    GROUP BY l.customer_id, l.order_line_id
) counted
WHERE deliveries <> is_due::int
"""
_STOPS = """
SELECT (SELECT count(*) FROM stops WHERE service_date = :day)
     - (SELECT count(DISTINCT (customer_id, address_id)) FROM deliveries WHERE service_date = :day)
"""


@dataclass
class Nights:
    """Evening after evening in one city: at each, another day is past its cut-off."""

    installation: Installation
    city: SeededCity
    number: int = 0

    @property
    def now(self) -> datetime:
        """An hour past the cut-off of this night's day."""
        eve = self.city.date(self.number) - timedelta(days=1)
        return datetime.combine(eve, clock_time(9), UTC)

    @property
    def dates(self) -> list[date]:
        """Service dates that are to be planned by now."""
        return [self.city.date(number) for number in range(self.number + 1)]

    def planner(self) -> Program:
        """A process that plans what is due."""
        return self.installation.run(self.now.isoformat(), module="tests.load.planner")

    async def is_over(self) -> bool:
        """Whether everything due has its plan."""
        async with self.installation.database.transaction() as session:
            frozen = await session.scalar(
                text("SELECT count(*) FROM plan_days WHERE cutoff_at <= :now AND state = 'open'"),
                {"now": self.now},
            )
            return not frozen and not await list_unplanned(session)


async def killed_at_work(planner: Program, database: Database, chance: random.Random) -> bool:
    """Kill it some time after it began; false when it was done before."""

    async def begun() -> bool:
        return not planner.is_alive or await scalar(database, _AT_WORK) != 0

    await eventually(begun, within_seconds=60)
    await asyncio.sleep(chance.uniform(0, LONGEST_LIFE_SECONDS))
    planner.signal(signal.SIGKILL)
    return await planner.ended() == -signal.SIGKILL


async def test_a_planner_killed_five_times_plans_each_line_once(installation: Installation) -> None:
    chance = random.Random(20260406)
    database = installation.database
    city = await seed_city(database, lines=LINES)
    nights = Nights(installation, city)
    began = time.monotonic()
    kills = 0
    while kills < KILLS:
        if await nights.is_over():
            nights.number += 1
        kills += await killed_at_work(nights.planner(), database, chance)

    async def planned() -> bool:
        planner = nights.planner()
        assert await planner.ended(within_seconds=1800) == 0, planner.words
        return await nights.is_over()

    await eventually(planned, within_seconds=1800)
    note_figure("plan_killed_five_times", time.monotonic() - began, "s", 1800)
    note_figure("plan_lines", LINES * len(nights.dates), "lines and days")
    for day in nights.dates:
        assert await scalar(database, _WRONG, day=day) == 0
        assert await scalar(database, _STOPS, day=day) == 0
    await assert_second_run_adds_nothing(nights)


async def assert_second_run_adds_nothing(nights: Nights) -> None:
    database = nights.installation.database
    count = "SELECT count(*) FROM deliveries"
    before = await scalar(database, count)
    assert int(str(before)) > 0
    assert await nights.planner().ended(within_seconds=600) == 0
    async with database.transaction() as session:
        stations = await session.scalars(text("SELECT id FROM stations"))
        again = await plan_day(
            session, stations=list(stations), service_date=nights.dates[0], now=nights.now
        )
    assert (again.deliveries, again.stops, again.set_aside) == (0, 0, 0)
    assert await scalar(database, count) == before
    async with database.transaction() as session:
        await assert_invariants(session, nights.now, only=SEEDED)
