"""Jobs put into the queue: in a session's transaction, or by the statement that writes their cause."""

from collections.abc import Sequence
from datetime import timedelta
from functools import cache
from typing import Any, Final

from pgqueuer.adapters.persistence.qb import QueryQueueBuilder
from pydantic_core import to_json
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.db import Database, fetch

Payload = dict[str, Any]
_INTO_QUEUE: Final = "FROM input\n            ON CONFLICT (dedupe_key)"


async def enqueue(
    session: AsyncSession,
    name: str,
    payload: Payload,
    *,
    dedupe_key: str | None = None,
    after: timedelta | None = None,
) -> None:
    """Add a job in the session's transaction; an equal `dedupe_key` still waiting adds nothing."""
    await enqueue_many(session, name, [payload], dedupe_keys=[dedupe_key], after=after)


async def enqueue_many(
    session: AsyncSession,
    name: str,
    payloads: Sequence[Payload],
    *,
    dedupe_keys: Sequence[str | None] | None = None,
    after: timedelta | None = None,
) -> None:
    """Add jobs of one kind in one statement."""
    if not payloads:
        return
    sent = [to_json(payload) for payload in payloads]
    keys = [None] * len(payloads) if dedupe_keys is None else list(dedupe_keys)
    await fetch(session, _query(), 0, name, sent, after or timedelta(0), keys, "null")


async def write_and_enqueue(
    database: Database,
    statement: str,
    *values: object,
    name: str,
    payload: Payload,
    dedupe_key: str,
) -> bool:
    """Write a row and add the job it causes, in one statement that is a transaction of its own.

    The statement returns what it wrote, and its values are numbered from $7; where it writes
    nothing there is no job. Answers whether a job was added.
    """
    row = await database.fetch_row(
        _query_after(statement),
        *(0, name, [to_json(payload)], timedelta(0), [dedupe_key], "null"),
        *values,
    )
    return row is not None


@cache
def _query() -> str:
    # pgqueuer's own statement, asked for once: its `enqueue` reads its settings anew each time.
    # What all jobs have in common is sent once and not once a job.
    query = QueryQueueBuilder().build_enqueue_query("skip")
    for column in ("$1::int", "$2::text", "$4::interval", "$6::jsonb"):
        query = query.replace(
            f"{column}[]", f"array_fill({column}, ARRAY[cardinality($3::bytea[])])"
        )
    return query


@cache
def _query_after(statement: str) -> str:
    query = _query()
    if query.count(_INTO_QUEUE) != 1 or not query.lstrip().startswith("WITH input AS"):
        raise RuntimeError("pgqueuer enqueues by another statement than the one known here")
    written = _INTO_QUEUE.replace("FROM input", "FROM input WHERE EXISTS (SELECT FROM written)")
    return query.replace("WITH input AS", f"WITH written AS ({statement}), input AS", 1).replace(
        _INTO_QUEUE, written
    )
