"""Slots of cold stores, counted for 冷库温度合格率 (S1 5.2.1)."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import local_instant

DAY = timedelta(days=1)

# The slots that count are a multirange of time per device, cut at slot boundaries: whole slots of
# each day in service, less every slot an outage touches. A reading counts when it lies in there;
# where that is the whole period, it need not be asked.
COLD_STORE_COUNTS = """
WITH watched AS (
    SELECT d.id, d.store_id, s.station_id, coalesce(d.min_celsius, '-Infinity') AS min_celsius,
           d.max_celsius, d.slot_seconds,
           make_interval(secs => d.slot_seconds) AS slot, 86400 / d.slot_seconds AS per_day,
           greatest(d.in_service_from, :start) AS since,
           least(d.in_service_until, :until, :now) AS until
    FROM devices d JOIN cold_stores s ON s.id = d.store_id
    WHERE CAST(:stations AS uuid[]) IS NULL OR s.station_id = ANY(:stations)
), days AS (
    SELECT midnight, midnight + interval '1 day' AS next_midnight
    FROM generate_series(CAST(:start AS timestamptz), CAST(:until AS timestamptz)
                         - interval '1 day', interval '1 day') AS midnight
), bounds AS (
    SELECT id,
           midnight + slot * ceil(date_part('epoch', greatest(since, midnight) - midnight)
                                  / slot_seconds) AS opens,
           midnight + slot * least(per_day, floor(date_part('epoch',
               least(until, next_midnight) - midnight) / slot_seconds)) AS closes
    FROM watched JOIN days ON since < next_midnight AND until > midnight
), running AS (
    SELECT id, range_agg(tstzrange(opens, closes)) AS slots
    FROM bounds WHERE opens < closes GROUP BY id
), touched AS (
    SELECT w.id,
           midnight + slot * floor(date_part('epoch', greatest(lower(o.during), midnight)
                                   - midnight) / slot_seconds) AS opens,
           midnight + slot * least(per_day, ceil(date_part('epoch',
               least(upper(o.during), next_midnight) - midnight) / slot_seconds)) AS closes
    FROM watched w
    JOIN device_outages o ON o.device_id = w.id AND o.during && tstzrange(:start, :until)
    JOIN days ON o.during && tstzrange(midnight, next_midnight)
), shut AS (
    SELECT id, range_agg(tstzrange(opens, closes)) AS slots
    FROM touched WHERE opens < closes GROUP BY id
), expected AS MATERIALIZED (
    SELECT w.*, left_over.slots,
           left_over.slots @> tstzrange(:start, :until) AS is_unbroken
    FROM watched w JOIN running r USING (id) LEFT JOIN shut USING (id)
    CROSS JOIN LATERAL (SELECT r.slots - coalesce(shut.slots, '{}') AS slots) left_over
)
SELECT e.id AS device_id, e.store_id, e.station_id, x.expected,
       s.heard - s.out_of_range AS in_range, x.expected - s.heard AS silent, s.out_of_range
FROM expected e
CROSS JOIN LATERAL (
    SELECT CAST(sum(date_part('epoch', upper(u) - lower(u)) / e.slot_seconds) AS bigint) AS expected
    FROM unnest(e.slots) AS u
) x
CROSS JOIN LATERAL (
    SELECT count(DISTINCT slot_at) AS heard,
           count(DISTINCT slot_at) FILTER (WHERE NOT is_in_range) AS out_of_range
    FROM (
        SELECT date_bin(e.slot, r.at, date_bin('1 day', r.at, :start)) AS slot_at,
               r.celsius BETWEEN e.min_celsius AND e.max_celsius AS is_in_range
        FROM temperature_readings r
        WHERE r.device_id = e.id AND r.at >= :start AND r.at < :until
          AND (e.is_unbroken OR e.slots @> r.at)
    ) readings
) s
WHERE x.expected > 0
ORDER BY e.station_id, e.store_id, e.id
"""
_COUNTING = text(COLD_STORE_COUNTS)


@dataclass(frozen=True, slots=True)
class DeviceSlotCount:
    """Slots of one device of a cold store over a period: in_range + silent + out_of_range."""

    device_id: UUID
    store_id: UUID
    station_id: UUID
    expected: int
    in_range: int
    silent: int
    out_of_range: int


def slot_parameters(
    *, from_date: date, to_date: date, now: datetime, station_ids: Collection[UUID] | None
) -> dict[str, Any]:
    """What COLD_STORE_COUNTS asks for."""
    return {
        "start": local_instant(from_date, time(0)),
        "until": local_instant(to_date + DAY, time(0)),
        "now": now,
        "stations": None if station_ids is None else list(station_ids),
    }


async def count_cold_store_slots(
    session: AsyncSession,
    *,
    from_date: date,
    to_date: date,
    now: datetime,
    station_ids: Collection[UUID] | None,
) -> list[DeviceSlotCount]:
    """Slots of every cold store device over operator's days, both included."""
    rows = await session.execute(
        _COUNTING,
        slot_parameters(from_date=from_date, to_date=to_date, now=now, station_ids=station_ids),
    )
    return [DeviceSlotCount(*row) for row in rows]
