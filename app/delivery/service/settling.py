"""What a dealer and the operator owe each other for a period (结算单): draft, issued, settled.

A draft is added up anew whenever it is read. Issuing freezes its lines, gives it its number and
books its total once; what becomes known afterwards goes on the dealer's next statement, so periods
follow each other day on day:

- delivered value belongs to its service date, and is complete once all rounds of the period are
  posted as revenue; a correction (`revenue_corrected`) and a credit to a customer belong to the day
  they were booked on, at the station that last brought him milk;
- bottles are counted whatever they were, gifts and make-ups too; those of days settled before that
  differ now are counted by the terms of their own day;
- cash is what the stations' deliverers took on the period's days, less what was paid out again and
  what reached the bank; money banked later comes back to the dealer on the next statement.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID, uuid5

import structlog
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.ext.asyncio import AsyncSession

from app.billing.service import post
from app.billing.service.cash import BANK, list_kept_cash
from app.core.clock import local_date
from app.core.idempotency import IdempotencyKeyReused
from app.core.ids import HOUSE
from app.delivery.repository import settling as rows
from app.delivery.rules import LATEST, OLDEST_SERVICE_DATE
from app.delivery.service.earning import DELIVERED, revenue_reference
from app.delivery.settlement_errors import (
    BankDateInvalid,
    DealerTermMissing,
    RevenueNotPosted,
    SecondPersonNeeded,
    StatementOutOfOrder,
    StatementOverlaps,
    StatementPeriodInvalid,
    StatementPeriodNotOver,
    StatementUnknown,
)
from app.delivery.settlement_models import DealerStatement, DealerStatementLine
from app.delivery.settlement_rules import (
    StatementLine,
    StationDay,
    Terms,
    find_day_without_terms,
    statement_lines,
)
from app.delivery.settlement_states import STATEMENT_MOVES, StatementState
from app.network.models import Dealer, Station
from app.network.service import dealers as network
from app.network.service import list_stations_by_id

log = structlog.get_logger()

ISSUED: Final = "dealer_statement_issued"
SETTLED: Final = "dealer_statement_settled"
SETTLEMENT: Final = "dealer_settlement"
"""What dealers cost: their share, less what they bear and keep."""
LONGEST: Final = timedelta(days=93)
MARGIN: Final = timedelta(hours=1)
"""After midnight, for transactions that booked on the period's last day."""


@dataclass(frozen=True, slots=True)
class StatementView:
    """A statement with its lines, their sum and the names people read."""

    row: DealerStatement
    dealer: Dealer
    lines: Sequence[StatementLine]
    total_fen: int
    stations: dict[UUID, Station]

    @property
    def days(self) -> tuple[date, date]:
        """The first and the last day, both included."""
        return _days_of(self.row)


async def draft_statement(
    session: AsyncSession,
    *,
    statement_id: UUID,
    dealer_id: UUID,
    first: date,
    last: date,
    by: UUID,
    now: datetime,
) -> StatementView:
    """Begin a dealer's statement for some whole days; harmless when repeated under its id.

    Raises DealerUnknown, StatementPeriodInvalid, StatementOverlaps, IdempotencyKeyReused.
    """
    if not first <= last < first + LONGEST:
        raise StatementPeriodInvalid
    dealer = await network.lock_dealer(session, dealer_id=dealer_id)
    period = Range(first, last + timedelta(days=1), bounds="[)")
    known = await rows.find_statement(session, statement_id)
    if known is not None:
        if (known.dealer_id, known.period) != (dealer_id, period):
            raise IdempotencyKeyReused
        return await _view(session, known, dealer, now=now)
    if not await rows.add_draft(
        session,
        statement_id=statement_id,
        dealer_id=dealer_id,
        period=period,
        by=by,
        now=now,
    ):
        raise StatementOverlaps
    row = await rows.get_statement(session, statement_id)
    return await _view(session, row, dealer, now=now)


async def view_statement(
    session: AsyncSession, *, statement_id: UUID, now: datetime
) -> StatementView:
    """A statement: frozen as issued, or a draft added up as of now; raises StatementUnknown."""
    row = await rows.get_statement(session, statement_id)
    dealer = await network.get_dealer(session, dealer_id=row.dealer_id)
    return await _view(session, row, dealer, now=now)


async def list_statements(
    session: AsyncSession,
    *,
    dealer_id: UUID | None,
    state: StatementState | None,
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> list[tuple[DealerStatement, Dealer]]:
    """Statements with their dealers, the latest first."""
    return await rows.list_statements(
        session, dealer_id=dealer_id, state=state, after=after, limit=limit
    )


async def issue_statement(
    session: AsyncSession, *, statement_id: UUID, by: UUID, now: datetime
) -> StatementView:
    """Freeze a draft under the year's next number and book its total once.

    Raises StatementUnknown, MoveNotAllowed, StatementOutOfOrder, StatementPeriodNotOver,
    RevenueNotPosted, DealerTermMissing.
    """
    row, dealer = await _lock(session, statement_id)
    STATEMENT_MOVES.require(row.state, StatementState.ISSUED)
    first, last = _days_of(row)
    _require_turn(dealer, first, last, now=now)
    missing = await rows.count_unposted_days(session, dealer_id=dealer.id, first=first, last=last)
    if missing:
        raise RevenueNotPosted(days=missing)
    bottles, others = await _happened(session, row, now=now)
    terms = await _terms(session, dealer)
    uncovered = find_day_without_terms([*bottles, *others], terms)
    if uncovered is not None:
        raise DealerTermMissing(date=uncovered.isoformat())
    stations = await list_stations_by_id(session, {one.station_id for one in (*bottles, *others)})
    lines = statement_lines([*bottles, *others], terms, order=_codes(stations))
    year = local_date(now).year
    last_no = await rows.lock_numbers(session, year=year)
    row.state, row.year, row.number, row.previous_no = (
        StatementState.ISSUED,
        year,
        (last_no or 0) + 1,
        last_no,
    )
    row.total_fen, row.issued_by, row.issued_at = _sum(lines), by, now
    dealer.settled_through = last
    session.add_all(
        DealerStatementLine(statement_id=statement_id, line_no=number, **asdict(line))
        for number, line in enumerate(lines, 1)
    )
    await session.flush()
    await rows.add_days(session, statement_id=statement_id, days=bottles)
    await _book(session, row, other=SETTLEMENT, cause=ISSUED, fen=_sum(lines), now=now)
    log.info("dealer_statement.issued", statement=statement_id, number=row.number, fen=_sum(lines))
    return StatementView(row, dealer, lines, _sum(lines), stations)


async def settle_statement(
    session: AsyncSession,
    *,
    statement_id: UUID,
    bank_date: date,
    slip_no: str,
    by: UUID,
    now: datetime,
) -> StatementView:
    """A second person enters the bank's date and slip of an issued statement; booked once.

    Raises StatementUnknown, MoveNotAllowed, SecondPersonNeeded, BankDateInvalid.
    """
    row, dealer = await _lock(session, statement_id)
    STATEMENT_MOVES.require(row.state, StatementState.SETTLED)
    if row.issued_by == by:
        raise SecondPersonNeeded
    if row.issued_at is None or not local_date(row.issued_at) <= bank_date <= local_date(now):
        raise BankDateInvalid
    row.state, row.settled_by, row.settled_at = StatementState.SETTLED, by, now
    row.bank_date, row.slip_no = bank_date, slip_no
    await session.flush()
    await _book(session, row, other=BANK, cause=SETTLED, fen=-(row.total_fen or 0), now=now)
    log.info("dealer_statement.settled", statement=statement_id, fen=row.total_fen)
    return await _view(session, row, dealer, now=now)


async def discard_statement(
    session: AsyncSession, *, statement_id: UUID, by: UUID, now: datetime
) -> StatementView:
    """Throw a draft away, so that its days are free; raises StatementUnknown, MoveNotAllowed."""
    row, dealer = await _lock(session, statement_id)
    STATEMENT_MOVES.require(row.state, StatementState.DISCARDED)
    row.state, row.discarded_by, row.discarded_at = StatementState.DISCARDED, by, now
    await session.flush()
    return await _view(session, row, dealer, now=now)


async def _lock(session: AsyncSession, statement_id: UUID) -> tuple[DealerStatement, Dealer]:
    found = await rows.find_statement(session, statement_id)
    if found is None:
        raise StatementUnknown
    dealer = await network.lock_dealer(session, dealer_id=found.dealer_id)
    return await rows.get_statement(session, statement_id, lock=True), dealer


def _days_of(row: DealerStatement) -> tuple[date, date]:
    first, until = row.period.lower, row.period.upper
    if first is None or until is None:
        raise LookupError("a statement without a period")
    return first, until - timedelta(days=1)


def _require_turn(dealer: Dealer, first: date, last: date, *, now: datetime) -> None:
    if dealer.settled_through is not None and first != dealer.settled_through + timedelta(days=1):
        following = dealer.settled_through + timedelta(days=1)
        raise StatementOutOfOrder(next_date=following.isoformat())
    if local_date(now - MARGIN) <= last:
        raise StatementPeriodNotOver(last_date=last.isoformat())


async def _view(
    session: AsyncSession, row: DealerStatement, dealer: Dealer, *, now: datetime
) -> StatementView:
    match row.state:
        case StatementState.DRAFT:
            bottles, others = await _happened(session, row, now=now)
            stations = await list_stations_by_id(
                session, {one.station_id for one in (*bottles, *others)}
            )
            terms = await _terms(session, dealer)
            lines = statement_lines([*bottles, *others], terms, order=_codes(stations))
        case _:
            lines = [_frozen(line) for line in await rows.list_lines(session, row.statement_id)]
            stations = await list_stations_by_id(session, {one.station_id for one in lines})
    return StatementView(row, dealer, lines, _sum(lines), stations)


async def _happened(
    session: AsyncSession, row: DealerStatement, *, now: datetime
) -> tuple[list[StationDay], list[StationDay]]:
    """Bottles by day, and money by day, of a statement's period."""
    first, last = _days_of(row)
    bottles = await rows.list_bottle_days(
        session,
        dealer_id=row.dealer_id,
        first=first,
        last=last,
        look_from=first - OLDEST_SERVICE_DATE - LATEST,
    )
    dates = [first + timedelta(days=step) for step in range((last - first).days + 1)]
    others = await rows.list_delivered_days(
        session,
        dealer_id=row.dealer_id,
        first=first,
        last=last,
        today=local_date(now),
        transfers=[(day, uuid5(revenue_reference(day), DELIVERED)) for day in dates],
    )
    others += await rows.list_booked_days(session, dealer_id=row.dealer_id, first=first, last=last)
    others += await _cash_days(session, row.dealer_id, first, last)
    return bottles, others


async def _cash_days(
    session: AsyncSession, dealer_id: UUID, first: date, last: date
) -> list[StationDay]:
    holdings = await rows.list_holdings(session, dealer_id=dealer_id, first=first, last=last)
    kept = await list_kept_cash(
        session, stations={station_id for station_id, _ in holdings}, first=first, last=last
    )
    return [
        StationDay(station_id=station_id, day=day, cash_kept_fen=fen)
        for station_id, day, fen in kept
        if any(held == station_id and day in valid for held, valid in holdings)
    ]


async def _terms(session: AsyncSession, dealer: Dealer) -> list[Terms]:
    found = await network.list_dealer_terms(session, dealer_id=dealer.id)
    return [
        Terms(
            valid_from=one.valid_from,
            share_bp=one.share_bp,
            fen_per_bottle=one.fen_per_bottle,
            bears_compensation=one.bears_compensation,
        )
        for one in found
    ]


def _frozen(line: DealerStatementLine) -> StatementLine:
    return StatementLine(
        **{name: getattr(line, name) for name in StatementLine.__dataclass_fields__}
    )


def _codes(stations: dict[UUID, Station]) -> dict[UUID, str]:
    return {station_id: station.code for station_id, station in stations.items()}


def _sum(lines: Sequence[StatementLine]) -> int:
    return sum(line.amount_fen for line in lines)


async def _book(
    session: AsyncSession,
    row: DealerStatement,
    *,
    other: str,
    cause: str,
    fen: int,
    now: datetime,
) -> None:
    """Credit a dealer's account from another one, or debit it below zero; nothing for zero."""
    if fen == 0:
        return
    account = f"dealer:{row.dealer_id}"
    await post(
        session,
        customer_id=HOUSE,
        debit=other if fen > 0 else account,
        credit=account if fen > 0 else other,
        amount_fen=abs(fen),
        cause=cause,
        reference_id=row.dealer_id,
        source_id=row.statement_id,
        now=now,
    )
