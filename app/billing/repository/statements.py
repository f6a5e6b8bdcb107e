"""SQL of a customer's statement: what stood in each account, and every transfer since."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final
from uuid import UUID

from sqlalchemy import or_, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.billing.models import LedgerTransfer

_OPENING: Final = text("""
SELECT s.account, sum(s.fen)::bigint AS fen
FROM ledger_transfers t
CROSS JOIN LATERAL (
    VALUES (t.credit_account, t.amount_fen), (t.debit_account, -t.amount_fen)
) AS s(account, fen)
WHERE t.customer_id = :customer_id AND t.booked_date < :since AND s.account = ANY(:accounts)
GROUP BY s.account
""")


async def read_opening(
    session: AsyncSession, *, customer_id: UUID, accounts: Sequence[str], since: date
) -> Mapping[str, int]:
    """What stood in a customer's accounts before a date, credit minus debit in fen."""
    rows = await session.execute(
        _OPENING, {"customer_id": customer_id, "accounts": list(accounts), "since": since}
    )
    return {row.account: row.fen for row in rows}


async def list_moves(
    session: AsyncSession,
    *,
    customer_id: UUID,
    accounts: Sequence[str],
    since: date,
    until: date,
    limit: int,
) -> Sequence[LedgerTransfer]:
    """A customer's transfers from or to these accounts, oldest first; `until` is the last date."""
    found = await session.scalars(
        select(LedgerTransfer)
        .where(
            LedgerTransfer.customer_id == customer_id,
            LedgerTransfer.booked_date.between(since, until),
            or_(
                LedgerTransfer.debit_account.in_(accounts),
                LedgerTransfer.credit_account.in_(accounts),
            ),
        )
        .order_by(LedgerTransfer.booked_at, LedgerTransfer.source_id, LedgerTransfer.transfer_id)
        .limit(limit)
    )
    return found.all()
