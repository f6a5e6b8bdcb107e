"""Cold stores, devices and outages over HTTP."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, Response

from app.coldchain import service
from app.coldchain.api.callers import Keeper, Reader, StationQuery, own_device, wanted_station
from app.coldchain.models import ColdStore, DeviceOutage
from app.coldchain.rules import DeviceState, tenths
from app.coldchain.schemas import (
    DeviceEnd,
    DeviceIn,
    DeviceOut,
    OutageIn,
    OutageOut,
    Outages,
    StoreIn,
    StoreOut,
)
from app.coldchain.service import DeviceView
from app.core.db import SessionDep
from app.core.idempotency import IdempotentDep
from app.core.ids import public_single, read_single
from app.core.pagination import BadCursor, Page, PageDep, PageRequest, cursor_of
from app.core.unit import Router
from app.identity.access import ClockDep

router = Router(prefix="/coldchain")


def _store(store: ColdStore) -> StoreOut:
    return StoreOut(
        id=public_single("sto", store.id),
        station=public_single("stn", store.station_id),
        name=store.name,
    )


def _device(device: DeviceView) -> DeviceOut:
    return DeviceOut(
        id=public_single("dev", device.id),
        code=device.code,
        station=public_single("stn", device.station_id),
        store=None if device.store_id is None else public_single("sto", device.store_id),
        vehicle=None if device.vehicle_id is None else public_single("veh", device.vehicle_id),
        min_celsius=None if device.min_celsius is None else float(device.min_celsius),
        max_celsius=float(device.max_celsius),
        slot_seconds=device.slot_seconds,
        in_service_from=device.in_service_from,
        in_service_until=device.in_service_until,
        last_at=device.last_at,
        last_celsius=None if device.last_celsius is None else float(device.last_celsius),
        state=device.state,
    )


def _outage(outage: DeviceOutage) -> OutageOut:
    return OutageOut(
        id=public_single("out", outage.id),
        from_at=outage.during.lower,
        until=outage.during.upper,
        reason=outage.reason,
        recorded_at=outage.recorded_at,
    )


def _after_id(page: PageRequest) -> UUID | None:
    match page.after:
        case None:
            return None
        case [str() as key]:
            try:
                return UUID(key)
            except ValueError as error:
                raise BadCursor from error
    raise BadCursor


def _after_code(page: PageRequest) -> str | None:
    match page.after:
        case None:
            return None
        case [str() as code]:
            return code
    raise BadCursor


@router.get("/stores")
async def list_stores(
    caller: Reader, session: SessionDep, page: PageDep, station: StationQuery = None
) -> Page[StoreOut]:
    """Cold stores in the order they were added."""
    found = await service.list_stores(
        session,
        station_id=wanted_station(caller, station),
        limit=page.limit + 1,
        after_id=_after_id(page),
    )
    kept = found[: page.limit]
    return Page[StoreOut](
        items=[_store(store) for store in kept],
        next_cursor=cursor_of(str(kept[-1].id)) if len(found) > page.limit else None,
    )


@router.post("/stores", status_code=201, response_model=StoreOut)
async def create_store(
    _: Keeper, call: IdempotentDep, session: SessionDep, body: StoreIn
) -> Response:
    """Add a cold store to a station."""
    store = await service.create_store(
        session, station_id=read_single("stn", body.station), name=body.name
    )
    return await call.remember(session, 201, _store(store))


@router.get("/devices")
async def list_devices(
    caller: Reader,
    session: SessionDep,
    clock: ClockDep,
    page: PageDep,
    station: StationQuery = None,
    store: Annotated[str | None, Query(max_length=60)] = None,
    vehicle: Annotated[str | None, Query(max_length=60)] = None,
    state: DeviceState | None = None,
) -> Page[DeviceOut]:
    """Devices by code, with their last reading and what they say at present."""
    found = await service.list_devices(
        session,
        now=clock.now(),
        station_id=wanted_station(caller, station),
        store_id=None if store is None else read_single("sto", store),
        vehicle_id=None if vehicle is None else read_single("veh", vehicle),
        state=state,
        limit=page.limit + 1,
        after_code=_after_code(page),
    )
    kept = found[: page.limit]
    return Page[DeviceOut](
        items=[_device(device) for device in kept],
        next_cursor=cursor_of(kept[-1].code) if len(found) > page.limit else None,
    )


@router.get("/devices/{device}")
async def read_device(
    device: str, caller: Reader, session: SessionDep, clock: ClockDep
) -> DeviceOut:
    """One device, with its last reading and what it says at present."""
    device_id = await own_device(session, device, caller)
    return _device(await service.view_device(session, device_id=device_id, now=clock.now()))


@router.post("/devices", status_code=201, response_model=DeviceOut)
async def create_device(
    _: Keeper, call: IdempotentDep, session: SessionDep, clock: ClockDep, body: DeviceIn
) -> Response:
    """Add a thermometer; its limits and slot hold for its life."""
    now = clock.now()
    device = await service.create_device(
        session,
        code=body.code,
        store_id=None if body.store is None else read_single("sto", body.store),
        vehicle_id=None if body.vehicle is None else read_single("veh", body.vehicle),
        min_celsius=None if body.min_celsius is None else tenths(body.min_celsius),
        max_celsius=tenths(body.max_celsius),
        slot_seconds=body.slot_seconds,
        in_service_from=body.in_service_from or now,
        now=now,
    )
    return await call.remember(session, 201, _device(device))


@router.patch("/devices/{device}")
async def retire_device(
    device: str, _: Keeper, session: SessionDep, clock: ClockDep, body: DeviceEnd
) -> DeviceOut:
    """End a device's service, now or later."""
    retired = await service.retire_device(
        session,
        device_id=read_single("dev", device),
        until=body.in_service_until,
        now=clock.now(),
    )
    return _device(retired)


@router.get("/devices/{device}/outages")
async def list_outages(device: str, caller: Reader, session: SessionDep) -> Outages:
    """Recorded outages of a device, newest first."""
    device_id = await own_device(session, device, caller)
    found = await service.list_outages(session, device_id=device_id)
    return Outages(items=[_outage(outage) for outage in found])


@router.post("/devices/{device}/outages", status_code=201, response_model=OutageOut)
async def record_outage(
    device: str,
    caller: Keeper,
    call: IdempotentDep,
    session: SessionDep,
    clock: ClockDep,
    body: OutageIn,
) -> Response:
    """Record when a device was out of service; an overlap with another record is refused."""
    outage = await service.record_outage(
        session,
        device_id=read_single("dev", device),
        from_at=body.from_at,
        until=body.until,
        reason=body.reason,
        recorded_by=caller.account_id,
        now=clock.now(),
    )
    return await call.remember(session, 201, _outage(outage))
