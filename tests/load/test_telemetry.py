"""Thermometers by the thousand: out of order, repeated, with wrong clocks (T5)."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from app.coldchain.schemas import MOST_READINGS
from app.core.clock import wall_now
from app.core.db import Database
from app.core.ids import public_single
from tests.fixtures.doses import dose
from tests.fixtures.figures import note_figure, note_latencies
from tests.fixtures.foundation import scalar
from tests.load.calling import Call, Caller, caller
from tests.load.city import People
from tests.load.installation import Installation

pytestmark = pytest.mark.processes

SENSORS = dose(100, 2_000)
MINUTES = dose(60, 60 + 24 * 60)
"""An hour as it happened, then the backlog of a day."""
AT_ONCE = 4
REPEATED = 0.05
SKEWED = 0.01
COOL, HOT = 4.0, 12.0
_OLD_ENOUGH = timedelta(minutes=20)
"""Points as old as this are no news: the live alarm does not look at them."""

_SENSORS = """
INSERT INTO devices (id, code, store_id, max_celsius, slot_seconds, in_service_from)
SELECT uuidv7(), 'LOAD-' || n, (SELECT min(id::text)::uuid FROM cold_stores), 6, 60,
       CAST(:since AS timestamptz)
FROM generate_series(1, CAST(:count AS int)) n
"""
_KEPT = """
SELECT count(*) AS kept, count(DISTINCT (r.device_id, r.at)) AS different,
       count(*) FILTER (WHERE r.celsius = CAST(:hot AS numeric)) AS hot
FROM temperature_readings r JOIN devices d ON d.id = r.device_id WHERE d.code LIKE 'LOAD-%'
"""
_ALARMS = "SELECT count(*) FROM alerts WHERE kind = 'too_warm' AND subject = ANY(:subjects)"


@dataclass
class Gateway:
    """What the sensors' gateway has in store, and what must come of it."""

    now: datetime
    chance: random.Random
    refused: int = 0
    """Points of clocks that run a day ahead, and more."""
    repeated: int = 0
    hot: int = 0

    def readings(self) -> Iterator[dict[str, Any]]:
        """Every sensor's minutes, shuffled within some hours; a few again, a few from tomorrow."""
        window: list[dict[str, Any]] = []
        for minute in range(MINUTES):
            at = self.now - _OLD_ENOUGH - timedelta(minutes=minute)
            for sensor in range(1, SENSORS + 1):
                window += self._one(f"LOAD-{sensor}", at)
            if len(window) > 40 * MOST_READINGS:
                self.chance.shuffle(window)
                yield from window
                window = []
        self.chance.shuffle(window)
        yield from window

    def _one(self, device: str, at: datetime) -> list[dict[str, Any]]:
        drawn = self.chance.random()
        if drawn < SKEWED / 2:
            self.refused += 1
            return [reading(device, self.now + timedelta(days=1, hours=1), COOL)]
        if drawn < SKEWED:
            at -= timedelta(days=1, seconds=30)
        celsius = HOT if self.chance.random() < 0.1 else COOL
        self.hot += celsius == HOT
        said = reading(device, at, celsius)
        if self.chance.random() >= REPEATED:
            return [said]
        self.repeated += 1
        return [said, said]

    def batches(self) -> Iterator[list[dict[str, Any]]]:
        """As many to a request as it may hold."""
        batch: list[dict[str, Any]] = []
        for said in self.readings():
            batch.append(said)
            if len(batch) == MOST_READINGS:
                yield batch
                batch = []
        if batch:
            yield batch


def reading(device: str, at: datetime, celsius: float) -> dict[str, Any]:
    return {"device": device, "at": at.isoformat(), "celsius": celsius}


async def send(calls: Caller, token: str, readings: list[dict[str, Any]]) -> Counter[str]:
    call = Call("POST", "/coldchain/readings", token, {"readings": readings})
    answer = (await calls.until_answered(call)).ok()
    counts = Counter(answer["results"])
    assert (counts["accepted"], counts["duplicate"]) == (answer["accepted"], answer["duplicate"])
    return counts


async def watch_orders(calls: Caller, people: People, seconds: list[float]) -> None:
    """Somebody looks at the own orders all the while."""
    for number in range(1_000_000):
        home = people.households[number % len(people.households)]
        began = time.monotonic()
        (await calls.until_answered(Call("GET", "/orders", home.token))).ok()
        seconds.append(time.monotonic() - began)
        await asyncio.sleep(0.05)


async def watched_orders(calls: Caller, people: People, *, for_seconds: float) -> list[float]:
    seconds: list[float] = []
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(for_seconds):
            await watch_orders(calls, people, seconds)
    return seconds


async def test_readings_are_kept_once_and_old_ones_raise_no_alarm(
    city: Installation, people: People
) -> None:
    database, token = city.database, people.staff["quality"]
    now = wall_now()
    async with database.connection() as connection:
        since = {"since": now - timedelta(days=10), "count": SENSORS}
        await connection.execute(text(_SENSORS), since)
    await city.serve()
    gateway = Gateway(now, random.Random(20260315))
    outcomes: Counter[str] = Counter()
    async with caller(city.port) as calls:
        quiet = await watched_orders(calls, people, for_seconds=dose(1, 60))
        busy: list[float] = []
        batches = gateway.batches()

        async def keep_busy() -> None:
            for batch in batches:
                outcomes.update(await send(calls, token, batch))

        began = time.monotonic()
        watcher = asyncio.create_task(watch_orders(calls, people, busy))
        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(keep_busy())
        took = time.monotonic() - began
        watcher.cancel()
        assert calls.unexpected == []
        points = SENSORS * MINUTES - gateway.refused
        assert outcomes == Counter(
            accepted=points, duplicate=gateway.repeated, in_the_future=gateway.refused
        )
        await assert_kept(database, gateway, points)
        await assert_alarm_at_the_second_hot_point(calls, database, token)
    note_figure("telemetry_rate", outcomes.total() / took, "readings/s", 5_000)
    note_latencies("orders_without_telemetry", quiet, limits={})
    note_latencies("orders_beside_telemetry", busy, limits={})


async def assert_kept(database: Database, gateway: Gateway, points: int) -> None:
    async with database.connection() as connection:
        kept = (await connection.execute(text(_KEPT), {"hot": HOT})).one()
        subjects = await connection.scalars(text("SELECT id FROM devices WHERE code LIKE 'LOAD-%'"))
        named = [public_single("dev", device_id) for device_id in subjects]
    assert (kept.kept, kept.different, kept.hot) == (points, points, gateway.hot)
    assert await scalar(database, _ALARMS, subjects=named) == 0


async def assert_alarm_at_the_second_hot_point(
    calls: Caller, database: Database, token: str
) -> None:
    device = await scalar(database, "SELECT id FROM devices WHERE code = 'LOAD-1'")
    subjects = [public_single("dev", device)]  # type: ignore[arg-type]  # a column of ids
    now = wall_now()
    for seconds, alarms in ((40, 0), (20, 1), (0, 1)):
        hot = reading("LOAD-1", now - timedelta(seconds=seconds), HOT)
        assert await send(calls, token, [hot, hot]) == Counter(accepted=1, duplicate=1)
        assert await scalar(database, _ALARMS, subjects=subjects) == alarms
