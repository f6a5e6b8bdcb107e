"""Closed months: the eight figures as they were reported, beside what is known now (S1 5.2.1)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import local_date
from app.kpi.definitions import DEFINITIONS, Definition, KpiKey, ScopeKind
from app.kpi.errors import BadMonth, BadScope, MonthClosed, MonthNotOver, MonthUnknown
from app.kpi.models import KpiMonth, KpiMonthFigure
from app.kpi.repository import days, months, targets
from app.kpi.rules import Measured, Period, Verdict, judge
from app.kpi.scopes import Scope
from app.kpi.service import require_scope
from app.kpi.trends import MILLISECOND, count_day, kept_keys

_MONTH = re.compile(r"(20\d{2})-(0[1-9]|1[0-2])")
CLOSED_LATE = 6
"""How many months back the closing of a month is still offered."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A KPI of a month as counted at one time."""

    numerator: int
    denominator: int
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class MonthFigure:
    """A KPI of a closed month: as reported, as known now, and what lies between."""

    definition: Definition
    target: Decimal
    reported: Figure
    now: Figure

    @property
    def difference(self) -> Decimal | None:
        """Known now less reported, in the KPI's unit; None where either has no data."""
        if self.now.verdict.value is None or self.reported.verdict.value is None:
            return None
        return self.now.verdict.value - self.reported.verdict.value


@dataclass(frozen=True, slots=True)
class MonthReport:
    """A closed month of a scope."""

    month: date
    closed_at: datetime
    closed_by: str
    figures: Sequence[MonthFigure]


def read_month(text: str) -> date:
    """First day of a month written as `2026-03`; raises BadMonth."""
    found = _MONTH.fullmatch(text)
    if found is None:
        raise BadMonth
    return date(int(found[1]), int(found[2]), 1)


def period_of(month: date) -> Period:
    """All days of a month."""
    return Period(month, (month + timedelta(days=31)).replace(day=1) - timedelta(days=1))


async def close_month(session: AsyncSession, *, month: date, actor: str, now: datetime) -> KpiMonth:
    """Keep a month's figures of every scope for good, from days that are counted anew where needed.

    Raises MonthNotOver, MonthClosed.
    """
    period = period_of(month)
    if local_date(now) <= period.last:
        raise MonthNotOver(closable_from=(period.last + timedelta(days=1)).isoformat())
    if not await months.open_closing(session, month=month, actor=actor, now=now):
        closed = await months.find_month(session, month)
        raise MonthClosed(closed_at=None if closed is None else closed.closed_at.isoformat())
    counted = await months.list_counted(session, period)
    all_days = {period.first + timedelta(days=n) for n in range(period.last.day)}
    for day in sorted((all_days - counted) | set(await days.list_dirty(session, period))):
        await count_day(session, day=day, now=now)
    own = await targets.targets_on(session, on=period.last)
    await months.keep_figures(
        session,
        month=month,
        period=period,
        targets={key: own.get(key, DEFINITIONS[key].target) for key in KpiKey},
        of_mornings=[
            (Scope(ScopeKind.BLOCK, row_id=block_id).text, key, numerator, denominator)
            for block_id, *counts in await days.sum_block_days(session, period=period)
            for key, numerator, denominator in _of_mornings(*counts)
        ],
    )
    found = await months.find_month(session, month)
    if found is None:
        raise MonthUnknown
    return found


def _of_mornings(on_time: int, due: int, served: int) -> list[tuple[KpiKey, int, int]]:
    return [(KpiKey.ON_TIME_RATE, on_time, due), (KpiKey.COMPLAINT_RATE, 0, served)]


async def list_reports(
    session: AsyncSession, *, scope: Scope, limit: int, before: date | None
) -> list[MonthReport]:
    """Closed months of a scope, the newest first; raises BadScope below blocks."""
    await _require_kept(session, scope)
    of_scope = scope.text if scope.kind is ScopeKind.BLOCK else None
    found = await months.list_months(session, limit=limit, before=before, of_scope=of_scope)
    return await _reports(session, found, scope)


async def read_report(session: AsyncSession, *, month: date, scope: Scope) -> MonthReport:
    """One closed month of a scope; raises MonthUnknown, BadScope below blocks."""
    report = await find_report(session, month=month, scope=scope)
    if report is None:
        raise MonthUnknown
    return report


async def list_closable(session: AsyncSession, *, today: date) -> list[date]:
    """The last months that are over, had mornings and have not been closed, the newest first."""
    closed = {
        one.month for one in await months.list_months(session, limit=CLOSED_LATE, before=None)
    }
    found = []
    month = today.replace(day=1)
    for _ in range(CLOSED_LATE):
        month = (month - timedelta(days=1)).replace(day=1)
        if month not in closed and await days.has_mornings(session, period_of(month)):
            found.append(month)
    return found


async def find_report(session: AsyncSession, *, month: date, scope: Scope) -> MonthReport | None:
    """One month of a scope, None where nothing of it was closed; raises BadScope below blocks."""
    await _require_kept(session, scope)
    found = await months.find_month(session, month)
    reports = [] if found is None else await _reports(session, [found], scope)
    return reports[0] if reports else None


async def _require_kept(session: AsyncSession, scope: Scope) -> None:
    if not kept_keys(scope):
        raise BadScope
    await require_scope(session, scope)


async def _reports(
    session: AsyncSession, found: Sequence[KpiMonth], scope: Scope
) -> list[MonthReport]:
    kept = await months.list_figures(session, months=[one.month for one in found], scope=scope.text)
    keys = [key for key in KpiKey if key in kept_keys(scope)]
    reports = []
    for one in found:
        mine = {KpiKey(row.key): row for row in kept if row.month == one.month}
        if scope.kind is ScopeKind.BLOCK and not mine:
            continue  # closed before blocks were kept, or no milk went there
        known = await _known(session, scope, period_of(one.month))
        reports.append(
            MonthReport(
                month=one.month,
                closed_at=one.closed_at,
                closed_by=one.closed_by,
                figures=[_figure(key, mine.get(key), known.get(key)) for key in keys],
            )
        )
    return reports


async def _known(
    session: AsyncSession, scope: Scope, period: Period
) -> dict[KpiKey, tuple[int, int, int | None]]:
    known = await months.sum_days(session, period=period, scope=scope.text)
    if scope.kind is ScopeKind.BLOCK:
        for _, *counts in await days.sum_block_days(session, period=period, block_id=scope.row_id):
            for key, numerator, denominator in _of_mornings(*counts):
                before = known.get(key, (0, 0, None))
                known[key] = (before[0] + numerator, before[1] + denominator, before[2])
    return known


def _figure(
    key: KpiKey, kept: KpiMonthFigure | None, known: tuple[int, int, int | None] | None
) -> MonthFigure:
    definition = DEFINITIONS[key]
    target = definition.target if kept is None else kept.target

    def judged(counts: tuple[int, int, int | None]) -> Figure:
        numerator, denominator, longest_ms = counts
        longest = None if longest_ms is None else longest_ms * MILLISECOND
        measured = Measured(numerator, denominator, longest=longest)
        return Figure(numerator, denominator, judge(definition, measured, target=target))

    nothing = (0, 0, None)
    reported = nothing if kept is None else (kept.numerator, kept.denominator, kept.longest_ms)
    return MonthFigure(
        definition=definition,
        target=target,
        reported=judged(reported),
        now=judged(known or nothing),
    )
