"""Checks of trips, listed and counted for 配送温度合格率 (S1 5.2.1)."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import reduce
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Boolean,
    Date,
    DateTime,
    Integer,
    Numeric,
    Select,
    Text,
    Uuid,
    func,
    select,
    text,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql.selectable import Subquery

from app.coldchain.rules import DUE_AT, LONGEST_LEG
from app.core.clock import OPERATOR_ZONE, local_instant

DAY = timedelta(days=1)

BlocksServed = Select[UUID, date, UUID]
"""Station, service date and block of every round: each is owed one handover."""

# A leg shorter than a slot needs one reading in the slot that ends with it; a leg that never ended
# lasts as long as a leg may. A trip without legs is one leg from departure to arrival. `served` is
# the caller's: the rounds whose deliverers were to be handed their share.
_CHECKS = """
WITH chosen AS (
    SELECT t.*, (t.service_date + CAST(:due AS time)) AT TIME ZONE :zone AS due
    FROM trips t
    WHERE t.service_date BETWEEN :from_date AND :to_date
      AND (CAST(:stations AS uuid[]) IS NULL OR t.station_id = ANY(:stations))
), handed AS (
    SELECT vehicle_id, service_date, trip_no, h.kind,
           bool_and(h.passed) AS passed, {worst h} AS celsius
    FROM handover_checks h JOIN chosen USING (vehicle_id, service_date, trip_no)
    WHERE h.service_date BETWEEN :from_date AND :to_date AND h.kind <> 'station_to_deliverer'
    GROUP BY vehicle_id, service_date, trip_no, h.kind
), shares AS (
    SELECT c.station_id, service_date, h.block_id, bool_and(h.passed) AS passed,
           {worst h} AS celsius, {first trip} AS trip_no, {first van} AS van
    FROM handover_checks h JOIN chosen c USING (vehicle_id, service_date, trip_no)
    WHERE h.service_date BETWEEN :from_date AND :to_date AND h.kind = 'station_to_deliverer'
    GROUP BY c.station_id, service_date, h.block_id
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
), first_trips AS (
    SELECT DISTINCT ON (station_id, service_date) *
    FROM chosen ORDER BY station_id, service_date, trip_no, vehicle_id
)
SELECT vehicle_id, service_date, trip_no, station_id, 1 AS place, 'precool' AS kind,
       'precool' AS subject, due AS expected_by, precool_passed IS TRUE AS passed,
       precool_at IS NULL AS missing, precool_celsius AS celsius, CAST(NULL AS uuid) AS block_id
FROM chosen WHERE loaded_at IS NOT NULL OR :now >= due
UNION ALL
SELECT c.vehicle_id, c.service_date, c.trip_no, c.station_id, 2, 'handover', k.kind,
       c.due, h.passed IS TRUE, h.passed IS NULL, h.celsius, NULL
FROM chosen c
CROSS JOIN (VALUES ('loading'), ('vehicle_to_station')) AS k(kind)
LEFT JOIN handed h ON (h.vehicle_id, h.service_date, h.trip_no, h.kind)
                    = (c.vehicle_id, c.service_date, c.trip_no, k.kind)
WHERE h.passed IS NOT NULL OR :now >= c.due
UNION ALL
SELECT vehicle_id, service_date, trip_no, station_id, 3, 'cabin_leg', 'leg:' || leg_no, due,
       bool_and(device_id IS NOT NULL AND filled >= slots AND celsius <= max_celsius),
       bool_or(device_id IS NULL OR filled < slots), max(celsius), NULL
FROM heard GROUP BY vehicle_id, service_date, trip_no, station_id, leg_no, due
UNION ALL
SELECT coalesce(s.van, f.vehicle_id), w.service_date, coalesce(s.trip_no, f.trip_no),
       w.station_id, 4, 'handover', 'station_to_deliverer', f.due, s.passed IS TRUE,
       s.passed IS NULL, s.celsius, w.block_id
FROM served w
JOIN first_trips f USING (station_id, service_date)
LEFT JOIN shares s USING (station_id, service_date, block_id)
WHERE s.passed IS NOT NULL OR :now >= f.due
"""

_DETAILS = (
    ("{worst h}", "max(h.celsius)", "CAST(NULL AS numeric)"),
    ("{first trip}", "min(trip_no)", "CAST(NULL AS int)"),
    (
        "{first van}",
        "(array_agg(vehicle_id ORDER BY trip_no, vehicle_id))[1]",
        "CAST(NULL AS uuid)",
    ),
)


class CheckKind(StrEnum):
    """What a trip is checked for."""

    PRECOOL = "precool"
    CABIN_LEG = "cabin_leg"
    HANDOVER = "handover"


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


@dataclass(frozen=True, slots=True)
class CheckCount:
    """Checks of one kind: those expected, and of them the passed and the missing."""

    expected: int = 0
    passed: int = 0
    missing: int = 0


@dataclass(frozen=True, slots=True)
class TripQuestion:
    """Which trips are looked at, as known at `now`; `station_ids` None is every station.

    `only_shares` leaves just the handovers to deliverers: a vehicle serves no single block.
    """

    from_date: date
    to_date: date
    now: datetime
    station_ids: Collection[UUID] | None
    served: BlocksServed
    only_shares: bool = False

    @property
    def parameters(self) -> dict[str, Any]:
        """What the statements ask for."""
        return {
            "from_date": self.from_date,
            "to_date": self.to_date,
            "now": self.now,
            "stations": None if self.station_ids is None else list(self.station_ids),
            "due": DUE_AT,
            "zone": OPERATOR_ZONE.key,
            "longest_leg": LONGEST_LEG,
            "readings_from": local_instant(self.from_date - 2 * DAY, time(0)),
            "readings_until": local_instant(self.to_date + 3 * DAY, time(0)),
        }


def _checks(sql: str) -> Subquery:
    return (
        text(sql)
        .columns(
            vehicle_id=Uuid(),
            service_date=Date(),
            trip_no=Integer(),
            station_id=Uuid(),
            place=Integer(),
            kind=Text(),
            subject=Text(),
            expected_by=DateTime(timezone=True),
            passed=Boolean(),
            missing=Boolean(),
            celsius=Numeric(),
            block_id=Uuid(),
        )
        .subquery("checks")
    )


_LISTED = _checks(reduce(lambda sql, part: sql.replace(part[0], part[1]), _DETAILS, _CHECKS))
_COUNTED = _checks(reduce(lambda sql, part: sql.replace(part[0], part[2]), _DETAILS, _CHECKS))
"""Who counts checks needs no details of them, and they cost as much as the counting."""


def listing_checks(question: TripQuestion) -> Select[Any]:
    """The statement that lists checks."""
    check = _LISTED.c
    statement = (
        select(*(check[name] for name in TripCheck.__slots__))
        .order_by(
            check.service_date,
            check.vehicle_id,
            check.trip_no,
            check.place,
            check.subject,
            check.block_id,
        )
        .add_cte(question.served.cte("served"))
    )
    return statement.where(check.block_id.is_not(None)) if question.only_shares else statement


def counting_checks(question: TripQuestion) -> Select[str, int, int, int]:
    """The statement that counts checks by kind."""
    check = _COUNTED.c
    statement = (
        select(
            check.kind,
            func.count(),
            func.count().filter(check.passed),
            func.count().filter(check.missing),
        )
        .group_by(check.kind)
        .add_cte(question.served.cte("served"))
    )
    return statement.where(check.block_id.is_not(None)) if question.only_shares else statement


async def list_trip_checks(session: AsyncSession, question: TripQuestion) -> list[TripCheck]:
    """Every check expected."""
    rows = await session.execute(listing_checks(question), question.parameters)
    return [TripCheck(**{**row, "kind": CheckKind(row["kind"])}) for row in rows.mappings()]


async def count_trip_checks(
    session: AsyncSession, question: TripQuestion
) -> Mapping[CheckKind, CheckCount]:
    """The checks expected, by kind; a kind without any is left out."""
    rows = await session.execute(counting_checks(question), question.parameters)
    return {CheckKind(row[0]): CheckCount(*row[1:]) for row in rows}
