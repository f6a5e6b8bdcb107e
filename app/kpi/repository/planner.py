"""Settings of one transaction that keep PostgreSQL's planner from a bad guess."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession


async def plan_for_these_values(session: AsyncSession) -> None:
    """Plan each statement for its own dates.

    A plan for any dates ignores how many rows these have, and takes twice the time.
    """
    await session.execute(text("SELECT set_config('plan_cache_mode', 'force_custom_plan', true)"))


@asynccontextmanager
async def joined_by_hash(session: AsyncSession) -> AsyncIterator[None]:
    """No nested loops inside: over derived sets the planner expects one row and meets thousands."""
    await session.execute(text("SELECT set_config('enable_nestloop', 'off', true)"))
    yield
    await session.execute(text("SELECT set_config('enable_nestloop', 'on', true)"))
