"""SQL of what households are told of their door on the morning itself, by blocks."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

# A round whose phone is silent may be done long since: nothing is said of it.
_HEARD = """
SELECT block_id FROM block_mornings
WHERE service_date = :day AND last_heard_at >= :since AND failed + partly + still_open > 0
ORDER BY block_id
"""

_MISSED = """
SELECT s.customer_id, s.address_id, s.state = 'partly' AS is_part, min(d.reason) AS reason,
       bool_or(d.our_fault) AS our_fault
FROM stops s
JOIN deliveries d ON d.customer_id = s.customer_id AND d.service_date = s.service_date
    AND d.address_id = s.address_id AND d.status IN ('failed', 'short')
WHERE s.block_id = ANY(:blocks) AND s.service_date = :day AND d.service_date = :day
  AND s.customer_kind = 'household' AND s.state IN ('failed', 'partly')
  AND d.recorded_at >= :since AND d.recorded_at < :until
GROUP BY s.customer_id, s.address_id, s.state
ORDER BY s.customer_id, s.address_id
"""

_WAITING = """
SELECT s.customer_id, s.address_id, m.due - m.still_open AS done, m.first_tap_at, m.last_tap_at,
       row_number() OVER (PARTITION BY s.block_id ORDER BY s.stop_no, s.customer_id) AS doors
FROM block_mornings m
JOIN stops s ON s.block_id = m.block_id AND s.service_date = m.service_date
    AND s.customer_kind = 'household' AND s.state = 'planned'
WHERE m.block_id = ANY(:blocks) AND m.service_date = :day AND s.service_date = :day
  AND m.last_heard_at >= :since AND m.first_tap_at IS NOT NULL
ORDER BY s.customer_id, s.address_id
"""


@dataclass(frozen=True, slots=True)
class MissedDoor:
    """A door where bottles were missing, and why."""

    customer_id: UUID
    address_id: UUID
    is_part: bool
    reason: str
    our_fault: bool | None


@dataclass(frozen=True, slots=True)
class WaitingDoor:
    """A door still open on a round that is heard of; `doors` counts it and those before it."""

    customer_id: UUID
    address_id: UUID
    done: int
    first_tap_at: datetime
    last_tap_at: datetime
    doors: int


async def list_heard_blocks(session: AsyncSession, *, day: date, since: datetime) -> list[UUID]:
    """Blocks of a date whose phones reported since an instant and which are not all well."""
    return list(await session.scalars(text(_HEARD), {"day": day, "since": since}))


async def list_missed(
    session: AsyncSession, *, blocks: Sequence[UUID], day: date, since: datetime, until: datetime
) -> list[MissedDoor]:
    """Household doors of a date whose missing bottles were reported from `since` to `until`."""
    asked = {"blocks": list(blocks), "day": day, "since": since, "until": until}
    return [MissedDoor(**row) for row in (await session.execute(text(_MISSED), asked)).mappings()]


async def list_waiting(
    session: AsyncSession, *, blocks: Sequence[UUID], day: date, since: datetime
) -> list[WaitingDoor]:
    """Household doors of a date still open in blocks whose phones reported since an instant."""
    asked = {"blocks": list(blocks), "day": day, "since": since}
    return [WaitingDoor(**row) for row in (await session.execute(text(_WAITING), asked)).mappings()]
