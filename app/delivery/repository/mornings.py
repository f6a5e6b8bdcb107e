"""SQL of the morning's counts: one row per block and service date, equal to its stops.

Whoever changes stops brings the counts along in the same transaction, in one of two ways, both under
the locked rows, which are taken in key order. A phone's batch adds what its own statement changed.
Everybody else counts anew, in a statement after the lock, which sees what others have committed
meanwhile.
"""

from collections.abc import Collection
from datetime import date
from functools import lru_cache
from itertools import groupby
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import OPERATOR_ZONE
from app.core.db import fetch
from app.delivery.repository.scope import DayScope
from app.delivery.rules import ON_TIME_LIMIT

MorningKey = tuple[UUID, date]
"""Block, service date."""

_LOCK = """
SELECT m.block_id, m.service_date
FROM unnest($1::uuid[], $2::date[]) AS k(block_id, service_date)
JOIN block_mornings m ON m.block_id = k.block_id AND m.service_date = k.service_date
ORDER BY m.block_id, m.service_date
FOR NO KEY UPDATE OF m
"""

_ADD = """
INSERT INTO block_mornings (block_id, service_date, station_id, city_code)
SELECT k.block_id, k.service_date, b.station_id, s.city_code
FROM unnest($1::uuid[], $2::date[]) AS k(block_id, service_date)
JOIN blocks b ON b.id = k.block_id
JOIN stations s ON s.id = b.station_id
ORDER BY k.block_id, k.service_date
ON CONFLICT DO NOTHING
"""

# `slot` numbers the ten minutes of the operator's day in which a stop was made; those marked in bulk
# have none, as nobody knows when they were made.
_MIDNIGHT = f"timezone('{OPERATOR_ZONE.key}', x.service_date::timestamp)"
_HOUSEHOLD = "x.customer_kind = 'household'"
_MADE = f"{_HOUSEHOLD} AND x.state = 'made'"
_BY_SLOT = f"""
    SELECT x.block_id, x.service_date,
           CASE WHEN {_MADE} AND NOT x.bulk_marked
                THEN least(143, greatest(0, floor(
                    extract(epoch FROM x.made_at - {_MIDNIGHT}) / 600)))::int
           END AS slot,
           sum(x.sign) FILTER (WHERE {_HOUSEHOLD} AND x.state <> 'withdrawn') AS due,
           sum(x.sign) FILTER (WHERE {_MADE}) AS made,
           sum(x.sign) FILTER (WHERE {_MADE} AND NOT x.bulk_marked AND x.made_at
               < {_MIDNIGHT} + interval '{ON_TIME_LIMIT:%H:%M}') AS on_time,
           sum(x.sign) FILTER (WHERE {_MADE} AND x.bulk_marked) AS bulk,
           sum(x.sign) FILTER (WHERE {_HOUSEHOLD} AND x.state = 'partly') AS partly,
           sum(x.sign) FILTER (WHERE {_HOUSEHOLD} AND x.state = 'failed') AS failed,
           sum(x.sign) FILTER (WHERE {_HOUSEHOLD} AND x.state = 'withdrawn') AS withdrawn,
           sum(x.sign) FILTER (WHERE NOT {_HOUSEHOLD} AND x.state <> 'withdrawn') AS schools_due,
           sum(x.sign) FILTER (WHERE NOT {_HOUSEHOLD} AND x.state = 'made') AS schools_made
    FROM {{source}} x
    GROUP BY x.block_id, x.service_date, slot
"""
_SUMS = """
    SELECT block_id, service_date, coalesce(sum(due), 0) AS due, coalesce(sum(made), 0) AS made,
           coalesce(sum(on_time), 0) AS on_time, coalesce(sum(bulk), 0) AS bulk,
           coalesce(sum(partly), 0) AS partly, coalesce(sum(failed), 0) AS failed,
           coalesce(sum(withdrawn), 0) AS withdrawn, coalesce(sum(schools_due), 0) AS schools_due,
           coalesce(sum(schools_made), 0) AS schools_made,
           jsonb_object_agg(slot, made) FILTER (WHERE slot IS NOT NULL) AS made_by_slot
    FROM {source} GROUP BY block_id, service_date
"""

_REBUILD = f"""
WITH k AS (
    SELECT * FROM unnest($1::uuid[], $2::date[]) AS k(block_id, service_date)
), mine AS (
    SELECT k.block_id, k.service_date, s.customer_kind, s.state, s.made_at, s.bulk_marked,
           1 AS sign
    FROM k JOIN {{stops}} s
        ON s.block_id = k.block_id AND s.service_date = k.service_date {{of_day s}}
), by_slot AS ({_BY_SLOT.format(source="mine")}
), summed AS ({_SUMS.format(source="by_slot")}
), tapped AS (
    SELECT d.block_id, d.service_date, min(d.done_at) AS first_tap_at,
           max(d.done_at) AS last_tap_at, max(d.recorded_at) AS last_heard_at
    FROM k JOIN {{deliveries}} d ON d.block_id = k.block_id AND d.service_date = k.service_date
        AND d.done_at IS NOT NULL AND d.status <> 'cancelled' {{of_day d}}
    GROUP BY d.block_id, d.service_date
)
UPDATE block_mornings m
SET due = coalesce(n.due, 0), made = coalesce(n.made, 0), on_time = coalesce(n.on_time, 0),
    late = coalesce(n.made - n.on_time - n.bulk, 0), bulk = coalesce(n.bulk, 0),
    partly = coalesce(n.partly, 0), failed = coalesce(n.failed, 0),
    still_open = coalesce(n.due - n.made - n.partly - n.failed, 0),
    withdrawn = coalesce(n.withdrawn, 0), schools_due = coalesce(n.schools_due, 0),
    schools_made = coalesce(n.schools_made, 0),
    made_by_slot = coalesce(n.made_by_slot, '{{}}'),
    first_tap_at = least(m.first_tap_at, t.first_tap_at), last_tap_at = t.last_tap_at,
    last_heard_at = t.last_heard_at, version = m.version + 1
FROM k
LEFT JOIN summed n ON n.block_id = k.block_id AND n.service_date = k.service_date
LEFT JOIN tapped t ON t.block_id = k.block_id AND t.service_date = k.service_date
WHERE m.block_id = k.block_id AND m.service_date = k.service_date
"""

MOVE_MORNINGS = f"""both_ways AS (
    SELECT w.block_id, w.service_date, w.customer_kind, c.*
    FROM written w CROSS JOIN LATERAL (VALUES
        (-1, w.state_before, w.made_at_before, w.bulk_before),
        (1, w.state, w.made_at, w.bulk_marked)) c(sign, state, made_at, bulk_marked)
), by_slot AS ({_BY_SLOT.format(source="both_ways")}
), summed AS ({_SUMS.format(source="by_slot")}
), tapped AS (
    SELECT * FROM unnest($10::uuid[], $11::date[], $12::timestamptz[], $13::timestamptz[])
        AS t(block_id, service_date, first_tap_at, last_tap_at)
), locked AS (
    SELECT m.block_id, m.service_date FROM block_mornings m
    JOIN tapped t ON t.block_id = m.block_id AND t.service_date = m.service_date
    ORDER BY m.block_id, m.service_date
    FOR NO KEY UPDATE OF m
), moved AS (
    UPDATE block_mornings m
    SET due = m.due + n.due, made = m.made + n.made, on_time = m.on_time + n.on_time,
        late = m.late + n.made - n.on_time - n.bulk, bulk = m.bulk + n.bulk,
        partly = m.partly + n.partly, failed = m.failed + n.failed,
        still_open = m.still_open + n.due - n.made - n.partly - n.failed,
        withdrawn = m.withdrawn + n.withdrawn, schools_due = m.schools_due + n.schools_due,
        schools_made = m.schools_made + n.schools_made,
        made_by_slot = CASE WHEN n.made_by_slot IS NULL THEN m.made_by_slot ELSE (
            SELECT coalesce(jsonb_object_agg(e.slot, e.stops), '{{}}') FROM (
                SELECT e.key AS slot, sum(e.value::int) AS stops FROM (
                    SELECT * FROM jsonb_each_text(m.made_by_slot)
                    UNION ALL SELECT * FROM jsonb_each_text(n.made_by_slot)) e
                GROUP BY e.key) e
            WHERE e.stops <> 0) END,
        first_tap_at = least(m.first_tap_at, t.first_tap_at),
        last_tap_at = greatest(m.last_tap_at, t.last_tap_at),
        last_heard_at = greatest(m.last_heard_at, $9), version = m.version + 1
    FROM locked l
    JOIN summed n ON n.block_id = l.block_id AND n.service_date = l.service_date
    JOIN tapped t ON t.block_id = l.block_id AND t.service_date = l.service_date
    WHERE m.block_id = l.block_id AND m.service_date = l.service_date
    RETURNING m.block_id, m.service_date
)"""
"""What a phone's batch changes, added to the counts by the statement that writes its stops: `written`
has them before and after, $9 is when the phone was heard, $10 to $13 the rounds' taps. A recount
would cost the batch a tenth."""

_OF_STATIONS = """
SELECT b.id FROM blocks b
WHERE b.station_id = ANY(:stations) AND EXISTS (
    SELECT FROM stops s WHERE s.block_id = b.id AND s.service_date = :service_date)
"""

_MISSING = """
SELECT r.block_id, r.service_date FROM route_sheets r
WHERE r.service_date >= :since AND NOT EXISTS (
    SELECT FROM block_mornings m
    WHERE m.block_id = r.block_id AND m.service_date = r.service_date)
ORDER BY r.service_date, r.block_id LIMIT :limit
"""


async def rebuild_mornings(session: AsyncSession, keys: Collection[MorningKey]) -> None:
    """Count the stops of these blocks and dates anew; their changes must be flushed."""
    ordered = sorted(set(keys), key=lambda key: (key[1].replace(day=1), key))
    if not ordered:
        return
    await _lock(session, ordered)
    for month, group in groupby(ordered, key=lambda key: key[1].replace(day=1)):
        await fetch(session, _rebuild_sql(month, None), *_columns(list(group)))


async def rebuild_day(session: AsyncSession, day: date, blocks: Collection[UUID]) -> None:
    """The same for many blocks of one date, of which the whole is read."""
    ordered = sorted((block_id, day) for block_id in set(blocks))
    if not ordered:
        return
    await _lock(session, ordered)
    await fetch(session, _rebuild_sql(day.replace(day=1), day), *_columns(ordered))


async def list_blocks(session: AsyncSession, scope: DayScope) -> list[UUID]:
    """Blocks of the stations that have stops on the date."""
    return list(await session.scalars(*scope.bind(_OF_STATIONS)))


async def list_missing(session: AsyncSession, *, since: date, limit: int) -> list[MorningKey]:
    """Rounds without counts: planned before there were any, or loaded in bulk."""
    rows = await session.execute(text(_MISSING), {"since": since, "limit": limit})
    return [(row.block_id, row.service_date) for row in rows]


@lru_cache(maxsize=64)
def _rebuild_sql(month: date, day: date | None) -> str:
    # The month's partition is named: without bounds all of them would be opened.
    sql = _REBUILD.replace("{stops}", f"stops_{month:%Y_%m}")
    sql = sql.replace("{deliveries}", f"deliveries_{month:%Y_%m}")
    for alias in ("s", "d"):
        only = "" if day is None else f"AND {alias}.service_date = '{day.isoformat()}'"
        sql = sql.replace(f"{{of_day {alias}}}", only)
    return sql


async def _lock(session: AsyncSession, keys: list[MorningKey]) -> None:
    blocks, dates = [key[0] for key in keys], [key[1] for key in keys]
    locked = await fetch(session, _LOCK, blocks, dates)
    if len(locked) != len(keys):
        await fetch(session, _ADD, blocks, dates)
        await fetch(session, _LOCK, blocks, dates)


def _columns(keys: list[MorningKey]) -> list[list[object]]:
    return [[block_id for block_id, _ in keys], [day for _, day in keys]]
