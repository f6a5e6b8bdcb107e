"""Orders that end by time: unpaid ones expire, brought ones complete."""

from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.billing.service import close_open_payments, is_word_waiting
from app.core.clock import local_date
from app.orders import repository
from app.orders.depositing import let_go
from app.orders.repository.deposits import make_due_back
from app.orders.states import OrderStatus

GRACE = timedelta(minutes=15)
"""How long a payment may still arrive after the time to pay ended."""
BATCH = 500


async def expire_unpaid(session: AsyncSession, *, now: datetime) -> int:
    """Expire unpaid orders past their time and grace; answers how many."""
    expired = 0
    for customer_id, order_id in await repository.due_to_expire(
        session, before=now - GRACE, limit=BATCH
    ):
        order = await repository.lock_order(session, customer_id, order_id)
        if await is_word_waiting(session, customer_id=customer_id, reference_id=order_id):
            continue  # it is paid, perhaps: a worker that was away has not heard of it yet
        if order.status is OrderStatus.PENDING_PAYMENT:
            order.ended_at = now
            await close_open_payments(
                session, customer_id=customer_id, reference_id=order_id, now=now
            )
            await repository.change_status(
                session, order, OrderStatus.EXPIRED, at=now, actor="system"
            )
            await let_go(session, order, actor="system", now=now)
            expired += 1
    return expired


_COMPLETE = """
WITH ended AS (
    SELECT o.customer_id, o.order_id
    FROM orders o
    WHERE o.status = 'delivering'
      AND EXISTS (SELECT FROM order_lines l
                  JOIN order_terms t USING (customer_id, order_line_id)
                  WHERE l.customer_id = o.customer_id AND l.order_id = o.order_id)
      AND NOT EXISTS (SELECT FROM order_lines l
                      WHERE l.customer_id = o.customer_id AND l.order_id = o.order_id
                        AND l.unscheduled_bottles > 0)
      AND NOT EXISTS (SELECT FROM order_lines l
                      JOIN order_terms t USING (customer_id, order_line_id)
                      WHERE l.customer_id = o.customer_id AND l.order_id = o.order_id
                        AND upper(t.valid) > :settled)
    FOR UPDATE OF o SKIP LOCKED
), moved AS (
    UPDATE orders o SET status = 'completed', ended_at = :now, version = version + 1
    FROM ended e
    WHERE o.customer_id = e.customer_id AND o.order_id = e.order_id AND o.status = 'delivering'
    RETURNING o.customer_id, o.order_id
)
INSERT INTO order_history
    (customer_id, entry_id, order_id, from_status, to_status, at, actor, reason)
SELECT customer_id, uuidv7(), order_id, 'delivering', 'completed', :now, 'system', NULL
FROM moved
RETURNING customer_id, order_id
"""
SETTLE_DAYS = 3
"""Days a phone may still report before an order with no days left is called complete."""


async def complete_ended_orders(session: AsyncSession, *, now: datetime) -> int:
    """Complete orders whose last day is past by SETTLE_DAYS, and let their deposits be due back;
    one statement each.
    """
    settled = local_date(now) - timedelta(days=SETTLE_DAYS)
    result = await session.execute(text(_COMPLETE), {"settled": settled, "now": now})
    ended = [(row.customer_id, row.order_id) for row in result]
    await make_due_back(session, ended, now=now)
    return len(ended)
