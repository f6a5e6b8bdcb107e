"""The ledger: one helper that posts, and what can be read from it. Amounts are integer fen."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from uuid import UUID, uuid5

from sqlalchemy.ext.asyncio import AsyncSession

from app.billing.models import LedgerTransfer, Payment
from app.billing.repository import ledger as ledger_rows
from app.billing.repository import totals
from app.billing.states import PaymentChannel
from app.core.clock import local_date

PREPAID: Final = "prepaid"
SUSPENSE: Final = "suspense"
REFUND_PAYABLE: Final = "refund_payable"
BALANCE: Final = "balance"
DEPOSIT: Final = "deposit"
"""Deposits for boxes and bottles: owed back."""
DEPOSIT_KEPT: Final = "deposit_kept"
"""What was kept of them because a box or bottles did not come back."""
COMPENSATION: Final = "compensation"
CASH_OFFICE: Final = "cash:office"
"""Cash at the operator's desk, from which finance pays cash refunds out."""
CHANNEL_FEE: Final = "channel_fee"
"""What channels keep of payments, and give back with refunds."""
MANUAL_PAYOUT: Final = "manual_payout"
"""Refunds settled by bank transfer or otherwise not to their origin."""

CLEARING: Final = (REFUND_PAYABLE, SUSPENSE)
"""Accounts that return to zero; an old item in them is somebody's work."""


def account_of(payment: Payment) -> str:
    """The account that holds a payment's money."""
    return channel_account(PaymentChannel(payment.channel), payment.merchant_account)


def channel_account(channel: PaymentChannel, merchant: str) -> str:
    """The account of a merchant's money at a channel, of a deliverer's cash, of a shop."""
    match channel:
        case PaymentChannel.WECHAT | PaymentChannel.ALIPAY | PaymentChannel.UNIONPAY:
            return f"channel:{channel}:{merchant}"
        case PaymentChannel.CASH:
            return f"cash:{merchant}"
        case PaymentChannel.POS:
            return f"pos:{merchant}"
        case PaymentChannel.MARKETPLACE:
            return f"marketplace:{merchant}"


async def post(
    session: AsyncSession,
    *,
    customer_id: UUID,
    debit: str,
    credit: str,
    amount_fen: int,
    cause: str,
    reference_id: UUID,
    source_id: UUID,
    now: datetime,
    reverses_id: UUID | None = None,
) -> LedgerTransfer:
    """Book one transfer on the operator's date of `now`.

    The id follows from source and cause, so the key refuses a second booking on the same date.
    """
    transfer = LedgerTransfer(
        customer_id=customer_id,
        booked_date=local_date(now),
        transfer_id=transfer_id(source_id, cause),
        debit_account=debit,
        credit_account=credit,
        amount_fen=amount_fen,
        cause=cause,
        reference_id=reference_id,
        source_id=source_id,
        booked_at=now,
        reverses_id=reverses_id,
    )
    session.add(transfer)
    await session.flush()
    return transfer


def transfer_id(source_id: UUID, cause: str) -> UUID:
    """The id of what a source causes."""
    return uuid5(source_id, cause)


@dataclass(frozen=True, slots=True, kw_only=True)
class Posting:
    """One of many transfers of a cause; `part` tells those of one source apart."""

    customer_id: UUID
    amount_fen: int
    reference_id: UUID
    source_id: UUID
    part: UUID

    def id_for(self, cause: str) -> UUID:
        """The transfer's id: what it is reversed by."""
        return transfer_id(self.source_id, f"{cause}:{self.part}")


async def post_many(
    session: AsyncSession,
    postings: Sequence[Posting],
    *,
    debit: str,
    credit: str,
    cause: str,
    now: datetime,
    reverses: str | None = None,
) -> None:
    """Book many transfers between two accounts in one statement; keys as of `post`.

    `reverses` names the cause under which the same postings were booked the other way round.
    """
    await ledger_rows.add_many(
        session,
        [
            {
                "customer_id": one.customer_id,
                "booked_date": local_date(now),
                "transfer_id": one.id_for(cause),
                "debit_account": debit,
                "credit_account": credit,
                "amount_fen": one.amount_fen,
                "cause": cause,
                "reference_id": one.reference_id,
                "source_id": one.source_id,
                "booked_at": now,
                "reverses_id": None if reverses is None else one.id_for(reverses),
            }
            for one in postings
        ],
    )


async def pay_credit(
    session: AsyncSession,
    *,
    customer_id: UUID,
    reference_id: UUID,
    source_id: UUID,
    amount_fen: int,
    cause: str,
    now: datetime,
) -> LedgerTransfer:
    """Give a household credit: debit `compensation`, credit `balance`; once per source and cause.

    Raises ValueError unless `amount_fen` is positive.
    """
    if amount_fen <= 0:
        raise ValueError("a credit is positive")
    credit_id = transfer_id(source_id, cause)
    posted = await ledger_rows.find_transfer(session, customer_id, credit_id)
    if posted is not None:
        return posted
    await ledger_rows.add_once(
        session,
        {
            "customer_id": customer_id,
            "booked_date": local_date(now),
            "transfer_id": credit_id,
            "debit_account": COMPENSATION,
            "credit_account": BALANCE,
            "amount_fen": amount_fen,
            "cause": cause,
            "reference_id": reference_id,
            "source_id": source_id,
            "booked_at": now,
        },
    )
    return await ledger_rows.get_transfer(session, customer_id, credit_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClearingItems:
    """What a clearing account holds: how many open items, and how old the oldest is."""

    account: str
    balance_fen: int
    open_items: int
    oldest_at: datetime | None


async def list_clearing(session: AsyncSession, *, today: date) -> list[ClearingItems]:
    """The clearing accounts with the age of their open items; a clean book shows zeros."""
    found = await totals.list_balances(session, until=date.max, today=today)
    balances = {row.account: row.balance_fen for row in found}
    open_refunds = await ledger_rows.open_refunds(session)
    surplus = await ledger_rows.waiting_surplus(session)
    return [
        ClearingItems(
            account=account,
            balance_fen=balances.get(account, 0),
            open_items=items.count,
            oldest_at=items.oldest_at,
        )
        for account, items in ((REFUND_PAYABLE, open_refunds), (SUSPENSE, surplus))
    ]
