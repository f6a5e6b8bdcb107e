"""The morning: figures of a scope, and its blocks with those at risk on top."""

from datetime import date, datetime
from typing import Annotated

from fastapi import Query
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.db import SessionDep
from app.core.pagination import BadCursor, Page, PageDep, PageRequest, cursor_of
from app.core.unit import Router
from app.identity.access import ClockDep
from app.kpi.api.callers import KpiReader, ScopeText, scope_of
from app.kpi.api.hubs import HubDep
from app.kpi.api.morning_schemas import BlockOut, MorningOut, present_block, present_morning
from app.kpi.definitions import ScopeKind
from app.kpi.morning.hub import MorningHub
from app.kpi.morning.paging import BlockSort, page_of_blocks
from app.kpi.morning.reading import (
    Board,
    count_deliverers,
    list_handovers,
    list_temperatures,
    read_board,
    require_morning,
)
from app.kpi.morning.rules import Risk, limit_of
from app.kpi.scopes import Scope

router = Router()


@router.get("/mornings/{service_date}")
async def read_morning(
    caller: KpiReader,
    session: SessionDep,
    clock: ClockDep,
    hub: HubDep,
    service_date: date,
    scope: ScopeText = None,
) -> MorningOut:
    """How far the morning is: due, done, on time, what 07:00 will bring, the day by ten minutes.

    `parts` go one level down, those most at risk first: cities, stations, blocks; a block and a
    deliverer show who has the stops.
    """
    asked, now = scope_of(caller, scope), clock.now()
    board = await shared_board(hub, session, asked, service_date, now)
    deliverers = []
    if asked.kind in {ScopeKind.BLOCK, ScopeKind.DELIVERER}:
        deliverers = await count_deliverers(session, scope=asked, rows=board.rows, day=service_date)
    return present_morning(
        board,
        deliverers=deliverers,
        devices=await list_temperatures(session, scope=asked, now=now),
        limit_at=limit_of(service_date),
    )


@router.get("/mornings/{service_date}/blocks")
async def list_blocks(
    caller: KpiReader,
    session: SessionDep,
    clock: ClockDep,
    hub: HubDep,
    page: PageDep,
    service_date: date,
    scope: ScopeText = None,
    risk: Annotated[list[Risk] | None, Query(max_length=4)] = None,
    only_at_risk: bool = False,
    sort: BlockSort = BlockSort.RISK,
) -> Page[BlockOut]:
    """A scope's blocks, those with the most stops at risk first.

    `risk` (repeatable) keeps blocks with any of these reasons. `sort`: risk, share (the lowest
    first), open (the most first), code, station.
    """
    board = await shared_board(hub, session, scope_of(caller, scope), service_date, clock.now())
    found = page_of_blocks(
        board,
        sort=sort,
        risks=frozenset(Risk) if only_at_risk else frozenset(risk or ()),
        limit=page.limit,
        after=_place(page),
    )
    handovers = await list_handovers(session, rows=found.rows, day=service_date)
    return Page(
        items=[present_block(row, handovers.get(row.block_id)) for row in found.rows],
        next_cursor=None if found.next_place is None else cursor_of(*found.next_place),
    )


async def shared_board(
    hub: MorningHub, session: AsyncSession, scope: Scope, day: date, now: datetime
) -> Board:
    """Large scopes share one reading with the live viewers; small ones are read by themselves.

    Raises NotFound for a scope that does not exist, BadPeriod.
    """
    if scope.kind not in {ScopeKind.OPERATOR, ScopeKind.CITY}:
        return await read_board(session, scope=scope, day=day, now=now)
    await require_morning(session, scope=scope, day=day)
    _, board = await hub.board(session, day=day, now=now)
    return board.narrowed(scope)


def _place(page: PageRequest) -> tuple[int, str, str] | None:
    if page.after is None:
        return None
    match page.after:
        case [int() as rank, str() as name, str() as block]:
            return rank, name, block
    raise BadCursor
