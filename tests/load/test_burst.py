"""The morning burst of the phones: late, repeated and shuffled, every tap counts once (T3)."""

import asyncio
import random
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock_time
from typing import Any
from unittest import mock
from uuid import UUID

import pytest
from sqlalchemy import text

from app.core.clock import local_instant, wall_now
from app.core.db import Database
from app.core.ids import new_id, public_pair
from app.delivery.service import plan_frozen_days
from bench import milk_round
from tests.fixtures.doses import dose
from tests.fixtures.figures import note_figure, note_latencies
from tests.load.calling import Call, Caller, caller
from tests.load.city import log_everybody_in, token_of
from tests.load.installation import Installation

pytestmark = pytest.mark.processes

PHONES = dose(12, 5_000)
STOPS = 38
"""A phone taps each once and two of them again: 40 confirmations."""
LATE = 2
"""5 % of 40: taps of the day before yesterday that the phone kept to itself."""
AT_ONCE = 16
LARGEST_BATCH = 200
_LATE_DAY, _DAY = 0, 2

_PHONES = """
SELECT a.id AS account_id, s.deliverer_id,
       array_agg((s.customer_id, s.address_id) ORDER BY s.stop_no) AS stops
FROM stops s JOIN staff_accounts a ON a.deliverer_id = s.deliverer_id
WHERE s.service_date = :day GROUP BY a.id, s.deliverer_id ORDER BY s.deliverer_id
"""
_STATES = """
SELECT s.customer_id, s.address_id, s.service_date, s.state,
       count(*) FILTER (WHERE d.event_id IS NOT NULL) AS told,
       array_agg(DISTINCT d.event_id) AS events, count(*) AS deliveries
FROM stops s
JOIN deliveries d USING (customer_id, service_date, address_id)
WHERE s.service_date = ANY(:days)
GROUP BY s.customer_id, s.address_id, s.service_date, s.state
"""
StopKey = tuple[UUID, UUID, date]


@dataclass
class Phone:
    """One deliverer's morning: its taps, and what they must come to."""

    account_id: UUID
    deliverer_id: UUID
    taps: list[dict[str, Any]] = field(default_factory=list)
    wanted: dict[StopKey, tuple[str, str]] = field(default_factory=dict)
    """State and event by stop: the later tap at a door wins."""
    answers: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def tap(self, stop: tuple[UUID, UUID], on: date, at: datetime, *, there: bool) -> None:
        """Note what happened at a door; to be called in the order of time."""
        event_id = str(new_id())
        said = (
            {"outcome": "delivered"} if there else {"outcome": "not_delivered", "reason": "no_box"}
        )
        self.taps.append(
            {
                "event_id": event_id,
                "kind": "stop_done",
                "device_at": at.isoformat(),
                "stop": public_pair("adr", *stop),
                "service_date": on.isoformat(),
                **said,
            }
        )
        self.wanted[(*stop, on)] = ("made" if there else "failed", event_id)

    def batches(self, chance: random.Random) -> Iterator[list[dict[str, Any]]]:
        """1 to 200 taps at a time: a tenth out of order, a fifth of them again."""
        outbox = list(self.taps)
        for number in chance.sample(range(len(outbox)), len(outbox) // 10):
            outbox.insert(chance.randrange(len(outbox)), outbox.pop(number))
        for tap in chance.sample(self.taps, len(self.taps) // 5):
            outbox.insert(chance.randrange(outbox.index(tap), len(outbox)) + 1, tap)
        if chance.random() < 0.1:  # an outbox that was never emptied
            outbox = (outbox * 5)[:LARGEST_BATCH]
        while outbox:
            size = min(chance.choice((1, 5, 20, 40, LARGEST_BATCH)), len(outbox))
            yield outbox[:size]
            outbox = outbox[size:]


async def plan(database: Database, city: milk_round.SeededCity) -> None:
    days = [city.date(_LATE_DAY), city.date(_DAY)]
    async with database.connection() as connection:
        await connection.execute(
            text("UPDATE plan_days SET state = 'frozen' WHERE service_date = ANY(:days)"),
            {"days": days},
        )
    await plan_frozen_days(database, now=datetime.combine(days[0], clock_time(0), UTC))


async def set_clock(database: Database, now: datetime) -> None:
    """Let it be that moment for everybody, as the demo's clock does."""
    async with database.connection() as connection:
        await connection.execute(
            text("INSERT INTO demo_mark (singleton, marked_at) VALUES (true, :wall)"),
            {"wall": wall_now()},
        )
        await connection.execute(
            text(
                "INSERT INTO business_clock (singleton, anchor_wall_at, anchor_business_at, speed)"
                " VALUES (true, :wall, :business, 1)"
            ),
            {"wall": wall_now(), "business": now},
        )


async def morning_of(
    database: Database, city: milk_round.SeededCity, chance: random.Random
) -> list[Phone]:
    """Every phone with its taps, most of today and some of the day before yesterday."""
    async with database.connection() as connection:
        rows = (await connection.execute(text(_PHONES), {"day": city.date(_DAY)})).all()
    now = wall_now()
    phones = []
    for row in rows:
        phone = Phone(row.account_id, row.deliverer_id)
        stops = [tuple(stop) for stop in row.stops][:STOPS]
        for number, stop in enumerate(stops):
            late = number < LATE
            on = city.date(_LATE_DAY if late else _DAY)
            at = now - timedelta(days=2 if late else 0, minutes=60 - number)
            phone.tap(stop, on, at, there=chance.random() < 0.9)
        for number in range(40 - STOPS):
            at = now - timedelta(minutes=10 - number)
            phone.tap(stops[LATE + number], city.date(_DAY), at, there=True)
        phones.append(phone)
    return phones


async def upload(calls: Caller, phone: Phone, chance: random.Random, seconds: list[float]) -> None:
    for events in phone.batches(chance):
        body = {
            "batch_id": str(new_id()),
            "sent_at": wall_now().isoformat(),
            "events": events,
        }
        began = time.monotonic()
        answer = await calls.until_answered(
            Call("POST", "/sync", token_of(phone.account_id), body, name="sync")
        )
        seconds.append(time.monotonic() - began)
        for said in answer.ok()["answers"]:
            phone.answers.setdefault(said["event_id"], []).append(said)


def assert_answers_are_the_same(phone: Phone) -> None:
    """Each tap was accepted once, and a repeated one got the facts it got then."""
    assert set(phone.answers) == {tap["event_id"] for tap in phone.taps}
    for first, *others in phone.answers.values():
        assert first["status"] == "accepted", first
        for other in others:
            assert other == first | {"status": "duplicate", "repeated": True}


async def test_a_morning_burst_counts_every_tap_once(installation: Installation) -> None:
    chance = random.Random(20260408)
    database = installation.database
    with mock.patch.object(milk_round, "LINES_PER_BLOCK", STOPS * 5 // 4 + 1):
        city = await milk_round.seed_city(database, lines=PHONES * milk_round.LINES_PER_BLOCK)
    await plan(database, city)
    await log_everybody_in(database)
    await set_clock(database, local_instant(city.date(_DAY), clock_time(6)))
    phones = await morning_of(database, city, chance)
    assert len(phones) == PHONES
    await installation.serve()
    seconds: list[float] = []
    waiting = iter(phones)
    async with caller(installation.port) as calls:

        async def keep_busy() -> None:
            for phone in waiting:
                await upload(calls, phone, random.Random(secrets.randbits(32)), seconds)

        began = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(keep_busy())
        took = time.monotonic() - began
    assert calls.unexpected == []
    taps = sum(len(phone.taps) for phone in phones)
    assert taps == PHONES * 40
    for phone in phones:
        assert_answers_are_the_same(phone)
    await assert_rows_are_the_model(database, city, phones)
    note_figure("burst_confirmations", taps / took, "confirmations/s", 222)
    note_figure("burst_seconds", took, "s", 900)
    note_latencies("burst_batch", seconds, limits={})


async def assert_rows_are_the_model(
    database: Database, city: milk_round.SeededCity, phones: list[Phone]
) -> None:
    wanted = {key: value for phone in phones for key, value in phone.wanted.items()}
    async with database.connection() as connection:
        kept = await connection.execute(
            text("SELECT count(*), count(DISTINCT event_id) FROM sync_events")
        )
        taps = PHONES * 40
        assert tuple(kept.one()) == (taps, taps)
        days = [city.date(_LATE_DAY), city.date(_DAY)]
        for row in await connection.execute(text(_STATES), {"days": days}):
            key = (row.customer_id, row.address_id, row.service_date)
            state, event_id = wanted.pop(key, ("planned", None))
            assert row.state == state, key
            assert [None if one is None else str(one) for one in row.events] == [event_id], key
            assert row.told == (row.deliveries if event_id else 0), key
    assert wanted == {}
