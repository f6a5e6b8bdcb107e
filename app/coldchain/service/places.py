"""Cold stores, devices in them and in vehicles, and their recorded outages (S1 4.4.2)."""

from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.ext.asyncio import AsyncSession

from app.coldchain.errors import (
    DeviceCodeTaken,
    DeviceInvalid,
    DeviceRetired,
    DeviceUnknown,
    OutageInvalid,
)
from app.coldchain.models import ColdStore, Device, DeviceOutage
from app.coldchain.repository import places
from app.coldchain.repository.places import DeviceView
from app.coldchain.rules import DeviceState
from app.core.ids import new_id
from app.network import service as network

LONGEST_OUTAGE = timedelta(days=366)


async def create_store(session: AsyncSession, *, station_id: UUID, name: str) -> ColdStore:
    """Add a cold store to a station; raises StationUnknown."""
    await network.get_station(session, station_id=station_id)
    store = ColdStore(id=new_id(), station_id=station_id, name=name)
    session.add(store)
    await session.flush()
    return store


async def get_store(session: AsyncSession, *, store_id: UUID) -> ColdStore:
    """One cold store; raises ColdStoreUnknown."""
    return await places.get_store(session, store_id)


async def list_stores(
    session: AsyncSession,
    *,
    station_id: UUID | None,
    limit: int = 1000,
    after_id: UUID | None = None,
) -> list[ColdStore]:
    """Cold stores in the order they were added."""
    return await places.list_stores(session, station_id=station_id, limit=limit, after_id=after_id)


async def create_device(
    session: AsyncSession,
    *,
    code: str,
    store_id: UUID | None,
    vehicle_id: UUID | None,
    min_celsius: Decimal | None,
    max_celsius: Decimal,
    slot_seconds: int,
    in_service_from: datetime,
    now: datetime,
) -> DeviceView:
    """Add a device to a store or a vehicle; limits in °C, one reading a slot is expected.

    Limits and slot hold for the device's life: what was judged by them stays so. Raises
    ColdStoreUnknown, VehicleUnknown, DeviceInvalid, DeviceCodeTaken.
    """
    if (store_id is None) == (vehicle_id is None):
        raise DeviceInvalid("a device stands either in a store or in a vehicle")
    if min_celsius is not None and min_celsius >= max_celsius:
        raise DeviceInvalid("min_celsius lies not below max_celsius")
    if store_id is not None:
        await places.get_store(session, store_id)
    if vehicle_id is not None:
        await network.get_vehicle(session, vehicle_id=vehicle_id)
    device = Device(
        id=new_id(),
        code=code,
        store_id=store_id,
        vehicle_id=vehicle_id,
        min_celsius=min_celsius,
        max_celsius=max_celsius,
        slot_seconds=slot_seconds,
        in_service_from=in_service_from,
        in_service_until=None,
    )
    if not await places.add_device(session, device):
        raise DeviceCodeTaken(device_code=code)
    return await view_device(session, device_id=device.id, now=now)


async def view_device(session: AsyncSession, *, device_id: UUID, now: datetime) -> DeviceView:
    """One device with its last reading and state; raises DeviceUnknown."""
    found = await places.list_device_views(session, now=now, limit=1, device_id=device_id)
    if not found:
        raise DeviceUnknown
    return found[0]


async def list_devices(
    session: AsyncSession,
    *,
    now: datetime,
    station_id: UUID | None = None,
    store_id: UUID | None = None,
    vehicle_id: UUID | None = None,
    state: DeviceState | None = None,
    limit: int = 1000,
    after_code: str | None = None,
) -> list[DeviceView]:
    """Devices by code with their last reading (of the past 31 days) and state at `now`."""
    return await places.list_device_views(
        session,
        now=now,
        limit=limit,
        after_code=after_code,
        station_id=station_id,
        store_id=store_id,
        vehicle_id=vehicle_id,
        state=state,
    )


async def retire_device(
    session: AsyncSession, *, device_id: UUID, until: datetime, now: datetime
) -> DeviceView:
    """End a device's service at an instant; later slots are not expected.

    An end in the past is refused (DeviceInvalid): silence before it stays silence, an outage is
    recorded as such. Raises DeviceUnknown, DeviceRetired.
    """
    device, _ = await places.get_device(session, device_id, lock=True)
    if device.in_service_until is not None and device.in_service_until <= now:
        raise DeviceRetired
    if until < now or until <= device.in_service_from:
        raise DeviceInvalid("service ends now or later, and after it began")
    device.in_service_until = until
    await session.flush()
    return await view_device(session, device_id=device_id, now=now)


async def record_outage(
    session: AsyncSession,
    *,
    device_id: UUID,
    from_at: datetime,
    until: datetime,
    reason: str,
    recorded_by: UUID | None,
    now: datetime,
) -> DeviceOutage:
    """Record when a device was out of service; its slots then are not expected (S1 5.2.1).

    Raises DeviceUnknown, OutageInvalid, OutageOverlap.
    """
    if not from_at < until <= from_at + LONGEST_OUTAGE:
        raise OutageInvalid
    await places.get_device(session, device_id)
    outage = DeviceOutage(
        id=new_id(),
        device_id=device_id,
        during=Range(from_at, until, bounds="[)"),
        reason=reason,
        recorded_by=recorded_by,
        recorded_at=now,
    )
    await places.add_outage(session, outage)
    return outage


async def list_outages(session: AsyncSession, *, device_id: UUID) -> list[DeviceOutage]:
    """Recorded outages of a device, newest first; raises DeviceUnknown."""
    await places.get_device(session, device_id)
    return await places.list_outages(session, device_id)
