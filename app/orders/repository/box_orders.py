"""Which running orders the milk boxes of a list belong to."""

from collections import defaultdict
from collections.abc import Collection
from uuid import UUID

from sqlalchemy import select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from app.orders.models import BoxInstallation, Order
from app.orders.repository.deposits import LIVE


async def list_orders_of_boxes(
    session: AsyncSession, boxes: Collection[BoxInstallation]
) -> dict[UUID, list[Order]]:
    """Running orders by the box they were given, in order of numbers; one statement for a list."""
    found: dict[UUID, list[Order]] = defaultdict(list)
    if boxes:
        named = [(box.customer_id, box.installation_id) for box in boxes]
        rows = await session.scalars(
            select(Order)
            .where(
                tuple_(Order.customer_id, Order.installation_id).in_(named),
                Order.status.in_(LIVE),
            )
            .order_by(Order.order_no)
        )
        for order in rows:
            if order.installation_id is not None:
                found[order.installation_id].append(order)
    return found
