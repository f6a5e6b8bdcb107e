"""Cold stores, devices, readings and trips for tests."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import insert
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.ext.asyncio import AsyncSession

from app.coldchain.models import (
    ColdStore,
    Device,
    DeviceOutage,
    HandoverCheck,
    HandoverKind,
    TemperatureReading,
    Trip,
    TripLeg,
)
from app.core.clock import local_instant
from app.core.ids import HOUSE, new_id
from tests.factories.world import MORNING

OPENED = datetime(2026, 1, 1, tzinfo=UTC)
TEN_MINUTES = 600


async def add_store(session: AsyncSession, station_id: UUID, *, name: str = "一号冷库") -> UUID:
    """A cold store of a station."""
    store_id = new_id()
    session.add(ColdStore(id=store_id, station_id=station_id, name=name))
    await session.flush()
    return store_id


async def add_device(session: AsyncSession, *, code: str, **columns: Any) -> UUID:
    """A device with a reading every ten minutes and a limit of 6 °C, unless told otherwise."""
    device_id = new_id()
    session.add(
        Device(
            id=device_id,
            code=code,
            **{
                "max_celsius": Decimal("6.0"),
                "slot_seconds": TEN_MINUTES,
                "in_service_from": OPENED,
            }
            | columns,
        )
    )
    await session.flush()
    return device_id


async def add_outage(
    session: AsyncSession, device_id: UUID, from_at: datetime, until: datetime
) -> None:
    """A recorded outage."""
    session.add(
        DeviceOutage(
            id=new_id(),
            device_id=device_id,
            during=Range(from_at, until, bounds="[)"),
            reason="检修",
            recorded_at=MORNING,
        )
    )
    await session.flush()


async def add_readings(
    session: AsyncSession, device_id: UUID, points: Iterable[tuple[datetime, float]]
) -> None:
    """Readings written straight into the table."""
    rows = [
        {
            "device_id": device_id,
            "at": at,
            "celsius": Decimal(str(celsius)),
            "received_at": MORNING,
        }
        for at, celsius in points
    ]
    if rows:
        await session.execute(insert(TemperatureReading), rows)


def every(
    start: datetime, end: datetime, *, seconds: int = TEN_MINUTES, celsius: float = 4.0
) -> list[tuple[datetime, float]]:
    """One reading at the start of each step from an instant up to another."""
    step = timedelta(seconds=seconds)
    return [(start + number * step, celsius) for number in range((end - start) // step)]


def at(day: date, hour: int, minute: int = 0) -> datetime:
    """An instant by the operator's clock."""
    return local_instant(day, time(hour, minute))


async def add_trip(
    session: AsyncSession,
    *,
    vehicle_id: UUID,
    station_id: UUID,
    service_date: date,
    trip_no: int = 1,
    legs: Iterable[tuple[datetime, datetime | None]] = (),
    **columns: Any,
) -> tuple[UUID, date, int]:
    """A trip that was pre-cooled, loaded at 01:30 and under way from 01:35 to 03:30."""
    key = (vehicle_id, service_date, trip_no)
    session.add(
        Trip(
            vehicle_id=vehicle_id,
            service_date=service_date,
            trip_no=trip_no,
            station_id=station_id,
            **{
                "precool_celsius": Decimal("12.0"),
                "precool_at": at(service_date, 1, 20),
                "precool_passed": True,
                "cleaned": True,
                "loaded_at": at(service_date, 1, 30),
                "departed_at": at(service_date, 1, 35),
                "arrived_at": at(service_date, 3, 30),
            }
            | columns,
        )
    )
    await session.flush()
    for number, (started_at, ended_at) in enumerate(legs, 1):
        session.add(
            TripLeg(
                vehicle_id=vehicle_id,
                service_date=service_date,
                trip_no=trip_no,
                leg_no=number,
                started_at=started_at,
                ended_at=ended_at,
            )
        )
    await session.flush()
    return key


async def add_handover(
    session: AsyncSession,
    key: tuple[UUID, date, int],
    kind: HandoverKind,
    celsius: float,
    *,
    block_id: UUID = HOUSE,
    check_no: int = 0,
    limit: float | None = 6.0,
) -> None:
    """A handover check, judged by its limit."""
    vehicle_id, service_date, trip_no = key
    session.add(
        HandoverCheck(
            vehicle_id=vehicle_id,
            service_date=service_date,
            trip_no=trip_no,
            kind=kind,
            block_id=block_id,
            check_no=check_no,
            celsius=Decimal(str(celsius)),
            limit_celsius=None if limit is None else Decimal(str(limit)),
            passed=limit is None or celsius <= limit,
            checked_at=at(service_date, 3, 40),
        )
    )
    await session.flush()
