"""SQL of what lines have had: bottles planned or brought, less those that came back to the line."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.db import fetch

_SPENT = """
SELECT d.order_line_id,
       sum(CASE WHEN d.delivery_no = 0 THEN d.quantity ELSE 0 END
           - least(d.restored_bottles, d.quantity - d.quantity_delivered))::int AS bottles
FROM deliveries d
WHERE d.customer_id = $1 AND d.order_line_id = ANY($2::uuid[]) AND d.status <> 'cancelled'
GROUP BY d.order_line_id
"""
"""Make-ups come beside the line's own bottles, until our fault turns one into a day more."""


async def list_spent(
    session: AsyncSession, *, customer_id: UUID, order_line_ids: Collection[UUID]
) -> dict[UUID, int]:
    """Bottles of their own that these lines have had, or have on a frozen day."""
    rows = await fetch(session, _SPENT, customer_id, list(order_line_ids))
    return {row["order_line_id"]: row["bottles"] for row in rows}
