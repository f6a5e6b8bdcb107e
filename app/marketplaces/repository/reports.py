"""SQL of the facts of marketplace orders (S1 5.2.5) and of what canvassers have won."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

_ORDER_FACTS: Final = """
SELECT o.customer_id, o.order_id, o.order_no, o.status, o.source, o.outside_number, o.placed_at,
       o.confirmed_at, b.block_id, k.code AS block_code, k.name AS block_name,
       d.deliverer_id, p.name AS deliverer_name
FROM unnest(CAST(:customers AS uuid[]), CAST(:orders AS uuid[])) AS w(customer_id, order_id)
JOIN orders o ON o.customer_id = w.customer_id AND o.order_id = w.order_id
LEFT JOIN LATERAL (
    SELECT a.block_id FROM address_blocks a
    WHERE a.customer_id = o.customer_id AND a.address_id = o.address_id
      AND o.confirmed_at IS NOT NULL
    ORDER BY (a.valid @> CAST(:today AS date)) DESC, a.valid_from DESC
    LIMIT 1
) b ON true
LEFT JOIN blocks k ON k.id = b.block_id
LEFT JOIN block_deliverers d ON d.block_id = b.block_id AND d.valid @> CAST(:today AS date)
LEFT JOIN deliverers p ON p.id = d.deliverer_id
"""
_CANVASSERS: Final = """
SELECT e.canvasser_id, p.employee_no, p.name, count(*) AS orders,
       count(*) FILTER (WHERE e.state = 'placed') AS placed,
       count(*) FILTER (WHERE o.status IN ('delivering', 'completed')) AS confirmed,
       coalesce(sum(o.price_fen), 0)::bigint AS paid_fen,
       coalesce(sum(l.bottles), 0)::bigint AS bottles,
       coalesce(sum(r.fen), 0)::bigint AS refunded_fen
FROM external_orders e
JOIN deliverers p ON p.id = e.canvasser_id
LEFT JOIN orders o ON o.customer_id = e.customer_id AND o.order_id = e.order_id
LEFT JOIN LATERAL (
    SELECT sum(l.bottles_bought) AS bottles FROM order_lines l
    WHERE l.customer_id = o.customer_id AND l.order_id = o.order_id
) l ON true
LEFT JOIN LATERAL (
    SELECT sum(r.amount_fen) AS fen FROM external_refunds r
    WHERE r.source = e.source AND r.number = e.number AND r.mirrored_at IS NOT NULL
) r ON true
WHERE e.canvasser_id IS NOT NULL AND e.received_at >= :starts_at AND e.received_at < :ends_at
GROUP BY e.canvasser_id, p.employee_no, p.name
ORDER BY p.employee_no
"""


@dataclass(frozen=True, slots=True)
class OrderFacts:
    """An order of ours behind a marketplace's, and who brings it."""

    customer_id: UUID
    order_id: UUID
    order_no: str
    status: str
    source: str | None
    outside_number: str | None
    placed_at: datetime
    confirmed_at: datetime | None
    block_id: UUID | None
    block_code: str | None
    block_name: str | None
    deliverer_id: UUID | None
    deliverer_name: str | None


@dataclass(frozen=True, slots=True)
class CanvasserRow:
    """What one canvasser has won on marketplaces in a period; amounts in fen."""

    canvasser_id: UUID
    employee_no: str
    name: str
    orders: int
    placed: int
    confirmed: int
    paid_fen: int
    bottles: int
    refunded_fen: int


async def read_facts(
    session: AsyncSession, keys: list[tuple[UUID, UUID]], *, today: date
) -> dict[UUID, OrderFacts]:
    """By order id: number, source, block and deliverer of orders (customer, order)."""
    if not keys:
        return {}
    values: dict[str, Any] = {
        "customers": [customer_id for customer_id, _ in keys],
        "orders": [order_id for _, order_id in keys],
        "today": today,
    }
    found = await session.execute(text(_ORDER_FACTS), values)
    return {row["order_id"]: OrderFacts(**row) for row in found.mappings()}


async def list_canvassers(
    session: AsyncSession, *, starts_at: datetime, ends_at: datetime
) -> list[CanvasserRow]:
    """Canvassers with orders received in a period, by employee number; one statement."""
    found = await session.execute(text(_CANVASSERS), {"starts_at": starts_at, "ends_at": ends_at})
    return [CanvasserRow(**row) for row in found.mappings()]
