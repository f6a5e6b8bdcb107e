"""Orders and moves that wait for a reviewer, with their buildings, and the blocks he may choose from."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Uuid, case, cast, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from app.customers.models import Address, AddressVersion
from app.network.models import Block, Station
from app.orders.models import Order, OrderChange, OrderReview
from app.orders.states import OrderStatus


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
) -> list[tuple[OrderReview, Order, OrderChange | None, AddressVersion]]:
    """Reviews without a decision, oldest first, with the building as it is written now.

    Of a move that is the new one.
    """
    wanted = case(
        (OrderReview.change_id.is_(None), Order.address_id),
        else_=cast(OrderChange.request["address_id"].astext, Uuid),
    )
    query = (
        select(OrderReview, Order, OrderChange, AddressVersion)
        .join(
            Order,
            (Order.customer_id == OrderReview.customer_id)
            & (Order.order_id == OrderReview.order_id),
        )
        .outerjoin(
            OrderChange,
            (OrderChange.customer_id == OrderReview.customer_id)
            & (OrderChange.change_id == OrderReview.change_id),
        )
        .join(
            Address,
            (Address.customer_id == Order.customer_id) & (Address.address_id == wanted),
        )
        .join(
            AddressVersion,
            (AddressVersion.customer_id == Address.customer_id)
            & (AddressVersion.address_version_id == Address.current_version_id),
        )
        .where(
            OrderReview.decision.is_(None),
            Order.status
            == case(
                (OrderReview.change_id.is_(None), OrderStatus.UNDER_REVIEW.value),
                else_=OrderStatus.DELIVERING.value,
            ),
        )
        .order_by(OrderReview.opened_at, OrderReview.review_id)
        .limit(limit)
    )
    if city_code is not None:
        query = query.where(AddressVersion.city_code == city_code)
    if after is not None:
        query = query.where(tuple_(OrderReview.opened_at, OrderReview.review_id) > after)
    rows = await session.execute(query)
    return [(review, order, change, place) for review, order, change, place in rows]


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
