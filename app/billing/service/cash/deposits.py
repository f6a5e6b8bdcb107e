"""Cash of a station paid in at the bank."""

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.billing.cash_errors import (
    BankDepositCancelled,
    BankDepositUnknown,
    DepositDateAhead,
    SlipNumberTaken,
    StationHoldsLess,
)
from app.billing.cash_models import BankDeposit
from app.billing.repository import cash as rows
from app.billing.repository import ledger as ledger_rows
from app.billing.service.cash.booking import book_bank_deposit, safe_of, unbook_bank_deposit
from app.billing.service.cash.days import lock_open_day
from app.core.clock import local_date
from app.core.idempotency import IdempotencyKeyReused
from app.workforce.rules import require_station


async def record_bank_deposit(
    session: AsyncSession,
    *,
    deposit_id: UUID,
    station_id: UUID,
    slip_no: str,
    amount_fen: int,
    deposited_date: date,
    by: UUID,
    now: datetime,
) -> BankDeposit:
    """Book a bank slip (S1 5.2.7 奶款核销) on today's date; harmless when repeated under its id.

    Raises DepositDateAhead, CashDayClosed, SlipNumberTaken, StationHoldsLess, IdempotencyKeyReused
    (the id stands on another deposit).
    """
    today = local_date(now)
    if deposited_date > today:
        raise DepositDateAhead
    await lock_open_day(session, station_id, today)
    held = await ledger_rows.lock_cash_held(session, safe_of(station_id))
    known = await session.get(BankDeposit, deposit_id)
    if known is not None:
        if (known.station_id, known.slip_no, known.amount_fen) != (station_id, slip_no, amount_fen):
            raise IdempotencyKeyReused
        return known
    if await rows.is_slip_taken(session, station_id=station_id, slip_no=slip_no):
        raise SlipNumberTaken(slip_no=slip_no)
    if amount_fen > held:
        raise StationHoldsLess(held_fen=held)
    row = BankDeposit(
        deposit_id=deposit_id,
        station_id=station_id,
        slip_no=slip_no,
        amount_fen=amount_fen,
        deposited_date=deposited_date,
        booked_by=by,
        booked_at=now,
        booked_date=today,
    )
    session.add(row)
    await session.flush()
    await book_bank_deposit(session, row, now=now)
    return row


async def cancel_bank_deposit(
    session: AsyncSession,
    *,
    deposit_id: UUID,
    within: UUID | None,
    by: UUID,
    reason: str,
    now: datetime,
) -> BankDeposit:
    """Take back a deposit written down wrongly, before the closing of its day.

    `within` narrows to a station. Raises BankDepositUnknown, CashDayClosed, BankDepositCancelled.
    """
    found = await rows.get_bank_deposit(session, deposit_id)
    require_station(within, found.station_id, BankDepositUnknown)
    for day in sorted({found.booked_date, local_date(now)}):
        await lock_open_day(session, found.station_id, day)
    row = await rows.get_bank_deposit(session, deposit_id, lock=True)
    if row.cancelled_at is not None:
        raise BankDepositCancelled
    row.cancelled_by, row.cancelled_at, row.cancel_reason = by, now, reason
    await unbook_bank_deposit(session, row, now=now)
    return row


async def list_bank_deposits(
    session: AsyncSession,
    *,
    station_id: UUID | None,
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> Sequence[BankDeposit]:
    """Bank deposits of a station or all, newest first."""
    return await rows.list_bank_deposits(session, station_id=station_id, after=after, limit=limit)
