"""Readings in SQL: taken in bulk, looked at for the live alarm."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.coldchain.models import TemperatureReading
from app.core.alerts import Alert

_INSERT = """
INSERT INTO temperature_readings (device_id, at, celsius, received_at)
SELECT n.device_id, n.at, n.celsius, :now
FROM unnest(CAST(:devices AS uuid[]), CAST(:instants AS timestamptz[]),
            CAST(:celsius AS float8[])) AS n(device_id, at, celsius)
ON CONFLICT DO NOTHING
RETURNING device_id, at
"""
_DEVICES = """
SELECT d.id, d.code FROM devices d
LEFT JOIN cold_stores s ON s.id = d.store_id
LEFT JOIN vehicles v ON v.id = d.vehicle_id
WHERE (d.code = ANY(:codes) OR d.id = ANY(:ids))
  AND (CAST(:station AS uuid) IS NULL OR coalesce(s.station_id, v.station_id) = :station)
"""
_RECENT = """
WITH points AS (
    SELECT r.device_id, r.at, r.celsius,
           row_number() OVER (PARTITION BY r.device_id ORDER BY r.at DESC) AS place
    FROM temperature_readings r
    WHERE r.device_id = ANY(:devices) AND r.at > :since AND r.at <= :now
), last_two AS (
    SELECT device_id, count(*) AS points, min(celsius) AS coolest,
           max(celsius) FILTER (WHERE place = 1) AS last_celsius,
           max(at) AS last_at
    FROM points WHERE place <= 2 GROUP BY device_id
)
SELECT d.id, d.code, d.store_id, d.vehicle_id, d.max_celsius, l.last_celsius,
       l.points = 2 AND l.coolest > d.max_celsius
       AND d.in_service_from <= l.last_at
       AND (d.in_service_until IS NULL OR d.in_service_until > l.last_at)
       AND NOT EXISTS (
           SELECT FROM device_outages o WHERE o.device_id = d.id AND o.during @> l.last_at)
       AND (d.vehicle_id IS NULL OR EXISTS (
           SELECT FROM trip_legs g
           WHERE g.vehicle_id = d.vehicle_id
             AND g.service_date BETWEEN CAST(:today AS date) - 1 AND CAST(:today AS date) + 1
             AND g.started_at <= l.last_at AND (g.ended_at IS NULL OR g.ended_at > l.last_at)))
       AS is_too_warm
FROM last_two l JOIN devices d ON d.id = l.device_id
ORDER BY d.id
"""


@dataclass(frozen=True, slots=True)
class Point:
    """One reading of a known device."""

    device_id: UUID
    at: datetime
    celsius: float


@dataclass(frozen=True, slots=True)
class Recent:
    """What the last points of a device say at present."""

    device_id: UUID
    code: str
    store_id: UUID | None
    vehicle_id: UUID | None
    max_celsius: Decimal
    last_celsius: Decimal
    is_too_warm: bool


async def find_devices(
    session: AsyncSession,
    *,
    codes: Collection[str],
    ids: Collection[UUID],
    station_id: UUID | None,
) -> list[tuple[UUID, str]]:
    """(id, code) of the devices with these codes or ids, of one station or of all."""
    rows = await session.execute(
        text(_DEVICES), {"codes": list(codes), "ids": list(ids), "station": station_id}
    )
    return [(row.id, row.code) for row in rows]


async def insert_points(
    session: AsyncSession, points: Sequence[Point], *, now: datetime
) -> set[tuple[UUID, datetime]]:
    """Insert points in one statement; answers the keys that were new."""
    rows = await session.execute(
        text(_INSERT),
        {
            "devices": [point.device_id for point in points],
            "instants": [point.at for point in points],
            "celsius": [point.celsius for point in points],
            "now": now,
        },
    )
    return {(row.device_id, row.at) for row in rows}


async def list_recent(
    session: AsyncSession,
    *,
    device_ids: Collection[UUID],
    window: timedelta,
    now: datetime,
    today: date,
) -> list[Recent]:
    """The last two points of each device within the window, judged. A parked van is not watched."""
    rows = await session.execute(
        text(_RECENT),
        {"devices": list(device_ids), "since": now - window, "now": now, "today": today},
    )
    return [
        Recent(
            device_id=row.id,
            code=row.code,
            store_id=row.store_id,
            vehicle_id=row.vehicle_id,
            max_celsius=row.max_celsius,
            last_celsius=row.last_celsius,
            is_too_warm=row.is_too_warm,
        )
        for row in rows
    ]


async def list_open_subjects(
    session: AsyncSession, *, kind: str, subjects: Collection[str]
) -> set[str]:
    """Those subjects that have an open alert of a kind."""
    return set(
        await session.scalars(
            select(Alert.subject).where(
                Alert.kind == kind, Alert.subject.in_(subjects), Alert.resolved_at.is_(None)
            )
        )
    )


async def list_readings(
    session: AsyncSession, *, device_id: UUID, from_at: datetime, until: datetime, limit: int
) -> list[TemperatureReading]:
    """Readings of a device from an instant up to another, oldest first."""
    return list(
        await session.scalars(
            select(TemperatureReading)
            .where(
                TemperatureReading.device_id == device_id,
                TemperatureReading.at >= from_at,
                TemperatureReading.at < until,
            )
            .order_by(TemperatureReading.at)
            .limit(limit)
        )
    )
