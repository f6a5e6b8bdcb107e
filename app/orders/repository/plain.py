"""Statements by the driver, for what every change of an order runs: a quarter of the session's cost."""

from collections.abc import Collection
from uuid import UUID

import asyncpg
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.db import fetch

KEYS = """unnest((SELECT $1::uuid[]), (SELECT $2::uuid[])) AS k(customer_id, order_line_id)"""
"""Lines by customer and line: the first two arguments, of `key_columns`.

Behind a SELECT the planner does not count them: one plan is kept for all, not made anew each time.
"""
OF_KEYS = "t.customer_id = k.customer_id AND t.order_line_id = k.order_line_id"


def key_columns(keys: Collection[tuple[UUID, UUID]]) -> tuple[list[UUID], list[UUID]]:
    """The arguments of `KEYS`."""
    return [key[0] for key in keys], [key[1] for key in keys]


async def run(session: AsyncSession, query: str, *arguments: object) -> list[asyncpg.Record]:
    """As `fetch`, with what the session has pending written first."""
    if not session.sync_session._is_clean():  # noqa: SLF001  # its public signs build three sets
        await session.flush()
    return await fetch(session, query, *arguments)
