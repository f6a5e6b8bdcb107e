"""SQL of renewals: which order goes on from which, line by line."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from app.orders.models import Order, OrderLine
from app.orders.repository.plain import KEYS, key_columns, run
from app.orders.states import OrderStatus

_FOLLOWED = f"""
SELECT 1 FROM {KEYS} JOIN order_lines t
    ON t.customer_id = k.customer_id AND t.renews_line_id = k.order_line_id LIMIT 1
"""
_OVER = (OrderStatus.EXPIRED, OrderStatus.REJECTED, OrderStatus.CANCELLED)


async def find_renewal(session: AsyncSession, customer_id: UUID, order_id: UUID) -> Order | None:
    """The order that goes on from another, unless it came to nothing."""
    found: Order | None = await session.scalar(
        select(Order).where(
            Order.customer_id == customer_id,
            Order.renews_order_id == order_id,
            Order.status.not_in(_OVER),
        )
    )
    return found


async def lock_followers(
    session: AsyncSession, keys: Collection[tuple[UUID, UUID]]
) -> list[tuple[Order, OrderLine, OrderLine]]:
    """Running orders whose lines follow these (customer, line), locked: order, line, line before."""
    if not keys or not await run(session, _FOLLOWED, *key_columns(keys)):
        return []
    rows = await session.execute(
        select(Order, OrderLine)
        .join(
            OrderLine,
            (OrderLine.customer_id == Order.customer_id) & (OrderLine.order_id == Order.order_id),
        )
        .where(
            tuple_(OrderLine.customer_id, OrderLine.renews_line_id).in_(list(keys)),
            Order.status == OrderStatus.DELIVERING,
        )
        .order_by(Order.customer_id, Order.order_id, OrderLine.order_line_id)
        .with_for_update(of=Order)
    )
    found = []
    for order, line in rows.all():
        before = await session.get(OrderLine, (line.customer_id, line.renews_line_id))
        if before is not None:
            found.append((order, line, before))
    return found
