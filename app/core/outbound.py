"""An outside call is three steps: a transaction, the call with no connection held, a transaction.

The first transaction writes the attempt under its own number, so that a time-out is repaired by a
query and then a retry with the same number. What is not known is called `Unknown`, never guessed.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import httpx
import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.db import Database
from app.core.logging import without_personal_data

log = structlog.get_logger()

Prepared = TypeVar("Prepared")
Answer = TypeVar("Answer")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Answered(Generic[Answer]):
    """The other side said something definite."""

    value: Answer


@dataclass(frozen=True)
class Unknown:
    """No definite answer: it may or may not have happened over there."""

    reason: str


class OutcomeUnknown(Exception):
    """Raised by an adapter when its answer cannot be trusted to mean anything."""


async def call_outside(
    database: Database,
    *,
    prepare: Callable[[AsyncSession], Awaitable[Prepared | None]],
    call: Callable[[Prepared], Awaitable[Answer]],
    record: Callable[[AsyncSession, Prepared, Answered[Answer] | Unknown], Awaitable[Result]],
) -> Result | None:
    """Run the three steps; `prepare` answering None means there is nothing to do (any more).

    Errors of `call` other than transport failures and OutcomeUnknown are bugs and propagate; the
    attempt row stays and a sweeper finds it.
    """
    async with database.transaction() as session:
        prepared = await prepare(session)
    if prepared is None:
        return None
    outcome: Answered[Answer] | Unknown
    try:
        outcome = Answered(await call(prepared))
    except (httpx.HTTPError, OutcomeUnknown, TimeoutError) as error:
        reason = without_personal_data(f"{type(error).__name__}: {error}")[:300]
        log.warning("outbound.unknown", reason=reason)
        outcome = Unknown(reason)
    async with database.transaction() as session:
        return await record(session, prepared, outcome)
