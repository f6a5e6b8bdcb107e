"""A deliverer hands in what he took at doors, and a cashier counts it (S1 4.2.3.2, 5.2.7)."""

from datetime import date, datetime, time, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.billing.cash_errors import (
    AnotherPersonNeeded,
    DelivererHoldsLess,
    DifferenceReasonMissing,
    HandInConfirmed,
    HandInUnknown,
    HandInWaits,
    NothingHandedIn,
    StationHoldsLess,
)
from app.billing.cash_models import HandIn
from app.billing.cash_states import HAND_IN_MOVES, Confirmation, HandInState
from app.billing.repository import cash as rows
from app.billing.repository import ledger as ledger_rows
from app.billing.repository.cash import HandInView
from app.billing.service.cash.booking import book_hand_in, hand_of, safe_of, unbook_hand_in
from app.billing.service.cash.days import lock_open_day
from app.billing.service.cash.limits import is_above_difference_limit
from app.billing.service.reading import STATION_LOOK_BACK
from app.core.clock import local_date, local_instant
from app.core.idempotency import IdempotencyKeyReused
from app.core.states import MoveNotAllowed
from app.workforce.errors import DelivererUnknown
from app.workforce.rules import require_station
from app.workforce.service import get_deliverer


async def count_hand_in(
    session: AsyncSession,
    *,
    hand_in_id: UUID,
    station_id: UUID,
    deliverer_id: UUID,
    due_fen: int,
    counted_fen: int,
    reason: str | None,
    is_signed: bool,
    by: UUID,
    own_deliverer_id: UUID | None,
    now: datetime,
) -> HandInView:
    """Write down what was counted of the `due_fen` the books say he hands in, under the next number.

    Booked at once, unless the difference is above the limit: then a second person approves it.
    A cashier may not count his own (`own_deliverer_id`). Harmless when repeated under its id.
    Raises DelivererUnknown (also of another station), AnotherPersonNeeded, NothingHandedIn,
    DifferenceReasonMissing, CashDayClosed, HandInWaits, DelivererHoldsLess, IdempotencyKeyReused.
    """
    today = local_date(now)
    await require_of_station(session, deliverer_id, station_id=station_id, today=today)
    if own_deliverer_id == deliverer_id:
        raise AnotherPersonNeeded
    _require_amounts(due_fen, counted_fen, reason)
    await lock_open_day(session, station_id, today)
    await ledger_rows.lock_cash(session, safe_of(station_id))
    held_fen = await ledger_rows.lock_cash_held(session, hand_of(deliverer_id))
    known = await rows.find_hand_in(session, hand_in_id)
    if known is not None:
        _require_same(known, deliverer_id, due_fen, counted_fen)
        return await rows.view_hand_in(session, known)
    if await rows.has_waiting(session, deliverer_id):
        raise HandInWaits
    float_fen = await _leave_float(session, deliverer_id, due_fen, held_fen=held_fen)
    last_no = await rows.last_receipt_no(session, station_id=station_id, year=today.year)
    row = HandIn(
        hand_in_id=hand_in_id,
        station_id=station_id,
        year=today.year,
        receipt_no=(last_no or 0) + 1,
        previous_no=last_no,
        deliverer_id=deliverer_id,
        held_fen=held_fen,
        float_fen=float_fen,
        due_fen=due_fen,
        counted_fen=counted_fen,
        reason=reason,
        state=HandInState.WAITING,
        counted_by=by,
        counted_at=now,
    )
    if is_signed:
        _confirm(row, Confirmation.SIGNED, by=by, now=now)
    session.add(row)
    await session.flush()
    if not await is_above_difference_limit(session, row.difference_fen, now=now):
        await _book(session, row, now=now)
    return await rows.view_hand_in(session, row)


async def approve_hand_in(
    session: AsyncSession,
    *,
    hand_in_id: UUID,
    within: UUID | None,
    by: UUID,
    own_deliverer_id: UUID | None,
    now: datetime,
) -> HandInView:
    """A second person has looked at a large difference: it is booked, on today's date.

    Raises HandInUnknown, AnotherPersonNeeded, CashDayClosed, MoveNotAllowed, DelivererHoldsLess.
    """
    found = await _get_within(session, hand_in_id, within)
    if by == found.counted_by or own_deliverer_id == found.deliverer_id:
        raise AnotherPersonNeeded
    await lock_open_day(session, found.station_id, local_date(now))
    held_fen = await ledger_rows.lock_cash_held(session, hand_of(found.deliverer_id))
    row = await rows.get_hand_in(session, hand_in_id, lock=True)
    HAND_IN_MOVES.require(HandInState(row.state), HandInState.BOOKED)
    await _leave_float(session, found.deliverer_id, row.due_fen, held_fen=held_fen)
    row.approved_by, row.approved_at = by, now
    await _book(session, row, now=now)
    return await rows.view_hand_in(session, row)


async def confirm_hand_in(
    session: AsyncSession,
    *,
    hand_in_id: UUID,
    within: UUID | None,
    is_cashier: bool,
    own_deliverer_id: UUID | None,
    by: UUID,
    now: datetime,
) -> HandInView:
    """The deliverer says that the count is right, or a cashier notes that he signed on paper.

    Raises HandInUnknown, HandInConfirmed, MoveNotAllowed when cancelled.
    """
    row = await rows.get_hand_in(session, hand_in_id, lock=True)
    is_own = own_deliverer_id == row.deliverer_id
    if not is_own:
        require_station(within, row.station_id, HandInUnknown)
        if not is_cashier:
            raise HandInUnknown
    if row.state == HandInState.CANCELLED:
        raise MoveNotAllowed(current=row.state, wanted="confirmed")
    if row.confirmed_at is not None:
        raise HandInConfirmed
    _confirm(row, Confirmation.APP if is_own else Confirmation.SIGNED, by=by, now=now)
    await session.flush()
    return await rows.view_hand_in(session, row)


async def cancel_hand_in(
    session: AsyncSession,
    *,
    hand_in_id: UUID,
    within: UUID | None,
    by: UUID,
    reason: str,
    now: datetime,
) -> HandInView:
    """Take back a hand-in before the closing of its day; its number stays used.

    Raises HandInUnknown, CashDayClosed, MoveNotAllowed, StationHoldsLess (it is at the bank).
    """
    found = await _get_within(session, hand_in_id, within)
    today = local_date(now)
    for day in sorted({found.booked_date or today, today}):
        await lock_open_day(session, found.station_id, day)
    held_fen = await ledger_rows.lock_cash_held(session, safe_of(found.station_id))
    await ledger_rows.lock_cash(session, hand_of(found.deliverer_id))
    row = await rows.get_hand_in(session, hand_in_id, lock=True)
    HAND_IN_MOVES.require(HandInState(row.state), HandInState.CANCELLED)
    if row.state == HandInState.BOOKED:
        if row.counted_fen > held_fen:
            raise StationHoldsLess(held_fen=held_fen)
        await unbook_hand_in(session, row, now=now)
    row.state = HandInState.CANCELLED
    row.cancelled_by, row.cancelled_at, row.cancel_reason = by, now, reason
    await session.flush()
    return await rows.view_hand_in(session, row)


async def view_hand_in(
    session: AsyncSession, *, hand_in_id: UUID, within: UUID | None = None
) -> HandInView:
    """One hand-in with its names; `within` narrows to a station. Raises HandInUnknown."""
    return await rows.view_hand_in(session, await _get_within(session, hand_in_id, within))


async def list_hand_ins(
    session: AsyncSession,
    *,
    station_id: UUID | None,
    deliverer_id: UUID | None,
    state: HandInState | None,
    on: date | None,
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> list[HandInView]:
    """Hand-ins, newest first; `on` is the operator's date of counting."""
    return await rows.list_hand_ins(
        session,
        station_id=station_id,
        deliverer_id=deliverer_id,
        state=state,
        since=None if on is None else local_instant(on, time()),
        until=None if on is None else local_instant(on + timedelta(days=1), time()),
        after=after,
        limit=limit,
    )


async def _get_within(session: AsyncSession, hand_in_id: UUID, within: UUID | None) -> HandIn:
    found = await rows.get_hand_in(session, hand_in_id)
    require_station(within, found.station_id, HandInUnknown)
    return found


async def require_of_station(
    session: AsyncSession, deliverer_id: UUID, *, station_id: UUID, today: date
) -> None:
    """Raise DelivererUnknown unless he belongs to the station or served it lately."""
    await get_deliverer(session, deliverer_id=deliverer_id)
    if await rows.find_home(session, deliverer_id, today=today) == station_id:
        return
    served = await ledger_rows.list_station_collectors(
        session, station_id=station_id, since=today - STATION_LOOK_BACK, until=today
    )
    if deliverer_id not in served:
        raise DelivererUnknown


async def _leave_float(
    session: AsyncSession, deliverer_id: UUID, due_fen: int, *, held_fen: int
) -> int:
    """The float that stays in the hand when what is due leaves it."""
    float_fen = await ledger_rows.find_float(session, hand_of(deliverer_id))
    if due_fen > held_fen - float_fen:
        raise DelivererHoldsLess(held_fen=held_fen, float_fen=float_fen)
    return float_fen


def _require_same(known: HandIn, deliverer_id: UUID, due_fen: int, counted_fen: int) -> None:
    was = (known.deliverer_id, known.due_fen, known.counted_fen)
    if was != (deliverer_id, due_fen, counted_fen):
        raise IdempotencyKeyReused


def _require_amounts(due_fen: int, counted_fen: int, reason: str | None) -> None:
    if due_fen + counted_fen == 0:
        raise NothingHandedIn
    if counted_fen != due_fen and reason is None:
        raise DifferenceReasonMissing


def _confirm(row: HandIn, how: Confirmation, *, by: UUID, now: datetime) -> None:
    row.confirmation, row.confirmed_by, row.confirmed_at = how, by, now


async def _book(session: AsyncSession, row: HandIn, *, now: datetime) -> None:
    HAND_IN_MOVES.require(HandInState(row.state), HandInState.BOOKED)
    row.state, row.booked_at, row.booked_date = HandInState.BOOKED, now, local_date(now)
    await book_hand_in(session, row, now=now)
