"""Orders that wait for a reviewer, with their buildings, and the blocks he may choose from."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from app.customers.models import Address, AddressVersion
from app.network.models import Block, Station
from app.orders.models import Order, OrderReview


@dataclass(frozen=True, slots=True)
class Candidate:
    """A block near a building, by name."""

    block_id: UUID
    code: str
    name: str
    station_id: UUID
    station: str


async def waiting_reviews(
    session: AsyncSession,
    *,
    limit: int,
    after: tuple[datetime, UUID] | None,
    city_code: str | None = None,
) -> list[tuple[OrderReview, Order, AddressVersion]]:
    """Reviews without a decision, oldest first, with the building as it is written now."""
    query = (
        select(OrderReview, Order, AddressVersion)
        .join(
            Order,
            (Order.customer_id == OrderReview.customer_id)
            & (Order.order_id == OrderReview.order_id),
        )
        .join(
            Address,
            (Address.customer_id == Order.customer_id) & (Address.address_id == Order.address_id),
        )
        .join(
            AddressVersion,
            (AddressVersion.customer_id == Address.customer_id)
            & (AddressVersion.address_version_id == Address.current_version_id),
        )
        .where(OrderReview.decision.is_(None))
        .order_by(OrderReview.opened_at, OrderReview.order_id)
        .limit(limit)
    )
    if city_code is not None:
        query = query.where(AddressVersion.city_code == city_code)
    if after is not None:
        query = query.where(tuple_(OrderReview.opened_at, OrderReview.order_id) > after)
    return [(review, order, place) for review, order, place in await session.execute(query)]


async def read_candidates(
    session: AsyncSession, block_ids: Collection[UUID]
) -> dict[UUID, Candidate]:
    """Blocks with their stations, by id."""
    if not block_ids:
        return {}
    rows = await session.execute(
        select(Block.id, Block.code, Block.name, Station.id, Station.name)
        .join(Station, Station.id == Block.station_id)
        .where(Block.id.in_(block_ids))
    )
    return {row[0]: Candidate(*row) for row in rows}
