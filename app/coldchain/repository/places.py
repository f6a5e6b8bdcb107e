"""Cold stores, devices and their outages in SQL."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from app.coldchain.errors import ColdStoreUnknown, DeviceUnknown, OutageOverlap
from app.coldchain.models import ColdStore, Device, DeviceOutage
from app.coldchain.rules import DeviceState
from app.network.models import Vehicle

EXCLUSION_VIOLATION = "23P01"

_OVERVIEW = """
SELECT * FROM (
    SELECT d.id, d.code, d.store_id, d.vehicle_id, d.min_celsius, d.max_celsius, d.slot_seconds,
           d.in_service_from, d.in_service_until,
           coalesce(s.station_id, v.station_id) AS station_id,
           last.at AS last_at, last.celsius AS last_celsius,
           CASE
               WHEN d.in_service_from > :now OR d.in_service_until <= :now
                    OR EXISTS (SELECT FROM device_outages o
                               WHERE o.device_id = d.id AND o.during @> CAST(:now AS timestamptz))
               THEN 'out_of_service'
               WHEN last.at IS NULL OR last.at < :now - 2 * make_interval(secs => d.slot_seconds)
               THEN 'silent'
               WHEN last.celsius > d.max_celsius THEN 'too_warm'
               WHEN last.celsius < d.min_celsius THEN 'too_cold'
               ELSE 'in_range'
           END AS state
    FROM devices d
    LEFT JOIN cold_stores s ON s.id = d.store_id
    LEFT JOIN vehicles v ON v.id = d.vehicle_id
    LEFT JOIN LATERAL (
        SELECT r.at, r.celsius FROM temperature_readings r
        WHERE r.device_id = d.id
          AND r.at > CAST(:now AS timestamptz) - interval '31 days' AND r.at <= :now
        ORDER BY r.at DESC LIMIT 1
    ) last ON true
) overview
WHERE (CAST(:station AS uuid) IS NULL OR station_id = :station)
  AND (CAST(:device AS uuid) IS NULL OR id = :device)
  AND (CAST(:store AS uuid) IS NULL OR store_id = :store)
  AND (CAST(:vehicle AS uuid) IS NULL OR vehicle_id = :vehicle)
  AND (CAST(:state AS text) IS NULL OR state = :state)
  AND (CAST(:after AS text) IS NULL OR code > :after)
ORDER BY code
LIMIT :limit
"""


@dataclass(frozen=True, slots=True)
class DeviceView:
    """A device with its last reading of the past 31 days and what it says at present."""

    id: UUID
    code: str
    store_id: UUID | None
    vehicle_id: UUID | None
    station_id: UUID
    min_celsius: Decimal | None
    max_celsius: Decimal
    slot_seconds: int
    in_service_from: datetime
    in_service_until: datetime | None
    last_at: datetime | None
    last_celsius: Decimal | None
    state: DeviceState


async def get_store(session: AsyncSession, store_id: UUID) -> ColdStore:
    """One cold store; raises ColdStoreUnknown."""
    store = await session.get(ColdStore, store_id)
    if store is None:
        raise ColdStoreUnknown
    return store


async def list_stores(
    session: AsyncSession, *, station_id: UUID | None, limit: int, after_id: UUID | None
) -> list[ColdStore]:
    """Cold stores in the order they were added."""
    query = select(ColdStore).order_by(ColdStore.id).limit(limit)
    if station_id is not None:
        query = query.where(ColdStore.station_id == station_id)
    if after_id is not None:
        query = query.where(ColdStore.id > after_id)
    return list(await session.scalars(query))


async def add_device(session: AsyncSession, device: Device) -> bool:
    """Insert a device; false when its code is taken."""
    values: dict[str, Any] = {
        column.key: getattr(device, column.key) for column in Device.__mapper__.column_attrs
    }
    added = await session.scalar(
        insert(Device).values(values).on_conflict_do_nothing().returning(Device.id)
    )
    return added is not None


async def get_device(
    session: AsyncSession, device_id: UUID, *, lock: bool = False
) -> tuple[Device, UUID]:
    """One device and its station; raises DeviceUnknown."""
    query = (
        select(Device, func.coalesce(ColdStore.station_id, Vehicle.station_id))
        .outerjoin(ColdStore, ColdStore.id == Device.store_id)
        .outerjoin(Vehicle, Vehicle.id == Device.vehicle_id)
        .where(Device.id == device_id)
    )
    if lock:
        query = query.with_for_update(of=Device).execution_options(populate_existing=True)
    found = (await session.execute(query)).one_or_none()
    if found is None:
        raise DeviceUnknown
    return found[0], found[1]


async def list_device_views(
    session: AsyncSession,
    *,
    now: datetime,
    limit: int,
    after_code: str | None = None,
    station_id: UUID | None = None,
    device_id: UUID | None = None,
    store_id: UUID | None = None,
    vehicle_id: UUID | None = None,
    state: DeviceState | None = None,
) -> list[DeviceView]:
    """Devices by code with their last reading and state; one statement."""
    rows = await session.execute(
        text(_OVERVIEW),
        {
            "now": now,
            "limit": limit,
            "after": after_code,
            "station": station_id,
            "device": device_id,
            "store": store_id,
            "vehicle": vehicle_id,
            "state": state,
        },
    )
    return [DeviceView(**{**row, "state": DeviceState(row["state"])}) for row in rows.mappings()]


async def add_outage(session: AsyncSession, outage: DeviceOutage) -> None:
    """Insert an outage; raises OutageOverlap."""
    try:
        async with session.begin_nested():
            session.add(outage)
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) == EXCLUSION_VIOLATION:
            raise OutageOverlap from error
        raise


async def list_outages(session: AsyncSession, device_id: UUID) -> list[DeviceOutage]:
    """Outages of a device, newest first."""
    return list(
        await session.scalars(
            select(DeviceOutage)
            .where(DeviceOutage.device_id == device_id)
            .order_by(DeviceOutage.during.desc())
        )
    )
