"""Reading the morning's counts with the names of their places."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from decimal import Decimal
from uuid import UUID

import asyncpg
from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.db import fetch
from app.customers.models import CustomerKind
from app.delivery.models import BlockMorning, Stop, StopState
from app.kpi.definitions import ScopeKind
from app.kpi.repository.cash import taken_on
from app.kpi.rules import Period, local_shift
from app.kpi.scopes import Scope
from app.workforce.models import Deliverer

_COUNTS = """m.due, m.made, m.on_time, m.late, m.bulk, m.partly, m.failed, m.still_open,
       m.withdrawn, m.schools_due, m.schools_made"""

_BLOCKS = f"""
SELECT m.block_id, b.code, b.name, m.station_id, s.name AS station_name, m.city_code,
       c.name AS city_name, r.deliverer_id, d.name AS deliverer_name, {_COUNTS},
       m.made_by_slot, m.first_tap_at, m.last_tap_at, m.last_heard_at, m.version
FROM block_mornings m
JOIN blocks b ON b.id = m.block_id
JOIN stations s ON s.id = m.station_id
JOIN cities c ON c.code = m.city_code
LEFT JOIN route_sheets r ON r.block_id = m.block_id AND r.service_date = m.service_date
LEFT JOIN deliverers d ON d.id = r.deliverer_id
WHERE m.service_date = $1
  AND ($2::uuid[] IS NULL OR m.station_id = ANY($2))
  AND ($3::text IS NULL OR m.city_code = $3)
  AND ($4::uuid IS NULL OR m.block_id = $4)
  AND (m.block_id, m.version) NOT IN (SELECT * FROM unnest($5::uuid[], $6::bigint[]))
"""

_ROUNDS_OF = """
SELECT block_id FROM route_sheets WHERE deliverer_id = :deliverer AND service_date = :day
UNION
SELECT block_id FROM block_deliverers WHERE deliverer_id = :deliverer AND valid @> CAST(:day AS date)
"""

_HANDOVERS = """
SELECT h.block_id, max(h.celsius) AS celsius, bool_and(h.passed) AS passed
FROM vehicles v
JOIN handover_checks h ON h.vehicle_id = v.id AND h.service_date = :day
    AND h.kind = 'station_to_deliverer'
WHERE v.station_id = ANY(:stations) AND h.block_id = ANY(:blocks)
GROUP BY h.block_id
"""


async def read_marker(session: AsyncSession, day: date) -> int:
    """A number that grows with every change of the date's counts and every cash receipt."""
    marker = await session.scalar(
        select(
            select(func.coalesce(func.sum(BlockMorning.version), 0))
            .where(BlockMorning.service_date == day)
            .scalar_subquery()
            + taken_on(day).scalar_subquery()
        )
    )
    return int(marker or 0)


async def list_blocks(
    session: AsyncSession, *, scope: Scope, day: date, known: Mapping[UUID, int] | None = None
) -> Sequence[asyncpg.Record]:
    """Counts of the scope's blocks on a date, with names; of all blocks for a deliverer.

    Blocks that still have the version that is `known` of them are left out.
    """
    versions = known or {}
    station = scope.row_id if scope.kind is ScopeKind.STATION else None
    held = [one for one in {station, scope.within_station_id} if one is not None]
    if len(held) > 1:
        return []
    return await fetch(
        session,
        _BLOCKS,
        day,
        held or None,
        scope.city_code,
        scope.row_id if scope.kind is ScopeKind.BLOCK else None,
        list(versions),
        list(versions.values()),
    )


async def list_rounds_of(session: AsyncSession, *, deliverer_id: UUID, day: date) -> list[UUID]:
    """Blocks a deliverer goes round on a date, as its deliverer or standing in."""
    found = await session.scalars(text(_ROUNDS_OF), {"deliverer": deliverer_id, "day": day})
    return list(found)


async def count_by_deliverer(
    session: AsyncSession, *, blocks: Collection[UUID], day: date
) -> Sequence[tuple[UUID | None, str | None, dict[str, int]]]:
    """Household stops of some blocks by the deliverer who has or made them: (id, name, counts)."""
    seven = func.timezone(local_shift(Period(day, day).first), Stop.made_at) < Stop.service_date
    made = Stop.state == StopState.MADE
    tally = {
        "due": Stop.state != StopState.WITHDRAWN,
        "made": made,
        "on_time": made & ~Stop.bulk_marked & seven,
        "late": made & ~Stop.bulk_marked & ~seven,
        "bulk": made & Stop.bulk_marked,
        "partly": Stop.state == StopState.PARTLY,
        "failed": Stop.state == StopState.FAILED,
        "still_open": Stop.state == StopState.PLANNED,
        "withdrawn": Stop.state == StopState.WITHDRAWN,
    }
    rows = await session.execute(
        select(
            Stop.deliverer_id,
            Deliverer.name,
            *(func.count().filter(what).label(name) for name, what in tally.items()),
        )
        .outerjoin(Deliverer, Deliverer.id == Stop.deliverer_id)
        .where(
            Stop.block_id.in_(sorted(blocks)),
            Stop.service_date == day,
            Stop.customer_kind == CustomerKind.HOUSEHOLD.value,
        )
        .group_by(Stop.deliverer_id, Deliverer.name)
        .order_by(Deliverer.name)
    )
    return [
        (row[0], row[1], {name: row._mapping[name] for name in tally})  # noqa: SLF001  # SQLAlchemy's door
        for row in rows
    ]


async def list_handovers(
    session: AsyncSession, *, stations: Collection[UUID], blocks: Collection[UUID], day: date
) -> dict[UUID, tuple[Decimal, bool]]:
    """Product temperature in °C at the handover to the deliverer by block, and whether it passed."""
    rows = await session.execute(
        text(_HANDOVERS),
        {"stations": sorted(stations), "blocks": sorted(blocks), "day": day},
    )
    return {row.block_id: (row.celsius, row.passed) for row in rows}
