"""Devices that have stopped speaking."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.coldchain.rules import SILENT_SLOTS
from app.core.alerts import Alert

LOOK_BACK = timedelta(days=31)
"""A device that was last heard before is told without the instant."""

# A device is expected to speak once it has been in service, free of outages and, in a vehicle, under
# way for the whole of its slots. A parked van is not watched, as for the live alarm.
_SILENCE = """
WITH looked_at AS (
    SELECT d.id, d.code, d.store_id, d.vehicle_id, last.at AS last_at,
           coalesce(last.at > w.since, false) AS speaks,
           d.in_service_until IS NOT NULL AND d.in_service_until <= :now
           OR EXISTS (SELECT FROM device_outages o
                      WHERE o.device_id = d.id AND o.during @> CAST(:now AS timestamptz))
               AS is_excused,
           d.in_service_from <= w.since
           AND NOT EXISTS (SELECT FROM device_outages o
                           WHERE o.device_id = d.id AND o.during && tstzrange(w.since, :now, '[]'))
           AND (d.vehicle_id IS NULL OR EXISTS (
               SELECT FROM trip_legs g
               WHERE g.vehicle_id = d.vehicle_id
                 AND g.service_date BETWEEN CAST(:today AS date) - 1 AND CAST(:today AS date) + 1
                 AND g.started_at <= w.since AND (g.ended_at IS NULL OR g.ended_at > :now)))
               AS is_expected
    FROM devices d
    CROSS JOIN LATERAL (
        SELECT CAST(:now AS timestamptz)
               - make_interval(secs => CAST(:slots AS int) * d.slot_seconds) AS since
    ) w
    LEFT JOIN LATERAL (
        SELECT r.at FROM temperature_readings r
        WHERE r.device_id = d.id AND r.at > :earliest
        ORDER BY r.at DESC LIMIT 1
    ) last ON true
)
SELECT id, code, store_id, vehicle_id, last_at,
       is_expected AND NOT speaks AND NOT is_excused AS is_silent
FROM looked_at
WHERE is_expected AND NOT speaks AND NOT is_excused
   OR id = ANY(:alarmed) AND (speaks OR is_excused)
ORDER BY id
"""


@dataclass(frozen=True, slots=True)
class Silence:
    """A device that is silent, or whose alarm has come to its end."""

    device_id: UUID
    code: str
    store_id: UUID | None
    vehicle_id: UUID | None
    last_at: datetime | None
    is_silent: bool


async def list_silence(
    session: AsyncSession, *, alarmed: Collection[UUID], now: datetime, today: date
) -> list[Silence]:
    """Devices that ought to speak and do not; of `alarmed`, those that speak or are excused."""
    rows = await session.execute(
        text(_SILENCE),
        {
            "alarmed": list(alarmed),
            "now": now,
            "today": today,
            "slots": SILENT_SLOTS,
            "earliest": now - LOOK_BACK,
        },
    )
    return [Silence(*row) for row in rows]


async def list_alarmed(session: AsyncSession, *, kind: str) -> set[str]:
    """Subjects of all open alerts of a kind."""
    return set(
        await session.scalars(
            select(Alert.subject).where(Alert.kind == kind, Alert.resolved_at.is_(None))
        )
    )
