"""SQL that gives lines back what a withdrawal took."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.orders.models import WithdrawnLine
from app.orders.repository.withdrawals import HELD_LINES, Held, beyond, held_values

_LOCK_TAKEN = """
SELECT count(*) FROM (
    SELECT FROM orders o
    WHERE (o.customer_id, o.order_id) IN (
        SELECT w.customer_id, w.order_id FROM withdrawn_lines w WHERE w.withdrawal_id = :id)
    FOR UPDATE
) x
"""
_JUDGE = f"""
UPDATE withdrawn_lines w SET state = 'put_back'
FROM (
    SELECT x.customer_id, x.order_line_id,
           sum(x.credit_fen) OVER (PARTITION BY x.customer_id) AS credited
    FROM withdrawn_lines x WHERE x.withdrawal_id = :id
) c, orders o, (
    SELECT y.customer_id, y.order_line_id, max(upper(t.valid)) AS until
    FROM withdrawn_lines y
    LEFT JOIN order_terms t ON t.customer_id = y.customer_id AND t.order_line_id = y.order_line_id
    WHERE y.withdrawal_id = :id
    GROUP BY y.customer_id, y.order_line_id
) e
WHERE w.withdrawal_id = :id
  AND c.customer_id = w.customer_id AND c.order_line_id = w.order_line_id
  AND e.customer_id = w.customer_id AND e.order_line_id = w.order_line_id
  AND e.until IS NOT DISTINCT FROM w.until_after
  AND o.customer_id = w.customer_id AND o.order_id = w.order_id
  AND o.status = 'delivering' AND o.version = w.order_version
  AND NOT EXISTS (
      SELECT FROM {HELD_LINES}
      WHERE h.customer_id = w.customer_id AND h.line_id = w.order_line_id)
  AND (c.credited = 0 OR c.credited <= (
      SELECT coalesce(sum(CASE WHEN l.credit_account = 'balance' THEN l.amount_fen
                               ELSE -l.amount_fen END), 0)
      FROM ledger_transfers l
      WHERE l.customer_id = w.customer_id AND 'balance' IN (l.credit_account, l.debit_account)))
"""
_DROP_MOVED = """
DELETE FROM order_terms t USING withdrawn_lines w
WHERE w.withdrawal_id = :id AND w.state = 'put_back'
  AND t.customer_id = w.customer_id AND t.order_line_id = w.order_line_id
  AND t.first_date >= CAST(w.before->0->>'first_date' AS date)
"""
_PUT_BACK = """
INSERT INTO order_terms
    (customer_id, order_line_id, first_date, valid, product_id, quantity, interval_days,
     anchor_date, weekday_quantities, address_id, address_version_id, change_id)
SELECT w.customer_id, w.order_line_id, b.first_date, daterange(b.first_date, b.until),
       b.product_id, b.quantity, b.interval_days, b.anchor_date, b.weekday_quantities,
       b.address_id, a.current_version_id, b.change_id
FROM withdrawn_lines w
CROSS JOIN LATERAL jsonb_to_recordset(w.before) AS b(
    first_date date, until date, product_id uuid, quantity smallint, interval_days smallint,
    anchor_date date, weekday_quantities smallint[], address_id uuid, change_id uuid)
JOIN addresses a ON a.customer_id = w.customer_id AND a.address_id = b.address_id
WHERE w.withdrawal_id = :id AND w.state = 'put_back'
"""
_RESTORE_VALUE = """
INSERT INTO entitlement_entries
    (customer_id, entry_id, order_line_id, kind, bottles, value_fen, product_id, at, cause_id)
SELECT e.customer_id, uuidv7(), e.order_line_id, 'restored', e.bottles, e.value_fen, e.product_id,
       :now, e.cause_id
FROM withdrawn_lines w
JOIN entitlement_entries e ON e.customer_id = w.customer_id
    AND e.order_line_id = w.order_line_id AND e.cause_id = w.change_id AND e.kind = 'credited'
WHERE w.withdrawal_id = :id AND w.state = 'put_back' AND w.credit_fen > 0
"""
_OUTDATE = """
UPDATE orders o SET version = o.version + 1
FROM (SELECT DISTINCT w.customer_id, w.order_id FROM withdrawn_lines w
      WHERE w.withdrawal_id = :id AND w.state = 'put_back') w
WHERE o.customer_id = w.customer_id AND o.order_id = w.order_id
"""
_UNDO_RECEIPTS = """
WITH undone AS (
    UPDATE order_changes c SET status = 'undone'
    FROM (SELECT w.customer_id, w.change_id FROM withdrawn_lines w WHERE w.withdrawal_id = :id
          GROUP BY w.customer_id, w.change_id HAVING bool_and(w.state = 'put_back')) w
    WHERE c.customer_id = w.customer_id AND c.change_id = w.change_id
    RETURNING c.customer_id, c.change_id
)
INSERT INTO order_change_history
    (customer_id, entry_id, change_id, from_status, to_status, at, actor)
SELECT customer_id, uuidv7(), change_id, 'applied', 'undone', :now, :actor FROM undone
"""


async def judge_taken(session: AsyncSession, withdrawal_id: UUID, held: Held) -> None:
    """Lock the orders and mark the lines that stand as the withdrawal left them: to be put back.

    A credit that has been spent, an order that has ended, and a line that another withdrawal holds
    on one of the days are left as they are.
    """
    await session.execute(text(_LOCK_TAKEN), {"id": withdrawal_id})
    values = held_values(held)
    del values["held_days"]
    await session.execute(text(_JUDGE), values | {"id": withdrawal_id})


async def put_back(session: AsyncSession, withdrawal_id: UUID, *, now: datetime) -> None:
    """Give the marked lines their terms and their value again."""
    for statement in (_DROP_MOVED, _PUT_BACK):
        await session.execute(text(statement), {"id": withdrawal_id})
    await session.execute(text(_RESTORE_VALUE), {"id": withdrawal_id, "now": now})


async def list_taken(
    session: AsyncSession, withdrawal_id: UUID, *, after: tuple[UUID, UUID] | None, limit: int
) -> list[WithdrawnLine]:
    """Lines whose days are still taken, in order of their keys."""
    query = (
        select(WithdrawnLine)
        .where(WithdrawnLine.withdrawal_id == withdrawal_id, WithdrawnLine.state == "taken")
        .order_by(WithdrawnLine.customer_id, WithdrawnLine.order_line_id)
        .limit(limit)
    )
    return list(await session.scalars(beyond(query, after)))


async def list_returned(
    session: AsyncSession, withdrawal_id: UUID, *, after: tuple[UUID, UUID] | None, limit: int
) -> list[WithdrawnLine]:
    """Lines that were put back and whose credit has to leave the balance."""
    query = (
        select(WithdrawnLine)
        .where(
            WithdrawnLine.withdrawal_id == withdrawal_id,
            WithdrawnLine.state == "put_back",
            WithdrawnLine.credit_fen > 0,
        )
        .order_by(WithdrawnLine.customer_id, WithdrawnLine.order_line_id)
        .limit(limit)
    )
    return list(await session.scalars(beyond(query, after)))


async def close_receipts(
    session: AsyncSession, withdrawal_id: UUID, *, actor: str, now: datetime
) -> int:
    """Mark the receipts of what was put back as undone; answers how many lines were kept."""
    await session.execute(text(_OUTDATE), {"id": withdrawal_id})
    await session.execute(text(_UNDO_RECEIPTS), {"id": withdrawal_id, "actor": actor, "now": now})
    kept = "SELECT count(*) FROM withdrawn_lines WHERE withdrawal_id = :id AND state <> 'put_back'"
    return int(await session.scalar(text(kept), {"id": withdrawal_id}) or 0)
