"""Trips over HTTP: pre-cool, load, legs, handovers (S1 4.4.3-4.4.6)."""

from datetime import date, datetime, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import Query, Response
from sqlalchemy.ext.asyncio import AsyncSession

from app.coldchain import service
from app.coldchain.api.callers import (
    Reader,
    Recorder,
    StationQuery,
    own_trip,
    require_own,
    wanted_station,
)
from app.coldchain.errors import ServiceDateInvalid
from app.coldchain.ids import public_trip, read_trip
from app.coldchain.models import HandoverCheck
from app.coldchain.repository.trips import TripKey
from app.coldchain.rules import tenths
from app.coldchain.schemas import (
    CalendarDate,
    HandoverIn,
    HandoverOut,
    LegOut,
    PrecoolIn,
    StepIn,
    TripIn,
    TripOut,
)
from app.coldchain.service import TripView
from app.coldchain.service.trips import NO_BLOCK
from app.core.db import SessionDep
from app.core.errors import NotFound
from app.core.idempotency import IdempotentDep
from app.core.ids import public_single, read_single
from app.core.pagination import BadCursor, Page, PageDep, PageRequest, cursor_of
from app.core.unit import Router
from app.identity.access import ClockDep
from app.network.errors import VehicleUnknown
from app.network.service import get_vehicle

router = Router(prefix="/trips")

LONGEST_LIST = timedelta(days=92)


def _handover(check: HandoverCheck) -> HandoverOut:
    return HandoverOut(
        kind=check.kind,
        block=None if check.block_id == NO_BLOCK else public_single("blk", check.block_id),
        product=None if check.product_id is None else public_single("prd", check.product_id),
        celsius=float(check.celsius),
        limit_celsius=None if check.limit_celsius is None else float(check.limit_celsius),
        passed=check.passed,
        checked_at=check.checked_at,
    )


def _trip(view: TripView) -> TripOut:
    trip = view.trip
    celsius = trip.precool_celsius
    return TripOut(
        id=public_trip(trip.vehicle_id, trip.service_date, trip.trip_no),
        vehicle=public_single("veh", trip.vehicle_id),
        service_date=trip.service_date,
        trip_no=trip.trip_no,
        station=public_single("stn", trip.station_id),
        precool_celsius=None if celsius is None else float(celsius),
        precool_at=trip.precool_at,
        precool_passed=trip.precool_passed,
        cleaned=trip.cleaned,
        loaded_at=trip.loaded_at,
        departed_at=trip.departed_at,
        arrived_at=trip.arrived_at,
        legs=[LegOut.model_validate(leg) for leg in view.legs],
        handovers=[_handover(check) for check in view.handovers],
    )


def _at(step: StepIn | None, now: datetime) -> datetime:
    return now if step is None or step.at is None else step.at


def _after(page: PageRequest) -> TripKey | None:
    match page.after:
        case None:
            return None
        case [str() as trip]:
            try:
                return read_trip(trip)
            except NotFound as error:
                raise BadCursor from error
    raise BadCursor


@router.get("")
async def list_trips(
    caller: Reader,
    session: SessionDep,
    clock: ClockDep,
    page: PageDep,
    from_date: Annotated[CalendarDate | None, Query(alias="from")] = None,
    to_date: Annotated[CalendarDate | None, Query(alias="to")] = None,
    station: StationQuery = None,
    vehicle: Annotated[str | None, Query(max_length=60)] = None,
) -> Page[TripOut]:
    """Trips of some days, both ends included; today's unless asked otherwise."""
    first: date = from_date or clock.today()
    last: date = to_date or first
    if last < first or last - first > LONGEST_LIST:
        raise ServiceDateInvalid(most_days=LONGEST_LIST.days)
    found = await service.list_trips(
        session,
        from_date=first,
        to_date=last,
        station_id=wanted_station(caller, station),
        vehicle_id=None if vehicle is None else read_single("veh", vehicle),
        limit=page.limit + 1,
        after=_after(page),
    )
    kept = [_trip(view) for view in found[: page.limit]]
    return Page[TripOut](
        items=kept, next_cursor=cursor_of(kept[-1].id) if len(found) > page.limit else None
    )


@router.get("/{trip}")
async def read_trip_by_id(trip: str, caller: Reader, session: SessionDep) -> TripOut:
    """One trip with its legs and handovers."""
    key = await own_trip(session, trip, caller)
    return _trip(await service.view_trip(session, key=key))


@router.post("", status_code=201, response_model=TripOut)
async def open_trip(
    caller: Recorder, call: IdempotentDep, session: SessionDep, clock: ClockDep, body: TripIn
) -> Response:
    """Open a vehicle's next trip for a service date."""
    vehicle_id = await _own_vehicle(session, body.vehicle, caller)
    view = await service.open_trip(
        session, vehicle_id=vehicle_id, service_date=body.service_date, now=clock.now()
    )
    return await call.remember(session, 201, _trip(view))


async def _own_vehicle(session: AsyncSession, vehicle: str, caller: Recorder) -> UUID:
    vehicle_id = read_single("veh", vehicle)
    found = await get_vehicle(session, vehicle_id=vehicle_id)
    require_own(caller, found.station_id, VehicleUnknown)
    return vehicle_id


@router.post("/{trip}/precool")
async def record_precool(
    trip: str, caller: Recorder, session: SessionDep, clock: ClockDep, body: PrecoolIn
) -> TripOut:
    """Check the cabin before loading: at most 15 °C passes; another check replaces it."""
    now = clock.now()
    view = await service.record_precool(
        session,
        key=await own_trip(session, trip, caller),
        celsius=tenths(body.celsius),
        cleaned=body.cleaned,
        at=body.at or now,
        now=now,
    )
    return _trip(view)


@router.post("/{trip}/load")
async def load_trip(
    trip: str, caller: Recorder, session: SessionDep, clock: ClockDep, body: StepIn | None = None
) -> TripOut:
    """Load the vehicle; refused before a passing pre-cool check of a clean cabin."""
    now = clock.now()
    key = await own_trip(session, trip, caller)
    return _trip(await service.load_trip(session, key=key, at=_at(body, now), now=now))


@router.post("/{trip}/depart")
async def depart(
    trip: str, caller: Recorder, session: SessionDep, clock: ClockDep, body: StepIn | None = None
) -> TripOut:
    """Leave, loaded."""
    now = clock.now()
    key = await own_trip(session, trip, caller)
    return _trip(await service.depart(session, key=key, at=_at(body, now), now=now))


@router.post("/{trip}/arrive")
async def arrive(
    trip: str, caller: Recorder, session: SessionDep, clock: ClockDep, body: StepIn | None = None
) -> TripOut:
    """End the trip and the leg that runs."""
    now = clock.now()
    key = await own_trip(session, trip, caller)
    return _trip(await service.arrive(session, key=key, at=_at(body, now), now=now))


@router.post("/{trip}/legs", status_code=201, response_model=TripOut)
async def start_leg(
    trip: str,
    caller: Recorder,
    call: IdempotentDep,
    session: SessionDep,
    clock: ClockDep,
    body: StepIn | None = None,
) -> Response:
    """Begin the next leg; the cabin is judged over each leg."""
    now = clock.now()
    key = await own_trip(session, trip, caller)
    view = await service.start_leg(session, key=key, at=_at(body, now), now=now)
    return await call.remember(session, 201, _trip(view))


@router.post("/{trip}/legs/{leg_no}/end")
async def end_leg(
    trip: str,
    leg_no: int,
    caller: Recorder,
    session: SessionDep,
    clock: ClockDep,
    body: StepIn | None = None,
) -> TripOut:
    """End a running leg."""
    now = clock.now()
    key = await own_trip(session, trip, caller)
    view = await service.end_leg(session, key=key, leg_no=leg_no, at=_at(body, now), now=now)
    return _trip(view)


@router.post("/{trip}/handovers", status_code=201, response_model=HandoverOut)
async def record_handover(
    trip: str,
    caller: Recorder,
    call: IdempotentDep,
    session: SessionDep,
    clock: ClockDep,
    body: HandoverIn,
) -> Response:
    """Confirm product temperature at loading, at the station, or for a deliverer's block."""
    now = clock.now()
    check = await service.record_handover(
        session,
        key=await own_trip(session, trip, caller),
        kind=body.kind,
        celsius=tenths(body.celsius),
        product_id=None if body.product is None else read_single("prd", body.product),
        block_id=None if body.block is None else read_single("blk", body.block),
        at=body.at or now,
        checked_by=caller.account_id,
        now=now,
    )
    return await call.remember(session, 201, _handover(check))
