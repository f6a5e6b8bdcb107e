"""Where cash stands: per deliverer, per station, and whose money is still in a deliverer's hand."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.billing.repository.cash import HOMES
from app.billing.repository.cash_days import KIND_OF_MOVE
from app.core.ids import HOUSE

After = tuple[int, UUID, UUID]
"""Held fen, id, and for customers the deliverer's id (else HOUSE) of the last row before a page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DelivererStanding:
    """One deliverer's cash in fen: collected + float - handed in - paid out - short = held.

    Due at his next hand-in is what he holds beside the float.
    """

    deliverer_id: UUID
    name: str
    station_id: UUID | None
    collected_fen: int
    handed_in_fen: int
    paid_out_fen: int
    short_fen: int
    float_fen: int
    due_fen: int
    held_fen: int
    last_hand_in_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StationStanding:
    """One station's cash in fen: handed in - deposited - floats - remitted = held.

    Beside it what is still outside, floats with it.
    """

    station_id: UUID
    name: str
    handed_in_fen: int
    deposited_fen: int
    floats_fen: int
    remitted_fen: int
    difference_fen: int
    held_fen: int
    with_deliverers_fen: int
    last_closed_date: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerStanding:
    """A customer's cash that a deliverer took and has not handed in; oldest money goes in first."""

    customer_id: UUID
    deliverer_id: UUID
    deliverer_name: str
    station_id: UUID | None
    collected_fen: int
    held_fen: int
    oldest_at: datetime


_HELD: Final = f"""
SELECT h.id, h.name, h.station_id, c.*
FROM ({HOMES}) h
CROSS JOIN LATERAL (
    SELECT sum(m.fen) FILTER (WHERE m.kind = 'in') AS collected_fen,
           -sum(m.fen) FILTER (WHERE m.kind LIKE 'cash\\_handed\\_in%') AS handed_in_fen,
           -sum(m.fen) FILTER (WHERE m.kind LIKE 'cash\\_shortage%') AS short_fen,
           -sum(m.fen) FILTER (WHERE m.kind = 'out') AS paid_out_fen,
           coalesce(sum(m.fen) FILTER (WHERE m.kind = 'float'), 0)::bigint AS float_fen,
           sum(m.fen)::bigint AS held_fen
    FROM (
        SELECT t.amount_fen AS fen,
               CASE WHEN t.cause = 'cash_float_given' THEN 'float'
                    WHEN t.cause LIKE '%\\_cancelled' THEN t.cause ELSE 'in' END AS kind
        FROM ledger_transfers t
        WHERE t.debit_account = 'cash:' || h.id AND t.debit_account LIKE 'cash:%'
        UNION ALL
        SELECT -t.amount_fen,
               CASE WHEN t.cause IN ('cash_handed_in', 'cash_shortage') THEN t.cause
                    WHEN t.cause = 'cash_float_returned' THEN 'float' ELSE 'out' END
        FROM ledger_transfers t
        WHERE t.credit_account = 'cash:' || h.id AND t.credit_account LIKE 'cash:%'
    ) m
) c
WHERE c.held_fen IS NOT NULL
"""
"""Deliverers who ever held cash, by the indexes of their accounts."""

_KEPT: Final = f"""
SELECT m.station_id, m.booked_date, sum(m.fen)::bigint AS fen
FROM (
    SELECT h.station_id, t.booked_date, t.amount_fen AS fen
    FROM ledger_transfers t JOIN ({HOMES}) h ON t.debit_account = 'cash:' || h.id
    WHERE t.booked_date BETWEEN :first AND :today AND t.debit_account LIKE 'cash:%'
      AND t.cause NOT LIKE '%\\_cancelled' AND t.cause <> 'cash_float_given'
    UNION ALL
    SELECT h.station_id, t.booked_date, -t.amount_fen
    FROM ledger_transfers t JOIN ({HOMES}) h ON t.credit_account = 'cash:' || h.id
    WHERE t.booked_date BETWEEN :first AND :today AND t.credit_account LIKE 'cash:%'
      AND t.cause NOT IN ('cash_handed_in', 'cash_shortage', 'cash_float_returned')
    UNION ALL
    SELECT t.reference_id, t.booked_date,
           CASE 'cash:station:' || t.reference_id WHEN t.debit_account THEN t.amount_fen
                WHEN t.credit_account THEN -t.amount_fen ELSE 0 END
    FROM ledger_transfers t
    WHERE t.customer_id = :house AND t.booked_date BETWEEN :first AND :today
      AND (t.cause LIKE 'cash\\_banked%' OR t.cause LIKE 'cash\\_remitted%')
) m
WHERE m.station_id = ANY(:stations)
GROUP BY m.station_id, m.booked_date
"""
"""Cash taken and not paid out again, less what reached bank or office; what is short stays in it."""

_BY_DELIVERER: Final = f"""
SELECT h.id AS deliverer_id, h.name, h.station_id,
       coalesce(h.collected_fen, 0)::bigint AS collected_fen,
       coalesce(h.handed_in_fen, 0)::bigint AS handed_in_fen,
       coalesce(h.paid_out_fen, 0)::bigint AS paid_out_fen,
       coalesce(h.short_fen, 0)::bigint AS short_fen,
       h.float_fen, h.held_fen - h.float_fen AS due_fen, h.held_fen,
       (SELECT max(n.counted_at) FROM cash_hand_ins n
        WHERE n.deliverer_id = h.id AND n.state = 'booked') AS last_hand_in_at
FROM ({_HELD}) h
WHERE (CAST(:station_id AS uuid) IS NULL OR h.station_id = :station_id)
  AND (CAST(:held AS bigint) IS NULL OR h.held_fen < :held
       OR h.held_fen = :held AND h.id > CAST(:last AS uuid))
ORDER BY h.held_fen DESC, h.id LIMIT :limit
"""

_BY_STATION: Final = f"""
WITH outside AS MATERIALIZED (
    SELECT h.station_id, sum(h.held_fen) AS fen
    FROM ({_HELD}) h
    WHERE CAST(:station_id AS uuid) IS NULL OR h.station_id = :station_id
    GROUP BY h.station_id
)
SELECT s.id AS station_id, s.name, m.handed_in_fen, m.deposited_fen, m.floats_fen,
       m.remitted_fen, m.difference_fen, m.held_fen,
       coalesce(o.fen, 0)::bigint AS with_deliverers_fen,
       (SELECT max(d.business_date) FROM cash_days d
        WHERE d.station_id = s.id AND d.state = 'closed') AS last_closed_date
FROM stations s
LEFT JOIN outside o ON o.station_id = s.id
CROSS JOIN LATERAL (
    SELECT coalesce(sum(x.fen) FILTER (WHERE x.kind = 'hand_in'), 0)::bigint AS handed_in_fen,
           coalesce(-sum(x.fen) FILTER (WHERE x.kind = 'bank'), 0)::bigint AS deposited_fen,
           coalesce(-sum(x.fen) FILTER (WHERE x.kind = 'float'), 0)::bigint AS floats_fen,
           coalesce(-sum(x.fen) FILTER (WHERE x.kind = 'office'), 0)::bigint AS remitted_fen,
           coalesce(sum(x.difference), 0)::bigint AS difference_fen,
           coalesce(sum(x.fen), 0)::bigint AS held_fen
    FROM (
        SELECT {KIND_OF_MOVE} AS kind,
               CASE 'cash:station:' || s.id WHEN t.debit_account THEN t.amount_fen
                    WHEN t.credit_account THEN -t.amount_fen ELSE 0 END AS fen,
               CASE 'cash_difference' WHEN t.credit_account THEN t.amount_fen
                    WHEN t.debit_account THEN -t.amount_fen ELSE 0 END AS difference
        FROM ledger_transfers t WHERE t.customer_id = :house AND t.reference_id = s.id
    ) x
) m
WHERE (CAST(:station_id AS uuid) IS NULL OR s.id = :station_id)
  AND (CAST(:held AS bigint) IS NULL OR m.held_fen < :held
       OR m.held_fen = :held AND s.id > CAST(:last AS uuid))
ORDER BY m.held_fen DESC, s.id LIMIT :limit
"""

_BY_CUSTOMER: Final = f"""
WITH hands AS MATERIALIZED (
    SELECT h.id, h.name, h.station_id, h.held_fen - h.float_fen AS held_fen
    FROM ({_HELD}) h
    WHERE h.held_fen > h.float_fen AND (CAST(:station_id AS uuid) IS NULL OR h.station_id = :station_id)
), taken AS (
    SELECT h.id, h.name, h.station_id, h.held_fen, r.customer_id, r.amount_fen, r.collected_at,
           sum(r.amount_fen) OVER (PARTITION BY h.id
               ORDER BY r.collected_at DESC, r.payment_id DESC) - r.amount_fen AS newer_fen
    FROM hands h JOIN receipts r ON r.collector_id = h.id AND r.pos_slip IS NULL
), open AS (
    SELECT t.customer_id, t.id AS deliverer_id, t.name AS deliverer_name, t.station_id,
           sum(t.amount_fen)::bigint AS collected_fen,
           sum(least(t.amount_fen, t.held_fen - t.newer_fen))::bigint AS held_fen,
           min(t.collected_at) AS oldest_at
    FROM taken t WHERE t.newer_fen < t.held_fen
    GROUP BY t.customer_id, t.id, t.name, t.station_id
)
SELECT o.* FROM open o
WHERE (CAST(:held AS bigint) IS NULL OR o.held_fen < :held
       OR o.held_fen = :held
          AND (o.customer_id, o.deliverer_id) > (CAST(:last AS uuid), CAST(:second AS uuid)))
ORDER BY o.held_fen DESC, o.customer_id, o.deliverer_id LIMIT :limit
"""


def _facts(
    station_id: UUID | None, after: After | None, limit: int, **more: object
) -> dict[str, Any]:
    held, last, second = after or (None, None, None)
    facts = {"station_id": station_id, "held": held, "last": last, "limit": limit}
    return facts | more | ({"second": second} if "second" in more else {})


async def list_deliverers(
    session: AsyncSession, *, station_id: UUID | None, today: date, after: After | None, limit: int
) -> list[DelivererStanding]:
    """Deliverers who ever held cash, most first."""
    found = await session.execute(
        text(_BY_DELIVERER), _facts(station_id, after, limit, today=today)
    )
    return [DelivererStanding(**row) for row in found.mappings()]


async def list_stations(
    session: AsyncSession, *, station_id: UUID | None, today: date, after: After | None, limit: int
) -> list[StationStanding]:
    """Stations, most cash first."""
    found = await session.execute(
        text(_BY_STATION), _facts(station_id, after, limit, today=today, house=HOUSE)
    )
    return [StationStanding(**row) for row in found.mappings()]


async def list_customers(
    session: AsyncSession, *, station_id: UUID | None, today: date, after: After | None, limit: int
) -> list[CustomerStanding]:
    """Customers whose cash is still in a deliverer's hand, most first."""
    found = await session.execute(
        text(_BY_CUSTOMER), _facts(station_id, after, limit, today=today, second=None)
    )
    return [CustomerStanding(**row) for row in found.mappings()]


async def list_kept(
    session: AsyncSession, *, stations: Collection[UUID], first: date, last: date
) -> list[tuple[UUID, date, int]]:
    """Station, date and fen of cash that its deliverers took and that reached neither bank nor office.

    Below zero where more was brought than taken. A deliverer counts where he belongs on the last day.
    """
    found = await session.execute(
        text(_KEPT),
        {"stations": list(stations), "first": first, "today": last, "house": HOUSE},
    )
    return [(row.station_id, row.booked_date, row.fen) for row in found]
