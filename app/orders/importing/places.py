"""Stations and deliverers by the names a book uses."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.network.models import Block, BlockDeliverer
from app.network.service import match_stations
from app.workforce.models import Deliverer


@dataclass(frozen=True, slots=True)
class Places:
    """Stations by code or name; blocks (block, station) by a deliverer's name or number."""

    stations: Mapping[str, Collection[UUID]]
    deliverer_blocks: Mapping[str, Collection[tuple[UUID, UUID]]]


async def find_places(
    session: AsyncSession, *, stations: Collection[str], deliverers: Collection[str], on: date
) -> Places:
    """What the names of a batch mean on a date; two statements."""
    blocks: dict[str, set[tuple[UUID, UUID]]] = defaultdict(set)
    if deliverers:
        rows = await session.execute(
            select(Deliverer.name, Deliverer.employee_no, Block.id, Block.station_id)
            .join(BlockDeliverer, BlockDeliverer.deliverer_id == Deliverer.id)
            .join(Block, Block.id == BlockDeliverer.block_id)
            .where(
                or_(Deliverer.name.in_(deliverers), Deliverer.employee_no.in_(deliverers)),
                BlockDeliverer.valid.contains(on),
                Block.is_active,
            )
        )
        for name, number, block_id, station_id in rows:
            blocks[name].add((block_id, station_id))
            blocks[number].add((block_id, station_id))
    return Places(
        stations=await match_stations(session, names=stations) if stations else {},
        deliverer_blocks={name: tuple(sorted(found)) for name, found in blocks.items()},
    )
