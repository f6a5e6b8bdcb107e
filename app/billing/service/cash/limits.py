"""From which difference on a hand-in needs a second person."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.billing.cash_models import CashDifferenceLimit
from app.billing.repository import cash as rows
from app.core.clock import local_date

DEFAULT_DIFFERENCE_LIMIT_FEN: Final = 1_000
"""A difference above this waits for a second person, until a limit is set."""


async def is_above_difference_limit(
    session: AsyncSession, difference_fen: int, *, now: datetime
) -> bool:
    """Whether a difference, short or over, needs a second person today."""
    limit = await rows.find_difference_limit(session, on=local_date(now))
    return abs(difference_fen) > (DEFAULT_DIFFERENCE_LIMIT_FEN if limit is None else limit)


async def list_difference_limits(session: AsyncSession) -> Sequence[CashDifferenceLimit]:
    """All limits, newest first."""
    return await rows.list_difference_limits(session)


async def set_difference_limit(
    session: AsyncSession, *, limit_fen: int, set_by: UUID, now: datetime
) -> Sequence[CashDifferenceLimit]:
    """Set the limit (fen) from today on."""
    await rows.put_difference_limit(
        session, valid_from=local_date(now), limit_fen=limit_fen, set_by=set_by, now=now
    )
    return await rows.list_difference_limits(session)
