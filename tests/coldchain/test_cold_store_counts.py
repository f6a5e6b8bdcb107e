"""Slots of cold stores: the count in SQL against a count by hand."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.coldchain import service
from app.coldchain.repository.slots import COLD_STORE_COUNTS, slot_parameters
from app.coldchain.rules import SlotState
from app.core.db import Database
from app.core.ids import public_single
from app.identity.models import Role
from tests.factories.coldchain import (
    OPENED,
    add_device,
    add_outage,
    add_readings,
    add_store,
    at,
    every,
)
from tests.factories.network import add_station
from tests.factories.world import MORNING, World

DAY = date(2026, 3, 10)
ONE_DAY = timedelta(days=1)


async def count_of(
    session: AsyncSession,
    station_id: UUID,
    *,
    from_date: date = DAY,
    to_date: date = DAY,
    now: datetime = MORNING,
) -> tuple[int, int, int, int]:
    found = await service.cold_store_counts(
        session, from_date=from_date, to_date=to_date, now=now, station_ids=[station_id]
    )
    return (
        sum(one.expected for one in found),
        sum(one.in_range for one in found),
        sum(one.silent for one in found),
        sum(one.out_of_range for one in found),
    )


@pytest.fixture
async def device_id(world: World, session: AsyncSession) -> UUID:
    """A thermometer with a slot of ten minutes."""
    store_id = await add_store(session, world.station_id)
    return await add_device(session, code="CS-01", store_id=store_id)


async def test_a_day_has_144_slots_and_each_must_be_heard(
    world: World, session: AsyncSession, device_id: UUID
) -> None:
    assert await count_of(session, world.station_id) == (144, 0, 144, 0)
    await add_readings(session, device_id, every(at(DAY, 0), at(DAY, 12)))
    await add_readings(session, device_id, [(at(DAY, 12), 6.0), (at(DAY, 12, 10), 6.1)])
    await add_readings(session, device_id, [(at(DAY, 23, 59), 4.0), (at(DAY + ONE_DAY, 0), 4.0)])
    assert await count_of(session, world.station_id) == (144, 74, 69, 1)


async def test_the_worst_reading_of_a_slot_decides(
    world: World, session: AsyncSession, device_id: UUID
) -> None:
    await add_readings(session, device_id, every(at(DAY, 0), at(DAY, 24 - 1), seconds=60))
    assert (await count_of(session, world.station_id))[1] == 138
    await add_readings(session, device_id, [(at(DAY, 5, 4) + timedelta(seconds=30), 6.1)])
    assert await count_of(session, world.station_id) == (144, 137, 6, 1)


async def test_the_day_that_runs_counts_up_to_now(
    world: World, session: AsyncSession, device_id: UUID
) -> None:
    await add_readings(session, device_id, every(at(DAY, 0), at(DAY, 23)))
    now = at(DAY, 8, 9)
    assert await count_of(session, world.station_id, now=now) == (48, 48, 0, 0)
    assert await count_of(session, world.station_id, now=at(DAY, 8, 10)) == (49, 49, 0, 0)
    assert await count_of(session, world.station_id, now=at(DAY, 0)) == (0, 0, 0, 0)


async def test_out_of_service_time_is_not_expected(
    world: World, session: AsyncSession, device_id: UUID
) -> None:
    await add_outage(session, device_id, at(DAY, 1, 5), at(DAY, 2, 5))
    await add_outage(session, device_id, at(DAY, 2, 6), at(DAY, 2, 10))
    await add_readings(session, device_id, [(at(DAY, 1, 30), 30.0), (at(DAY, 3), 4.0)])
    assert await count_of(session, world.station_id) == (144 - 7, 1, 136, 0)


async def test_a_device_counts_while_it_is_in_service(world: World, session: AsyncSession) -> None:
    store_id = await add_store(session, world.station_id)
    await add_device(
        session,
        code="NEW",
        store_id=store_id,
        in_service_from=at(DAY, 12, 1),
        in_service_until=at(DAY + ONE_DAY, 0, 59),
    )
    await add_device(session, code="VAN", vehicle_id=world.vehicle_id)
    assert (await count_of(session, world.station_id))[0] == 71
    both = await count_of(session, world.station_id, to_date=DAY + ONE_DAY)
    assert both[0] == 71 + 5
    later = DAY + 2 * ONE_DAY
    assert await count_of(session, world.station_id, from_date=later, to_date=later) == (0, 0, 0, 0)


async def test_stations_are_counted_apart_or_all(
    world: World, session: AsyncSession, device_id: UUID
) -> None:
    other = await add_station(session, code="ST02")
    store_id = await add_store(session, other)
    strict = await add_device(
        session, code="CS-02", store_id=store_id, slot_seconds=3600, min_celsius=2
    )
    await add_readings(session, strict, [(at(DAY, 1), 1.9), (at(DAY, 2), 2.0)])
    assert await count_of(session, other) == (24, 1, 22, 1)
    everything = await service.cold_store_counts(
        session, from_date=DAY, to_date=DAY, now=MORNING, station_ids=None
    )
    assert {one.device_id: one.expected for one in everything} == {device_id: 144, strict: 24}
    assert {one.store_id for one in everything if one.station_id == other} == {store_id}
    none = await service.cold_store_counts(
        session, from_date=DAY, to_date=DAY, now=MORNING, station_ids=[]
    )
    assert none == []


# By hand


@dataclass(frozen=True)
class History:
    """What happened to one device, in minutes from midnight of DAY."""

    slot_seconds: int
    days: int
    now: int
    since: int
    until: int | None
    outages: list[tuple[int, int]]
    points: dict[int, Decimal]


@st.composite
def histories(draw: st.DrawFn) -> History:
    days = draw(st.integers(1, 2))
    minutes = st.integers(-200, days * 1440 + 200)
    edges = sorted(draw(st.lists(minutes, max_size=4, unique=True)))
    since = draw(st.integers(-2000, 1000))
    return History(
        slot_seconds=draw(st.sampled_from([420, 600, 3600, 7000, 50_000, 86_400])),
        days=days,
        now=draw(st.integers(0, days * 1440 + 100)),
        since=since,
        until=draw(st.one_of(st.none(), st.integers(since + 1, since + 3000))),
        outages=[(edges[n], edges[n + 1]) for n in range(0, len(edges) - 1, 2)],
        points=draw(
            st.dictionaries(
                minutes,
                st.sampled_from([Decimal("6.0"), Decimal("6.1"), Decimal("0.0"), Decimal("-0.1")]),
                max_size=60,
            )
        ),
    )


def by_hand(history: History) -> Counter[str]:
    """Slot after slot, in whole seconds."""
    found: Counter[str] = Counter()
    for day in range(history.days):
        for number in range(86_400 // history.slot_seconds):
            begin = day * 86_400 + number * history.slot_seconds
            end = begin + history.slot_seconds
            if begin < history.since * 60 or end > history.now * 60:
                continue
            if history.until is not None and end > history.until * 60:
                continue
            if any(first * 60 < end and begin < last * 60 for first, last in history.outages):
                continue
            inside = [
                celsius for minute, celsius in history.points.items() if begin <= minute * 60 < end
            ]
            found["expected"] += 1
            if not inside:
                found["silent"] += 1
            elif all(0 <= celsius <= 6 for celsius in inside):
                found["in_range"] += 1
            else:
                found["out_of_range"] += 1
    return found


async def build(session: AsyncSession, history: History, number: int) -> tuple[UUID, UUID]:
    def instant(minute: int) -> datetime:
        return at(DAY, 0) + timedelta(minutes=minute)

    station_id = await add_station(session, code=f"H{number}")
    store_id = await add_store(session, station_id)
    device_id = await add_device(
        session,
        code=f"H{number}",
        store_id=store_id,
        min_celsius=0,
        slot_seconds=history.slot_seconds,
        in_service_from=instant(history.since),
        in_service_until=None if history.until is None else instant(history.until),
    )
    for first, last in history.outages:
        await add_outage(session, device_id, instant(first), instant(last))
    points = [(instant(minute), float(celsius)) for minute, celsius in history.points.items()]
    await add_readings(session, device_id, points)
    return station_id, device_id


_NUMBERS = iter(range(1_000_000))


@given(history=histories())
async def test_the_count_is_the_count_by_hand(
    world: World, session: AsyncSession, history: History
) -> None:
    station_id, device_id = await build(session, history, next(_NUMBERS))
    now = at(DAY, 0) + timedelta(minutes=history.now)
    last = DAY + (history.days - 1) * ONE_DAY
    expected = by_hand(history)
    assert await count_of(session, station_id, to_date=last, now=now) == tuple(
        expected[key] for key in ("expected", "in_range", "silent", "out_of_range")
    )
    listed: Counter[SlotState] = Counter()
    for day in range(history.days):
        slots = await service.list_slots(
            session, device_id=device_id, on=DAY + day * ONE_DAY, now=now
        )
        listed.update(slot.state for slot in slots)
    del listed[SlotState.EXCUSED]
    assert listed == Counter(
        {SlotState(key): count for key, count in expected.items() if key != "expected"}
    )


async def test_a_month_reads_its_own_partition_only(world: World, session: AsyncSession) -> None:
    store_id = await add_store(session, world.station_id)
    for number in range(10):
        device_id = await add_device(session, code=f"M{number}", store_id=store_id)
        await session.execute(
            text(
                "INSERT INTO temperature_readings SELECT :device, at, 4.0, at FROM"
                " generate_series(CAST(:from_at AS timestamptz), :until, interval '2 hours') AS at"
            ),
            {"device": device_id, "from_at": OPENED, "until": OPENED + 90 * ONE_DAY},
        )
    await session.execute(text("ANALYZE temperature_readings"))
    month = slot_parameters(
        from_date=date(2026, 2, 1),
        to_date=date(2026, 2, 28),
        now=MORNING,
        station_ids=[world.station_id],
    )
    plan = await explain(session, month)
    assert "temperature_readings_2026_02" in plan
    assert "temperature_readings_2026_03" not in plan, plan
    day = slot_parameters(from_date=DAY, to_date=DAY, now=MORNING, station_ids=None)
    plan = await explain(session, day)
    assert "temperature_readings_2026_03_pkey" in plan, plan
    assert "Seq Scan on temperature_readings" not in plan, plan


async def explain(session: AsyncSession, parameters: dict[str, object]) -> str:
    lines: Sequence[str] = list(
        await session.scalars(text(f"EXPLAIN {COLD_STORE_COUNTS}"), parameters)
    )
    return "\n".join(lines)


async def test_slots_are_shown_over_http(
    client: httpx.AsyncClient, world: World, database: Database
) -> None:
    async with database.transaction() as session:
        store_id = await add_store(session, world.station_id)
        device_id = await add_device(
            session, code="CS-01", store_id=store_id, slot_seconds=3600, min_celsius=0
        )
        points = [(at(DAY, 0, 10), 6.5), (at(DAY, 0, 20), -3.0), (at(DAY, 0, 30), 7.0)]
        await add_readings(session, device_id, [*points, (at(DAY, 1, 5), 4.0)])
        await add_outage(session, device_id, at(DAY, 23), at(DAY + ONE_DAY, 0))
    answer = await client.get(
        f"/coldchain/devices/{public_single('dev', device_id)}/slots?service_date={DAY}",
        headers=world.staff[Role.AUDITOR].headers,
    )
    slots = answer.json()["items"]
    assert len(slots) == 24
    assert [(slot["state"], slot["celsius"]) for slot in slots[:3]] == [
        ("out_of_range", 7.0),
        ("in_range", 4.0),
        ("silent", None),
    ]
    assert slots[0]["start_at"] == "2026-03-09T16:00:00Z"
    assert slots[23]["state"] == "excused"
