"""SQL of dated gifts: each becomes a delivery beside its line's own, at the same door."""

from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.delivery.repository.scope import DayScope
from app.orders.repository.calendar import bottles_called

_DATE = "CAST(:service_date AS date)"
_WAITING = "SELECT EXISTS (SELECT FROM line_gifts WHERE brought_date IS NULL AND lapsed_at IS NULL)"
_GIFTS = f"""
WITH due AS MATERIALIZED (
    SELECT d.customer_id, d.order_line_id, d.product_id, d.address_id, d.address_version_id,
           d.station_id, d.block_id, d.deliverer_id, d.stop_no, g.gift_id, g.bottles,
           nullif(d.product_id, l.product_id) AS other_product,
           m.last_no + row_number() OVER (
               PARTITION BY d.customer_id, d.order_line_id
               ORDER BY g.due_date, g.gift_id) AS delivery_no
    FROM deliveries d
    JOIN line_gifts g ON g.customer_id = d.customer_id AND g.order_line_id = d.order_line_id
        AND g.brought_date IS NULL AND g.lapsed_at IS NULL
    JOIN order_lines l ON l.customer_id = d.customer_id AND l.order_line_id = d.order_line_id
    JOIN orders o ON o.customer_id = l.customer_id AND o.order_id = l.order_id
    CROSS JOIN LATERAL (
        SELECT max(x.delivery_no) AS last_no FROM deliveries x
        WHERE x.customer_id = d.customer_id AND x.service_date = {_DATE}
          AND x.order_line_id = d.order_line_id
    ) m
    WHERE d.service_date = {_DATE} AND d.delivery_no = 0 AND d.status = 'planned'
      AND d.station_id = ANY(:stations) {{only d}}
      AND (g.due_date <= {_DATE}
           OR o.status = 'delivering' AND l.unscheduled_bottles = 0 AND NOT EXISTS (
               SELECT FROM order_terms n
               WHERE n.customer_id = g.customer_id AND n.order_line_id = g.order_line_id
                 AND upper(n.valid) > {_DATE} + 1
                 AND {bottles_called("n", "upper(n.valid)")}
                     > CASE WHEN n.first_date > {_DATE} THEN 0
                            ELSE {bottles_called("n", f"{_DATE} + 1")} END))
), made AS (
    INSERT INTO deliveries
        (customer_id, service_date, order_line_id, delivery_no, product_id, quantity,
         quantity_delivered, address_id, address_version_id, station_id, block_id, deliverer_id,
         stop_no, status, bulk_marked, restored_bottles, cause_id, is_gift)
    SELECT customer_id, {_DATE}, order_line_id, delivery_no, product_id, bottles, 0, address_id,
           address_version_id, station_id, block_id, deliverer_id, stop_no, 'planned', false, 0,
           gift_id, true
    FROM due
), entitled AS (
    INSERT INTO entitlement_entries
        (customer_id, entry_id, order_line_id, kind, bottles, value_fen, product_id, at, cause_id)
    SELECT customer_id, uuidv7(), order_line_id, 'gift', bottles, 0, other_product, :now, gift_id
    FROM due
), noted AS (
    UPDATE line_gifts g SET brought_date = {_DATE}
    FROM due
    WHERE g.customer_id = due.customer_id AND g.gift_id = due.gift_id
)
SELECT count(*) FROM due
"""


async def insert_gifts(session: AsyncSession, scope: DayScope, *, now: datetime) -> int:
    """Plan the dated gifts that come with the day's deliveries; answers how many.

    Those due, and with the last delivery of a line all that are left. Doing it again adds nothing.
    """
    if not await session.scalar(text(_WAITING)):
        return 0
    return int(await session.scalar(*scope.bind(_GIFTS, now=now)) or 0)
