"""Counting what may happen only so often, on the wall clock."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.runtime import keys
from app.identity import repository
from app.identity.errors import Throttled
from app.identity.rules import Allowance


def _key(allowance: Allowance) -> str:
    index = keys().blind_index("throttle", allowance.subject)
    return f"{allowance.purpose}:{index[:16].hex()}"


def _buckets(allowances: Sequence[Allowance], wall: datetime) -> list[tuple[str, datetime]]:
    return [(_key(allowance), allowance.bucket_at(wall)) for allowance in allowances]


async def take(session: AsyncSession, *, allowances: Sequence[Allowance], wall: datetime) -> None:
    """Count one against each allowance; raises Throttled (nothing is counted then).

    Concurrent takers of one subject wait for each other, so no limit is overrun. Allowances are
    given in the same order everywhere: the narrowest subject first.
    """
    await repository.add_counts(session, _buckets(allowances, wall))
    rows = await repository.list_counts(
        session, [(_key(allowance), allowance.counts_since(wall)) for allowance in allowances]
    )
    waits = {}
    for allowance in allowances:
        key = _key(allowance)
        counts = [(at, number) for row_key, at, number in rows if row_key == key]
        waits[allowance.purpose] = allowance.wait(counts, now=wall)
    longest = max(waits, key=lambda purpose: waits[purpose])
    if waits[longest]:
        raise Throttled(retry_after_seconds=waits[longest], limit=longest)


async def give_back(
    session: AsyncSession, *, allowances: Sequence[Allowance], wall: datetime
) -> None:
    """Take a count back that was made with the same `wall`."""
    await repository.take_back_counts(session, _buckets(allowances, wall))
