"""The doors of orders: where an order is brought, each from a day on.

An order keeps the address it was confirmed for; an accepted move says from which day on it is
another one. Every line of the order follows, those that are added later too.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.orders.models import OrderChange
from app.orders.repository.plain import key_columns, run
from app.orders.states import WAITING_MOVES

_DOORS: Final = """
WITH wanted AS (
    SELECT o.customer_id, o.order_id, o.address_id
    FROM unnest((SELECT $1::uuid[]), (SELECT $2::uuid[])) AS w(customer_id, order_id)
    JOIN orders o ON o.customer_id = w.customer_id AND o.order_id = w.order_id
), doors AS (
    SELECT customer_id, order_id, NULL::date AS from_date, NULL::uuid AS change_id, address_id
    FROM wanted
    UNION ALL
    SELECT c.customer_id, c.order_id, c.effective_date, c.change_id,
           CAST(c.request->>'address_id' AS uuid)
    FROM wanted
    JOIN order_changes c ON c.customer_id = wanted.customer_id AND c.order_id = wanted.order_id
        AND c.kind = 'move' AND c.status = 'applied'
)
SELECT d.order_id, d.from_date, d.change_id, d.address_id, a.current_version_id
FROM doors d
JOIN addresses a ON a.customer_id = d.customer_id AND a.address_id = d.address_id
ORDER BY d.order_id, d.from_date NULLS FIRST, d.change_id
"""
"""Removed addresses too: days that are past keep them."""


@dataclass(frozen=True, slots=True)
class Door:
    """An address from a day on, as it is written now."""

    from_date: date
    """`date.min` for the first one."""
    address_id: UUID
    address_version_id: UUID
    change_id: UUID | None = None
    """The move it came by."""


async def list_doors(
    session: AsyncSession, orders: Collection[tuple[UUID, UUID]]
) -> dict[UUID, list[Door]]:
    """Doors by order, in order of days, at least one; keys (customer_id, order_id)."""
    doors: dict[UUID, list[Door]] = {order_id: [] for _, order_id in orders}
    if orders:
        keys = list(orders)
        for order_id, *door in await run(session, _DOORS, *key_columns(keys)):
            from_date, change_id, address_id, version_id = door
            doors[order_id].append(Door(from_date or date.min, address_id, version_id, change_id))
    return doors


async def find_waiting_move(
    session: AsyncSession, customer_id: UUID, order_id: UUID
) -> OrderChange | None:
    """The move of an order that waits, for a reviewer or for the box of its new door."""
    found: OrderChange | None = await session.scalar(
        select(OrderChange).where(
            OrderChange.customer_id == customer_id,
            OrderChange.order_id == order_id,
            OrderChange.kind == "move",
            OrderChange.status.in_(WAITING_MOVES),
        )
    )
    return found


_IN_USE: Final = text("""
SELECT EXISTS (
    SELECT FROM orders o
    WHERE o.customer_id = :customer AND o.status IN ('pending_payment', 'under_review', 'delivering')
      AND (
          o.address_id = :address AND NOT EXISTS (
              SELECT FROM order_changes c
              WHERE c.customer_id = o.customer_id AND c.order_id = o.order_id
                AND c.kind = 'move' AND c.status = 'applied' AND c.effective_date <= :today)
          OR EXISTS (
              SELECT FROM order_changes c
              WHERE c.customer_id = o.customer_id AND c.order_id = o.order_id
                AND c.kind = 'move' AND c.request->>'address_id' = CAST(:address AS text)
                AND (c.status IN ('under_review', 'awaiting_box') OR c.status = 'applied' AND NOT EXISTS (
                    SELECT FROM order_changes later
                    WHERE later.customer_id = c.customer_id AND later.order_id = c.order_id
                      AND later.kind = 'move' AND later.status = 'applied'
                      AND later.effective_date > c.effective_date
                      AND later.effective_date <= :today)))
      )
)
""")


async def is_in_use(
    session: AsyncSession, customer_id: UUID, *, address_id: UUID, today: date
) -> bool:
    """Whether orders that are not over are brought to an address, or will be."""
    values = {"customer": customer_id, "address": address_id, "today": today}
    return bool(await session.scalar(_IN_USE, values))
