"""What finance, managers and customers may look at. Amounts are integer fen."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.billing.models import LedgerTransfer, Payment, Receipt, Refund, RefundLimit, RefundRule
from app.billing.repository import ledger as ledger_rows
from app.billing.repository import payments as payment_rows
from app.billing.repository import refunds as refund_rows
from app.billing.repository import totals
from app.billing.repository.ledger import CashHeld
from app.billing.repository.totals import AccountBalance
from app.billing.service.approving import evidence_cell
from app.billing.service.ledger import BALANCE, DEPOSIT
from app.billing.states import PaymentChannel, RefundStatus
from app.core.clock import local_instant
from app.core.runtime import keys

After = tuple[datetime, UUID]
"""Where a page goes on: instant and id of the last row before it."""

STATION_LOOK_BACK = timedelta(days=31)
"""A station manager sees the deliverers who served the station within so many days."""


async def get_payment(session: AsyncSession, *, customer_id: UUID, payment_id: UUID) -> Payment:
    """One payment; raises PaymentUnknown."""
    return await payment_rows.get_payment(session, customer_id, payment_id)


async def list_payments(
    session: AsyncSession, *, customer_id: UUID, after: After | None, limit: int
) -> Sequence[Payment]:
    """A customer's attempts to pay, newest first."""
    return await payment_rows.list_payments(
        session, customer_id=customer_id, after=after, limit=limit
    )


@dataclass(frozen=True, slots=True)
class PaidFor:
    """What was paid for a reference, and the deposit in fen that was taken over with it."""

    payments: Sequence[Payment]
    deposit_fen: int


async def view_paid(session: AsyncSession, *, customer_id: UUID, reference_id: UUID) -> PaidFor:
    """The payments that pay for a reference; money given back since is not taken off."""
    return PaidFor(
        payments=await payment_rows.list_captured(session, customer_id, reference_id),
        deposit_fen=await ledger_rows.find_balance(
            session, customer_id=customer_id, reference_id=reference_id, account=DEPOSIT
        ),
    )


@dataclass(frozen=True, slots=True)
class Purse:
    """A household's balance in fen, and what moved it, newest first."""

    balance_fen: int
    moves: Sequence[LedgerTransfer]


async def view_purse(session: AsyncSession, *, customer_id: UUID, limit: int) -> Purse:
    """The balance: credits of tickets and changes, less what was taken back or used."""
    return Purse(
        balance_fen=await ledger_rows.find_balance(
            session, customer_id=customer_id, account=BALANCE
        ),
        moves=await ledger_rows.list_account(
            session, customer_id=customer_id, account=BALANCE, limit=limit
        ),
    )


async def list_refunds(
    session: AsyncSession,
    *,
    customer_id: UUID | None,
    status: RefundStatus | None,
    after: After | None,
    limit: int,
) -> Sequence[Refund]:
    """Refunds of one customer or of all, newest first."""
    return await refund_rows.list_refunds(
        session, customer_id=customer_id, status=status, after=after, limit=limit
    )


def read_evidence(refund: Refund) -> str | None:
    """What proves that a refund was paid by hand; for staff only."""
    if refund.evidence_sealed is None:
        return None
    return keys().open(refund.evidence_sealed, evidence_cell(refund.refund_id))


async def list_refund_limits(session: AsyncSession) -> Sequence[RefundLimit]:
    """Limits above which a staff member's refund waits, newest first."""
    return await refund_rows.list_refund_limits(session)


async def list_refund_rules(session: AsyncSession) -> Sequence[RefundRule]:
    """How each channel gives money back, newest first of each."""
    return await refund_rows.list_refund_rules(session)


async def list_balances(session: AsyncSession, *, today: date) -> list[AccountBalance]:
    """Totals of every account; `balance_fen` is credit minus debit."""
    return await totals.list_balances(session, until=date.max, today=today)


async def list_transfers(
    session: AsyncSession,
    *,
    customer_id: UUID,
    reference_id: UUID,
    after: After | None,
    limit: int,
) -> Sequence[LedgerTransfer]:
    """Transfers about one order, ticket or import line, oldest first."""
    return await ledger_rows.list_transfers(
        session, customer_id=customer_id, reference_id=reference_id, after=after, limit=limit
    )


@dataclass(frozen=True, slots=True)
class ReceiptView:
    """A receipt and how it was paid."""

    receipt: Receipt
    channel: PaymentChannel


async def list_receipts(
    session: AsyncSession,
    *,
    collector_id: UUID | None,
    on: date | None,
    station_id: UUID | None,
    today: date,
    after: After | None,
    limit: int,
) -> list[ReceiptView]:
    """Receipts of a deliverer, a day (operator's date) or all, newest first.

    `station_id` narrows them to the deliverers of one station.
    """
    collectors: set[UUID] | None = None if collector_id is None else {collector_id}
    if station_id is not None:
        own = await _station_collectors(session, station_id=station_id, today=today)
        collectors = own if collectors is None else collectors & own
    found = await payment_rows.list_receipts(
        session,
        collectors=collectors,
        since=None if on is None else local_instant(on, time()),
        until=None if on is None else local_instant(on + timedelta(days=1), time()),
        after=after,
        limit=limit,
    )
    return [ReceiptView(receipt, channel) for receipt, channel in found]


async def list_cash_held(
    session: AsyncSession, *, station_id: UUID | None, today: date
) -> list[CashHeld]:
    """Cash in each deliverer's hand, most first; `station_id` narrows it to one station's."""
    collectors: set[UUID] | None = None
    if station_id is not None:
        collectors = await _station_collectors(session, station_id=station_id, today=today)
    return await ledger_rows.list_cash_held(session, collectors=collectors)


async def _station_collectors(session: AsyncSession, *, station_id: UUID, today: date) -> set[UUID]:
    return await ledger_rows.list_station_collectors(
        session, station_id=station_id, since=today - STATION_LOOK_BACK, until=today
    )
