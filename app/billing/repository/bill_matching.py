"""One statement that lays a bill beside our books; run again, it changes nothing.

Both sides of the day are joined by our number at the channel, which for a card payment is that of
its slip, and only where they disagree one looks further: for the number among all of ours, and for
what only we have in the merchant's other bills. Where only the date differs nobody has to act: money
booked late is there, and what fell around midnight is said.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

DAY_BEFORE: Final = "跨零点，渠道记在次日"
BOOKED_LATE: Final = "款项已入账，我方入账日晚于渠道"
AGREED: Final = "双方已相符，自动关闭"

WORK_MEMORY: Final = "64MB"
"""So that a day of a hundred thousand rows is joined in memory."""

_SETTINGS: Final = text(
    "SELECT set_config('work_mem', :memory, true), set_config('jit', 'off', true)"
)
_MATCH: Final = text("""
WITH scope AS MATERIALIZED (
    SELECT b.bill_id, b.channel, b.merchant_account, b.bill_date,
           b.paid_count + b.refund_count AS moving,
           CAST(b.bill_date AS timestamp) AT TIME ZONE :zone AS since,
           CAST(b.bill_date + 1 AS timestamp) AT TIME ZONE :zone AS until
    FROM channel_bills b
    WHERE b.bill_id = :bill AND b.status <> 'waiting'
), ours AS MATERIALIZED (
    SELECT 'payment' AS entry,
           CASE WHEN s.channel = 'pos'
                THEN concat_ws('|', e.pos_slip ->> 'merchant_no', e.pos_slip ->> 'terminal_no',
                               e.pos_slip ->> 'batch_no', e.pos_slip ->> 'trace_no')
                ELSE p.out_trade_no END AS number,
           p.captured_fen AS fen, p.customer_id, p.payment_id AS row_id
    FROM scope s
    JOIN payments p ON p.merchant_account = s.merchant_account AND p.channel = s.channel
     AND p.captured_at >= s.since AND p.captured_at < s.until AND p.status = 'captured'
    LEFT JOIN receipts e
           ON s.channel = 'pos' AND e.customer_id = p.customer_id AND e.payment_id = p.payment_id
    UNION ALL
    SELECT 'refund', r.out_refund_no, r.amount_fen, r.customer_id, r.refund_id
    FROM scope s
    JOIN refunds r ON r.asked_at >= s.since AND r.asked_at < s.until AND r.to_origin
     AND r.status IN ('processing', 'abnormal', 'succeeded')
    JOIN payments p ON p.customer_id = r.customer_id AND p.payment_id = r.payment_id
     AND p.merchant_account = s.merchant_account AND p.channel = s.channel
), disagreeing AS MATERIALIZED (
    SELECT s.*, coalesce(l.entry, o.entry) AS entry, coalesce(l.number, o.number) AS number,
           l.amount_fen AS theirs_fen, o.fen AS ours_fen, o.customer_id, o.row_id
    FROM (
        SELECT n.entry, n.number, n.amount_fen
        FROM scope b
        JOIN channel_bill_lines n ON n.bill_id = b.bill_id AND n.moves_money
    ) l
    FULL JOIN ours o ON o.number = l.number AND o.entry = l.entry
    CROSS JOIN scope s
    WHERE l.amount_fen IS DISTINCT FROM o.fen
), theirs AS MATERIALIZED (
    SELECT f.*, CASE
        WHEN f.ours_fen IS NULL THEN 'only_theirs'
        WHEN f.ours_fen <> f.theirs_fen THEN 'amount_differs'
        WHEN f.ours_date <> f.bill_date THEN 'date_differs'
    END AS kind
    FROM (
        SELECT d.bill_id, d.bill_date, d.entry, d.number, d.theirs_fen, n.fen AS ours_fen,
               CAST(n.at AT TIME ZONE :zone AS date) AS ours_date, n.customer_id, n.row_id
        FROM disagreeing d
        LEFT JOIN LATERAL (
            SELECT CASE WHEN p.status = 'captured' THEN p.captured_fen
                        WHEN r.status IN ('submitted', 'processing', 'abnormal', 'succeeded')
                        THEN r.amount_fen END AS fen,
                   coalesce(p.captured_at, r.asked_at) AS at,
                   coalesce(p.customer_id, r.customer_id) AS customer_id,
                   coalesce(p.payment_id, r.refund_id) AS row_id
            FROM channel_numbers c
            LEFT JOIN payments p
                   ON c.kind = 'payment' AND p.customer_id = c.customer_id
                  AND p.payment_id = c.row_id AND p.merchant_account = d.merchant_account
            LEFT JOIN refunds r
                   ON c.kind = 'refund' AND r.customer_id = c.customer_id
                  AND r.refund_id = c.row_id AND r.asked_at IS NOT NULL
            WHERE c.channel = d.channel AND c.number = d.number AND c.kind = d.entry
            OFFSET 0
        ) n ON true
        WHERE d.theirs_fen IS NOT NULL
    ) f
), differing AS MATERIALIZED (
    SELECT t.bill_id, t.entry, t.number, t.kind, t.theirs_fen, t.ours_fen,
           CASE WHEN t.ours_fen IS NOT NULL THEN t.ours_date END AS ours_date,
           t.customer_id, t.row_id,
           CASE WHEN t.kind = 'date_differs' THEN t.ours_date - t.bill_date END AS days_late
    FROM theirs t
    WHERE t.kind IS NOT NULL
    UNION ALL
    SELECT o.bill_id, o.entry, o.number, 'only_ours', NULL, o.ours_fen, o.bill_date, o.customer_id,
           o.row_id, NULL
    FROM disagreeing o
    LEFT JOIN LATERAL (
        SELECT true AS is_there
        FROM channel_bill_lines l
        JOIN channel_bills b ON b.bill_id = l.bill_id
        WHERE l.number = o.number AND l.entry = o.entry AND l.moves_money
          AND b.channel = o.channel AND b.merchant_account = o.merchant_account
        LIMIT 1
    ) elsewhere ON true
    WHERE o.theirs_fen IS NULL AND elsewhere.is_there IS NULL
), told AS (
    INSERT INTO channel_bill_differences AS d (difference_id, bill_id, entry, number, kind,
        theirs_fen, ours_fen, ours_date, customer_id, row_id, state, reason, moved_at, opened_at)
    SELECT uuidv7(), f.bill_id, f.entry, f.number, f.kind, f.theirs_fen, f.ours_fen, f.ours_date,
           f.customer_id, f.row_id,
           CASE WHEN f.days_late > 0 THEN 'resolved' WHEN f.days_late = -1 THEN 'explained'
                ELSE 'open' END,
           CASE WHEN f.days_late > 0 THEN :booked_late WHEN f.days_late = -1 THEN :day_before END,
           :now, :now
    FROM differing f
    ON CONFLICT (bill_id, entry, number) DO UPDATE
    SET kind = excluded.kind, theirs_fen = excluded.theirs_fen, ours_fen = excluded.ours_fen,
        ours_date = excluded.ours_date, customer_id = excluded.customer_id,
        row_id = excluded.row_id, state = excluded.state, reason = excluded.reason,
        settled_by = NULL, moved_at = excluded.moved_at, ended_at = NULL
    WHERE d.ended_at IS NOT NULL
       OR (d.kind, d.theirs_fen, d.ours_fen, d.ours_date)
          IS DISTINCT FROM (excluded.kind, excluded.theirs_fen, excluded.ours_fen,
                            excluded.ours_date)
    RETURNING d.difference_id, d.kind, d.state, d.reason
), ended AS (
    UPDATE channel_bill_differences d
    SET state = 'resolved', reason = :agreed, settled_by = NULL, moved_at = :now, ended_at = :now
    FROM scope s
    WHERE d.bill_id = s.bill_id AND d.ended_at IS NULL
      AND NOT EXISTS (
          SELECT FROM differing f
          WHERE f.bill_id = d.bill_id AND f.entry = d.entry AND f.number = d.number
      )
    RETURNING d.difference_id, d.kind, d.state, d.reason
), noted AS (
    INSERT INTO channel_bill_difference_moves
        (move_id, difference_id, kind, state, reason, moved_at)
    SELECT uuidv7(), m.difference_id, m.kind, m.state, m.reason, :now
    FROM (SELECT * FROM told UNION ALL SELECT * FROM ended) m
), summed AS (
    UPDATE channel_bills b
    SET matched_at = :now, matched_count = s.moving - t.differing,
        ours_paid_fen = coalesce(o.paid, 0), ours_refunded_fen = coalesce(o.refunded, 0)
    FROM scope s
    CROSS JOIN (SELECT count(kind) AS differing FROM theirs) t
    CROSS JOIN (
        SELECT sum(fen) FILTER (WHERE entry = 'payment') AS paid,
               sum(fen) FILTER (WHERE entry = 'refund') AS refunded
        FROM ours
    ) o
    WHERE b.bill_id = s.bill_id
    RETURNING b.matched_count
)
SELECT coalesce((SELECT matched_count FROM summed), 0) AS matched,
       (SELECT count(*) FROM told) AS told, (SELECT count(*) FROM ended) AS ended
""")


@dataclass(frozen=True, slots=True)
class Matched:
    """What a matching did: lines that agree, differences new or changed, and those that ended."""

    lines: int
    told: int
    ended: int


async def match_bill(session: AsyncSession, bill_id: UUID, *, now: datetime, zone: str) -> Matched:
    """Lay a bill beside our books; it must be locked by this transaction."""
    reasons = {"day_before": DAY_BEFORE, "booked_late": BOOKED_LATE, "agreed": AGREED}
    told = {"bill": bill_id, "now": now, "zone": zone}
    await session.execute(_SETTINGS, {"memory": WORK_MEMORY})
    row = (await session.execute(_MATCH, told | reasons)).one()
    return Matched(row.matched, row.told, row.ended)
