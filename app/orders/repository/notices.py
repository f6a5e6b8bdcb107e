"""Orders whose end is near: noticed in one statement, told batch by batch."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.db import fetch

BATCH = 500
"""Households told by one job."""
DAYS_AHEAD = 7

_SOON = "BETWEEN CAST(:today AS date) + 1 AND CAST(:today AS date) + CAST(:ahead AS int) + 1"

_NOTICE = f"""
WITH closing AS (
    SELECT DISTINCT customer_id FROM order_terms WHERE upper(valid) {_SOON}
), ending AS (
    SELECT o.customer_id, o.order_id, max(upper(t.valid)) - 1 AS end_date
    FROM closing c
    JOIN orders o ON o.customer_id = c.customer_id AND o.status = 'delivering'
    JOIN order_lines l ON l.customer_id = o.customer_id AND l.order_id = o.order_id
    JOIN order_terms t ON t.customer_id = l.customer_id AND t.order_line_id = l.order_line_id
    LEFT JOIN renewal_notices n ON n.customer_id = o.customer_id AND n.order_id = o.order_id
    WHERE NOT EXISTS (SELECT FROM orders r
                      WHERE r.customer_id = o.customer_id AND r.renews_order_id = o.order_id
                        AND r.status NOT IN ('expired', 'rejected', 'cancelled'))
    GROUP BY o.customer_id, o.order_id
    HAVING max(upper(t.valid)) {_SOON} AND bool_and(l.unscheduled_bottles = 0)
       AND (max(n.end_date) IS NULL
            OR max(upper(t.valid)) - 1 > max(n.end_date) + CAST(:ahead AS int))
), noticed AS (
    INSERT INTO renewal_notices (customer_id, order_id, end_date, noticed_date, batch)
    SELECT customer_id, order_id, end_date, CAST(:today AS date),
           (row_number() OVER (ORDER BY customer_id, order_id) - 1) / CAST(:size AS int)
    FROM ending
    ON CONFLICT (customer_id, order_id) DO UPDATE
        SET end_date = EXCLUDED.end_date, noticed_date = EXCLUDED.noticed_date,
            batch = EXCLUDED.batch, told_at = NULL
        WHERE EXCLUDED.end_date > renewal_notices.end_date + CAST(:ahead AS int)
    RETURNING batch
)
SELECT DISTINCT batch FROM noticed ORDER BY batch
"""
"""An order that was told and then moved its end by more than the notice's days is told again.

Earlier notices are read below the grouping: joined above it, they would be read while this statement
writes new ones, all of them anew for each.
"""

_CLAIM = """
UPDATE renewal_notices n SET told_at = $3
FROM orders o
WHERE n.noticed_date = $1 AND n.batch = $2 AND n.told_at IS NULL
  AND o.customer_id = n.customer_id AND o.order_id = n.order_id
RETURNING n.customer_id, n.order_id, o.order_no, n.end_date, o.status = 'delivering'
"""
_WAITING = """
SELECT DISTINCT noticed_date, batch FROM renewal_notices WHERE told_at IS NULL
ORDER BY noticed_date, batch LIMIT 100
"""


@dataclass(slots=True)
class Ending:
    """An order that ends soon; `runs` unless it has ended meanwhile."""

    customer_id: UUID
    order_id: UUID
    order_no: str
    end_date: date
    runs: bool


async def notice_ending(session: AsyncSession, *, today: date) -> list[int]:
    """Write down the orders that end within a week, each once; answers the new batches."""
    values = {"today": today, "ahead": DAYS_AHEAD, "size": BATCH}
    return [int(batch) for batch in await session.scalars(text(_NOTICE), values)]


async def claim_untold(
    session: AsyncSession, *, noticed: date, batch: int, now: datetime
) -> list[Ending]:
    """Orders of a batch that nobody has told about; they count as told when this is committed."""
    return [Ending(*row) for row in await fetch(session, _CLAIM, noticed, batch, now)]


async def list_waiting_batches(session: AsyncSession) -> list[tuple[date, int]]:
    """(day, batch) of notices nobody has told yet."""
    return [(row[0], int(row[1])) for row in await session.execute(text(_WAITING))]
