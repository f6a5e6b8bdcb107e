"""A warm store, a silent sensor, a van with a gap: the two temperature KPIs and their rows."""

from datetime import timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from app.coldchain.models import HandoverKind
from app.core.ids import new_id, public_single
from app.delivery.models import RouteSheet
from app.kpi.definitions import KpiKey, ScopeKind
from app.kpi.drilldown import list_kpi_rows
from app.kpi.measuring import Question, measure
from app.kpi.repository.rows import KpiRow
from app.kpi.rules import Period
from app.kpi.scopes import OPERATOR, Scope
from tests.factories.coldchain import (
    add_device,
    add_handover,
    add_outage,
    add_readings,
    add_store,
    add_trip,
    at,
    every,
)
from tests.factories.world import MORNING, TODAY, World

YESTERDAY = TODAY - timedelta(days=1)
PERIOD = Period(YESTERDAY, TODAY)
HOURLY = 3600


async def rows_of(
    session: AsyncSession, key: KpiKey, *, only_missed: bool = False, scope: Scope = OPERATOR
) -> list[KpiRow]:
    """All rows behind a KPI, seven at a time."""
    found: list[KpiRow] = []
    after = None
    while True:
        page = await list_kpi_rows(
            session,
            key=key,
            scope=scope,
            period=PERIOD,
            now=MORNING,
            limit=7,
            after=after,
            only_missed=only_missed,
        )
        found += page.rows
        after = page.next_place
        if after is None:
            return found


@pytest.fixture
async def stores(session: AsyncSession, world: World) -> None:
    """Two sensors since yesterday 00:00: one warm for two hours, one silent after 20:00."""
    store_id = await add_store(session, world.station_id)
    start = at(YESTERDAY, 0)
    warm, silent = [
        await add_device(
            session, code=code, store_id=store_id, slot_seconds=HOURLY, in_service_from=start
        )
        for code in ("T1", "T2")
    ]
    await add_readings(session, warm, every(start, at(YESTERDAY, 10), seconds=HOURLY))
    await add_readings(
        session, warm, every(at(YESTERDAY, 10), at(YESTERDAY, 12), seconds=HOURLY, celsius=6.1)
    )
    await add_readings(
        session, warm, every(at(YESTERDAY, 12), MORNING, seconds=HOURLY, celsius=6.0)
    )
    await add_readings(session, silent, every(start, at(YESTERDAY, 20), seconds=HOURLY))
    await add_outage(session, silent, at(TODAY, 0), at(TODAY, 4))
    await session.flush()


async def test_cold_stores(session: AsyncSession, world: World, stores: None) -> None:
    measured = await measure(
        Question(session, OPERATOR, PERIOD, MORNING), KpiKey.COLD_STORE_TEMP_RATE
    )
    # 34 hours each until 10:00 today; four of the silent one are excused.
    assert (measured.numerator, measured.denominator) == (32 + 20, 34 + 30)
    assert measured.beside == {"devices": 2, "silent": 10, "out_of_range": 2}

    rows = await rows_of(session, KpiKey.COLD_STORE_TEMP_RATE)
    assert sum(row.numerator for row in rows) == 52
    assert sum(row.denominator for row in rows) == len(rows) == 64
    assert len({row.id for row in rows}) == 64
    assert rows[0].facts["station_id"] == public_single("stn", world.station_id)

    missed = await rows_of(session, KpiKey.COLD_STORE_TEMP_RATE, only_missed=True)
    assert sorted(row.facts["state"] for row in missed) == ["out_of_range"] * 2 + ["silent"] * 10
    warm = [row for row in missed if row.facts["state"] == "out_of_range"]
    assert [row.facts["celsius"] for row in warm] == ["6.1", "6.1"]


async def test_a_store_belongs_to_its_station_and_city(
    session: AsyncSession, world: World, stores: None
) -> None:
    for scope, expected in (
        (Scope(ScopeKind.STATION, row_id=world.station_id), 64),
        (Scope(ScopeKind.CITY, city_code="310000"), 64),
        (Scope(ScopeKind.CITY, city_code="320500"), 0),
    ):
        question = Question(session, scope, PERIOD, MORNING)
        measured = await measure(question, KpiKey.COLD_STORE_TEMP_RATE)
        assert measured.denominator == expected, scope


async def test_a_morning_with_a_forgotten_handover(session: AsyncSession, world: World) -> None:
    van = await add_device(session, code="V1", vehicle_id=world.vehicle_id)
    await add_readings(session, van, every(at(TODAY, 1), at(TODAY, 5)))
    trip = await add_trip(
        session, vehicle_id=world.vehicle_id, station_id=world.station_id, service_date=TODAY
    )
    await add_handover(session, trip, HandoverKind.LOADING, 4.0)
    await add_handover(session, trip, HandoverKind.VEHICLE_TO_STATION, 8.5)
    await add_handover(
        session, trip, HandoverKind.STATION_TO_DELIVERER, 5.0, block_id=world.blocks[0]
    )
    for block_id in world.blocks:
        session.add(
            RouteSheet(
                block_id=block_id,
                service_date=TODAY,
                station_id=world.station_id,
                stops=1,
                bottles=1,
                planned_at=MORNING,
            )
        )
    await session.flush()

    question = Question(session, OPERATOR, PERIOD, MORNING)
    measured = await measure(question, KpiKey.DELIVERY_TEMP_RATE)

    # pre-cool, loading, cabin, one share passed; the station's milk was warm, one share forgotten
    assert (measured.numerator, measured.denominator) == (4, 6)
    assert measured.beside["missing"] == 1
    assert measured.beside["by_kind"]["handover"] == {"expected": 4, "passed": 2, "missing": 1}

    rows = await rows_of(session, KpiKey.DELIVERY_TEMP_RATE)
    assert (sum(row.numerator for row in rows), sum(row.denominator for row in rows)) == (4, 6)
    assert len({row.id for row in rows}) == 6
    missed = await rows_of(session, KpiKey.DELIVERY_TEMP_RATE, only_missed=True)
    assert sorted(row.facts["missing"] for row in missed) == [False, True]
    forgotten = next(row for row in missed if row.facts["missing"])
    assert forgotten.facts["block_id"] == public_single("blk", world.blocks[1])


async def test_a_block_and_its_deliverer_answer_for_their_handovers(
    session: AsyncSession, world: World
) -> None:
    trip = await add_trip(
        session, vehicle_id=world.vehicle_id, station_id=world.station_id, service_date=TODAY
    )
    mine, theirs = world.blocks
    await add_handover(session, trip, HandoverKind.LOADING, 9.0)
    await add_handover(session, trip, HandoverKind.STATION_TO_DELIVERER, 5.0, block_id=mine)
    for block_id, deliverer_id in zip(world.blocks, world.deliverers, strict=True):
        session.add(
            RouteSheet(
                block_id=block_id,
                service_date=TODAY,
                station_id=world.station_id,
                deliverer_id=deliverer_id,
                stops=1,
                bottles=1,
                planned_at=MORNING,
            )
        )
    await session.flush()

    for kind, row_id, passed in (
        (ScopeKind.BLOCK, mine, 1),
        (ScopeKind.BLOCK, theirs, 0),
        (ScopeKind.DELIVERER, world.deliverers[0], 1),
        (ScopeKind.DELIVERER, world.deliverers[1], 0),
    ):
        scope = Scope(kind, row_id=row_id)
        measured = await measure(
            Question(session, scope, PERIOD, MORNING), KpiKey.DELIVERY_TEMP_RATE
        )
        assert (measured.numerator, measured.denominator) == (passed, 1), scope
        assert measured.beside == {
            "missing": 1 - passed,
            "by_kind": {"handover": {"expected": 1, "passed": passed, "missing": 1 - passed}},
        }
        (row,) = await rows_of(session, KpiKey.DELIVERY_TEMP_RATE, scope=scope)
        assert (row.facts["subject"], row.numerator) == ("station_to_deliverer", passed)

    elsewhere = Scope(ScopeKind.DELIVERER, row_id=world.deliverers[0], within_station_id=new_id())
    held = await measure(Question(session, elsewhere, PERIOD, MORNING), KpiKey.DELIVERY_TEMP_RATE)
    assert (held.denominator, held.reason) == (0, "nothing_counted")
