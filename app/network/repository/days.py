"""Plan days in SQL: made ahead, held by changes, frozen, withdrawn."""

from collections.abc import Collection, Sequence
from datetime import date, datetime, time
from typing import cast
from uuid import UUID

from sqlalchemy import select, text, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import OPERATOR_ZONE
from app.core.db import fetch
from app.network.models import PlanDay, PlanDayState
from app.network.rules import Period, StationDay

_MAKE = """
INSERT INTO plan_days (station_id, service_date, state, cutoff_at)
SELECT s.id, d.day, 'open', ((d.day - 1) + c.cutoff_time) AT TIME ZONE :zone
FROM stations s
CROSS JOIN (
    SELECT CAST(:first AS date) + n AS day FROM generate_series(0, :days - 1) AS n
) d
JOIN station_cutoffs c ON c.station_id = s.id AND c.valid @> d.day
WHERE s.is_active AND (CAST(:station AS uuid) IS NULL OR s.id = :station)
ON CONFLICT DO NOTHING
RETURNING service_date
"""
_CLOSED = """
SELECT service_date FROM plan_days
WHERE station_id = $1 AND service_date >= $2 AND (state <> 'open' OR cutoff_at <= $3)
"""
_STATION_DAYS = """
SELECT service_date, state = 'open' AS is_open, cutoff_at FROM plan_days
WHERE station_id = $1 AND service_date >= $2
ORDER BY service_date
"""
_FIRST_OPEN = """
SELECT min(service_date) FROM plan_days
WHERE station_id = $1 AND state = 'open' AND cutoff_at > $2
  AND service_date >= greatest(
      (SELECT min(service_date) FROM plan_days WHERE station_id = $1 AND cutoff_at > $2),
      $3::date)
"""
_HOLD = """
SELECT 1 FROM plan_days
WHERE station_id = $1 AND service_date = $2 AND state = 'open' AND cutoff_at > $3
FOR SHARE
"""
_MOVE_CUTOFFS = """
UPDATE plan_days
SET cutoff_at = ((service_date - 1) + CAST(:cutoff AS time)) AT TIME ZONE :zone
WHERE station_id = :station AND service_date = ANY(:days)
"""


async def make_days(
    session: AsyncSession, *, first: date, days: int, station_id: UUID | None = None
) -> int:
    """Insert the missing days of active stations; answers how many were made."""
    made = await session.execute(
        text(_MAKE),
        {"first": first, "days": days, "station": station_id, "zone": OPERATOR_ZONE.key},
    )
    return len(made.all())


async def list_days(
    session: AsyncSession, *, station_id: UUID, from_date: date, until: date
) -> list[PlanDay]:
    """Days of a station from a date up to, not including, another."""
    return list(
        await session.scalars(
            select(PlanDay)
            .where(
                PlanDay.station_id == station_id,
                PlanDay.service_date >= from_date,
                PlanDay.service_date < until,
            )
            .order_by(PlanDay.service_date)
            .execution_options(populate_existing=True)
        )
    )


async def list_closed_dates(
    session: AsyncSession, *, station_id: UUID, from_date: date, now: datetime
) -> set[date]:
    """Dates from a date on that are frozen, withdrawn or past their cut-off."""
    found = await fetch(session, _CLOSED, station_id, from_date, now)
    return {row[0] for row in found}


async def find_first_open_date(
    session: AsyncSession, *, station_id: UUID, now: datetime, wished: date | None
) -> date | None:
    """The earliest open date, not before `wished`, for what needs no lead days."""
    found: date | None = (await fetch(session, _FIRST_OPEN, station_id, now, wished))[0][0]
    return found


async def list_station_days(
    session: AsyncSession, *, station_id: UUID, from_date: date
) -> list[StationDay]:
    """A station's days from a date on, in order."""
    # Rows are read as they are: a season has many, and each change reads them.
    return cast("list[StationDay]", await fetch(session, _STATION_DAYS, station_id, from_date))


async def hold_day(
    session: AsyncSession, *, station_id: UUID, service_date: date, now: datetime
) -> bool:
    """Share-lock a day that takes changes until commit; false, without a lock, when it does not."""
    return bool(await fetch(session, _HOLD, station_id, service_date, now))


async def find_day(
    session: AsyncSession, *, station_id: UUID, service_date: date, lock: bool = False
) -> PlanDay | None:
    """One day as it is now, locked for a change of its state if asked."""
    return await session.get(
        PlanDay, (station_id, service_date), with_for_update=lock or None, populate_existing=True
    )


async def lock_due_days(session: AsyncSession, *, now: datetime) -> list[tuple[UUID, date]]:
    """Open days whose cut-off has passed, locked once no change holds them any more."""
    rows = await session.execute(
        select(PlanDay.station_id, PlanDay.service_date)
        .where(PlanDay.state == PlanDayState.OPEN, PlanDay.cutoff_at <= now)
        .order_by(PlanDay.station_id, PlanDay.service_date)
        .with_for_update()
    )
    return [(row.station_id, row.service_date) for row in rows]


async def set_frozen(
    session: AsyncSession, *, days: Sequence[tuple[UUID, date]], now: datetime
) -> None:
    """Mark locked days as frozen."""
    await session.execute(
        update(PlanDay)
        .where(tuple_(PlanDay.station_id, PlanDay.service_date).in_(days))
        .values(state=PlanDayState.FROZEN, frozen_at=now)
        .execution_options(synchronize_session=False)
    )


async def lock_days_from(
    session: AsyncSession, *, station_id: UUID, period: Period
) -> list[PlanDay]:
    """Days of a station in a period, locked in order."""
    query = (
        select(PlanDay)
        .where(PlanDay.station_id == station_id, PlanDay.service_date >= period.first)
        .order_by(PlanDay.service_date)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if period.until is not None:
        query = query.where(PlanDay.service_date < period.until)
    return list(await session.scalars(query))


async def lock_days_of(
    session: AsyncSession, *, stations: Collection[UUID], from_date: date
) -> list[PlanDay]:
    """Days of stations from a date on, locked in order."""
    return list(
        await session.scalars(
            select(PlanDay)
            .where(PlanDay.station_id.in_(stations), PlanDay.service_date >= from_date)
            .order_by(PlanDay.station_id, PlanDay.service_date)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
    )


async def set_state(
    session: AsyncSession,
    *,
    stations: Collection[UUID],
    first: date,
    last: date,
    state: PlanDayState,
    reason: str | None,
) -> None:
    """Withdraw or open locked days, both ends included."""
    await session.execute(
        update(PlanDay)
        .where(
            PlanDay.station_id.in_(stations),
            PlanDay.service_date >= first,
            PlanDay.service_date <= last,
        )
        .values(state=state, reason=reason)
        .execution_options(synchronize_session="fetch")
    )


async def move_cutoffs(
    session: AsyncSession, *, station_id: UUID, days: Sequence[date], cutoff_time: time
) -> None:
    """Give locked days another cut-off on the day before."""
    await session.execute(
        text(_MOVE_CUTOFFS),
        {
            "station": station_id,
            "days": list(days),
            "cutoff": cutoff_time,
            "zone": OPERATOR_ZONE.key,
        },
    )
