"""Checks a trip is expected to have: done, failed or missing."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Date, Executable, Uuid, column, select, text, values
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import ClauseElement

from app.coldchain import service
from app.coldchain.models import HandoverKind
from app.coldchain.repository.checks import counting_checks, listing_checks
from app.coldchain.service import BlocksServed, CheckCount, TripCheck, TripQuestion
from app.core.ids import new_id
from app.network import service as network
from tests.factories.coldchain import (
    add_device,
    add_handover,
    add_readings,
    add_trip,
    at,
    every,
)
from tests.factories.network import add_station
from tests.factories.world import MORNING, World

DAY = date(2026, 3, 10)
ONE_DAY = timedelta(days=1)
TripKey = tuple[UUID, date, int]


def rounds(blocks: Mapping[tuple[UUID, date], list[UUID]]) -> BlocksServed:
    """A query that answers these blocks by station and day."""
    station_id, service_date = column("station_id", Uuid()), column("service_date", Date())
    block_id = column("block_id", Uuid())
    rows = [(*key, one) for key, block_ids in blocks.items() for one in block_ids]
    # VALUES wants a row; a station without trips owes no handover.
    listed = values(station_id, service_date, block_id, name="rounds").data(
        rows or [(new_id(), DAY, new_id())]
    )
    return select(station_id, service_date, block_id).select_from(listed)


async def checks_of(
    session: AsyncSession,
    world: World,
    *,
    blocks: Mapping[tuple[UUID, date], list[UUID]] | None = None,
    now: datetime = MORNING,
    **changes: Any,
) -> list[TripCheck]:
    """What is listed; what is counted must be the same."""
    wanted: dict[str, Any] = {"from_date": DAY, "to_date": DAY, "station_ids": [world.station_id]}
    asked = TripQuestion(**wanted | changes, now=now, served=rounds(blocks or {}))
    listed = await service.list_trip_checks(session, asked=asked)
    assert await service.count_trip_checks(session, asked=asked) == counted(listed)
    return listed


def counted(checks: list[TripCheck]) -> dict[str, CheckCount]:
    """Checks by kind, counted one by one."""
    found: dict[str, CheckCount] = {}
    for check in checks:
        known = found.get(check.kind, CheckCount())
        found[check.kind] = CheckCount(
            expected=known.expected + 1,
            passed=known.passed + check.passed,
            missing=known.missing + check.missing,
        )
    return found


def shown(checks: list[TripCheck]) -> dict[str, str]:
    return {
        check.subject: "passed" if check.passed else "missing" if check.missing else "failed"
        for check in checks
    }


@pytest.fixture
async def device_id(world: World, session: AsyncSession) -> UUID:
    """The thermometer of the world's van: every ten minutes, 6 °C."""
    return await add_device(session, code="VAN-01", vehicle_id=world.vehicle_id)


async def a_trip(session: AsyncSession, world: World, **columns: Any) -> TripKey:
    return await add_trip(
        session,
        vehicle_id=world.vehicle_id,
        station_id=world.station_id,
        **{"service_date": DAY} | columns,
    )


LEGS = [(at(DAY, 1, 35), at(DAY, 2, 20)), (at(DAY, 2, 40), at(DAY, 3, 30))]


async def test_a_good_trip_passes_everything(
    world: World, session: AsyncSession, device_id: UUID
) -> None:
    key = await a_trip(session, world, legs=LEGS)
    await add_readings(session, device_id, every(at(DAY, 1, 30), at(DAY, 4)))
    await add_handover(session, key, HandoverKind.LOADING, 4.0)
    await add_handover(session, key, HandoverKind.VEHICLE_TO_STATION, 6.0)
    for block_id in world.blocks:
        await add_handover(session, key, HandoverKind.STATION_TO_DELIVERER, 5.0, block_id=block_id)
    found = await checks_of(
        session, world, blocks={(world.station_id, DAY): [*reversed(world.blocks)]}
    )
    assert [(check.kind, check.subject, check.block_id) for check in found] == [
        ("precool", "precool", None),
        ("handover", "loading", None),
        ("handover", "vehicle_to_station", None),
        ("cabin_leg", "leg:1", None),
        ("cabin_leg", "leg:2", None),
        ("handover", "station_to_deliverer", min(world.blocks)),
        ("handover", "station_to_deliverer", max(world.blocks)),
    ]
    assert all(check.passed and not check.missing for check in found)
    assert {check.expected_by for check in found} == {at(DAY, 7)}
    assert found[0].celsius == Decimal("12.0")
    assert (found[0].vehicle_id, found[0].service_date, found[0].trip_no) == key


async def test_what_is_missing_counts_against(world: World, session: AsyncSession) -> None:
    await a_trip(
        session,
        world,
        precool_celsius=None,
        precool_at=None,
        precool_passed=None,
        loaded_at=None,
        departed_at=None,
        arrived_at=None,
    )
    blocks = {(world.station_id, DAY): world.blocks[:1]}
    found = await checks_of(session, world, blocks=blocks)
    assert shown(found) == {
        "precool": "missing",
        "loading": "missing",
        "vehicle_to_station": "missing",
        "leg:1": "missing",
        "station_to_deliverer": "missing",
    }
    assert all(check.celsius is None for check in found)
    early = await checks_of(session, world, blocks=blocks, now=at(DAY, 7) - timedelta(seconds=1))
    assert early == [], "until 07:00 it may still come"


async def test_before_seven_only_what_is_done_counts(
    world: World, session: AsyncSession, device_id: UUID
) -> None:
    key = await a_trip(session, world, legs=[LEGS[0], (LEGS[1][0], None)], arrived_at=None)
    await add_readings(session, device_id, every(at(DAY, 1, 30), at(DAY, 2, 30), celsius=6.1))
    await add_handover(session, key, HandoverKind.LOADING, 4.0)
    blocks = {(world.station_id, DAY): world.blocks}
    found = await checks_of(session, world, blocks=blocks, now=at(DAY, 3))
    assert shown(found) == {"precool": "passed", "loading": "passed", "leg:1": "failed"}
    assert next(check for check in found if check.subject == "leg:1").celsius == Decimal("6.1")
    later = await checks_of(session, world, now=at(DAY, 7))
    assert shown(later)["leg:2"] == "missing", "a leg nobody ended, silent since"


async def test_any_failed_look_fails_the_handover(world: World, session: AsyncSession) -> None:
    key = await a_trip(session, world)
    await add_handover(session, key, HandoverKind.LOADING, 8.0)
    await add_handover(session, key, HandoverKind.LOADING, 4.0, check_no=1)
    await add_handover(session, key, HandoverKind.VEHICLE_TO_STATION, 25.0, limit=None)
    found = {check.subject: check for check in await checks_of(session, world)}
    assert (found["loading"].passed, found["loading"].celsius) == (False, Decimal("8.0"))
    assert found["vehicle_to_station"].passed


async def test_a_precool_that_failed_is_no_pass(world: World, session: AsyncSession) -> None:
    await a_trip(
        session,
        world,
        precool_celsius=Decimal("16.0"),
        precool_passed=False,
        loaded_at=None,
        departed_at=None,
        arrived_at=None,
    )
    assert shown(await checks_of(session, world))["precool"] == "failed"
    assert await checks_of(session, world, now=at(DAY, 3)) == [], "it may still cool down"


async def test_a_block_is_handed_over_once_a_day(world: World, session: AsyncSession) -> None:
    first = await a_trip(session, world)
    second = await a_trip(session, world, trip_no=2)
    for key, celsius in ((first, 7.0), (second, 4.0)):
        await add_handover(
            session, key, HandoverKind.STATION_TO_DELIVERER, celsius, block_id=world.blocks[0]
        )
    await add_handover(session, second, HandoverKind.STATION_TO_DELIVERER, 9.0, block_id=new_id())
    blocks = {
        (world.station_id, DAY): world.blocks,
        (world.station_id, DAY + ONE_DAY): world.blocks,
        (new_id(), DAY): [new_id()],
    }
    found = [
        (check.block_id, check.trip_no, check.passed, check.missing)
        for check in await checks_of(session, world, blocks=blocks)
        if check.subject == "station_to_deliverer"
    ]
    assert sorted(found) == sorted(
        [(world.blocks[0], 1, False, False), (world.blocks[1], 1, False, True)]
    )


async def test_every_thermometer_of_the_van_must_agree(
    world: World, session: AsyncSession, device_id: UUID
) -> None:
    await a_trip(session, world, legs=LEGS[:1])
    await add_readings(session, device_id, every(at(DAY, 1, 30), at(DAY, 4)))
    assert shown(await checks_of(session, world))["leg:1"] == "passed"
    await add_device(session, code="OLD", vehicle_id=world.vehicle_id, in_service_until=at(DAY, 2))
    assert shown(await checks_of(session, world))["leg:1"] == "passed", "it left during the leg"
    back = await add_device(session, code="BACK", vehicle_id=world.vehicle_id, max_celsius=3)
    assert shown(await checks_of(session, world))["leg:1"] == "missing"
    await add_readings(session, back, every(at(DAY, 1, 30), at(DAY, 4), celsius=3.1))
    assert shown(await checks_of(session, world))["leg:1"] == "failed"


async def test_a_trip_without_legs_is_one_leg(
    world: World, session: AsyncSession, device_id: UUID
) -> None:
    await a_trip(session, world)
    await add_readings(session, device_id, every(at(DAY, 1, 30), at(DAY, 3, 30)))
    assert shown(await checks_of(session, world))["leg:1"] == "passed"
    await add_readings(session, device_id, [(at(DAY, 3, 30), 6.5)])
    assert shown(await checks_of(session, world))["leg:1"] == "failed", "the last instant counts"


async def test_periods_and_stations(world: World, session: AsyncSession) -> None:
    other = await add_station(session, code="ST02")
    van = await network.create_vehicle(session, plate="沪B1", station_id=other)
    await add_trip(session, vehicle_id=van.id, station_id=other, service_date=DAY)
    await a_trip(session, world, service_date=DAY + ONE_DAY)
    assert await checks_of(session, world) == []
    both = await checks_of(session, world, to_date=DAY + ONE_DAY, station_ids=None)
    assert {check.station_id for check in both} == {other, world.station_id}
    assert [check.service_date for check in both] == [DAY] * 4 + [DAY + ONE_DAY] * 4
    assert await checks_of(session, world, station_ids=[]) == []


# By hand

SECONDS = st.integers(0, 6000)


@given(
    slot=st.sampled_from([300, 600, 1000]),
    length=st.integers(60, 5400),
    points=st.dictionaries(SECONDS, st.sampled_from([4.0, 6.0, 6.1]), max_size=40),
)
async def test_a_leg_is_judged_as_by_hand(
    world: World, session: AsyncSession, slot: int, length: int, points: dict[int, float]
) -> None:
    begin = at(DAY, 1, 40)
    lead = 600
    station_id = await add_station(session, code=f"L{new_id()}")
    van = await network.create_vehicle(session, plate=str(new_id()), station_id=station_id)
    device_id = await add_device(session, code=str(new_id()), vehicle_id=van.id, slot_seconds=slot)
    await add_trip(
        session,
        vehicle_id=van.id,
        station_id=station_id,
        service_date=DAY,
        legs=[(begin, begin + timedelta(seconds=length))],
    )
    await add_readings(
        session,
        device_id,
        [(begin + timedelta(seconds=second - lead), celsius) for second, celsius in points.items()],
    )
    first = min(0, length - slot)
    heard = {
        second - lead: celsius
        for second, celsius in points.items()
        if first <= second - lead <= length
    }
    if length < slot:
        is_silent = not heard
    else:
        filled = {second // slot for second in heard}
        is_silent = not filled >= set(range(length // slot))
    (check,) = [
        check
        for check in await checks_of(session, world, station_ids=[station_id])
        if check.subject == "leg:1"
    ]
    assert check.missing is is_silent
    assert check.passed is (not is_silent and max(heard.values()) <= 6)
    assert check.celsius == (Decimal(str(max(heard.values()))) if heard else None)


async def test_a_month_of_trips_is_found_by_its_indexes(
    world: World, session: AsyncSession, device_id: UUID
) -> None:
    for number in range(60):
        day = date(2026, 2, 1) + number * ONE_DAY
        await a_trip(session, world, service_date=day, legs=[(at(day, 1, 35), at(day, 3, 30))])
        await add_readings(session, device_id, every(at(day, 0), at(day, 6), seconds=60))
    await session.execute(
        text(
            "INSERT INTO trips (vehicle_id, service_date, trip_no, station_id)"
            " SELECT uuidv7(), CAST('2024-01-01' AS date) + n % 600, 1, uuidv7()"
            " FROM generate_series(1, 3000) AS n"
        )
    )
    await session.execute(
        text(
            "INSERT INTO trip_legs (vehicle_id, service_date, trip_no, leg_no, started_at)"
            " SELECT vehicle_id, service_date, trip_no, 1, service_date FROM trips"
            " WHERE service_date < '2026-01-01'"
        )
    )
    for table in ("trips", "trip_legs", "temperature_readings"):
        await session.execute(text(f"ANALYZE {table}"))
    asked = TripQuestion(
        from_date=DAY,
        to_date=DAY,
        now=MORNING,
        station_ids=None,
        served=rounds({(world.station_id, DAY): world.blocks}),
    )
    for statement in (listing_checks(asked), counting_checks(asked)):
        plan = await explain(session, statement, asked.parameters)
        for index in ("ix_trips_service_date", "pk_trip_legs", "temperature_readings_2026_03_pkey"):
            assert index in plan, plan
        assert "Seq Scan on temperature_readings" not in plan, plan
    month = await checks_of(session, world, from_date=date(2026, 2, 1), to_date=date(2026, 2, 28))
    assert [check.passed for check in month if check.subject == "leg:1"] == [True] * 28


class Explain(Executable, ClauseElement):
    """EXPLAIN of a statement."""

    inherit_cache = False

    def __init__(self, statement: ClauseElement) -> None:
        self.statement = statement


@compiles(Explain)
def _compile(element: Explain, compiler: SQLCompiler, **kw: Any) -> str:
    return f"EXPLAIN {compiler.process(element.statement, **kw)}"


async def explain(
    session: AsyncSession, statement: ClauseElement, parameters: dict[str, Any]
) -> str:
    rows = await session.execute(Explain(statement), parameters)
    return "\n".join(row[0] for row in rows)
