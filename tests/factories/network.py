"""Stations, blocks and coverage rules for tests."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import local_instant
from app.core.ids import new_id
from app.network.models import (
    Block,
    CoverageKind,
    CoverageRule,
    HouseParity,
    PlanDay,
    PlanDayState,
    Station,
    StationCutoff,
)
from app.network.rules import Rule, bounding_box
from tests.factories.world import ALWAYS, CUTOFF, MORNING, TODAY

CITY = "310000"


@dataclass(frozen=True)
class Written:
    """A building as somebody writes it."""

    city_code: str = CITY
    district: str = ""
    street: str = ""
    house_no: str = ""
    compound: str = ""
    longitude: float | None = None
    latitude: float | None = None


async def add_station(session: AsyncSession, *, code: str, days: int = 0) -> UUID:
    """A station with its cut-off and as many plan days as asked, from tomorrow on."""
    station_id = new_id()
    session.add(
        Station(id=station_id, code=code, name=f"{code}奶站", city_code=CITY, created_at=MORNING)
    )
    await session.flush()
    session.add(StationCutoff(id=new_id(), station_id=station_id, valid=ALWAYS, cutoff_time=CUTOFF))
    for ahead in range(1, days + 1):
        day = TODAY + timedelta(days=ahead)
        session.add(
            PlanDay(
                station_id=station_id,
                service_date=day,
                state=PlanDayState.OPEN,
                cutoff_at=local_instant(day - timedelta(days=1), CUTOFF),
            )
        )
    await session.flush()
    return station_id


async def add_block(session: AsyncSession, *, station_id: UUID, code: str) -> UUID:
    """A block of a station."""
    block_id = new_id()
    session.add(Block(id=block_id, code=code, name=code, station_id=station_id))
    await session.flush()
    return block_id


async def add_rule(
    session: AsyncSession,
    block_id: UUID,
    *,
    polygon: Sequence[tuple[float, float]] = (),
    **columns: Any,
) -> UUID:
    """A coverage rule; its kind follows from what it names, names are stored as given."""
    rule_id = new_id()
    if polygon:
        kind = CoverageKind.POLYGON
        box = bounding_box(polygon)
        columns |= {
            "polygon": [list(corner) for corner in polygon],
            "west": box.west,
            "south": box.south,
            "east": box.east,
            "north": box.north,
        }
    else:
        kind = CoverageKind.COMPOUND if "compound" in columns else CoverageKind.STREET
    session.add(
        CoverageRule(
            id=rule_id,
            block_id=block_id,
            kind=kind,
            **{
                "city_code": CITY,
                "parity": HouseParity.ALL,
                "first_stop_no": 0,
                "valid": ALWAYS,
            }
            | columns,
        )
    )
    await session.flush()
    return rule_id


async def close_day(
    session: AsyncSession, station_id: UUID, day: date, state: PlanDayState
) -> None:
    """Give a plan day another state."""
    row = await session.get(PlanDay, (station_id, day))
    assert row is not None
    row.state = state
    row.frozen_at = MORNING if state is PlanDayState.FROZEN else None
    await session.flush()


def a_rule(**changes: object) -> Rule:
    """A rule in memory: the whole of a street unless told otherwise."""
    values: dict[str, object] = {
        "id": new_id(),
        "block_id": new_id(),
        "station_id": new_id(),
        "city_code": CITY,
        "kind": CoverageKind.STREET,
        "district": "",
        "compound": "",
        "street": "漕溪北路",
        "house_from": None,
        "house_to": None,
        "parity": HouseParity.ALL,
        "ring": (),
        "box": None,
        "first_stop_no": 100,
    }
    return Rule(**(values | changes))  # type: ignore[arg-type]  # a table of defaults
