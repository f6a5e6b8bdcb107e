"""A station's day of cash: what it adds up to, closing it, and finance's reopening (S1 5.2.7)."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from app.billing.cash_errors import CashDayAhead, CashDayClosed, CashDayUnfinished
from app.billing.cash_models import CashDay, CashDayMove
from app.billing.cash_states import CASH_DAY_MOVES, CashDayState
from app.billing.repository import cash_days as rows
from app.billing.repository.cash_days import CashFigures
from app.core.clock import local_date
from app.core.ids import new_id

log = structlog.get_logger()

FIGURES: Final = tuple(CashFigures.__dataclass_fields__)


@dataclass(frozen=True, slots=True)
class CashDayView:
    """A day as it is closed, or as it stands now, and who closed and reopened it."""

    station_id: UUID
    business_date: date
    state: CashDayState
    figures: CashFigures
    moves: Sequence[CashDayMove]


async def lock_open_day(session: AsyncSession, station_id: UUID, day: date) -> None:
    """Take the station's day for a booking; it is not closed before commit.

    Raises CashDayClosed.
    """
    row = await rows.lock_day(session, station_id, day)
    if row.state == CashDayState.CLOSED:
        raise CashDayClosed(date=day.isoformat())


async def view_day(
    session: AsyncSession, *, station_id: UUID, day: date, today: date
) -> CashDayView:
    """A day's figures: frozen when closed, else as the ledger has them; raises CashDayAhead."""
    _require_begun(day, today)
    row = await rows.find_day(session, station_id, day)
    if row is not None and row.state == CashDayState.CLOSED:
        figures, state = _frozen(row), CashDayState.CLOSED
    else:
        figures = await rows.sum_day(session, station_id=station_id, day=day)
        state = CashDayState.OPEN
    moves = await rows.list_moves(session, station_id, day)
    return CashDayView(station_id, day, state, figures, moves)


async def list_days(
    session: AsyncSession, *, station_id: UUID | None, after: tuple[date, UUID] | None, limit: int
) -> Sequence[CashDay]:
    """Days on which something was booked or closed, newest first."""
    return await rows.list_days(session, station_id=station_id, after=after, limit=limit)


async def close_day(
    session: AsyncSession, *, station_id: UUID, day: date, by: UUID, now: datetime
) -> CashDayView:
    """Freeze a day's figures; nothing more is booked on it.

    Raises CashDayAhead, CashDayUnfinished while hand-ins wait for a second person or the
    deliverer's yes or remittances for the office's, MoveNotAllowed when closed already.
    """
    _require_begun(day, local_date(now))
    row = await rows.lock_day(session, station_id, day)
    CASH_DAY_MOVES.require(CashDayState(row.state), CashDayState.CLOSED)
    unfinished = await rows.count_unfinished(session, station_id=station_id, day=day)
    if any(asdict(unfinished).values()):
        raise CashDayUnfinished(**asdict(unfinished))
    figures = await rows.sum_day(session, station_id=station_id, day=day)
    row.state, row.closed_by, row.closed_at = CashDayState.CLOSED, by, now
    for name, fen in asdict(figures).items():
        setattr(row, name, fen)
    await _note(session, row, by=by, at=now, reason=None, figures=figures)
    return await view_day(session, station_id=station_id, day=day, today=local_date(now))


async def reopen_day(
    session: AsyncSession, *, station_id: UUID, day: date, by: UUID, reason: str, now: datetime
) -> CashDayView:
    """Finance lets a closed day take bookings again; what it was closed with stays on record.

    Raises MoveNotAllowed unless it is closed.
    """
    row = await rows.lock_day(session, station_id, day)
    CASH_DAY_MOVES.require(CashDayState(row.state), CashDayState.OPEN)
    figures = _frozen(row)
    row.state, row.closed_by, row.closed_at = CashDayState.OPEN, None, None
    for name in FIGURES:
        setattr(row, name, None)
    await _note(session, row, by=by, at=now, reason=reason, figures=figures)
    log.warning("cash.day_reopened", station=str(station_id), date=day.isoformat(), by=str(by))
    return await view_day(session, station_id=station_id, day=day, today=local_date(now))


def _require_begun(day: date, today: date) -> None:
    if day > today:
        raise CashDayAhead(date=day.isoformat())


def _frozen(row: CashDay) -> CashFigures:
    return CashFigures(**{name: getattr(row, name) for name in FIGURES})


async def _note(
    session: AsyncSession,
    row: CashDay,
    *,
    by: UUID,
    at: datetime,
    reason: str | None,
    figures: CashFigures,
) -> None:
    session.add(
        CashDayMove(
            station_id=row.station_id,
            move_id=new_id(),
            business_date=row.business_date,
            to_state=row.state,
            by=by,
            at=at,
            reason=reason,
            figures=asdict(figures),
        )
    )
    await session.flush()
