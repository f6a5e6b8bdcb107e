"""SQL of what is owed in milk: `prepaid` to the end of a date, by station and age.

Money is prepaid for an order (or a change of one) and known by its reference; revenue is booked per
customer and date. So a customer's revenue is taken from his oldest order first, as what was given
back of an order is from that order. Every fen of `prepaid` lands in one row: what revenue took
beyond all orders stands, below zero, at the newest.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import OPERATOR_ZONE
from app.delivery.repository.planning import end_bulk_work, prepare_bulk_work
from app.delivery.settlement_models import CustodyPolicy

_OWED: Final = text("""
WITH sides AS (
    SELECT t.customer_id,
           CASE WHEN 'revenue' IN (t.debit_account, t.credit_account) THEN NULL
                ELSE t.reference_id END AS reference_id,
           sum(CASE t.credit_account WHEN 'prepaid' THEN t.amount_fen ELSE -t.amount_fen END) AS fen,
           min(t.booked_date) FILTER (WHERE t.credit_account = 'prepaid') AS since
    FROM ledger_transfers t
    WHERE t.booked_date <= :until AND (t.debit_account = 'prepaid' OR t.credit_account = 'prepaid')
    GROUP BY 1, 2
), paid AS (
    SELECT s.customer_id, coalesce(c.order_id, s.reference_id) AS order_id, sum(s.fen) AS fen,
           min(s.since) AS since
    FROM sides s
    LEFT JOIN order_changes c ON c.customer_id = s.customer_id AND c.change_id = s.reference_id
    GROUP BY 1, 2
), items AS (
    SELECT p.customer_id, p.order_id, o.address_id, greatest(p.fen, 0) AS fen,
           -least(p.fen, 0) AS taken,
           least((o.paid_at AT TIME ZONE :zone)::date, p.since) AS paid_date
    FROM paid p
    LEFT JOIN orders o ON o.customer_id = p.customer_id AND o.order_id = p.order_id
), walked AS (
    SELECT i.*,
           sum(i.fen) OVER by_age - sum(i.taken) OVER (PARTITION BY i.customer_id) AS rest,
           lead(1) OVER (PARTITION BY i.customer_id
                         ORDER BY i.paid_date NULLS FIRST, i.order_id NULLS FIRST) IS NULL AS is_last
    FROM items i
    WINDOW by_age AS (PARTITION BY i.customer_id
                      ORDER BY i.paid_date NULLS FIRST, i.order_id NULLS FIRST
                      ROWS UNBOUNDED PRECEDING)
), owed AS (
    SELECT w.customer_id, w.order_id, w.address_id, :until - w.paid_date AS days,
           CASE WHEN w.is_last THEN least(w.fen, w.rest)
                ELSE greatest(0, least(w.fen, w.rest)) END AS fen
    FROM walked w
), moved AS (
    SELECT DISTINCT ON (c.customer_id, c.order_id) c.customer_id, c.order_id,
           CAST(c.request->>'address_id' AS uuid) AS address_id
    FROM order_changes c
    WHERE c.kind = 'move' AND c.status = 'applied' AND c.effective_date <= :until
    ORDER BY c.customer_id, c.order_id, c.effective_date DESC, c.change_id DESC
)
SELECT b.station_id,
       coalesce(sum(w.fen) FILTER (WHERE w.days <= 30), 0)::bigint AS to_30_fen,
       coalesce(sum(w.fen) FILTER (WHERE w.days BETWEEN 31 AND 90), 0)::bigint AS to_90_fen,
       coalesce(sum(w.fen) FILTER (WHERE w.days BETWEEN 91 AND 180), 0)::bigint AS to_180_fen,
       coalesce(sum(w.fen) FILTER (WHERE w.days BETWEEN 181 AND 365), 0)::bigint AS to_365_fen,
       coalesce(sum(w.fen) FILTER (WHERE w.days > 365 OR w.days IS NULL), 0)::bigint
           AS over_365_fen,
       sum(w.fen)::bigint AS total_fen
FROM owed w
LEFT JOIN moved m ON m.customer_id = w.customer_id AND m.order_id = w.order_id
LEFT JOIN address_blocks a ON a.customer_id = w.customer_id
    AND a.address_id = coalesce(m.address_id, w.address_id) AND a.valid @> CAST(:until AS date)
LEFT JOIN blocks b ON b.id = a.block_id
WHERE w.fen <> 0
GROUP BY b.station_id
""")

_NAMES: Final = text("""
SELECT s.id, s.code, s.name, d.id AS dealer_id, d.code AS dealer_code, d.name AS dealer_name
FROM stations s
LEFT JOIN dealer_stations h ON h.station_id = s.id AND h.valid @> CAST(:until AS date)
LEFT JOIN dealers d ON d.id = h.dealer_id
WHERE s.id = ANY(:stations)
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class StationLiability:
    """What is owed in milk at a station, in fen, by days since it was paid; None: no station."""

    station_id: UUID | None
    to_30_fen: int
    to_90_fen: int
    to_180_fen: int
    to_365_fen: int
    over_365_fen: int
    total_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StationName:
    """A station, and whose it is on a date; without a dealer the operator's own."""

    code: str
    name: str
    dealer_id: UUID | None
    dealer_code: str | None
    dealer_name: str | None


async def list_owed(session: AsyncSession, *, until: date) -> list[StationLiability]:
    """What is owed to the end of a date by station, in no order."""
    await prepare_bulk_work(session)
    found = await session.execute(_OWED, {"until": until, "zone": OPERATOR_ZONE.key})
    await end_bulk_work(session)
    return [StationLiability(**row) for row in found.mappings()]


async def list_names(
    session: AsyncSession, stations: Sequence[UUID], *, until: date
) -> dict[UUID, StationName]:
    """Stations by id, with whose they are on a date."""
    found = await session.execute(_NAMES, {"stations": list(stations), "until": until})
    return {
        row.id: StationName(
            code=row.code,
            name=row.name,
            dealer_id=row.dealer_id,
            dealer_code=row.dealer_code,
            dealer_name=row.dealer_name,
        )
        for row in found
    }


async def list_policies(session: AsyncSession) -> list[CustodyPolicy]:
    """Custody policies, the latest first."""
    found = await session.scalars(
        select(CustodyPolicy)
        .order_by(CustodyPolicy.valid_from.desc())
        .execution_options(populate_existing=True)
    )
    return list(found)


async def put_policy(
    session: AsyncSession, *, valid_from: date, permille: int, article: str, by: UUID, at: datetime
) -> None:
    """Write the policy of a date, over one of the same date."""
    values = {"permille": permille, "article": article, "set_by": by, "set_at": at}
    await session.execute(
        insert(CustodyPolicy)
        .values(valid_from=valid_from, **values)
        .on_conflict_do_update(index_elements=[CustodyPolicy.valid_from], set_=values)
    )
