"""Plan days: made ahead, held by changes, frozen at the cut-off, withdrawn.

A change share-locks the day of its first effective date until it commits; the freeze locks the
same row for itself. So a change is in the plan or refused, never in between.
"""

from collections.abc import Collection, Sequence
from datetime import date, datetime, time
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import local_date, local_instant
from app.core.ids import new_id
from app.network.errors import CutoffTooLate, DayClosed, NoOpenDay, PeriodInvalid, PeriodOver
from app.network.models import PlanDay, PlanDayState, StationCutoff
from app.network.repository import dated, days, stations
from app.network.rules import ONE_DAY, Period, StationDays, joined_days
from app.network.service.stations import HORIZON_DAYS


async def ensure_plan_days(session: AsyncSession, *, today: date) -> int:
    """Make the missing days of all active stations, tomorrow to the horizon; answers how many."""
    await stations.hold_stations(session)
    return await days.make_days(session, first=today + ONE_DAY, days=HORIZON_DAYS)


async def list_days(
    session: AsyncSession, *, station_id: UUID, from_date: date, until: date
) -> list[PlanDay]:
    """Days of a station from a date up to, not including, `until`, in order."""
    return await days.list_days(session, station_id=station_id, from_date=from_date, until=until)


async def list_closed_dates(
    session: AsyncSession, *, station_id: UUID, from_date: date, now: datetime
) -> set[date]:
    """Dates from `from_date` on that take no changes: frozen, withdrawn or past their cut-off."""
    return await days.list_closed_dates(
        session, station_id=station_id, from_date=from_date, now=now
    )


async def first_open_date(
    session: AsyncSession,
    *,
    station_id: UUID,
    now: datetime,
    lead_days: int,
    wished: date | None = None,
) -> date:
    """The date from which a change can take effect.

    The earliest open service date that lies `lead_days` whole days behind the first one whose
    cut-off has not passed `now`, festivals not counted, and not before `wished`. Nothing is
    locked: `hold_open_day` decides. Raises NoOpenDay.
    """
    if lead_days:
        known = await read_station_days(session, station_id=station_id, now=now)
        found = known.first_effective_date(lead_days=lead_days, wished=wished)
    else:
        found = await days.find_first_open_date(
            session, station_id=station_id, now=now, wished=wished
        )
    if found is None:
        raise NoOpenDay
    return found


async def read_station_days(
    session: AsyncSession, *, station_id: UUID, now: datetime
) -> StationDays:
    """A station's days from today on, as they stand now; nothing is locked."""
    found = await days.list_station_days(session, station_id=station_id, from_date=local_date(now))
    return StationDays(found, now=now)


async def read_days_of_stations(
    session: AsyncSession, *, parts: Sequence[tuple[date, UUID]], now: datetime
) -> StationDays:
    """The days of stations that follow each other, as they stand now; nothing is locked.

    `parts` say from which date on which station brings, in order.
    """
    today = local_date(now)
    known = [
        (first, await days.list_station_days(session, station_id=station_id, from_date=today))
        for first, station_id in parts
    ]
    return joined_days(known, now=now)


async def hold_open_day(
    session: AsyncSession, *, station_id: UUID, service_date: date, now: datetime
) -> None:
    """Keep a day open until this transaction commits (FOR SHARE).

    Raises DayClosed when it is frozen, withdrawn, missing, or its cut-off has passed `now` even if
    nobody has frozen it yet.
    """
    if not await days.hold_day(session, station_id=station_id, service_date=service_date, now=now):
        raise DayClosed(service_date=service_date.isoformat())


async def hold_open_days(
    session: AsyncSession, *, holds: Collection[tuple[UUID, date]], now: datetime
) -> None:
    """Keep days of several stations open until commit: (station, service date), in order.

    Raises DayClosed as `hold_open_day`.
    """
    for station_id, service_date in sorted(holds):
        await hold_open_day(session, station_id=station_id, service_date=service_date, now=now)


async def freeze_days(session: AsyncSession, *, now: datetime) -> list[tuple[UUID, date]]:
    """Freeze every open day whose cut-off has passed; answers (station, service date), in order.

    Waits for the changes that hold such a day. To be called in a short transaction of its own.
    """
    due = await days.lock_due_days(session, now=now)
    if due:
        await days.set_frozen(session, days=due, now=now)
    return due


async def hold_days(
    session: AsyncSession,
    *,
    stations: Collection[UUID],
    first: date,
    last: date,
    state: PlanDayState,
    now: datetime,
) -> None:
    """Keep every change of stations away until commit; the days named must be in `state`.

    Not only the days named are locked but all that are ahead: a change that begins on another day
    lays its line out over these too. Raises DayClosed when one is in another state, missing, or
    past its cut-off.
    """
    ahead = await days.lock_days_of(session, stations=stations, from_date=local_date(now))
    fitting = {
        (day.station_id, day.service_date)
        for day in ahead
        if day.state is state and day.cutoff_at > now
    }
    for station_id in sorted(stations):
        day = first
        while day <= last:
            if (station_id, day) not in fitting:
                raise DayClosed(service_date=day.isoformat(), station_id=str(station_id))
            day += ONE_DAY


async def withdraw_days(
    session: AsyncSession,
    *,
    stations: Collection[UUID],
    first: date,
    last: date,
    reason: str,
    now: datetime,
) -> None:
    """Let stations bring nothing on open days; all stay held until commit. Raises as `hold_days`."""
    await hold_days(
        session, stations=stations, first=first, last=last, state=PlanDayState.OPEN, now=now
    )
    await days.set_state(
        session,
        stations=stations,
        first=first,
        last=last,
        state=PlanDayState.WITHDRAWN,
        reason=reason,
    )


async def reopen_days(
    session: AsyncSession, *, stations: Collection[UUID], first: date, last: date, now: datetime
) -> None:
    """Open withdrawn days again before their cut-off; raises as `hold_days`."""
    await hold_days(
        session, stations=stations, first=first, last=last, state=PlanDayState.WITHDRAWN, now=now
    )
    await days.set_state(
        session, stations=stations, first=first, last=last, state=PlanDayState.OPEN, reason=None
    )


async def set_cutoff(
    session: AsyncSession,
    *,
    station_id: UUID,
    cutoff_time: time,
    from_date: date,
    to_date: date | None,
    now: datetime,
) -> StationCutoff:
    """Another cut-off (operator's time, on the day before) for service dates, both ends included.

    Open days get their new instant at once. Raises StationUnknown, PeriodInvalid, PeriodOver, and
    CutoffTooLate when a day of the period is frozen or its old or new cut-off has passed.
    """
    if to_date is not None and to_date < from_date:
        raise PeriodInvalid
    if from_date <= local_date(now):
        raise PeriodOver
    await stations.lock_station(session, station_id)
    period = Period.of_days(from_date, to_date)
    affected = await days.lock_days_from(session, station_id=station_id, period=period)
    for day in affected:
        planned = local_instant(day.service_date - ONE_DAY, cutoff_time)
        is_closed = day.state is PlanDayState.FROZEN or day.cutoff_at <= now
        if is_closed or planned <= now:
            raise CutoffTooLate(service_date=day.service_date.isoformat())
    await dated.cut_out(session, StationCutoff, StationCutoff.station_id, station_id, period)
    cutoff = StationCutoff(
        id=new_id(),
        station_id=station_id,
        valid=dated.to_range(period),
        cutoff_time=cutoff_time,
    )
    session.add(cutoff)
    await session.flush()
    await days.move_cutoffs(
        session,
        station_id=station_id,
        days=[day.service_date for day in affected if day.state is PlanDayState.OPEN],
        cutoff_time=cutoff_time,
    )
    return cutoff
