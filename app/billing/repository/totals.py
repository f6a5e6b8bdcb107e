"""SQL of what accounts add up to: past dates by their daily totals, the rest by its transfers."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

_LOCK: Final = 7_300_722
"""Key of the advisory lock under which dates are closed."""

_CLOSE: Final = text("""
INSERT INTO ledger_daily_totals AS d (booked_date, account, debit_fen, credit_fen)
SELECT t.booked_date, s.account, sum(s.debit), sum(s.credit)
FROM ledger_transfers t
CROSS JOIN LATERAL (
    VALUES (t.debit_account, t.amount_fen, 0::bigint), (t.credit_account, 0, t.amount_fen)
) AS s(account, debit, credit)
WHERE t.booked_date BETWEEN :first AND :last
GROUP BY t.booked_date, s.account
ON CONFLICT (booked_date, account) DO UPDATE
SET debit_fen = EXCLUDED.debit_fen, credit_fen = EXCLUDED.credit_fen
WHERE (d.debit_fen, d.credit_fen) IS DISTINCT FROM (EXCLUDED.debit_fen, EXCLUDED.credit_fen)
""")

_BALANCES: Final = text("""
SELECT account, sum(debit)::bigint AS debit, sum(credit)::bigint AS credit
FROM (
    SELECT d.account, d.debit_fen AS debit, d.credit_fen AS credit
    FROM ledger_daily_totals d WHERE d.booked_date <= :until AND d.booked_date <= :closed
    UNION ALL
    SELECT s.account, s.debit, s.credit
    FROM ledger_transfers t
    CROSS JOIN LATERAL (
        VALUES (t.debit_account, t.amount_fen, 0::bigint), (t.credit_account, 0, t.amount_fen)
    ) AS s(account, debit, credit)
    WHERE t.booked_date > :closed AND t.booked_date <= :until
) sides
GROUP BY account ORDER BY account
""")


@dataclass(frozen=True, slots=True)
class AccountBalance:
    """Totals of one account, in fen; `balance_fen` is credit minus debit."""

    account: str
    debit_fen: int
    credit_fen: int
    balance_fen: int


async def lock_closing(session: AsyncSession) -> None:
    """Let one transaction at a time close dates, until it ends."""
    await session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})


async def last_closed_date(session: AsyncSession) -> date | None:
    """The last date whose totals are kept; every one before it is closed too."""
    found: date | None = await session.scalar(
        text("SELECT max(booked_date) FROM ledger_daily_totals")
    )
    return found


async def first_booked_date(session: AsyncSession) -> date | None:
    """The date of the oldest transfer."""
    found: date | None = await session.scalar(text("SELECT min(booked_date) FROM ledger_transfers"))
    return found


async def close_dates(session: AsyncSession, *, first: date, last: date) -> None:
    """Keep the totals of some dates; those kept already are brought up to the transfers."""
    await session.execute(_CLOSE, {"first": first, "last": last})


async def list_balances(session: AsyncSession, *, until: date, today: date) -> list[AccountBalance]:
    """Totals of every account over all dates up to one, by name.

    Kept totals count for dates before today only: the clock of a demo may have been put back.
    """
    closed = await last_closed_date(session) or date.min
    kept = min(closed, today - timedelta(days=1))
    rows = await session.execute(_BALANCES, {"until": until, "closed": kept})
    return [
        AccountBalance(row.account, row.debit, row.credit, row.credit - row.debit) for row in rows
    ]
