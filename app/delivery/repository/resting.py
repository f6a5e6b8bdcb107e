"""SQL of lines that bring nothing on a day at the doors of some blocks."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

_RESTING: Final = text("""
WITH doors AS (
    SELECT DISTINCT ON (a.customer_id, a.address_id) a.customer_id, a.address_id, a.stop_no
    FROM address_blocks a
    WHERE a.block_id = ANY(:blocks)
      AND (a.valid @> CAST(:today AS date) OR a.valid @> CAST(:tomorrow AS date))
    ORDER BY a.customer_id, a.address_id, a.valid_from
)
SELECT d.customer_id, d.address_id, d.stop_no, at.current_version_id AS address_version_id,
       v.compound, v.street, v.house_no, o.order_no, l.order_line_id, l.unscheduled_bottles,
       p.name AS product, p.specification
FROM doors d
JOIN orders o ON o.customer_id = d.customer_id AND o.status = 'delivering'
    AND d.address_id = COALESCE((
        SELECT CAST(c.request->>'address_id' AS uuid) FROM order_changes c
        WHERE c.customer_id = o.customer_id AND c.order_id = o.order_id
          AND c.kind = 'move' AND c.status = 'applied' AND c.effective_date <= :today
        ORDER BY c.effective_date DESC, c.change_id DESC LIMIT 1), o.address_id)
JOIN order_lines l ON l.customer_id = o.customer_id AND l.order_id = o.order_id
JOIN addresses at ON at.customer_id = d.customer_id AND at.address_id = d.address_id
JOIN address_versions v ON v.customer_id = at.customer_id
    AND v.address_version_id = at.current_version_id
JOIN products p ON p.id = COALESCE((
    SELECT t.product_id FROM order_terms t
    WHERE t.customer_id = l.customer_id AND t.order_line_id = l.order_line_id
    ORDER BY upper(t.valid) <= :tomorrow, abs(t.first_date - CAST(:tomorrow AS date)) LIMIT 1
    ), l.product_id)
WHERE NOT EXISTS (
    SELECT FROM deliveries b
    WHERE b.customer_id = l.customer_id AND b.order_line_id = l.order_line_id
      AND b.service_date = :today AND b.status <> 'cancelled')
ORDER BY d.stop_no, d.customer_id, d.address_id, o.order_no, l.order_line_id
""")


@dataclass(frozen=True, slots=True)
class RestingLine:
    """A line of a running order, the building it is for, and the bottles that wait for a resume."""

    customer_id: UUID
    address_id: UUID
    stop_no: int
    address_version_id: UUID
    compound: str
    street: str
    house_no: str
    order_no: str
    order_line_id: UUID
    unscheduled_bottles: int
    product: str
    specification: str


async def list_resting_lines(
    session: AsyncSession, *, blocks: Collection[UUID], today: date, tomorrow: date
) -> list[RestingLine]:
    """Lines of orders brought to doors of these blocks with no delivery today, in stop order.

    Those with nothing more to come are among them.
    """
    if not blocks:
        return []
    values = {"blocks": list(blocks), "today": today, "tomorrow": tomorrow}
    return [RestingLine(*row) for row in await session.execute(_RESTING, values)]
