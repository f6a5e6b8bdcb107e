"""Routes: one KPI down to its rows."""

from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import Path, Query, Request
from fastapi.responses import Response
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.db import SessionDep
from app.core.pagination import PageDep, cursor_of
from app.core.unit import Router
from app.identity.access import ClockDep
from app.kpi import months, service
from app.kpi.api.figures import read_row_cursor
from app.kpi.definitions import Definition, KpiKey
from app.kpi.drilldown import list_kpi_rows
from app.kpi.findings import list_running
from app.kpi.paths import name_places, read_path
from app.kpi.rules import KpiStatus, Period
from app.kpi.trends import Trend, kept_keys, read_trends
from app.web.common.templating import is_htmx
from app.web.manager import charts
from app.web.manager.asking import HOME, Asked, AskedDep
from app.web.manager.rows import places_in, show_row
from app.web.manager.showing import show

router = Router(prefix=f"{HOME}/kpi", include_in_schema=False)
TREND_DAYS = 30
ROWS_A_PAGE = 50
Key = Annotated[str, Path(max_length=60)]


@router.get("/{key}")
async def drill_down(
    request: Request,
    key: Key,
    asked: AskedDep,
    session: SessionDep,
    clock: ClockDep,
    page: PageDep,
    missed: Annotated[str, Query(max_length=5)] = "",
) -> Response:
    """A KPI's value, trend and rows; `missed=1` leaves out what counted in full."""
    definition, now = service.find_definition(key), clock.now()
    only_missed = missed == "1" and definition.key is not KpiKey.COMPLAINT_RATE
    found = await list_kpi_rows(
        session,
        key=definition.key,
        scope=asked.scope,
        period=asked.period,
        now=now,
        limit=ROWS_A_PAGE,
        after=read_row_cursor(page),
        only_missed=only_missed,
    )
    names = await name_places(session, places_in(found.rows))
    values: dict[str, Any] = {
        "asked": asked,
        "definition": definition,
        "rows": [show_row(row, key=definition.key, names=names) for row in found.rows],
        "next_cursor": _cursor(found.next_place),
        "is_first": page.after is None,
        "only_missed": only_missed,
        "address": asked.at(f"{HOME}/kpi/{key}", missed="1" if only_missed else None),
    }
    if is_htmx(request):
        return show(request, "kpi_rows.html", **values)
    (result,) = await service.read_kpis(
        session, scope=asked.scope, period=asked.period, now=now, keys=[definition.key]
    )
    running = await list_running(session, scope=asked.scope, period=asked.period)
    trend = await _trend(session, asked, definition, now=now)
    return show(
        request,
        "kpi.html",
        steps=await read_path(session, asked.scope),
        result=result,
        trend=trend,
        trend_line=None if trend is None else charts.line_of(trend),
        reported=await _reported(session, asked, definition),
        finding=next((one for one in running if one.key == definition.key), None),
        may_record=asked.may_improve and result.verdict.status is KpiStatus.MISSED,
        **values,
    )


def _cursor(place: tuple[int, list[str]] | None) -> str | None:
    return None if place is None else cursor_of(place[0], *place[1])


async def _trend(
    session: AsyncSession, asked: Asked, definition: Definition, *, now: datetime
) -> Trend | None:
    if definition.key not in kept_keys(asked.scope):
        return None
    last = asked.period.last
    first = max(last - timedelta(days=TREND_DAYS - 1), service.FIRST_DATE)
    found, _ = await read_trends(
        session, scope=asked.scope, period=Period(first, last), keys=[definition.key], now=now
    )
    return found[0] if found else None


async def _reported(
    session: AsyncSession, asked: Asked, definition: Definition
) -> months.MonthFigure | None:
    if not asked.is_whole_month or definition.key not in kept_keys(asked.scope):
        return None
    report = await months.find_report(session, month=asked.period.first, scope=asked.scope)
    if report is None:
        return None
    return next(one for one in report.figures if one.definition.key is definition.key)
