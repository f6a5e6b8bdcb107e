"""How cash moves in the ledger: each step is one transfer of the house about its station."""

from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.billing.cash_models import BankDeposit, CashFloat, HandIn, Remittance
from app.billing.cash_states import FloatMove
from app.billing.service.ledger import CASH_OFFICE, post, transfer_id
from app.core.ids import HOUSE

BANK: Final = "bank"
CASH_DIFFERENCE: Final = "cash_difference"
"""What was counted more or less than the books said."""

HANDED_IN: Final = "cash_handed_in"
SHORTAGE: Final = "cash_shortage"
SURPLUS: Final = "cash_surplus"
BANKED: Final = "cash_banked"
FLOAT_GIVEN: Final = "cash_float_given"
FLOAT_RETURNED: Final = "cash_float_returned"
REMITTED: Final = "cash_remitted"

Step = tuple[str, str, str, int]
"""Cause, account debited, account credited, fen."""


def hand_of(deliverer_id: UUID) -> str:
    """The account of cash in a deliverer's hand."""
    return f"cash:{deliverer_id}"


def safe_of(station_id: UUID) -> str:
    """The account of cash at a station."""
    return f"cash:station:{station_id}"


async def book_hand_in(session: AsyncSession, row: HandIn, *, now: datetime) -> None:
    """What is due leaves the hand, what was counted reaches the station, the rest is a difference."""
    await _book(session, _steps_of(row), row.station_id, row.hand_in_id, now=now)


async def unbook_hand_in(session: AsyncSession, row: HandIn, *, now: datetime) -> None:
    """Reverse what `book_hand_in` booked."""
    await _unbook(session, _steps_of(row), row.station_id, row.hand_in_id, now=now)


async def book_bank_deposit(session: AsyncSession, row: BankDeposit, *, now: datetime) -> None:
    """Cash of the station becomes money at the bank."""
    await _book(session, [_step_of(row)], row.station_id, row.deposit_id, now=now)


async def unbook_bank_deposit(session: AsyncSession, row: BankDeposit, *, now: datetime) -> None:
    """Reverse what `book_bank_deposit` booked."""
    await _unbook(session, [_step_of(row)], row.station_id, row.deposit_id, now=now)


async def book_float(session: AsyncSession, row: CashFloat, *, now: datetime) -> None:
    """Change money goes from the station to the hand, or back."""
    hand, safe = hand_of(row.deliverer_id), safe_of(row.station_id)
    step = (FLOAT_GIVEN, hand, safe, row.amount_fen)
    if row.move == FloatMove.RETURNED:
        step = (FLOAT_RETURNED, safe, hand, row.amount_fen)
    await _book(session, [step], row.station_id, row.float_id, now=now)


async def book_remittance(session: AsyncSession, row: Remittance, *, now: datetime) -> None:
    """Cash of the station becomes cash of the office."""
    await _book(session, [_way_of(row)], row.station_id, row.remittance_id, now=now)


async def unbook_remittance(session: AsyncSession, row: Remittance, *, now: datetime) -> None:
    """Reverse what `book_remittance` booked."""
    await _unbook(session, [_way_of(row)], row.station_id, row.remittance_id, now=now)


def _way_of(row: Remittance) -> Step:
    return REMITTED, CASH_OFFICE, safe_of(row.station_id), row.amount_fen


def _steps_of(row: HandIn) -> list[Step]:
    hand, safe = hand_of(row.deliverer_id), safe_of(row.station_id)
    steps = [
        (HANDED_IN, safe, hand, min(row.due_fen, row.counted_fen)),
        (SHORTAGE, CASH_DIFFERENCE, hand, row.due_fen - row.counted_fen),
        (SURPLUS, safe, CASH_DIFFERENCE, row.counted_fen - row.due_fen),
    ]
    return [step for step in steps if step[-1] > 0]


def _step_of(row: BankDeposit) -> Step:
    return BANKED, BANK, safe_of(row.station_id), row.amount_fen


async def _book(
    session: AsyncSession, steps: list[Step], station_id: UUID, source_id: UUID, *, now: datetime
) -> None:
    for cause, debit, credit, fen in steps:
        await post(
            session,
            customer_id=HOUSE,
            debit=debit,
            credit=credit,
            amount_fen=fen,
            cause=cause,
            reference_id=station_id,
            source_id=source_id,
            now=now,
        )


async def _unbook(
    session: AsyncSession, steps: list[Step], station_id: UUID, source_id: UUID, *, now: datetime
) -> None:
    for cause, debit, credit, fen in steps:
        await post(
            session,
            customer_id=HOUSE,
            debit=credit,
            credit=debit,
            amount_fen=fen,
            cause=f"{cause}_cancelled",
            reference_id=station_id,
            source_id=source_id,
            now=now,
            reverses_id=transfer_id(source_id, cause),
        )
