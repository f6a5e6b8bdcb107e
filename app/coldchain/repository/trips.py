"""Trips, legs and handovers in SQL."""

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import func, select, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.coldchain.errors import TripUnknown
from app.coldchain.models import HandoverCheck, HandoverKind, Trip, TripLeg

TripKey = tuple[UUID, date, int]


async def get_trip(session: AsyncSession, key: TripKey, *, lock: bool = False) -> Trip:
    """One trip; raises TripUnknown."""
    trip = await session.get(Trip, key, with_for_update=lock or None, populate_existing=lock)
    if trip is None:
        raise TripUnknown
    return trip


async def list_trips_of_day(
    session: AsyncSession, *, vehicle_id: UUID, service_date: date
) -> list[Trip]:
    """Trips of a vehicle on a service date, in order."""
    return list(
        await session.scalars(
            select(Trip)
            .where(Trip.vehicle_id == vehicle_id, Trip.service_date == service_date)
            .order_by(Trip.trip_no)
        )
    )


async def find_loaded_trip(
    session: AsyncSession, *, station_id: UUID, service_date: date, at: datetime
) -> TripKey | None:
    """The trip of a station that was loaded last before an instant."""
    row = (
        await session.execute(
            select(Trip.vehicle_id, Trip.service_date, Trip.trip_no)
            .where(
                Trip.service_date == service_date,
                Trip.station_id == station_id,
                Trip.loaded_at <= at,
            )
            .order_by(Trip.loaded_at.desc(), Trip.vehicle_id, Trip.trip_no)
            .limit(1)
        )
    ).one_or_none()
    return None if row is None else (row.vehicle_id, row.service_date, row.trip_no)


async def add_trip(session: AsyncSession, key: TripKey, *, station_id: UUID) -> bool:
    """Insert a trip; false when another request was faster."""
    vehicle_id, service_date, trip_no = key
    added = await session.scalar(
        insert(Trip)
        .values(
            vehicle_id=vehicle_id,
            service_date=service_date,
            trip_no=trip_no,
            station_id=station_id,
        )
        .on_conflict_do_nothing()
        .returning(Trip.trip_no)
    )
    return added is not None


async def list_trips(
    session: AsyncSession,
    *,
    from_date: date,
    to_date: date,
    station_id: UUID | None,
    vehicle_id: UUID | None,
    limit: int,
    after: TripKey | None,
) -> list[Trip]:
    """Trips between two service dates, both included, by date, vehicle and number."""
    place = tuple_(Trip.service_date, Trip.vehicle_id, Trip.trip_no)
    query = (
        select(Trip)
        .where(Trip.service_date >= from_date, Trip.service_date <= to_date)
        .order_by(Trip.service_date, Trip.vehicle_id, Trip.trip_no)
        .limit(limit)
    )
    if station_id is not None:
        query = query.where(Trip.station_id == station_id)
    if vehicle_id is not None:
        query = query.where(Trip.vehicle_id == vehicle_id)
    if after is not None:
        query = query.where(place > (after[1], after[0], after[2]))
    return list(await session.scalars(query))


async def list_legs(session: AsyncSession, keys: Sequence[TripKey]) -> list[TripLeg]:
    """Legs of these trips, in order."""
    return list(
        await session.scalars(
            select(TripLeg)
            .where(tuple_(TripLeg.vehicle_id, TripLeg.service_date, TripLeg.trip_no).in_(keys))
            .order_by(TripLeg.vehicle_id, TripLeg.service_date, TripLeg.trip_no, TripLeg.leg_no)
        )
    )


async def list_handovers(session: AsyncSession, keys: Sequence[TripKey]) -> list[HandoverCheck]:
    """Handover checks of these trips, in the order they were made."""
    place = tuple_(HandoverCheck.vehicle_id, HandoverCheck.service_date, HandoverCheck.trip_no)
    return list(
        await session.scalars(
            select(HandoverCheck)
            .where(place.in_(keys))
            .order_by(
                HandoverCheck.checked_at,
                HandoverCheck.kind,
                HandoverCheck.block_id,
                HandoverCheck.check_no,
            )
        )
    )


async def next_check_no(
    session: AsyncSession, key: TripKey, *, kind: HandoverKind, block_id: UUID
) -> int:
    """Number of the next check at one handover; the trip is locked by the caller."""
    vehicle_id, service_date, trip_no = key
    count = await session.scalar(
        select(func.count()).where(
            HandoverCheck.vehicle_id == vehicle_id,
            HandoverCheck.service_date == service_date,
            HandoverCheck.trip_no == trip_no,
            HandoverCheck.kind == kind,
            HandoverCheck.block_id == block_id,
        )
    )
    return count or 0
