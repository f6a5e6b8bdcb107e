"""SQL that takes days out of lines.

A line is *regular* when its terms repeat its own pattern, product and address, when nothing was
asked for day by day, nothing waits, no skip or pause reaches the days, no move is ahead of them and
no closed day lies where its end would move to. Regular lines are cut and lengthened by statements; the others are laid out
one by one.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.orders.models import WithdrawnLine
from app.orders.repository.calendar import due_quantity
from app.orders.repository.withdrawals import SCOPED, Scope, beyond

_LOCK_ORDERS = f"""
UPDATE orders x SET version = x.version + 1
FROM (SELECT DISTINCT o.customer_id, o.order_id {SCOPED}) f
WHERE x.customer_id = f.customer_id AND x.order_id = f.order_id
"""

# How many times the line's pattern delivers up to a day; the offset keeps the division from zero.
_TIMES = "(({} - l.anchor + 400000 * l.step) / l.step)"
_LINES = f"""
due AS (
    SELECT l.customer_id, l.order_line_id, l.order_id, l.product_id, l.quantity,
           l.interval_days AS step, l.anchor_date, l.unscheduled_bottles AS waiting,
           any_value(o.address_id) AS address_id, any_value(o.version) AS order_version,
           any_value(b.station_id) AS station_id, array_agg(d.day ORDER BY d.day) AS days,
           sum({due_quantity("t", "d.day")})::bigint AS bottles
    {SCOPED}
    GROUP BY l.customer_id, l.order_line_id
)
"""
_SHAPES = f"""
shapes AS (
    SELECT l.customer_id, l.order_line_id, any_value(l.anchor) AS anchor,
           max(upper(t.valid)) AS until_before, max(t.first_date) AS last_first,
           (any_value(l.step) IS NOT NULL AND any_value(l.waiting) = 0
            AND (any_value(l.step) = 1 OR bool_and(l.has_anchor))
            AND bool_and(t.product_id = l.product_id AND t.quantity = l.quantity
                         AND t.interval_days = l.step AND t.weekday_quantities IS NULL
                         AND t.change_id IS NULL AND t.address_id = l.address_id
                         AND (t.anchor_date - l.anchor) % l.step = 0)
            AND sum(greatest(0,
                    {_TIMES.format("least(upper(t.valid) - 1, l.last_day)")}
                    - {_TIMES.format("greatest(lower(t.valid), l.first_day) - 1")}))
                = any_value(l.day_count)) IS TRUE AS is_uniform,
           jsonb_agg(jsonb_build_object(
               'first_date', t.first_date, 'until', upper(t.valid), 'product_id', t.product_id,
               'quantity', t.quantity, 'interval_days', t.interval_days,
               'anchor_date', t.anchor_date, 'weekday_quantities', t.weekday_quantities,
               'address_id', t.address_id, 'change_id', t.change_id)
               ORDER BY t.first_date) AS before
    FROM (
        SELECT due.*, days[1] AS first_day, days[cardinality(days)] AS last_day,
               cardinality(days) AS day_count, coalesce(anchor_date, days[1]) AS anchor,
               anchor_date IS NOT NULL AS has_anchor
        FROM due
    ) l
    JOIN order_terms t ON t.customer_id = l.customer_id AND t.order_line_id = l.order_line_id
        AND upper(t.valid) > l.first_day
    GROUP BY l.customer_id, l.order_line_id
)
"""
# One receipt per order; how its customer last chose to be settled, until when it is stopped, and when
# it moves.
_ORDERS = """
receipts AS MATERIALIZED (
    SELECT d.customer_id, d.order_id, uuidv7() AS change_id, c.chosen, c.stopped_until, c.moves_at
    FROM (SELECT DISTINCT customer_id, order_id FROM due) d
    CROSS JOIN LATERAL (
        SELECT (array_agg(c.rule ORDER BY coalesce(c.confirmed_at, c.at) DESC, c.change_id DESC)
                FILTER (WHERE c.kind <> 'move' AND c.rule IN ('period', 'money')))[1] AS chosen,
               max(coalesce(CAST(c.request->>'last_date' AS date), 'infinity'))
                   FILTER (WHERE c.kind <> 'move') AS stopped_until,
               max(c.effective_date) FILTER (WHERE c.kind = 'move') AS moves_at
        FROM order_changes c
        WHERE c.customer_id = d.customer_id AND c.order_id = d.order_id
          AND c.kind IN ('skip', 'pause', 'move') AND c.status = 'applied'
    ) c
), closed AS (
    SELECT p.station_id, range_agg(daterange(p.service_date, p.service_date + 1)) AS days
    FROM plan_days p
    WHERE p.station_id = ANY(CAST(:stations AS uuid[])) AND p.service_date >= :first
      AND (p.state <> 'open' OR p.cutoff_at <= :now
           OR p.service_date = ANY(CAST(:days AS date[])))
    GROUP BY p.station_id
)
"""
# The last delivery of a regular line, then as many more as it lost: all bring the same.
_LAST = "(s.anchor + ((s.until_before - 1 - s.anchor + 400000 * {0}) / {0} - 400000) * {0})"
_RULE = """CASE WHEN CAST(:settle AS text) <> 'as_chosen' THEN CAST(:settle AS text)
                 ELSE coalesce(r.chosen, 'period') END"""

# OFFSET 0: every line is judged once, however often the verdict is named.
_TAKE = f"""
WITH {_LINES}, {_SHAPES}, {_ORDERS}
INSERT INTO withdrawn_lines
    (customer_id, order_line_id, withdrawal_id, change_id, order_id, station_id, days, bottles,
     settle, credit_bottles, credit_fen, until_before, until_after, is_regular, order_version,
     before)
SELECT j.customer_id, j.order_line_id, :id, j.change_id, j.order_id, j.station_id, j.days, j.bottles,
       j.rule, 0, 0, j.until_before, CASE WHEN j.is_regular THEN j.moved_end END, j.is_regular,
       j.order_version, j.before
FROM (
    SELECT m.*, m.is_uniform AND m.rule = 'period' AND m.last_delivery >= m.last_first
                AND (m.stopped_until IS NULL OR m.stopped_until < m.days[1])
                AND (m.moves_at IS NULL OR m.moves_at <= m.days[1])
                AND NOT coalesce(
                    x.days && daterange(m.until_before, greatest(m.until_before, m.moved_end)), false)
                AND NOT EXISTS (
                    SELECT FROM line_phases p
                    WHERE p.customer_id = m.customer_id AND p.order_line_id = m.order_line_id)
                AS is_regular
    FROM (
        SELECT due.*, r.change_id, r.stopped_until, r.moves_at, {_RULE} AS rule, s.until_before, s.last_first,
               s.is_uniform, s.before, {_LAST.format("due.step")} AS last_delivery,
               {_LAST.format("due.step")} + cardinality(due.days) * due.step + 1 AS moved_end
        FROM due
        JOIN shapes s ON s.customer_id = due.customer_id AND s.order_line_id = due.order_line_id
        JOIN receipts r ON r.customer_id = due.customer_id AND r.order_id = due.order_id
    ) m
    LEFT JOIN closed x ON x.station_id = m.station_id
    OFFSET 0
) j
"""

# Of the regular lines: w.days[1] to w.last_day are taken out of the terms that overlap them; what
# lies behind begins with the next delivery; the last term ends later.
_REGULAR = """
    SELECT x.customer_id, x.order_line_id, x.days[1] AS first_day,
           x.days[cardinality(x.days)] AS last_day,
           x.days[cardinality(x.days)] + l.interval_days AS next_day,
           x.until_before, x.until_after
    FROM withdrawn_lines x
    JOIN order_lines l ON l.customer_id = x.customer_id AND l.order_line_id = x.order_line_id
    WHERE x.withdrawal_id = :id AND x.is_regular
"""
_OF_LINE = "t.customer_id = w.customer_id AND t.order_line_id = w.order_line_id"
_NEW_END = "CASE WHEN upper(t.valid) = w.until_before THEN w.until_after ELSE upper(t.valid) END"
_DROP_WHOLE = f"""
DELETE FROM order_terms t USING ({_REGULAR}) w
WHERE {_OF_LINE} AND t.first_date >= w.first_day AND t.first_date <= w.last_day
  AND {_NEW_END} <= w.next_day
"""
_LENGTHEN = f"""
UPDATE order_terms t SET valid = daterange(t.first_date, w.until_after)
FROM ({_REGULAR}) w
WHERE {_OF_LINE} AND t.first_date > w.last_day AND upper(t.valid) = w.until_before
"""
_CUT = f"""
WITH cut AS (
    UPDATE order_terms t
    SET first_date = CASE WHEN t.first_date < w.first_day THEN t.first_date ELSE w.next_day END,
        valid = CASE WHEN t.first_date < w.first_day THEN daterange(t.first_date, w.first_day)
                     ELSE daterange(w.next_day, {_NEW_END}) END
    FROM ({_REGULAR}) w
    WHERE {_OF_LINE} AND t.first_date <= w.last_day AND upper(t.valid) > w.first_day
    RETURNING t.*, old.first_date < w.first_day AS has_front, w.next_day,
              CASE WHEN upper(old.valid) = w.until_before THEN w.until_after
                   ELSE upper(old.valid) END AS until
)
INSERT INTO order_terms
    (customer_id, order_line_id, first_date, valid, product_id, quantity, interval_days,
     anchor_date, weekday_quantities, address_id, address_version_id, change_id)
SELECT customer_id, order_line_id, next_day, daterange(next_day, until), product_id, quantity,
       interval_days, anchor_date, weekday_quantities, address_id, address_version_id, change_id
FROM cut WHERE has_front AND next_day < until
"""

_RECEIPTS = """
INSERT INTO order_changes
    (customer_id, change_id, order_id, kind, status, effective_date, request, preview, rule,
     pay_fen, credit_fen, actor, at)
SELECT w.customer_id, w.change_id, any_value(w.order_id), 'day_withdrawn', 'applied',
       min(w.days[1]),
       jsonb_build_object('kind', 'day_withdrawn', 'reason', CAST(:reason AS text),
                          'withdrawal', CAST(CAST(:id AS uuid) AS text)),
       jsonb_build_object('lines', jsonb_agg(jsonb_build_object(
           'order_line_id', w.order_line_id, 'end_before', w.until_before - 1,
           'end_after', w.until_after - 1, 'credit_fen', w.credit_fen,
           'days_withdrawn', w.days))),
       CASE WHEN bool_or(w.settle = 'money') THEN 'money' ELSE 'period' END, 0,
       sum(w.credit_fen), :actor, :now
FROM withdrawn_lines w
WHERE w.withdrawal_id = :id
GROUP BY w.customer_id, w.change_id
"""

# A renewal that moved behind the line it renews has a new version and another end.
_FOLLOWED = """
UPDATE withdrawn_lines w SET until_after = (
    SELECT max(upper(t.valid)) FROM order_terms t
    WHERE t.customer_id = w.customer_id AND t.order_line_id = w.order_line_id)
FROM order_lines l, orders o
WHERE w.withdrawal_id = :id
  AND l.customer_id = w.customer_id AND l.order_line_id = w.order_line_id
  AND l.renews_line_id IS NOT NULL
  AND o.customer_id = w.customer_id AND o.order_id = w.order_id AND o.version <> w.order_version
"""

_TOTALS = """
SELECT count(*) AS lines, count(DISTINCT customer_id) AS households,
       coalesce(sum(bottles), 0)::bigint AS bottles, coalesce(sum(credit_fen), 0)::bigint AS credit_fen
FROM withdrawn_lines WHERE withdrawal_id = :id
"""


async def take_lines(
    session: AsyncSession, scope: Scope, *, withdrawal_id: UUID, settle: str, now: datetime
) -> None:
    """Lock the orders that are hit, their previews outdated, and write down each line as it is."""
    values = scope.values()
    await session.execute(text(_LOCK_ORDERS), values)
    values |= {"id": withdrawal_id, "settle": settle, "now": now}
    await session.execute(text(_TAKE), values)


async def move_regular(session: AsyncSession, withdrawal_id: UUID) -> None:
    """Take the days out of the regular lines and put as many to their end."""
    for statement in (_DROP_WHOLE, _LENGTHEN, _CUT):
        await session.execute(text(statement), {"id": withdrawal_id})


async def list_irregular(
    session: AsyncSession, withdrawal_id: UUID, *, after: tuple[UUID, UUID] | None, limit: int
) -> list[WithdrawnLine]:
    """Lines that have to be laid out one by one, in order of their keys."""
    query = (
        select(WithdrawnLine)
        .where(WithdrawnLine.withdrawal_id == withdrawal_id, WithdrawnLine.is_regular.is_(False))
        .order_by(WithdrawnLine.customer_id, WithdrawnLine.order_line_id)
        .limit(limit)
    )
    return list(await session.scalars(beyond(query, after)))


async def note_followed(session: AsyncSession, withdrawal_id: UUID) -> None:
    """Write down the ends of lines that moved once more: behind the lines they renew."""
    await session.execute(text(_FOLLOWED), {"id": withdrawal_id})


async def write_receipts(
    session: AsyncSession, withdrawal_id: UUID, *, reason: str, actor: str, now: datetime
) -> None:
    """One change per order: what its customer sees of it."""
    values = {"id": withdrawal_id, "reason": reason, "actor": actor, "now": now}
    await session.execute(text(_RECEIPTS), values)


async def read_totals(session: AsyncSession, withdrawal_id: UUID) -> Row[Any]:
    """Lines, households, bottles and credit (fen) of a withdrawal."""
    return (await session.execute(text(_TOTALS), {"id": withdrawal_id})).one()
