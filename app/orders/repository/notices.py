"""Orders whose end is near: noticed in one statement, told batch by batch."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

BATCH = 500
"""Households told by one job."""
DAYS_AHEAD = 7

_NOTICE = """
WITH closing AS (
    SELECT DISTINCT l.customer_id, l.order_id
    FROM order_terms t
    JOIN order_lines l ON l.customer_id = t.customer_id AND l.order_line_id = t.order_line_id
    WHERE upper(t.valid) BETWEEN CAST(:today AS date) + 1
                             AND CAST(:today AS date) + CAST(:ahead AS int) + 1
), ending AS (
    SELECT o.customer_id, o.order_id, max(upper(t.valid)) - 1 AS end_date
    FROM closing c
    JOIN orders o ON o.customer_id = c.customer_id AND o.order_id = c.order_id
        AND o.status = 'delivering'
    JOIN order_lines l ON l.customer_id = o.customer_id AND l.order_id = o.order_id
    JOIN order_terms t ON t.customer_id = l.customer_id AND t.order_line_id = l.order_line_id
    WHERE NOT EXISTS (SELECT FROM orders r
                      WHERE r.customer_id = o.customer_id AND r.renews_order_id = o.order_id
                        AND r.status NOT IN ('expired', 'rejected', 'cancelled'))
    GROUP BY o.customer_id, o.order_id
    HAVING max(upper(t.valid)) <= CAST(:today AS date) + CAST(:ahead AS int) + 1
       AND sum(l.unscheduled_bottles) = 0
), fresh AS (
    SELECT e.*, (row_number() OVER (ORDER BY e.customer_id, e.order_id) - 1) / CAST(:size AS int) AS batch
    FROM ending e
    LEFT JOIN renewal_notices n ON n.customer_id = e.customer_id AND n.order_id = e.order_id
    WHERE n.end_date IS NULL OR e.end_date > n.end_date + CAST(:ahead AS int)
), noticed AS (
    INSERT INTO renewal_notices (customer_id, order_id, end_date, noticed_date, batch)
    SELECT customer_id, order_id, end_date, CAST(:today AS date), batch FROM fresh
    ON CONFLICT (customer_id, order_id) DO UPDATE
        SET end_date = EXCLUDED.end_date, noticed_date = EXCLUDED.noticed_date,
            batch = EXCLUDED.batch, told_at = NULL
        WHERE EXCLUDED.end_date > renewal_notices.end_date + CAST(:ahead AS int)
    RETURNING batch
)
SELECT DISTINCT batch FROM noticed ORDER BY batch
"""
"""An order that was told and then moved its end by more than the notice's days is told again."""

_UNTOLD = """
SELECT n.customer_id, n.order_id, o.order_no, n.end_date, o.status = 'delivering' AS runs
FROM renewal_notices n
JOIN orders o ON o.customer_id = n.customer_id AND o.order_id = n.order_id
WHERE n.noticed_date = :noticed AND n.batch = :batch AND n.told_at IS NULL
ORDER BY n.customer_id, n.order_id
FOR UPDATE OF n SKIP LOCKED
"""
_TOLD = """
UPDATE renewal_notices SET told_at = :now
WHERE noticed_date = :noticed AND batch = :batch AND told_at IS NULL
"""
_WAITING = """
SELECT DISTINCT noticed_date, batch FROM renewal_notices WHERE told_at IS NULL
ORDER BY noticed_date, batch LIMIT 100
"""


@dataclass(frozen=True, slots=True)
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


async def lock_untold(session: AsyncSession, *, noticed: date, batch: int) -> list[Ending]:
    """Orders of a batch that nobody has told about, locked."""
    rows = await session.execute(text(_UNTOLD), {"noticed": noticed, "batch": batch})
    return [Ending(*row) for row in rows]


async def mark_told(session: AsyncSession, *, noticed: date, batch: int, now: datetime) -> None:
    """Write down that a batch has been told."""
    await session.execute(text(_TOLD), {"noticed": noticed, "batch": batch, "now": now})


async def list_waiting_batches(session: AsyncSession) -> list[tuple[date, int]]:
    """(day, batch) of notices nobody has told yet."""
    return [(row[0], int(row[1])) for row in await session.execute(text(_WAITING))]
