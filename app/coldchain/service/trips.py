"""A trip of a vehicle: pre-cool, load, legs, handovers (S1 4.4.3-4.4.6).

Nothing is loaded before the cabin is clean and passed its pre-cool check; product temperature is
confirmed at each handover against the product's own limit.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.catalog import service as catalog
from app.coldchain.errors import (
    HandoverInvalid,
    InstantInvalid,
    LegUnknown,
    NoLoadedTrip,
    PrecoolNotPassed,
    ServiceDateInvalid,
    TripRunning,
    TripStepNotAllowed,
    VehicleNotCleaned,
    VehicleOutOfUse,
)
from app.coldchain.ids import public_trip
from app.coldchain.models import HandoverCheck, HandoverKind, Trip, TripLeg
from app.coldchain.repository import trips as repository
from app.coldchain.repository.trips import TripKey
from app.coldchain.rules import PRECOOL_LIMIT, PRODUCT_LIMIT, in_order
from app.core.alerts import raise_alert
from app.core.clock import local_date, local_instant
from app.core.ids import HOUSE
from app.network import service as network

NO_BLOCK = HOUSE
"""The nil id where a handover is not per block."""
HANDOVER_TOO_WARM = "handover_too_warm"
DAYS_AROUND = timedelta(days=7)
CLOCK_SLACK = timedelta(minutes=5)
MOST_TRIPS = 255


@dataclass(frozen=True, slots=True)
class TripView:
    """A trip with its legs and handovers."""

    trip: Trip
    legs: list[TripLeg]
    handovers: list[HandoverCheck]


async def open_trip(
    session: AsyncSession, *, vehicle_id: UUID, service_date: date, now: datetime
) -> TripView:
    """Open a vehicle's next trip for a service date, at the station it belongs to.

    Raises VehicleUnknown, VehicleOutOfUse, ServiceDateInvalid, TripRunning (the one before has not
    arrived).
    """
    if abs(service_date - local_date(now)) > DAYS_AROUND:
        raise ServiceDateInvalid
    vehicle = await network.get_vehicle(session, vehicle_id=vehicle_id)
    if not vehicle.is_active:
        raise VehicleOutOfUse
    before = await repository.list_trips_of_day(
        session, vehicle_id=vehicle_id, service_date=service_date
    )
    trip_no = len(before) + 1
    if trip_no > MOST_TRIPS or (before and before[-1].arrived_at is None):
        raise TripRunning(trip=public_trip(vehicle_id, service_date, len(before)))
    key = (vehicle_id, service_date, trip_no)
    if not await repository.add_trip(session, key, station_id=vehicle.station_id):
        raise TripRunning(trip=public_trip(*key))
    return await view_trip(session, key=key)


async def view_trip(session: AsyncSession, *, key: TripKey) -> TripView:
    """One trip with everything; raises TripUnknown."""
    trip = await repository.get_trip(session, key)
    legs = await repository.list_legs(session, [key])
    return TripView(trip, legs, await repository.list_handovers(session, [key]))


async def list_trips(
    session: AsyncSession,
    *,
    from_date: date,
    to_date: date,
    station_id: UUID | None = None,
    vehicle_id: UUID | None = None,
    limit: int = 1000,
    after: TripKey | None = None,
) -> list[TripView]:
    """Trips between two service dates, both included, by date, vehicle and number."""
    found = await repository.list_trips(
        session,
        from_date=from_date,
        to_date=to_date,
        station_id=station_id,
        vehicle_id=vehicle_id,
        limit=limit,
        after=after,
    )
    keys = [_key(trip) for trip in found]
    legs, handovers = defaultdict(list), defaultdict(list)
    for leg in await repository.list_legs(session, keys):
        legs[leg.vehicle_id, leg.service_date, leg.trip_no].append(leg)
    for check in await repository.list_handovers(session, keys):
        handovers[check.vehicle_id, check.service_date, check.trip_no].append(check)
    return [TripView(trip, legs[_key(trip)], handovers[_key(trip)]) for trip in found]


def _key(trip: Trip) -> TripKey:
    return trip.vehicle_id, trip.service_date, trip.trip_no


def _require_instant(trip: Trip, at: datetime, *, now: datetime, after: datetime | None) -> None:
    """A step happens around its day, not in the future, and not before the step it follows."""
    opens = local_instant(trip.service_date - timedelta(days=1), time(0))
    closes = local_instant(trip.service_date + timedelta(days=2), time(0))
    if not opens <= at < closes or at > now + CLOCK_SLACK or not in_order([after, at]):
        raise InstantInvalid


def _require_step(trip: Trip, *, allowed: bool) -> None:
    if not allowed:
        raise TripStepNotAllowed(
            loaded_at=trip.loaded_at, departed_at=trip.departed_at, arrived_at=trip.arrived_at
        )


async def record_precool(
    session: AsyncSession,
    *,
    key: TripKey,
    celsius: Decimal,
    cleaned: bool,
    at: datetime,
    now: datetime,
) -> TripView:
    """Check the cabin before loading (≤ 15 °C passes, S1 4.4.3); a later check replaces it.

    Raises TripUnknown, InstantInvalid, TripStepNotAllowed once loaded.
    """
    trip = await repository.get_trip(session, key, lock=True)
    _require_step(trip, allowed=trip.loaded_at is None)
    _require_instant(trip, at, now=now, after=trip.precool_at)
    trip.precool_celsius = celsius
    trip.precool_at = at
    trip.precool_passed = celsius <= PRECOOL_LIMIT
    trip.cleaned = cleaned
    await session.flush()
    return await view_trip(session, key=key)


def _require_ready_to_load(trip: Trip) -> None:
    if not trip.precool_passed:
        raise PrecoolNotPassed(celsius=trip.precool_celsius, limit_celsius=PRECOOL_LIMIT)
    if not trip.cleaned:
        raise VehicleNotCleaned


async def load_trip(
    session: AsyncSession, *, key: TripKey, at: datetime, now: datetime
) -> TripView:
    """Load the vehicle; raises PrecoolNotPassed, VehicleNotCleaned before its passing check.

    Also TripUnknown, InstantInvalid, TripStepNotAllowed when it is loaded already.
    """
    trip = await repository.get_trip(session, key, lock=True)
    _require_step(trip, allowed=trip.loaded_at is None)
    _require_ready_to_load(trip)
    _require_instant(trip, at, now=now, after=trip.precool_at)
    trip.loaded_at = at
    await session.flush()
    return await view_trip(session, key=key)


async def depart(session: AsyncSession, *, key: TripKey, at: datetime, now: datetime) -> TripView:
    """Leave, loaded; raises TripUnknown, InstantInvalid, TripStepNotAllowed."""
    trip = await repository.get_trip(session, key, lock=True)
    _require_step(trip, allowed=trip.loaded_at is not None and trip.departed_at is None)
    _require_instant(trip, at, now=now, after=trip.loaded_at)
    trip.departed_at = at
    await session.flush()
    return await view_trip(session, key=key)


async def arrive(session: AsyncSession, *, key: TripKey, at: datetime, now: datetime) -> TripView:
    """End the trip and the leg that runs; raises TripUnknown, InstantInvalid, TripStepNotAllowed."""
    trip = await repository.get_trip(session, key, lock=True)
    _require_step(trip, allowed=trip.departed_at is not None and trip.arrived_at is None)
    _require_instant(trip, at, now=now, after=trip.departed_at)
    running = await _running_leg(session, key)
    if running is not None:
        if at <= running.started_at:
            raise InstantInvalid
        running.ended_at = at
    trip.arrived_at = at
    await session.flush()
    return await view_trip(session, key=key)


async def _running_leg(session: AsyncSession, key: TripKey) -> TripLeg | None:
    legs = await repository.list_legs(session, [key])
    return legs[-1] if legs and legs[-1].ended_at is None else None


async def start_leg(
    session: AsyncSession, *, key: TripKey, at: datetime, now: datetime
) -> TripView:
    """Begin the next leg of a loaded trip; the cabin is judged over each leg (S1 4.4.5).

    Raises TripUnknown, InstantInvalid, TripStepNotAllowed (not loaded, arrived, or a leg runs).
    """
    trip = await repository.get_trip(session, key, lock=True)
    legs = await repository.list_legs(session, [key])
    is_running = bool(legs) and legs[-1].ended_at is None
    on_the_road = trip.loaded_at is not None and trip.arrived_at is None
    _require_step(trip, allowed=on_the_road and not is_running)
    _require_instant(trip, at, now=now, after=legs[-1].ended_at if legs else trip.loaded_at)
    vehicle_id, service_date, trip_no = key
    session.add(
        TripLeg(
            vehicle_id=vehicle_id,
            service_date=service_date,
            trip_no=trip_no,
            leg_no=len(legs) + 1,
            started_at=at,
        )
    )
    await session.flush()
    return await view_trip(session, key=key)


async def end_leg(
    session: AsyncSession, *, key: TripKey, leg_no: int, at: datetime, now: datetime
) -> TripView:
    """End a running leg; raises TripUnknown, LegUnknown, InstantInvalid, TripStepNotAllowed."""
    trip = await repository.get_trip(session, key, lock=True)
    legs = await repository.list_legs(session, [key])
    if not 1 <= leg_no <= len(legs):
        raise LegUnknown
    leg = legs[leg_no - 1]
    _require_step(trip, allowed=leg.ended_at is None)
    _require_instant(trip, at, now=now, after=leg.started_at)
    if at == leg.started_at:
        raise InstantInvalid
    leg.ended_at = at
    await session.flush()
    return await view_trip(session, key=key)


async def record_handover(
    session: AsyncSession,
    *,
    key: TripKey,
    kind: HandoverKind,
    celsius: Decimal,
    product_id: UUID | None,
    block_id: UUID | None,
    at: datetime,
    checked_by: UUID | None,
    now: datetime,
) -> HandoverCheck:
    """Confirm product temperature (°C) at a handover (S1 4.4.4, 4.4.6).

    The limit is the product's; shelf-stable goods have none and pass, a product that is not named
    is held to 6 °C. A failed check raises the alert `handover_too_warm`. Loading needs the passing
    pre-cool, the others a loaded trip. Raises TripUnknown, HandoverInvalid, ProductUnknown,
    InstantInvalid, PrecoolNotPassed, VehicleNotCleaned, TripStepNotAllowed.
    """
    trip = await repository.get_trip(session, key, lock=True)
    await _require_block(session, trip, kind, block_id)
    if kind is HandoverKind.LOADING:
        _require_ready_to_load(trip)
    else:
        _require_step(trip, allowed=trip.loaded_at is not None)
    _require_instant(trip, at, now=now, after=trip.precool_at)
    limit: Decimal | None = PRODUCT_LIMIT
    if product_id is not None:
        limit = await catalog.get_temperature_limit(session, product_id=product_id)
    place = block_id or NO_BLOCK
    vehicle_id, service_date, trip_no = key
    check = HandoverCheck(
        vehicle_id=vehicle_id,
        service_date=service_date,
        trip_no=trip_no,
        kind=kind,
        block_id=place,
        check_no=await repository.next_check_no(session, key, kind=kind, block_id=place),
        product_id=product_id,
        celsius=celsius,
        limit_celsius=limit,
        passed=limit is None or celsius <= limit,
        checked_at=at,
        checked_by=checked_by,
    )
    session.add(check)
    await session.flush()
    if not check.passed:
        await _tell_warm_handover(session, check)
    return check


async def record_share(
    session: AsyncSession,
    *,
    block_id: UUID,
    service_date: date,
    celsius: Decimal,
    product_id: UUID | None,
    at: datetime,
    checked_by: UUID | None,
    now: datetime,
) -> HandoverCheck:
    """Confirm product temperature (°C) as a deliverer takes over the share of a block (S1 4.4.6).

    It belongs to the trip of the block's station that was loaded last. Raises NoLoadedTrip and what
    `record_handover` raises.
    """
    station_id = await network.get_block_station(session, block_id=block_id)
    key = await repository.find_loaded_trip(
        session, station_id=station_id, service_date=service_date, at=at
    )
    if key is None:
        raise NoLoadedTrip
    return await record_handover(
        session,
        key=key,
        kind=HandoverKind.STATION_TO_DELIVERER,
        celsius=celsius,
        product_id=product_id,
        block_id=block_id,
        at=at,
        checked_by=checked_by,
        now=now,
    )


async def _require_block(
    session: AsyncSession, trip: Trip, kind: HandoverKind, block_id: UUID | None
) -> None:
    if (kind is HandoverKind.STATION_TO_DELIVERER) != (block_id is not None):
        raise HandoverInvalid("a block is named for station_to_deliverer, and only there")
    if block_id is None:
        return
    if await network.get_block_station(session, block_id=block_id) != trip.station_id:
        raise HandoverInvalid("the block belongs to another station")


async def _tell_warm_handover(session: AsyncSession, check: HandoverCheck) -> None:
    trip = public_trip(check.vehicle_id, check.service_date, check.trip_no)
    await raise_alert(
        session,
        HANDOVER_TOO_WARM,
        f"{trip}:{check.kind}:{check.block_id}",
        trip=trip,
        handover=check.kind,
        celsius=float(check.celsius),
        limit_celsius=None if check.limit_celsius is None else float(check.limit_celsius),
    )
