"""Cities, stations, blocks with their deliverers, vehicles."""

from collections import defaultdict
from collections.abc import Collection
from datetime import date, datetime, time
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import local_date
from app.core.ids import new_id
from app.network.errors import (
    BlockCodeTaken,
    CityCodeTaken,
    PeriodInvalid,
    PeriodOver,
    PlateTaken,
    StationCodeTaken,
)
from app.network.models import Block, BlockDeliverer, City, Station, StationCutoff, Vehicle
from app.network.repository import dated, days, stations
from app.network.rules import ONE_DAY, Period
from app.workforce import service as workforce
from app.workforce.models import Deliverer

HORIZON_DAYS = 400
"""How far ahead the days of every station stand."""


async def create_city(session: AsyncSession, *, code: str, name: str) -> City:
    """Add a city by its administrative code; raises CityCodeTaken."""
    city = City(code=code, name=name)
    if not await stations.add_unless_taken(session, city):
        raise CityCodeTaken(city_code=code)
    return city


async def list_cities(session: AsyncSession) -> list[City]:
    """All cities by code."""
    return await stations.list_cities(session)


async def create_station(
    session: AsyncSession,
    *,
    code: str,
    name: str,
    city_code: str,
    cutoff_time: time,
    now: datetime,
) -> Station:
    """Add a station with its cut-off (operator's time, on the day before) and its plan days.

    Raises CityUnknown, StationCodeTaken.
    """
    await stations.get_city(session, city_code)
    today = local_date(now)
    station = Station(
        id=new_id(), code=code, name=name, city_code=city_code, is_active=True, created_at=now
    )
    if not await stations.add_unless_taken(session, station):
        raise StationCodeTaken(station_code=code)
    session.add(
        StationCutoff(
            id=new_id(),
            station_id=station.id,
            valid=dated.to_range(Period(today, None)),
            cutoff_time=cutoff_time,
        )
    )
    await session.flush()
    await days.make_days(session, first=today + ONE_DAY, days=HORIZON_DAYS, station_id=station.id)
    return station


async def get_station(session: AsyncSession, *, station_id: UUID) -> Station:
    """One station; raises StationUnknown."""
    return await stations.get_station(session, station_id)


async def list_stations(
    session: AsyncSession,
    *,
    station_id: UUID | None = None,
    city_code: str | None = None,
    is_active: bool | None = None,
    limit: int = 1000,
    after_code: str | None = None,
) -> list[Station]:
    """Stations by code; `station_id` narrows to one."""
    return await stations.list_stations(
        session,
        station_id=station_id,
        city_code=city_code,
        is_active=is_active,
        limit=limit,
        after_code=after_code,
    )


async def list_stations_by_id(session: AsyncSession, ids: Collection[UUID]) -> dict[UUID, Station]:
    """Stations by their ids; an unknown one is absent."""
    return {one.id: one for one in await stations.list_stations_by_id(session, ids)}


async def match_stations(
    session: AsyncSession, *, names: Collection[str]
) -> dict[str, tuple[UUID, ...]]:
    """Stations behind written codes or names; several where a name is shared."""
    found: dict[str, set[UUID]] = defaultdict(set)
    for station in await stations.list_stations_called(session, names=names):
        found[station.name].add(station.id)
        found[station.code].add(station.id)
    return {name: tuple(sorted(found.get(name, ()))) for name in set(names)}


async def change_station(
    session: AsyncSession, *, station_id: UUID, changes: dict[str, Any]
) -> Station:
    """Change what `changes` names; an inactive station covers no new address. StationUnknown."""
    station = await stations.lock_station(session, station_id)
    for field, value in changes.items():
        setattr(station, field, value)
    await session.flush()
    return station


async def list_cutoffs(session: AsyncSession, *, station_id: UUID) -> list[StationCutoff]:
    """Cut-offs of a station, oldest first; raises StationUnknown."""
    await stations.get_station(session, station_id)
    return await stations.list_cutoffs(session, station_id)


async def create_block(session: AsyncSession, *, code: str, name: str, station_id: UUID) -> Block:
    """Add a block to a station; raises StationUnknown, BlockCodeTaken."""
    await stations.get_station(session, station_id)
    block = Block(id=new_id(), code=code, name=name, station_id=station_id, is_active=True)
    if not await stations.add_unless_taken(session, block):
        raise BlockCodeTaken(block_code=code)
    return block


async def get_block(session: AsyncSession, *, block_id: UUID) -> Block:
    """One block; raises BlockUnknown."""
    return await stations.get_block(session, block_id)


async def get_block_station(session: AsyncSession, *, block_id: UUID) -> UUID:
    """The station of a block; raises BlockUnknown."""
    return (await stations.get_block(session, block_id)).station_id


async def list_blocks(
    session: AsyncSession,
    *,
    station_id: UUID | None,
    on: date,
    limit: int = 1000,
    after_code: str | None = None,
) -> list[tuple[Block, Deliverer | None]]:
    """Blocks by code, with who serves them on a day."""
    return await stations.list_blocks(
        session, station_id=station_id, on=on, limit=limit, after_code=after_code
    )


async def list_blocks_of_deliverer(
    session: AsyncSession, *, deliverer_id: UUID, on: date
) -> list[tuple[UUID, UUID]]:
    """(block id, station id) of the blocks a deliverer serves on a day, by code."""
    return await stations.list_blocks_of_deliverer(session, deliverer_id=deliverer_id, on=on)


async def change_block(session: AsyncSession, *, block_id: UUID, changes: dict[str, Any]) -> Block:
    """Change what `changes` names; an inactive block covers no new address. BlockUnknown."""
    block = await stations.lock_block(session, block_id)
    for field, value in changes.items():
        setattr(block, field, value)
    await session.flush()
    return block


async def hand_over_block(
    session: AsyncSession,
    *,
    block_id: UUID,
    deliverer_id: UUID,
    from_date: date,
    to_date: date | None,
    today: date,
) -> BlockDeliverer:
    """Give a block to a deliverer from a day on, or for some days (both included).

    Whoever served those days before does not any more; after a stand-in the former goes on.
    Raises BlockUnknown, DelivererUnknown, PeriodInvalid, PeriodOver.
    """
    if to_date is not None and to_date < from_date:
        raise PeriodInvalid
    if from_date < today:
        raise PeriodOver
    await workforce.get_deliverer(session, deliverer_id=deliverer_id)
    await stations.lock_block(session, block_id)
    period = Period.of_days(from_date, to_date)
    await dated.cut_out(session, BlockDeliverer, BlockDeliverer.block_id, block_id, period)
    served = BlockDeliverer(
        id=new_id(), block_id=block_id, deliverer_id=deliverer_id, valid=dated.to_range(period)
    )
    session.add(served)
    await session.flush()
    return served


async def list_block_deliverers(
    session: AsyncSession, *, block_id: UUID
) -> list[tuple[BlockDeliverer, Deliverer]]:
    """Who served, serves and will serve a block, oldest first."""
    return await stations.list_block_deliverers(session, block_id)


async def create_vehicle(session: AsyncSession, *, plate: str, station_id: UUID) -> Vehicle:
    """Add a refrigerated van to a station; raises StationUnknown, PlateTaken."""
    await stations.get_station(session, station_id)
    vehicle = Vehicle(id=new_id(), plate=plate, station_id=station_id, is_active=True)
    if not await stations.add_unless_taken(session, vehicle):
        raise PlateTaken(plate=plate)
    return vehicle


async def get_vehicle(session: AsyncSession, *, vehicle_id: UUID) -> Vehicle:
    """One vehicle; raises VehicleUnknown."""
    return await stations.get_vehicle(session, vehicle_id)


async def change_vehicle(
    session: AsyncSession, *, vehicle_id: UUID, changes: dict[str, Any]
) -> Vehicle:
    """Change what `changes` names; raises VehicleUnknown, StationUnknown."""
    if "station_id" in changes:
        await stations.get_station(session, changes["station_id"])
    vehicle = await stations.get_vehicle(session, vehicle_id, lock=True)
    for field, value in changes.items():
        setattr(vehicle, field, value)
    await session.flush()
    return vehicle


async def list_vehicles(
    session: AsyncSession,
    *,
    station_id: UUID | None,
    limit: int = 1000,
    after_plate: str | None = None,
) -> list[Vehicle]:
    """Vehicles by plate."""
    return await stations.list_vehicles(
        session, station_id=station_id, limit=limit, after_plate=after_plate
    )
