"""Cities, stations, blocks and vehicles in SQL."""

from collections.abc import Collection
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.base import Base
from app.network.errors import BlockUnknown, CityUnknown, StationUnknown, VehicleUnknown
from app.network.models import Block, BlockDeliverer, City, Station, StationCutoff, Vehicle
from app.workforce.models import Deliverer


async def add_unless_taken(session: AsyncSession, row: Base) -> bool:
    """Insert a row; false when one of its unique values is taken."""
    values: dict[str, Any] = {
        column.key: getattr(row, column.key) for column in type(row).__mapper__.column_attrs
    }
    key = type(row).__mapper__.primary_key[0]
    added = await session.scalar(
        insert(type(row)).values(values).on_conflict_do_nothing().returning(key)
    )
    return added is not None


async def get_city(session: AsyncSession, code: str) -> City:
    """One city; raises CityUnknown."""
    city = await session.get(City, code)
    if city is None:
        raise CityUnknown
    return city


async def list_cities(session: AsyncSession) -> list[City]:
    """All cities by code."""
    return list(await session.scalars(select(City).order_by(City.code)))


async def get_station(session: AsyncSession, station_id: UUID) -> Station:
    """One station; raises StationUnknown."""
    station = await session.get(Station, station_id)
    if station is None:
        raise StationUnknown
    return station


async def lock_station(session: AsyncSession, station_id: UUID) -> Station:
    """One station, locked against other changes of it; raises StationUnknown."""
    station = await session.get(
        Station, station_id, with_for_update={"key_share": True}, populate_existing=True
    )
    if station is None:
        raise StationUnknown
    return station


async def hold_stations(session: AsyncSession) -> None:
    """Share-lock every station, so that no cut-off changes until commit."""
    await session.execute(select(Station.id).order_by(Station.id).with_for_update(read=True))


async def list_stations(
    session: AsyncSession,
    *,
    station_id: UUID | None,
    city_code: str | None,
    is_active: bool | None,
    limit: int,
    after_code: str | None,
) -> list[Station]:
    """Stations by code."""
    query = select(Station).order_by(Station.code).limit(limit)
    if station_id is not None:
        query = query.where(Station.id == station_id)
    if city_code is not None:
        query = query.where(Station.city_code == city_code)
    if is_active is not None:
        query = query.where(Station.is_active.is_(is_active))
    if after_code is not None:
        query = query.where(Station.code > after_code)
    return list(await session.scalars(query))


async def list_stations_called(session: AsyncSession, *, names: Collection[str]) -> list[Station]:
    """Stations whose code or name is among `names`."""
    return list(
        await session.scalars(
            select(Station).where(Station.name.in_(names) | Station.code.in_(names))
        )
    )


async def list_stations_by_id(session: AsyncSession, ids: Collection[UUID]) -> list[Station]:
    """The stations with these ids."""
    return list(await session.scalars(select(Station).where(Station.id.in_(ids))))


async def list_cutoffs(session: AsyncSession, station_id: UUID) -> list[StationCutoff]:
    """Cut-offs of a station, oldest first."""
    return list(
        await session.scalars(
            select(StationCutoff)
            .where(StationCutoff.station_id == station_id)
            .order_by(StationCutoff.valid)
        )
    )


async def get_block(session: AsyncSession, block_id: UUID) -> Block:
    """One block; raises BlockUnknown."""
    block = await session.get(Block, block_id)
    if block is None:
        raise BlockUnknown
    return block


async def lock_block(session: AsyncSession, block_id: UUID) -> Block:
    """One block, locked against other changes of it; raises BlockUnknown."""
    block = await session.get(
        Block, block_id, with_for_update={"key_share": True}, populate_existing=True
    )
    if block is None:
        raise BlockUnknown
    return block


async def list_blocks(
    session: AsyncSession,
    *,
    station_id: UUID | None,
    on: date,
    limit: int,
    after_code: str | None,
) -> list[tuple[Block, Deliverer | None]]:
    """Blocks by code, with who serves them on a day."""
    query = (
        select(Block, Deliverer)
        .outerjoin(
            BlockDeliverer,
            (BlockDeliverer.block_id == Block.id) & BlockDeliverer.valid.contains(on),
        )
        .outerjoin(Deliverer, Deliverer.id == BlockDeliverer.deliverer_id)
        .order_by(Block.code)
        .limit(limit)
    )
    if station_id is not None:
        query = query.where(Block.station_id == station_id)
    if after_code is not None:
        query = query.where(Block.code > after_code)
    return [(block, deliverer) for block, deliverer in await session.execute(query)]


async def list_blocks_of_deliverer(
    session: AsyncSession, *, deliverer_id: UUID, on: date
) -> list[tuple[UUID, UUID]]:
    """(block id, station id) of a deliverer's blocks on a day, by code."""
    rows = await session.execute(
        select(Block.id, Block.station_id)
        .join(BlockDeliverer, BlockDeliverer.block_id == Block.id)
        .where(BlockDeliverer.deliverer_id == deliverer_id, BlockDeliverer.valid.contains(on))
        .order_by(Block.code)
    )
    return [(row.id, row.station_id) for row in rows]


async def list_block_deliverers(
    session: AsyncSession, block_id: UUID
) -> list[tuple[BlockDeliverer, Deliverer]]:
    """Who served, serves and will serve a block, oldest first."""
    rows = await session.execute(
        select(BlockDeliverer, Deliverer)
        .join(Deliverer, Deliverer.id == BlockDeliverer.deliverer_id)
        .where(BlockDeliverer.block_id == block_id)
        .order_by(BlockDeliverer.valid)
    )
    return [(served, deliverer) for served, deliverer in rows]


async def get_vehicle(session: AsyncSession, vehicle_id: UUID, *, lock: bool = False) -> Vehicle:
    """One vehicle; raises VehicleUnknown."""
    vehicle = await session.get(
        Vehicle, vehicle_id, with_for_update=lock or None, populate_existing=lock
    )
    if vehicle is None:
        raise VehicleUnknown
    return vehicle


async def list_vehicles(
    session: AsyncSession, *, station_id: UUID | None, limit: int, after_plate: str | None
) -> list[Vehicle]:
    """Vehicles by plate."""
    query = select(Vehicle).order_by(Vehicle.plate).limit(limit)
    if station_id is not None:
        query = query.where(Vehicle.station_id == station_id)
    if after_plate is not None:
        query = query.where(Vehicle.plate > after_plate)
    return list(await session.scalars(query))
