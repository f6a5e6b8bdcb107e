"""SQL of lines that are due and cannot be planned: found, set aside, and found mended."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.delivery.models import ExceptionReason, PlanException
from app.delivery.repository.scope import DayScope
from app.orders.repository.calendar import bottles_called, due_quantity

_DATE = "CAST(:service_date AS date)"
_QUANTITY = due_quantity("t", _DATE)

JUDGED = f"""
WITH placed AS MATERIALIZED (
    SELECT t.customer_id, t.order_line_id, t.product_id, t.address_id, t.address_version_id,
           {_QUANTITY} AS quantity, {bottles_called("t", _DATE)} AS called,
           b.station_id, b.id AS block_id, g.deliverer_id, a.stop_no,
           b.is_active AND s.is_active AS is_served
    FROM order_terms t
    LEFT JOIN address_blocks a ON a.customer_id = t.customer_id AND a.address_id = t.address_id
        AND a.valid @> {_DATE}
    LEFT JOIN blocks b ON b.id = a.block_id
    LEFT JOIN stations s ON s.id = b.station_id
    LEFT JOIN block_deliverers g ON g.block_id = b.id AND g.valid @> {_DATE}
    WHERE t.valid @> {_DATE} AND {_QUANTITY} IS DISTINCT FROM 0
      AND (b.id IS NULL OR b.station_id = ANY(:stations)) {{only t}}
), due AS (
    SELECT t.customer_id, t.order_line_id, t.product_id, t.address_id, t.address_version_id,
           t.station_id, t.block_id, t.deliverer_id, t.stop_no, t.quantity,
           t.called + coalesce(p.bottles, 0) AS called,
           l.bottles_bought + l.gift_bottles + coalesce(e.bottles, 0) AS entitled,
           CASE WHEN o.status NOT IN ('delivering', 'cancelled') THEN 'order_not_running'
                WHEN t.block_id IS NULL THEN 'no_block'
                WHEN NOT t.is_served THEN 'block_inactive' END AS hindrance
    FROM placed t
    JOIN order_lines l ON l.customer_id = t.customer_id AND l.order_line_id = t.order_line_id
    JOIN orders o ON o.customer_id = l.customer_id AND o.order_id = l.order_id
    LEFT JOIN (
        SELECT p.customer_id, p.order_line_id,
               sum({bottles_called("p", _DATE)})::bigint AS bottles
        FROM order_terms p
        JOIN placed r ON r.customer_id = p.customer_id AND r.order_line_id = p.order_line_id
        WHERE upper(p.valid) <= {_DATE} {{only p}}
        GROUP BY p.customer_id, p.order_line_id
    ) p ON p.customer_id = t.customer_id AND p.order_line_id = t.order_line_id
    LEFT JOIN (
        SELECT e.customer_id, e.order_line_id, sum(CASE
            WHEN e.kind IN ('swapped_in', 'transferred_in', 'restored') THEN e.bottles
            ELSE -e.bottles END)::bigint AS bottles
        FROM entitlement_entries e
        WHERE e.kind NOT IN ('bought', 'gift', 'opening') {{only e}}
        GROUP BY e.customer_id, e.order_line_id
    ) e ON e.customer_id = t.customer_id AND e.order_line_id = t.order_line_id
), judged AS (
    SELECT due.*,
        CASE WHEN quantity BETWEEN 1 AND 99 IS NOT TRUE THEN 'bad_pattern'
             WHEN hindrance IS NOT NULL THEN hindrance
             WHEN called + quantity <= entitled THEN NULL
             WHEN quantity + (
                     SELECT coalesce(sum(CASE WHEN d.delivery_no = 0
                         THEN d.quantity - least(d.restored_bottles,
                                                 d.quantity - d.quantity_delivered)
                         ELSE -least(d.restored_bottles, d.quantity - d.quantity_delivered)
                     END), 0) FROM deliveries d
                     WHERE d.customer_id = due.customer_id
                       AND d.order_line_id = due.order_line_id
                       AND d.status <> 'cancelled' AND d.service_date <> {_DATE}
                 ) > entitled THEN 'more_bottles_than_left'
        END AS reason
    FROM due
)
"""
"""Every line that is due, and what hinders it: those of the stations' blocks, and those of no block.

Bottles left are first judged by what the line's terms have called for so far, which no delivery can
exceed; only where that is more than the line is entitled to are its deliveries read. A make-up that
our fault kept from the door came back to the line as one day more.
"""

SET_ASIDE = f"""set_aside AS (
    INSERT INTO plan_exceptions
        (customer_id, service_date, order_line_id, station_id, reason, noticed_at)
    SELECT customer_id, {_DATE}, order_line_id, station_id, reason, :now
    FROM judged WHERE reason IS NOT NULL
    ON CONFLICT DO NOTHING
    RETURNING station_id, reason
)"""
"""Writes down the judged lines that cannot be planned; answers the new ones."""

_MEND = f"""{JUDGED}
UPDATE plan_exceptions x SET resolved_at = :now, resolution = 'planned'
FROM judged j
WHERE j.reason IS NULL AND x.customer_id = j.customer_id AND x.order_line_id = j.order_line_id
  AND x.service_date = {_DATE} AND x.resolution IS NULL
"""


@dataclass(frozen=True, slots=True)
class SetAside:
    """How many lines were newly set aside at a station, and why."""

    station_id: UUID | None
    reason: ExceptionReason
    lines: int


async def mend(session: AsyncSession, scope: DayScope, *, now: datetime) -> None:
    """Let lines join the plan that were set aside and have nothing against them any more."""
    waiting = await session.scalar(
        select(PlanException.reason)
        .where(
            PlanException.service_date == scope.service_date,
            PlanException.resolution.is_(None),
        )
        .limit(1)
    )
    if waiting is not None:
        noticed = DayScope(scope.service_date, scope.stations, noticed=True)
        await session.execute(*noticed.bind(_MEND, now=now))


async def judge_line(session: AsyncSession, scope: DayScope) -> ExceptionReason | None:
    """What hinders the line of the scope now; None when nothing does."""
    found = await session.execute(*scope.bind(f"{JUDGED} SELECT reason FROM judged"))
    reason = found.scalar_one_or_none()
    return None if reason is None else ExceptionReason(reason)
