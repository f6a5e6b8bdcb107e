"""Closing past dates of the ledger, and the trial balance (试算平衡表) that reads them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from app.billing.errors import DateNotBegun
from app.billing.repository import totals
from app.billing.repository.totals import AccountBalance
from app.core.clock import local_date
from app.core.db import Database

MARGIN: Final = timedelta(hours=1)
"""After midnight, for transactions that booked on the old date and end on the new one."""
AGAIN: Final = timedelta(days=3)
"""Closed dates that are added up once more."""
AT_ONCE: Final = timedelta(days=30)


async def close_past_dates(database: Database, *, now: datetime) -> date:
    """Keep the daily totals of every past date, in slices; answers the last one that has passed."""
    last = local_date(now - MARGIN) - timedelta(days=1)
    async with database.transaction() as session:
        closed = await totals.last_closed_date(session)
        first = min(closed, last) - AGAIN if closed else await totals.first_booked_date(session)
    while first is not None and first <= last:
        until = min(first + AT_ONCE, last)
        async with database.transaction() as session:
            await totals.lock_closing(session)
            await totals.close_dates(session, first=first, last=until)
        first = until + timedelta(days=1)
    return last


@dataclass(frozen=True, slots=True)
class TrialBalance:
    """Every account to the end of a date; debits and credits are the same in all, in fen."""

    date: date
    accounts: Sequence[AccountBalance]
    debit_fen: int
    credit_fen: int


async def read_trial_balance(
    session: AsyncSession, *, on: date | None, now: datetime
) -> TrialBalance:
    """The trial balance to the end of a date, by default today's; raises DateNotBegun."""
    today = local_date(now)
    until = on or today
    if until > today:
        raise DateNotBegun(today=today.isoformat())
    accounts = await totals.list_balances(session, until=until, today=today)
    return TrialBalance(
        date=until,
        accounts=accounts,
        debit_fen=sum(one.debit_fen for one in accounts),
        credit_fen=sum(one.credit_fen for one in accounts),
    )
