"""Cash of a station brought to the operator's office (上缴), which pays cash refunds out of it."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.billing.cash_errors import AnotherPersonNeeded, RemittanceUnknown, StationHoldsLess
from app.billing.cash_models import Remittance
from app.billing.cash_states import REMITTANCE_MOVES, RemittanceState
from app.billing.repository import cash_moves as rows
from app.billing.repository import ledger as ledger_rows
from app.billing.repository.cash_moves import RemittanceView
from app.billing.service.cash.booking import book_remittance, safe_of, unbook_remittance
from app.billing.service.cash.days import lock_open_day
from app.core.clock import local_date
from app.core.idempotency import IdempotencyKeyReused
from app.workforce.rules import require_station


async def send_remittance(
    session: AsyncSession,
    *,
    remittance_id: UUID,
    station_id: UUID,
    amount_fen: int,
    by: UUID,
    now: datetime,
) -> RemittanceView:
    """Book cash of the station over to the office, under the station's next number.

    Its day is not closed before the office has received it. Harmless when repeated under its id.
    Raises CashDayClosed, StationHoldsLess, IdempotencyKeyReused.
    """
    today = local_date(now)
    await lock_open_day(session, station_id, today)
    held_fen = await ledger_rows.lock_cash_held(session, safe_of(station_id))
    known = await rows.find_remittance(session, remittance_id)
    if known is not None:
        if (known.station_id, known.amount_fen) != (station_id, amount_fen):
            raise IdempotencyKeyReused
        return await rows.view_remittance(session, known)
    if amount_fen > held_fen:
        raise StationHoldsLess(held_fen=held_fen)
    last_no = await rows.last_remittance_no(session, station_id=station_id, year=today.year)
    row = Remittance(
        remittance_id=remittance_id,
        station_id=station_id,
        year=today.year,
        number=(last_no or 0) + 1,
        previous_no=last_no,
        amount_fen=amount_fen,
        state=RemittanceState.SENT,
        sent_by=by,
        sent_at=now,
        booked_date=today,
    )
    session.add(row)
    await session.flush()
    await book_remittance(session, row, now=now)
    return await rows.view_remittance(session, row)


async def receive_remittance(
    session: AsyncSession, *, remittance_id: UUID, by: UUID, now: datetime
) -> RemittanceView:
    """The office has counted it and says yes; who sent it may not.

    Raises RemittanceUnknown, AnotherPersonNeeded, MoveNotAllowed.
    """
    row = await rows.get_remittance(session, remittance_id, lock=True)
    if by == row.sent_by:
        raise AnotherPersonNeeded
    REMITTANCE_MOVES.require(RemittanceState(row.state), RemittanceState.RECEIVED)
    row.state, row.received_by, row.received_at = RemittanceState.RECEIVED, by, now
    await session.flush()
    return await rows.view_remittance(session, row)


async def cancel_remittance(
    session: AsyncSession,
    *,
    remittance_id: UUID,
    within: UUID | None,
    by: UUID,
    reason: str,
    now: datetime,
) -> RemittanceView:
    """Take back what the office has not received; its number stays used.

    `within` narrows to a station. Raises RemittanceUnknown, CashDayClosed, MoveNotAllowed.
    """
    found = await rows.get_remittance(session, remittance_id)
    require_station(within, found.station_id, RemittanceUnknown)
    for day in sorted({found.booked_date, local_date(now)}):
        await lock_open_day(session, found.station_id, day)
    row = await rows.get_remittance(session, remittance_id, lock=True)
    REMITTANCE_MOVES.require(RemittanceState(row.state), RemittanceState.CANCELLED)
    row.state = RemittanceState.CANCELLED
    row.cancelled_by, row.cancelled_at, row.cancel_reason = by, now, reason
    await unbook_remittance(session, row, now=now)
    return await rows.view_remittance(session, row)


async def list_remittances(
    session: AsyncSession,
    *,
    station_id: UUID | None,
    state: RemittanceState | None,
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> Sequence[RemittanceView]:
    """Remittances of a station or all, newest first."""
    return await rows.list_remittances(
        session, station_id=station_id, state=state, after=after, limit=limit
    )
