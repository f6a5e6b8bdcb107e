"""A customer's account as a statement: each account with its transfers and running balance."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.billing.models import LedgerTransfer
from app.billing.repository import statements as rows
from app.billing.service.ledger import BALANCE, DEPOSIT, PREPAID, REFUND_PAYABLE, SUSPENSE

OWN_ACCOUNTS: Final = (PREPAID, BALANCE, DEPOSIT, REFUND_PAYABLE, SUSPENSE)
"""What we hold of a customer's money; every transfer of his touches one of them."""
MOST_LINES: Final = 2000


@dataclass(frozen=True, slots=True)
class StatementLine:
    """One transfer as it moved an account, and what stood there afterwards, in fen."""

    transfer: LedgerTransfer
    change_fen: int
    balance_fen: int


@dataclass(frozen=True, slots=True)
class AccountStatement:
    """An account over a period: opening + changes = closing, in fen."""

    account: str
    opening_fen: int
    lines: Sequence[StatementLine]
    closing_fen: int


@dataclass(frozen=True, slots=True)
class Statement:
    """A customer's accounts over a period; `is_cut` when the last lines are left out."""

    customer_id: UUID
    since: date
    until: date
    accounts: Sequence[AccountStatement]
    is_cut: bool


async def read_statement(
    session: AsyncSession, *, customer_id: UUID, since: date, until: date
) -> Statement:
    """A customer's statement of two dates and all between; accounts nothing ever touched are left
    out. A customer without transfers has no accounts.
    """
    opening = await rows.read_opening(
        session, customer_id=customer_id, accounts=OWN_ACCOUNTS, since=since
    )
    found = await rows.list_moves(
        session,
        customer_id=customer_id,
        accounts=OWN_ACCOUNTS,
        since=since,
        until=until,
        limit=MOST_LINES + 1,
    )
    moves = found[:MOST_LINES]
    accounts = [_of_account(name, opening.get(name, 0), moves) for name in OWN_ACCOUNTS]
    return Statement(
        customer_id=customer_id,
        since=since,
        until=until,
        accounts=[one for one in accounts if one.lines or one.opening_fen],
        is_cut=len(found) > MOST_LINES,
    )


def _of_account(
    account: str, opening_fen: int, moves: Sequence[LedgerTransfer]
) -> AccountStatement:
    lines, balance_fen = [], opening_fen
    for move in moves:
        if account not in {move.debit_account, move.credit_account}:
            continue
        change_fen = move.amount_fen if move.credit_account == account else -move.amount_fen
        balance_fen += change_fen
        lines.append(StatementLine(move, change_fen, balance_fen))
    return AccountStatement(account, opening_fen, lines, balance_fen)
