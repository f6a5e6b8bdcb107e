"""SQL of dealers' statements: what happened at a dealer's stations, and the statements themselves.

Only customers and days of the dealer's own blocks are looked at, besides the corrections and
credits that were booked in the period. A customer with doors in two stations counts on a date
where the station with the lowest id brought something, since a date is one transfer for him.
"""

from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, or_, select, text
from sqlalchemy.dialects.postgresql import Range, insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.delivery.repository.planning import WORK_MEMORY
from app.delivery.settlement_errors import StatementUnknown
from app.delivery.settlement_models import (
    DealerStatement,
    DealerStatementDay,
    DealerStatementLine,
)
from app.delivery.settlement_rules import StationDay
from app.delivery.settlement_states import StatementState
from app.network.models import Dealer, DealerStation

_NUMBER_LOCK: Final = 7_300_731

_MINE: Final = """
mine AS MATERIALIZED (
    SELECT s.station_id, s.valid * daterange(:first, :last, '[]') AS valid
    FROM dealer_stations s
    WHERE s.dealer_id = :dealer_id AND s.valid && daterange(:first, :last, '[]')
)
"""

_BOTTLES: Final = text(f"""
WITH {_MINE}, settled AS (
    SELECT t.station_id, t.service_date, sum(t.bottles) AS bottles
    FROM dealer_statement_days t
    JOIN dealer_statements s ON s.statement_id = t.statement_id
    WHERE s.dealer_id = :dealer_id AND t.service_date BETWEEN :look_from AND :before
    GROUP BY t.station_id, t.service_date
), wanted AS (
    SELECT m.station_id, g.day::date AS service_date, 0 AS settled, false AS is_earlier
    FROM mine m
    CROSS JOIN LATERAL generate_series(lower(m.valid), upper(m.valid) - 1, interval '1 day') g(day)
    UNION ALL
    SELECT c.station_id, c.service_date, c.bottles, true FROM settled c
), brought AS (
    SELECT d.station_id, d.service_date, sum(d.quantity_delivered) AS bottles
    FROM blocks b
    JOIN deliveries d ON d.block_id = b.id
    WHERE b.station_id IN (SELECT w.station_id FROM wanted w)
      AND d.service_date BETWEEN :look_from AND :last
    GROUP BY d.station_id, d.service_date
)
SELECT w.station_id, w.service_date, w.is_earlier,
       (coalesce(b.bottles, 0) - w.settled)::bigint AS bottles
FROM wanted w
LEFT JOIN brought b ON b.station_id = w.station_id AND b.service_date = w.service_date
""")

# Doors and transfers are put together by grouping, not by a join, which the planner would take for
# one of a few rows and loop.
_DELIVERED: Final = text(f"""
WITH {_MINE}, households AS MATERIALIZED (
    SELECT DISTINCT d.customer_id
    FROM mine m
    JOIN blocks b ON b.station_id = m.station_id
    JOIN deliveries d ON d.block_id = b.id
    WHERE d.service_date BETWEEN :first AND :last
), places AS (
    SELECT s.id, row_number() OVER (ORDER BY s.id) AS place FROM stations s
), facts AS (
    SELECT d.customer_id, d.service_date, p.place, 0::bigint AS fen
    FROM households h
    JOIN deliveries d ON d.customer_id = h.customer_id
    JOIN places p ON p.id = d.station_id
    WHERE d.service_date BETWEEN :first AND :last
    UNION ALL
    SELECT t.customer_id, r.day, NULL,
           CASE t.credit_account WHEN 'revenue' THEN t.amount_fen ELSE -t.amount_fen END
    FROM households h
    JOIN ledger_transfers t ON t.customer_id = h.customer_id
    JOIN unnest(CAST(:days AS date[]), CAST(:transfers AS uuid[])) r(day, transfer_id)
        ON r.transfer_id = t.transfer_id
    WHERE t.booked_date BETWEEN :first AND :today
), earned AS (
    SELECT f.service_date, min(f.place) AS place, sum(f.fen) AS fen
    FROM facts f
    GROUP BY f.customer_id, f.service_date
)
SELECT m.station_id, e.service_date, sum(e.fen)::bigint AS fen
FROM (SELECT x.place, x.service_date, sum(x.fen) AS fen FROM earned x
      GROUP BY x.place, x.service_date) e
JOIN places p ON p.place = e.place
JOIN mine m ON m.station_id = p.id AND m.valid @> e.service_date
GROUP BY m.station_id, e.service_date
""")

_BOOKED: Final = text(f"""
WITH {_MINE}, booked AS (
    SELECT t.customer_id, t.booked_date,
           sum(CASE WHEN t.cause <> 'revenue_corrected' THEN 0
                    WHEN t.credit_account = 'revenue' THEN t.amount_fen
                    ELSE -t.amount_fen END) AS corrected,
           sum(CASE 'compensation' WHEN t.debit_account THEN t.amount_fen
                    WHEN t.credit_account THEN -t.amount_fen ELSE 0 END) AS compensation
    FROM ledger_transfers t
    WHERE t.booked_date BETWEEN :first AND :last
      AND (t.cause = 'revenue_corrected' OR t.debit_account = 'compensation'
           OR t.credit_account = 'compensation')
    GROUP BY t.customer_id, t.booked_date
)
SELECT m.station_id, k.booked_date, sum(k.corrected)::bigint AS corrected_fen,
       sum(k.compensation)::bigint AS compensation_fen
FROM booked k
CROSS JOIN LATERAL (
    SELECT d.station_id FROM deliveries d
    WHERE d.customer_id = k.customer_id AND d.service_date <= k.booked_date
    ORDER BY d.service_date DESC, d.station_id LIMIT 1
) h
JOIN mine m ON m.station_id = h.station_id AND m.valid @> k.booked_date
GROUP BY m.station_id, k.booked_date
""")

_UNPOSTED: Final = text(f"""
WITH {_MINE}
SELECT count(DISTINCT (r.station_id, r.service_date))
FROM mine m
JOIN route_sheets r ON r.station_id = m.station_id AND m.valid @> r.service_date
WHERE r.service_date BETWEEN :first AND :last
  AND NOT EXISTS (SELECT FROM revenue_days p
                  WHERE p.station_id = r.station_id AND p.service_date = r.service_date)
""")


async def list_bottle_days(
    session: AsyncSession, *, dealer_id: UUID, first: date, last: date, look_from: date
) -> list[StationDay]:
    """Bottles brought on the period's days, and how earlier ones differ from what is settled."""
    rows = await session.execute(
        _BOTTLES,
        {
            "dealer_id": dealer_id,
            "first": first,
            "last": last,
            "look_from": look_from,
            "before": date.fromordinal(first.toordinal() - 1),
        },
    )
    return [
        StationDay(
            station_id=row.station_id,
            day=row.service_date,
            bottles=0 if row.is_earlier else row.bottles,
            bottles_corrected=row.bottles if row.is_earlier else 0,
        )
        for row in rows
    ]


async def list_delivered_days(
    session: AsyncSession,
    *,
    dealer_id: UUID,
    first: date,
    last: date,
    today: date,
    transfers: Sequence[tuple[date, UUID]],
) -> list[StationDay]:
    """Revenue of the period's service dates; `transfers` says under which id a date is booked."""
    await session.execute(
        text("SELECT set_config('work_mem', :memory, true), set_config('jit', 'off', true)"),
        {"memory": WORK_MEMORY},
    )
    rows = await session.execute(
        _DELIVERED,
        {
            "dealer_id": dealer_id,
            "first": first,
            "last": last,
            "today": today,
            "days": [day for day, _ in transfers],
            "transfers": [transfer_id for _, transfer_id in transfers],
        },
    )
    return [
        StationDay(station_id=row.station_id, day=row.service_date, delivered_fen=row.fen)
        for row in rows
    ]


async def list_booked_days(
    session: AsyncSession, *, dealer_id: UUID, first: date, last: date
) -> list[StationDay]:
    """Corrections of revenue and credits to customers by the day on which they were booked.

    A customer counts where milk last went to him before.
    """
    rows = await session.execute(_BOOKED, {"dealer_id": dealer_id, "first": first, "last": last})
    return [
        StationDay(
            station_id=row.station_id,
            day=row.booked_date,
            corrected_fen=row.corrected_fen,
            compensation_fen=row.compensation_fen,
        )
        for row in rows
    ]


async def list_holdings(
    session: AsyncSession, *, dealer_id: UUID, first: date, last: date
) -> list[tuple[UUID, Range[date]]]:
    """Which stations are a dealer's on which days of a period."""
    rows = await session.execute(
        select(DealerStation.station_id, DealerStation.valid).where(
            DealerStation.dealer_id == dealer_id,
            DealerStation.valid.overlaps(Range(first, last, bounds="[]")),
        )
    )
    return [(row[0], row[1]) for row in rows]


async def count_unposted_days(
    session: AsyncSession, *, dealer_id: UUID, first: date, last: date
) -> int:
    """Days of the dealer's stations with a round that is not posted as revenue."""
    found: int = await session.scalar(
        _UNPOSTED, {"dealer_id": dealer_id, "first": first, "last": last}
    )
    return found


async def add_draft(
    session: AsyncSession,
    *,
    statement_id: UUID,
    dealer_id: UUID,
    period: Range[date],
    by: UUID,
    now: datetime,
) -> bool:
    """Insert a draft; false when the dealer has a statement about some of its days."""
    added = await session.scalar(
        insert(DealerStatement)
        .values(
            statement_id=statement_id,
            dealer_id=dealer_id,
            period=period,
            state=StatementState.DRAFT,
            created_by=by,
            created_at=now,
        )
        .on_conflict_do_nothing()
        .returning(DealerStatement.statement_id)
    )
    return added is not None


async def find_statement(session: AsyncSession, statement_id: UUID) -> DealerStatement | None:
    """A statement as it is now."""
    return await session.get(DealerStatement, statement_id, populate_existing=True)


async def get_statement(
    session: AsyncSession, statement_id: UUID, *, lock: bool = False
) -> DealerStatement:
    """A statement; raises StatementUnknown."""
    row = await session.get(
        DealerStatement, statement_id, with_for_update=lock or None, populate_existing=True
    )
    if row is None:
        raise StatementUnknown
    return row


async def list_statements(
    session: AsyncSession,
    *,
    dealer_id: UUID | None,
    state: StatementState | None,
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> list[tuple[DealerStatement, Dealer]]:
    """Statements with their dealers, the latest first."""
    wanted: list[ColumnElement[bool]] = []
    if dealer_id is not None:
        wanted.append(DealerStatement.dealer_id == dealer_id)
    if state is not None:
        wanted.append(DealerStatement.state == state)
    if after is not None:
        at, last_id = after
        wanted.append(
            or_(
                DealerStatement.created_at < at,
                and_(DealerStatement.created_at == at, DealerStatement.statement_id < last_id),
            )
        )
    rows = await session.execute(
        select(DealerStatement, Dealer)
        .join(Dealer, Dealer.id == DealerStatement.dealer_id)
        .where(*wanted)
        .order_by(DealerStatement.created_at.desc(), DealerStatement.statement_id.desc())
        .limit(limit)
    )
    return [(row[0], row[1]) for row in rows]


async def list_lines(session: AsyncSession, statement_id: UUID) -> list[DealerStatementLine]:
    """The frozen lines of a statement, in order."""
    found = await session.scalars(
        select(DealerStatementLine)
        .where(DealerStatementLine.statement_id == statement_id)
        .order_by(DealerStatementLine.line_no)
    )
    return list(found)


async def add_days(
    session: AsyncSession, *, statement_id: UUID, days: Collection[StationDay]
) -> None:
    """Remember how many bottles of each day a statement counts."""
    rows = [
        {
            "station_id": one.station_id,
            "service_date": one.day,
            "statement_id": statement_id,
            "bottles": one.bottles + one.bottles_corrected,
        }
        for one in days
    ]
    if rows:
        await session.execute(insert(DealerStatementDay), rows)


async def lock_numbers(session: AsyncSession, *, year: int) -> int | None:
    """The last number of a year, None before the first; until commit nobody else takes one."""
    await session.execute(
        text("SELECT pg_advisory_xact_lock(:lock, :year)"), {"lock": _NUMBER_LOCK, "year": year}
    )
    found: int | None = await session.scalar(
        select(func.max(DealerStatement.number)).where(DealerStatement.year == year)
    )
    return found
