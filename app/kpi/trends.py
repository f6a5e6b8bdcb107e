"""KPIs day by day: counted once for all stations, kept, counted again where rows came late."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.coldchain.service import list_trip_checks
from app.core.clock import local_date
from app.core.db import Database
from app.kpi.definitions import DEFINITIONS, Definition, KpiKey, ScopeKind
from app.kpi.errors import BadScope
from app.kpi.measuring import Question, ask_trips, list_device_counts
from app.kpi.repository import days, targets
from app.kpi.repository.days import DayFigure, Piece
from app.kpi.rules import Measured, Period, Verdict, judge, last_due_date
from app.kpi.scopes import OPERATOR, Scope
from app.kpi.service import require_scope

KEPT_FRESH = timedelta(days=62)
"""How far back late rows are looked for."""
RECENT = timedelta(days=1)
"""Today and yesterday are counted again in every run."""
ALL_DAYS = timedelta(days=31)
"""Counted again every night: readings, outages and imported orders come late without a mark."""
MILLISECOND = timedelta(milliseconds=1)
_OF_BLOCKS = frozenset(KpiKey) - {KpiKey.DELIVERY_TEMP_RATE, KpiKey.COLD_STORE_TEMP_RATE}


async def refresh_days(database: Database, *, now: datetime, back: timedelta | None = None) -> int:
    """Count the days anew that changed, each in a transaction of its own; answers how many.

    `back` counts all of so many days.
    """
    today = local_date(now)
    period = Period(today - KEPT_FRESH, today)
    if back is None:
        async with database.transaction() as session:
            chosen = set(await days.list_dirty(session, period))
        chosen |= {today, today - RECENT}
    else:
        chosen = {today - timedelta(days=n) for n in range(back.days)}
    for day in sorted(chosen):
        async with database.transaction() as session:
            await count_day(session, day=day, now=now)
    return len(chosen)


async def count_day(session: AsyncSession, *, day: date, now: datetime) -> None:
    """Count the eight of one day for operator, cities, stations and blocks, as known at `now`."""
    await days.lock_day(session, day, now=now)
    # Read before the rows are: what comes meanwhile makes the day dirty again.
    mornings = await days.sum_versions(session, day)
    cities = await days.cities_of_stations(session)
    pieces = [
        *await _stops(session, day, now=now),
        *await days.count_tickets(session, day, now=now),
        *await days.count_answers(session, day),
        *await _temperatures(session, day, cities, now=now),
    ]
    figures = _add_up(day, pieces)
    by_city, by_block = await days.count_orders(session, day)
    figures += _add_up(day, by_city)
    figures += [one for one in _add_up(day, by_block) if one.scope != OPERATOR.text]
    await days.replace_day(session, day, figures)
    await days.mark_day(session, day, mornings=mornings, now=now)


async def _stops(session: AsyncSession, day: date, *, now: datetime) -> list[Piece]:
    pieces = []
    for city, station, on_time, due, served in await days.count_stops(session, day):
        if day <= last_due_date(now):
            pieces.append(Piece(KpiKey.ON_TIME_RATE, city, station, on_time, due))
        pieces.append(Piece(KpiKey.COMPLAINT_RATE, city, station, 0, served))
    return pieces


async def _temperatures(
    session: AsyncSession, day: date, cities: dict[UUID, str], *, now: datetime
) -> list[Piece]:
    question = Question(session, OPERATOR, Period(day, day), now)
    pieces = [
        Piece(
            KpiKey.DELIVERY_TEMP_RATE,
            cities.get(check.station_id),
            check.station_id,
            int(check.passed),
            1,
        )
        for check in await list_trip_checks(session, asked=await ask_trips(question))
    ]
    pieces += [
        Piece(
            KpiKey.COLD_STORE_TEMP_RATE,
            cities.get(count.station_id),
            count.station_id,
            count.in_range,
            count.expected,
        )
        for count in await list_device_counts(question, question.period)
    ]
    return pieces


def _add_up(day: date, pieces: Iterable[Piece]) -> list[DayFigure]:
    sums: dict[tuple[str, KpiKey], list[int]] = {}
    longest: dict[tuple[str, KpiKey], timedelta] = {}
    for piece in pieces:
        for scope in _scopes(piece):
            place = (scope, piece.key)
            so_far = sums.setdefault(place, [0, 0])
            so_far[0] += piece.numerator
            so_far[1] += piece.denominator
            if piece.longest is not None:
                longest[place] = max(longest.get(place, timedelta()), piece.longest)
    return [
        DayFigure(
            scope=scope,
            service_date=day,
            key=key,
            numerator=numerator,
            denominator=denominator,
            longest_ms=-(-longest[scope, key] // MILLISECOND) if (scope, key) in longest else None,
        )
        for (scope, key), (numerator, denominator) in sums.items()
    ]


def _scopes(piece: Piece) -> list[str]:
    scopes = [OPERATOR.text]
    if piece.city_code is not None:
        scopes.append(Scope(ScopeKind.CITY, city_code=piece.city_code).text)
    if piece.station_id is not None:
        scopes.append(Scope(ScopeKind.STATION, row_id=piece.station_id).text)
    if piece.block_id is not None:
        scopes.append(Scope(ScopeKind.BLOCK, row_id=piece.block_id).text)
    return scopes


@dataclass(frozen=True, slots=True)
class Point:
    """One day of a KPI."""

    service_date: date
    numerator: int
    denominator: int
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Trend:
    """A KPI day by day, without gaps, held against the target of the last day."""

    definition: Definition
    target: Decimal
    points: Sequence[Point]


def kept_keys(scope: Scope) -> frozenset[KpiKey]:
    """What is kept of a scope by day and month; none of a deliverer.

    A block's share of the cold chain would be a row per block and day: it is counted when asked.
    """
    match scope.kind:
        case ScopeKind.DELIVERER:
            return frozenset()
        case ScopeKind.BLOCK:
            return _OF_BLOCKS
        case _:
            return frozenset(KpiKey)


async def read_trends(
    session: AsyncSession,
    *,
    scope: Scope,
    period: Period,
    keys: Sequence[KpiKey],
    now: datetime,
) -> tuple[list[Trend], datetime | None]:
    """KPIs of a scope day by day, and when the least fresh day was counted.

    Kept down to blocks, of which the cold chain is left out. Raises BadScope for a deliverer,
    NotFound for a scope that does not exist.
    """
    await require_scope(session, scope)
    kept = kept_keys(scope)
    if not kept:
        raise BadScope
    keys = [key for key in keys if key in kept]
    figures: dict[tuple[KpiKey, date], Measured] = {}
    for row in await days.list_days(session, scope=scope.text, period=period, keys=keys):
        span = None if row.longest_ms is None else row.longest_ms * MILLISECOND
        figures[KpiKey(row.key), row.service_date] = Measured(
            row.numerator, row.denominator, longest=span
        )
    if scope.kind is ScopeKind.BLOCK and scope.row_id is not None:
        await _add_mornings(session, figures, block_id=scope.row_id, period=period, now=now)
    own = await targets.targets_on(session, on=period.last)
    trends = [_trend(DEFINITIONS[key], own.get(key), figures, period) for key in keys]
    return trends, await days.oldest_mark(session, period)


async def _add_mornings(
    session: AsyncSession,
    figures: dict[tuple[KpiKey, date], Measured],
    *,
    block_id: UUID,
    period: Period,
    now: datetime,
) -> None:
    last_due = last_due_date(now)
    for day, on_time, due, served in await days.list_block_days(
        session, block_id=block_id, period=period
    ):
        if day <= last_due:
            figures[KpiKey.ON_TIME_RATE, day] = Measured(on_time, due)
        place = (KpiKey.COMPLAINT_RATE, day)
        figures[place] = Measured(figures.get(place, Measured(0, 0)).numerator, served)


def _trend(
    definition: Definition,
    own: Decimal | None,
    figures: dict[tuple[KpiKey, date], Measured],
    period: Period,
) -> Trend:
    target = definition.target if own is None else own
    count = (period.last - period.first).days + 1
    points = []
    for number in range(count):
        day = period.first + timedelta(days=number)
        measured = figures.get((definition.key, day), Measured(0, 0))
        points.append(
            Point(
                service_date=day,
                numerator=measured.numerator,
                denominator=measured.denominator,
                verdict=judge(definition, measured, target=target),
            )
        )
    return Trend(definition=definition, target=target, points=points)
