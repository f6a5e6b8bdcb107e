"""What the two temperature KPIs count (S1 5.2.1), each in one statement over sets."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.coldchain.rules import DUE_AT, LONGEST_LEG
from app.core.clock import OPERATOR_ZONE, local_instant

DAY = timedelta(days=1)

# The slots that count are a multirange of time per device, cut at slot boundaries: whole slots of
# each day in service, less every slot an outage touches. A reading counts when it lies in there.
COLD_STORE_COUNTS = """
WITH watched AS (
    SELECT d.id, d.store_id, s.station_id, d.min_celsius, d.max_celsius, d.slot_seconds,
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
    SELECT w.*, r.slots - coalesce(shut.slots, '{}') AS slots
    FROM watched w JOIN running r USING (id) LEFT JOIN shut USING (id)
), heard AS (
    SELECT r.device_id, date_bin(e.slot, r.at, date_bin('1 day', r.at, :start)) AS slot_at,
           bool_and(r.celsius <= e.max_celsius
                    AND (e.min_celsius IS NULL OR r.celsius >= e.min_celsius)) AS is_in_range
    FROM expected e JOIN temperature_readings r ON r.device_id = e.id
    WHERE r.at >= :start AND r.at < :until AND e.slots @> r.at
    GROUP BY 1, 2
), summed AS (
    SELECT device_id, count(*) AS heard, count(*) FILTER (WHERE is_in_range) AS in_range
    FROM heard GROUP BY device_id
)
SELECT e.id AS device_id, e.store_id, e.station_id, x.expected,
       coalesce(s.in_range, 0) AS in_range,
       x.expected - coalesce(s.heard, 0) AS silent,
       coalesce(s.heard - s.in_range, 0) AS out_of_range
FROM expected e
CROSS JOIN LATERAL (
    SELECT CAST(sum(date_part('epoch', upper(u) - lower(u)) / e.slot_seconds) AS bigint) AS expected
    FROM unnest(e.slots) AS u
) x
LEFT JOIN summed s ON s.device_id = e.id
WHERE x.expected > 0
ORDER BY e.station_id, e.store_id, e.id
"""

# A leg shorter than a slot needs one reading in the slot that ends with it; a leg that never ended
# lasts as long as a leg may. A trip without legs is one leg from departure to arrival.
TRIP_CHECKS = """
WITH chosen AS (
    SELECT t.*, (t.service_date + CAST(:due AS time)) AT TIME ZONE :zone AS due
    FROM trips t
    WHERE t.service_date BETWEEN :from_date AND :to_date
      AND (CAST(:stations AS uuid[]) IS NULL OR t.station_id = ANY(:stations))
), handed AS (
    SELECT vehicle_id, service_date, trip_no, c.station_id, h.kind, h.block_id,
           bool_and(h.passed) AS passed, max(h.celsius) AS celsius
    FROM handover_checks h JOIN chosen c USING (vehicle_id, service_date, trip_no)
    GROUP BY vehicle_id, service_date, trip_no, c.station_id, h.kind, h.block_id
), legs AS (
    SELECT vehicle_id, service_date, trip_no, c.station_id, l.leg_no, l.started_at,
           coalesce(l.ended_at, c.arrived_at) AS ended_at, c.due
    FROM chosen c JOIN trip_legs l USING (vehicle_id, service_date, trip_no)
    UNION ALL
    SELECT vehicle_id, service_date, trip_no, c.station_id, 1, c.departed_at, c.arrived_at, c.due
    FROM chosen c
    WHERE NOT EXISTS (
        SELECT FROM trip_legs l
        WHERE (l.vehicle_id, l.service_date, l.trip_no)
            = (c.vehicle_id, c.service_date, c.trip_no))
), ended AS (
    SELECT vehicle_id, service_date, trip_no, station_id, leg_no, started_at,
           coalesce(ended_at, started_at + CAST(:longest_leg AS interval)) AS ended_at,
           CASE WHEN ended_at IS NULL THEN greatest(due, started_at + CAST(:longest_leg AS interval))
                ELSE due END AS due,
           ended_at IS NOT NULL AS is_over
    FROM legs
), cabins AS (
    SELECT g.*, d.id AS device_id, d.max_celsius, d.slot_seconds,
           date_part('epoch', g.ended_at - g.started_at) < d.slot_seconds AS is_short,
           greatest(1, floor(date_part('epoch', g.ended_at - g.started_at) / d.slot_seconds))
               AS slots,
           least(g.started_at, g.ended_at - make_interval(secs => d.slot_seconds)) AS base
    FROM ended g
    LEFT JOIN devices d ON d.vehicle_id = g.vehicle_id AND d.in_service_from <= g.started_at
        AND (d.in_service_until IS NULL OR d.in_service_until >= g.ended_at)
    WHERE g.is_over OR :now >= g.due
), heard AS (
    SELECT c.vehicle_id, c.service_date, c.trip_no, c.station_id, c.leg_no, c.due, c.device_id,
           c.slots, c.max_celsius, h.celsius, h.filled
    FROM cabins c
    CROSS JOIN LATERAL (
        SELECT max(r.celsius) AS celsius,
               CASE WHEN c.is_short THEN CAST(count(*) > 0 AS int)
                    ELSE count(DISTINCT floor(date_part('epoch', r.at - c.base) / c.slot_seconds))
                         FILTER (WHERE floor(date_part('epoch', r.at - c.base) / c.slot_seconds)
                                       < c.slots) END AS filled
        FROM temperature_readings r
        WHERE r.device_id = c.device_id AND r.at BETWEEN c.base AND c.ended_at
          AND r.at >= :readings_from AND r.at < :readings_until
    ) h
), wanted AS (
    SELECT * FROM unnest(CAST(:block_stations AS uuid[]), CAST(:block_dates AS date[]),
                         CAST(:blocks AS uuid[])) AS w(station_id, service_date, block_id)
), first_trips AS (
    SELECT DISTINCT ON (station_id, service_date) *
    FROM chosen ORDER BY station_id, service_date, trip_no, vehicle_id
), shares AS (
    SELECT station_id, service_date, block_id, bool_and(passed) AS passed,
           max(celsius) AS celsius, (array_agg(vehicle_id ORDER BY trip_no, vehicle_id))[1] AS van,
           min(trip_no) AS trip_no
    FROM handed WHERE kind = 'station_to_deliverer'
    GROUP BY station_id, service_date, block_id
), checks AS (
    SELECT vehicle_id, service_date, trip_no, station_id, 1 AS place, 'precool' AS kind,
           'precool' AS subject, CAST(NULL AS uuid) AS block_id, due, precool_celsius AS celsius,
           precool_passed IS TRUE AS passed, precool_at IS NULL AS missing
    FROM chosen WHERE loaded_at IS NOT NULL OR :now >= due
    UNION ALL
    SELECT c.vehicle_id, c.service_date, c.trip_no, c.station_id, 2, 'handover', k.kind, NULL,
           c.due, h.celsius, h.passed IS TRUE, h.passed IS NULL
    FROM chosen c
    CROSS JOIN (VALUES ('loading'), ('vehicle_to_station')) AS k(kind)
    LEFT JOIN handed h ON (h.vehicle_id, h.service_date, h.trip_no, h.kind)
                        = (c.vehicle_id, c.service_date, c.trip_no, k.kind)
    WHERE h.passed IS NOT NULL OR :now >= c.due
    UNION ALL
    SELECT vehicle_id, service_date, trip_no, station_id, 3, 'cabin_leg', 'leg:' || leg_no, NULL,
           due, max(celsius), bool_and(device_id IS NOT NULL AND filled >= slots
                                       AND celsius <= max_celsius),
           bool_or(device_id IS NULL OR filled < slots)
    FROM heard GROUP BY vehicle_id, service_date, trip_no, station_id, leg_no, due
    UNION ALL
    SELECT coalesce(s.van, f.vehicle_id), w.service_date, coalesce(s.trip_no, f.trip_no),
           w.station_id, 4, 'handover', 'station_to_deliverer', w.block_id, f.due, s.celsius,
           s.passed IS TRUE, s.passed IS NULL
    FROM wanted w
    JOIN first_trips f USING (station_id, service_date)
    LEFT JOIN shares s USING (station_id, service_date, block_id)
    WHERE s.passed IS NOT NULL OR :now >= f.due
)
SELECT vehicle_id, service_date, trip_no, station_id, kind, subject, due AS expected_by, passed,
       missing, celsius, block_id
FROM checks ORDER BY service_date, vehicle_id, trip_no, place, subject, block_id
"""


class CheckKind(StrEnum):
    """What a trip is checked for."""

    PRECOOL = "precool"
    CABIN_LEG = "cabin_leg"
    HANDOVER = "handover"


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


@dataclass(frozen=True, slots=True)
class TripCheck:
    """One check a trip is expected to have; °C of the worst reading, if there is one.

    `subject` is `precool`, `leg:<no>` or the kind of handover. A missing check has not passed.
    """

    vehicle_id: UUID
    service_date: date
    trip_no: int
    station_id: UUID
    kind: CheckKind
    subject: str
    expected_by: datetime
    passed: bool
    missing: bool
    celsius: Decimal | None
    block_id: UUID | None


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
        text(COLD_STORE_COUNTS),
        slot_parameters(from_date=from_date, to_date=to_date, now=now, station_ids=station_ids),
    )
    return [DeviceSlotCount(*row) for row in rows]


def trip_parameters(
    *,
    from_date: date,
    to_date: date,
    now: datetime,
    station_ids: Collection[UUID] | None,
    blocks_by_station_day: Mapping[tuple[UUID, date], Collection[UUID]],
) -> dict[str, Any]:
    """What TRIP_CHECKS asks for."""
    shares = [
        (station_id, service_date, block_id)
        for (station_id, service_date), blocks in blocks_by_station_day.items()
        for block_id in blocks
    ]
    return {
        "from_date": from_date,
        "to_date": to_date,
        "now": now,
        "stations": None if station_ids is None else list(station_ids),
        "due": DUE_AT,
        "zone": OPERATOR_ZONE.key,
        "longest_leg": LONGEST_LEG,
        "readings_from": local_instant(from_date - 2 * DAY, time(0)),
        "readings_until": local_instant(to_date + 3 * DAY, time(0)),
        "block_stations": [station_id for station_id, _, _ in shares],
        "block_dates": [service_date for _, service_date, _ in shares],
        "blocks": [block_id for _, _, block_id in shares],
    }


async def list_trip_checks(
    session: AsyncSession,
    *,
    from_date: date,
    to_date: date,
    now: datetime,
    station_ids: Collection[UUID] | None,
    blocks_by_station_day: Mapping[tuple[UUID, date], Collection[UUID]],
) -> list[TripCheck]:
    """Every check expected of the trips of these service dates, both included."""
    rows = await session.execute(
        text(TRIP_CHECKS),
        trip_parameters(
            from_date=from_date,
            to_date=to_date,
            now=now,
            station_ids=station_ids,
            blocks_by_station_day=blocks_by_station_day,
        ),
    )
    return [
        TripCheck(
            vehicle_id=row.vehicle_id,
            service_date=row.service_date,
            trip_no=row.trip_no,
            station_id=row.station_id,
            kind=CheckKind(row.kind),
            subject=row.subject,
            expected_by=row.expected_by,
            passed=row.passed,
            missing=row.missing,
            celsius=row.celsius,
            block_id=row.block_id,
        )
        for row in rows
    ]
