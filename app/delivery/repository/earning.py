"""SQL of revenue: what lines have earned with their bottles, and its way from `prepaid`.

The first k of n bottles bought for a price are worth `price * k // n` (ADR 2), product by product;
what a line gave up was taken from the back, gifts come last and are worth nothing. Make-ups and
dated gifts (delivery numbers above 0) earn nothing. Once its order is over and nothing is planned
any more, a line has earned all it kept: what a settlement left, bottles nobody was there to take.

`line_earnings` remembers what is booked; one transaction at a time writes it (`lock_revenue`).
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Result, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.delivery.repository.planning import end_bulk_work, prepare_bulk_work

_REVENUE_LOCK: Final = 7_300_721

# Bottles of a date are added to those counted before. A customer with doors in two stations is
# posted with the first of them, so that a date has one transfer.
_COUNT_DAY: Final = """
came AS (
    SELECT d.customer_id, d.order_line_id, d.product_id, d.bottles + coalesce(e.bottles, 0) AS k,
           coalesce(e.earned_fen, 0) AS before_fen, e.customer_id IS NOT NULL AS is_known,
           CAST(:day AS date) AS through_date
    FROM (
        SELECT v.customer_id, v.order_line_id, v.product_id,
               sum(CASE v.delivery_no WHEN 0 THEN v.quantity_delivered ELSE 0 END) AS bottles
        FROM deliveries v
        WHERE v.service_date = :day {scope}
        GROUP BY v.customer_id, v.order_line_id, v.product_id
    ) d
    LEFT JOIN line_earnings e ON e.customer_id = d.customer_id
        AND e.order_line_id = d.order_line_id AND e.product_id = d.product_id
    WHERE e.through_date IS NULL OR e.through_date < :day
)
"""
_IN_BLOCKS: Final = """
AND v.customer_id IN (SELECT b.customer_id FROM deliveries b
                      WHERE b.service_date = :day AND b.block_id = ANY(:blocks))
"""

# Lines of which something became known are counted anew, so looking twice changes nothing.
_COUNT_ANEW: Final = """
touched AS (
    SELECT t.customer_id, t.order_line_id, max(t.through_date) AS through_date
    FROM (
        SELECT v.customer_id, v.order_line_id, v.service_date AS through_date
        FROM deliveries v
        WHERE v.recorded_at >= :since AND v.service_date BETWEEN :first AND :last
        UNION ALL
        SELECT n.customer_id, n.order_line_id, NULL
        FROM entitlement_entries n WHERE n.at >= :since
        UNION ALL
        SELECT o.customer_id, l.order_line_id, NULL
        FROM orders o JOIN order_lines l ON l.customer_id = o.customer_id
            AND l.order_id = o.order_id
        WHERE o.ended_at >= :since AND o.status IN ('completed', 'cancelled')
    ) t
    GROUP BY t.customer_id, t.order_line_id
), counted AS (
    SELECT t.customer_id, t.order_line_id, greatest(t.through_date, e.through_date) AS through_date
    FROM touched t
    LEFT JOIN LATERAL (
        SELECT max(x.through_date) AS through_date FROM line_earnings x
        WHERE x.customer_id = t.customer_id AND x.order_line_id = t.order_line_id
    ) e ON true
    WHERE greatest(t.through_date, e.through_date) IS NOT NULL
), came AS (
    SELECT c.customer_id, c.order_line_id, d.product_id, d.k, coalesce(e.earned_fen, 0) AS before_fen,
           e.customer_id IS NOT NULL AS is_known, c.through_date
    FROM counted c
    CROSS JOIN LATERAL (
        SELECT v.product_id,
               sum(CASE v.delivery_no WHEN 0 THEN v.quantity_delivered ELSE 0 END) AS k
        FROM deliveries v
        WHERE v.customer_id = c.customer_id AND v.order_line_id = c.order_line_id
          AND v.service_date <= c.through_date
        GROUP BY v.product_id
    ) d
    LEFT JOIN line_earnings e ON e.customer_id = c.customer_id
        AND e.order_line_id = c.order_line_id AND e.product_id = d.product_id
)
"""

# The lots of one product of a line, as `app/orders/changes/purses.py` reads them: a stack, of which
# as much is left of a lot as the stack was never lower than afterwards.
_WORTH: Final = """
SELECT sum(div(s.value_fen * greatest(0, least(s.left_over, c.k - s.before)), s.bottles))::bigint
FROM (
    SELECT r.bottles, r.value_fen, r.left_over,
           sum(r.left_over) OVER (ORDER BY r.entry_id) - r.left_over AS before
    FROM (
        SELECT h.entry_id, h.bottles, h.value_fen, h.sign,
               greatest(0, least(h.bottles, min(h.height) OVER (ORDER BY h.entry_id
                   ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) - h.height + h.bottles))
                   AS left_over
        FROM (
            SELECT g.*, sum(g.sign * g.bottles) OVER (ORDER BY g.entry_id) AS height
            FROM (
                SELECT n.entry_id, n.bottles, n.value_fen,
                       CASE WHEN n.kind NOT IN ({taken})
                            THEN CASE WHEN n.value_fen > 0 OR n.kind NOT IN ('gift', 'swapped_in')
                                      THEN 1 ELSE 0 END
                            WHEN n.value_fen = 0 AND n.bottles <= sum(
                                CASE WHEN n.value_fen > 0 THEN 0
                                     WHEN n.kind IN ({taken}) THEN -n.bottles
                                     WHEN n.kind IN ('gift', 'swapped_in') THEN n.bottles ELSE 0 END
                            ) OVER (ORDER BY n.entry_id
                                    ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
                            THEN 0 ELSE -1 END AS sign
                FROM entitlement_entries n
                WHERE n.customer_id = c.customer_id AND n.order_line_id = c.order_line_id
                  AND coalesce(n.product_id, l.product_id) = c.product_id
                  AND (n.kind <> 'gift' OR n.cause_id IS NULL
                       OR EXISTS (SELECT FROM order_changes q WHERE q.customer_id = n.customer_id
                                    AND q.change_id = n.cause_id))
            ) g
            WHERE g.sign <> 0
        ) h
    ) r
    WHERE r.sign > 0
) s
"""
_TAKEN: Final = "'swapped_out', 'transferred_out', 'credited', 'refunded', 'forfeited'"

_POST: Final = f"""
WITH {{count}}, valued AS (
    SELECT c.*, o.status IN ('completed', 'cancelled') AND NOT EXISTS (
               SELECT FROM deliveries f
               WHERE f.customer_id = c.customer_id AND f.order_line_id = c.order_line_id
                 AND f.service_date > c.through_date AND f.status = 'planned') AS is_over,
           CASE WHEN EXISTS (
                    SELECT FROM entitlement_entries m
                    WHERE m.customer_id = c.customer_id AND m.order_line_id = c.order_line_id
                      AND m.kind NOT IN ('bought', 'opening', 'gift'))
                THEN coalesce(({_WORTH.replace("{taken}", _TAKEN)}), 0)
                WHEN c.product_id = l.product_id
                THEN l.paid_fen * least(c.k, l.bottles_bought) / l.bottles_bought
                ELSE 0 END AS worth_fen
    FROM came c
    JOIN order_lines l ON l.customer_id = c.customer_id AND l.order_line_id = c.order_line_id
    JOIN orders o ON o.customer_id = l.customer_id AND o.order_id = l.order_id
), earned AS (
    SELECT v.customer_id, v.order_line_id, v.product_id, v.k, v.through_date, v.before_fen,
           v.is_known, v.worth_fen AS fen
    FROM valued v WHERE v.is_over IS NOT TRUE
    UNION ALL
    SELECT v.customer_id, v.order_line_id, v.product_id, v.k, v.through_date, v.before_fen,
           v.is_known,
           CASE WHEN v.product_id <> v.products[1] THEN 0
                ELSE (SELECT coalesce(sum(CASE WHEN n.kind IN ({_TAKEN}) THEN -n.value_fen
                                               ELSE n.value_fen END), 0)
                      FROM entitlement_entries n
                      WHERE n.customer_id = v.customer_id AND n.order_line_id = v.order_line_id)
                   - (SELECT coalesce(sum(x.earned_fen), 0) FROM line_earnings x
                      WHERE x.customer_id = v.customer_id AND x.order_line_id = v.order_line_id
                        AND x.product_id <> ALL (v.products))
           END::bigint
    FROM (SELECT o.*, array_agg(o.product_id) OVER (PARTITION BY o.customer_id, o.order_line_id)
                 AS products
          FROM valued o WHERE o.is_over) v
), raised AS (
    UPDATE line_earnings x
    SET bottles = e.k, earned_fen = e.fen, through_date = e.through_date
    FROM earned e
    WHERE e.is_known AND x.customer_id = e.customer_id AND x.order_line_id = e.order_line_id
      AND x.product_id = e.product_id
      AND (x.bottles, x.earned_fen, x.through_date)
          IS DISTINCT FROM (e.k, e.fen, e.through_date)
), added AS (
    INSERT INTO line_earnings
        (customer_id, order_line_id, product_id, bottles, earned_fen, through_date)
    SELECT e.customer_id, e.order_line_id, e.product_id, e.k, e.fen, e.through_date
    FROM earned e WHERE NOT e.is_known
    ORDER BY e.customer_id
), booked AS (
    INSERT INTO ledger_transfers
        (customer_id, booked_date, transfer_id, debit_account, credit_account, amount_fen, cause,
         reference_id, source_id, booked_at)
    SELECT e.customer_id, CAST(:today AS date), CAST(:transfer_id AS uuid),
           CASE WHEN e.fen > 0 THEN 'prepaid' ELSE 'revenue' END,
           CASE WHEN e.fen > 0 THEN 'revenue' ELSE 'prepaid' END,
           abs(e.fen), CAST(:cause AS text), CAST(:reference_id AS uuid),
           CAST(:reference_id AS uuid), CAST(:now AS timestamptz)
    FROM (SELECT customer_id, sum(fen - before_fen)::bigint AS fen FROM earned
          GROUP BY customer_id) e
    WHERE e.fen <> 0
    ORDER BY e.customer_id
    RETURNING CASE debit_account WHEN 'prepaid' THEN amount_fen ELSE -amount_fen END AS fen
)
SELECT count(*)::int AS customers, coalesce(sum(fen), 0)::bigint AS revenue_fen FROM booked
"""
_DAY_OF_BLOCKS: Final = text(_POST.format(count=_COUNT_DAY.format(scope=_IN_BLOCKS)))
_DAY_OF_ALL: Final = text(_POST.format(count=_COUNT_DAY.format(scope="")))
_CORRECTIONS: Final = text(_POST.format(count=_COUNT_ANEW))

_DUE: Final = text("""
SELECT r.service_date, r.station_id, array_agg(r.block_id) AS blocks,
       sum(r.stops)::int AS stops
FROM route_sheets r
WHERE r.service_date <= :until
  AND NOT EXISTS (SELECT FROM revenue_days p
                  WHERE p.station_id = r.station_id AND p.service_date = r.service_date)
GROUP BY r.service_date, r.station_id
ORDER BY r.service_date, r.station_id
""")
_NOTE_DAYS: Final = text("""
INSERT INTO revenue_days (station_id, service_date, posted_at)
SELECT s, :day, :now FROM unnest(CAST(:stations AS uuid[])) s ON CONFLICT DO NOTHING
""")
_NOTE_CHECK: Final = text("""
INSERT INTO revenue_checks (checked_at, customers, revenue_fen)
VALUES (:now, :customers, :revenue_fen) ON CONFLICT DO NOTHING
""")


@dataclass(frozen=True, slots=True)
class Booking:
    """How many customers a run booked something for, and how much in all, in fen."""

    customers: int
    revenue_fen: int


@dataclass(frozen=True, slots=True)
class DueDay:
    """A station's service date that is not posted yet, with the blocks that had a round."""

    service_date: date
    station_id: UUID
    blocks: list[UUID]
    stops: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """How a run books: on which date, under which id and cause, about what."""

    transfer_id: UUID
    reference_id: UUID
    cause: str
    today: date
    now: datetime


async def lock_revenue(session: AsyncSession) -> None:
    """Let one transaction at a time post revenue, until it ends."""
    await session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _REVENUE_LOCK})


async def list_due_days(session: AsyncSession, *, until: date) -> list[DueDay]:
    """Days not posted up to a date, the oldest first."""
    rows = await session.execute(_DUE, {"until": until})
    return [DueDay(*row) for row in rows]


async def count_stops(session: AsyncSession, *, day: date) -> int:
    """How many stops the rounds of a date have in all."""
    found: int = await session.scalar(
        text("SELECT coalesce(sum(stops), 0)::int FROM route_sheets WHERE service_date = :day"),
        {"day": day},
    )
    return found


async def post_day(
    session: AsyncSession, *, day: date, blocks: Collection[UUID] | None, entry: Entry
) -> Booking:
    """Book what a date's bottles earned, in some blocks or in all; a second time nothing."""
    facts = _facts(entry) | {"day": day}
    await prepare_bulk_work(session)
    if blocks is None:
        result = await session.execute(_DAY_OF_ALL, facts)
    else:
        result = await session.execute(_DAY_OF_BLOCKS, facts | {"blocks": list(blocks)})
    await end_bulk_work(session)
    return _booking(result)


async def post_corrections(
    session: AsyncSession, *, since: datetime, first: date, last: date, entry: Entry
) -> Booking:
    """Book the difference that lines make of which something became known since then.

    Reports of doors are looked for on the service dates from `first` to `last`.
    """
    facts = _facts(entry) | {"since": since, "first": first, "last": last}
    return _booking(await session.execute(_CORRECTIONS, facts))


async def note_days(
    session: AsyncSession, *, day: date, stations: Collection[UUID], now: datetime
) -> None:
    """Remember that some stations' date is posted."""
    facts = {"stations": list(stations), "day": day, "now": now}
    await session.execute(_NOTE_DAYS, facts)


async def note_check(session: AsyncSession, booking: Booking, *, now: datetime) -> None:
    """Remember until when corrections were looked for."""
    await session.execute(
        _NOTE_CHECK,
        {"now": now, "customers": booking.customers, "revenue_fen": booking.revenue_fen},
    )


async def last_check(session: AsyncSession) -> datetime | None:
    """Until when corrections were looked for; None before the first time."""
    found: datetime | None = await session.scalar(
        text("SELECT max(checked_at) FROM revenue_checks")
    )
    return found


async def last_posted_date(session: AsyncSession) -> date | None:
    """The latest service date any station has posted."""
    found: date | None = await session.scalar(text("SELECT max(service_date) FROM revenue_days"))
    return found


def _facts(entry: Entry) -> dict[str, object]:
    return {
        "transfer_id": entry.transfer_id,
        "reference_id": entry.reference_id,
        "cause": entry.cause,
        "today": entry.today,
        "now": entry.now,
    }


def _booking(result: Result[Any]) -> Booking:
    row = result.one()
    return Booking(row.customers, row.revenue_fen)
