"""Forgetting what has served its time."""

from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import wall_now
from app.identity import repository

KEEP_CODES = timedelta(days=1)
KEEP_COUNTS = timedelta(days=1, minutes=30)
"""The longest window is a day, and its oldest bucket may start 24 minutes before it."""


async def prune(session: AsyncSession) -> None:
    """Delete login codes older than a day, ended sessions, and counts no window reaches."""
    wall = wall_now()
    await repository.prune(
        session, codes_before=wall - KEEP_CODES, counts_before=wall - KEEP_COUNTS, wall=wall
    )
