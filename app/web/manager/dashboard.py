"""Routes: the dashboard, its KPI tiles, its live stream, and all blocks by page."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import Depends, Header, Query, Request
from fastapi.responses import Response
from fastapi.sse import EventSourceResponse, ServerSentEvent
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.db import SessionDep
from app.core.pagination import BadCursor, PageDep, PageRequest, cursor_of
from app.core.unit import Router
from app.identity.access import ClockDep
from app.identity.models import Role
from app.kpi import months, service
from app.kpi.api.hubs import HubDep
from app.kpi.api.live import COME_AGAIN_MS, watched_scope
from app.kpi.api.mornings import shared_board
from app.kpi.definitions import DEFINITIONS, KpiKey, ScopeKind
from app.kpi.findings import list_running
from app.kpi.models import KpiFinding
from app.kpi.morning.paging import BlockPlace, BlockSort, page_of_blocks
from app.kpi.morning.reading import (
    BlockRow,
    count_deliverers,
    list_handovers,
    list_temperatures,
    read_board,
)
from app.kpi.morning.rules import RISK_LABELS, Risk, limit_of
from app.kpi.paths import read_path
from app.kpi.rules import KpiStatus, Period
from app.kpi.scopes import Scope
from app.kpi.service import KpiResult
from app.kpi.sides import count_waiting
from app.kpi.trends import kept_keys, read_trends
from app.network.service import find_festival_gap
from app.web.common.templating import is_htmx
from app.web.manager import charts
from app.web.manager.asking import HOME, Asked, AskedDep
from app.web.manager.morning import LiveRender, at_risk, carried_by, morning_values
from app.web.manager.showing import show

router = Router(prefix=HOME, include_in_schema=False)

CALENDAR_KEEPERS = (Role.MANAGER, Role.ADMIN)
TREND_DAYS = 30
BLOCKS_A_PAGE = 40
SORTS = {
    BlockSort.RISK: "风险优先",
    BlockSort.SHARE: "准时率从低到高",
    BlockSort.OPEN: "未完成最多",
    BlockSort.STATION: "按奶站",
    BlockSort.CODE: "按编号",
}


@router.get("")
async def dashboard(
    request: Request, asked: AskedDep, session: SessionDep, clock: ClockDep, hub: HubDep
) -> Response:
    """A scope's morning, its blocks at risk, and the eight KPIs of a period."""
    now = clock.now()
    steps = await read_path(session, asked.scope)
    board = await shared_board(hub, session, asked.scope, asked.day, now)
    return show(
        request,
        "dashboard.html",
        asked=asked,
        steps=steps,
        definitions=[DEFINITIONS[key] for key in KpiKey],
        devices=await list_temperatures(session, scope=asked.scope, now=now),
        waiting=await count_waiting(session, scope=asked.scope, now=now),
        festival_gap=find_festival_gap(asked.today)
        if asked.caller.has(*CALENDAR_KEEPERS)
        else None,
        has_deliverers=asked.scope.kind in {ScopeKind.BLOCK, ScopeKind.DELIVERER},
        **morning_values(board, may_dispatch=asked.may_dispatch, carried=carried_by(asked)),
    )


@router.get("/stream", response_class=EventSourceResponse)
async def stream(
    asked: AskedDep,
    hub: HubDep,
    scope: Annotated[Scope, Depends(watched_scope)],
    last_event_id: Annotated[str | None, Header(max_length=100)] = None,
) -> AsyncIterator[ServerSentEvent]:
    """Today's morning of a scope, as partials of the dashboard, at once and after every change."""
    made = LiveRender(may_dispatch=asked.may_dispatch, carried=carried_by(asked))
    async for event in hub.watch(scope, render=made, last_id=last_event_id):
        yield ServerSentEvent(raw_data=event.text, id=event.id, retry=COME_AGAIN_MS)


@router.get("/deliverers")
async def deliverers(
    request: Request, asked: AskedDep, session: SessionDep, clock: ClockDep
) -> Response:
    """Part: who has or made the stops of a block, or of a deliverer's blocks."""
    board = await read_board(session, scope=asked.scope, day=asked.day, now=clock.now())
    found = await count_deliverers(session, scope=asked.scope, rows=board.rows, day=asked.day)
    return show(request, "deliverers.html", asked=asked, parts=found, carried=carried_by(asked))


@dataclass(frozen=True, slots=True)
class Tile:
    """One KPI as its tile shows it."""

    result: KpiResult
    trend: charts.Trendline | None
    reported: months.MonthFigure | None
    finding: KpiFinding | None
    may_record: bool


@router.get("/kpis")
async def tiles(
    request: Request, asked: AskedDep, session: SessionDep, clock: ClockDep
) -> Response:
    """The eight KPIs of the period, with their trends, findings and what was reported.

    A part of the dashboard for HTMX, a page of its own for who opens the address.
    """
    results = await service.read_kpis(
        session, scope=asked.scope, period=asked.period, now=clock.now()
    )
    trends = await _trends(session, asked, now=clock.now())
    reported = await _reported(session, asked)
    running = {
        KpiKey(one.key): one
        for one in await list_running(session, scope=asked.scope, period=asked.period)
    }
    found = [
        Tile(
            result=result,
            trend=trends.get(result.definition.key),
            reported=reported.get(result.definition.key),
            finding=running.get(result.definition.key),
            may_record=asked.may_improve and result.verdict.status is KpiStatus.MISSED,
        )
        for result in results
    ]
    if is_htmx(request):
        return show(request, "kpis.html", asked=asked, tiles=found)
    return show(
        request,
        "kpis_page.html",
        asked=asked,
        tiles=found,
        steps=await read_path(session, asked.scope),
        definitions=[DEFINITIONS[key] for key in KpiKey],
    )


async def _trends(
    session: AsyncSession, asked: Asked, *, now: datetime
) -> dict[KpiKey, charts.Trendline | None]:
    if not kept_keys(asked.scope):
        return {}
    last = asked.period.last
    first = max(last - timedelta(days=TREND_DAYS - 1), service.FIRST_DATE)
    found, _ = await read_trends(
        session, scope=asked.scope, period=Period(first, last), keys=list(KpiKey), now=now
    )
    return {trend.definition.key: charts.line_of(trend) for trend in found}


async def _reported(session: AsyncSession, asked: Asked) -> dict[KpiKey, months.MonthFigure]:
    if not asked.is_whole_month or not kept_keys(asked.scope):
        return {}
    report = await months.find_report(session, month=asked.period.first, scope=asked.scope)
    return {} if report is None else {one.definition.key: one for one in report.figures}


@router.get("/blocks")
async def blocks(
    request: Request,
    asked: AskedDep,
    session: SessionDep,
    clock: ClockDep,
    hub: HubDep,
    page: PageDep,
    sort: BlockSort = BlockSort.RISK,
    risk: Annotated[str, Query(max_length=20)] = "",
    words_sought: Annotated[str, Query(alias="q", max_length=60)] = "",
) -> Response:
    """All blocks of a scope on a morning: sorted, sought, narrowed to a risk, page by page."""
    now = clock.now()
    board = await shared_board(hub, session, asked.scope, asked.day, now)
    sought = words_sought.strip()
    board = replace(board, rows=_matching(board.rows, sought))
    found = page_of_blocks(
        board, sort=sort, risks=_risks(risk), limit=BLOCKS_A_PAGE, after=_place(page)
    )
    limit_at = limit_of(asked.day)
    values: dict[str, Any] = {
        "asked": asked,
        "board": board,
        "blocks": [at_risk(row, limit_at=limit_at, now=now) for row in found.rows],
        "handovers": await list_handovers(session, rows=found.rows, day=asked.day),
        "next_cursor": None if found.next_place is None else cursor_of(*found.next_place),
        "is_first": page.after is None,
        "address": asked.at(f"{HOME}/blocks", sort=sort.value, risk=risk or None, q=sought or None),
        "sort": sort,
        "risk": risk,
        "q": sought,
        "carried": carried_by(asked),
        "may_dispatch": asked.may_dispatch,
    }
    if is_htmx(request):
        return show(request, "block_rows.html", **values)
    return show(
        request,
        "blocks.html",
        steps=await read_path(session, asked.scope),
        sorts=SORTS,
        risks=RISK_LABELS,
        **values,
    )


def _matching(rows: Sequence[BlockRow], sought: str) -> Sequence[BlockRow]:
    if not sought:
        return rows
    low = sought.casefold()
    return [
        row
        for row in rows
        if low in f"{row.code}\n{row.name}\n{row.station_name}\n{row.deliverer_name}".casefold()
    ]


def _risks(text: str) -> frozenset[Risk]:
    if text == "any":
        return frozenset(Risk)
    return frozenset(one for one in Risk if one.value == text)


def _place(page: PageRequest) -> BlockPlace | None:
    if page.after is None:
        return None
    match page.after:
        case [int() as rank, str() as name, str() as block]:
            return rank, name, block
    raise BadCursor
