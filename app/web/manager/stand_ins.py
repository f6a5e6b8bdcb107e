"""Routes: giving a block's round of one day to a stand-in."""

from datetime import date, datetime
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Form, Query, Request
from fastapi.responses import Response
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.db import SessionDep
from app.core.ids import read_single
from app.core.schemas import OptionalText
from app.core.unit import Router
from app.delivery.errors import RouteUnknown
from app.delivery.service.reading import hand_over_route
from app.identity.access import Allow, ClockDep, Principal
from app.kpi.api.callers import scope_of
from app.kpi.morning.reading import BlockRow, read_board
from app.kpi.paths import list_stand_ins
from app.web.common.flash import see_other
from app.web.common.problems import own_path
from app.web.manager.asking import HOME, DispatcherRoles
from app.web.manager.showing import show

router = Router(prefix=f"{HOME}/stand-ins", include_in_schema=False)
Dispatcher = Annotated[Principal, Depends(Allow(*DispatcherRoles))]
NAMES_SHOWN = 30


async def _row(
    session: AsyncSession, caller: Principal, block: str, day: date, now: datetime
) -> BlockRow:
    board = await read_board(session, scope=scope_of(caller, f"block:{block}"), day=day, now=now)
    if not board.rows:
        raise RouteUnknown
    return board.rows[0]


@router.get("/{block}/{service_date}")
async def choose(
    request: Request,
    block: str,
    service_date: date,
    caller: Dispatcher,
    session: SessionDep,
    clock: ClockDep,
) -> Response:
    """Part: the dialog with the station's deliverers."""
    row = await _row(session, caller, block, service_date, clock.now())
    found = await list_stand_ins(session, station_id=row.station_id, limit=NAMES_SHOWN)
    page = urlsplit(request.headers.get("hx-current-url", ""))
    return show(
        request,
        "stand_ins.html",
        block=block,
        block_title=row.name,
        day=service_date,
        current=row.deliverer_name,
        still_open=row.counts.still_open,
        found=[one for one in found if one.id != row.deliverer_id],
        back=f"{page.path}?{page.query}" if page.query else page.path or HOME,
    )


@router.get("/{block}/{service_date}/names")
async def names(
    request: Request,
    block: str,
    service_date: date,
    caller: Dispatcher,
    session: SessionDep,
    clock: ClockDep,
    q: Annotated[OptionalText, Query()] = "",
) -> Response:
    """Part: deliverers by name or employee number."""
    row = await _row(session, caller, block, service_date, clock.now())
    found = await list_stand_ins(session, station_id=row.station_id, limit=NAMES_SHOWN, words=q)
    return show(
        request, "stand_in_names.html", found=[one for one in found if one.id != row.deliverer_id]
    )


@router.post("/{block}/{service_date}")
async def hand_over(
    block: str,
    service_date: date,
    caller: Dispatcher,
    session: SessionDep,
    clock: ClockDep,
    deliverer: Annotated[str, Form(max_length=60)],
    back: Annotated[str, Form(max_length=2000)] = HOME,
) -> Response:
    """Give the round away; raises RouteUnknown, DelivererUnknown."""
    await hand_over_route(
        session,
        block_id=read_single("blk", block),
        service_date=service_date,
        deliverer_id=read_single("dlv", deliverer),
        station_id=scope_of(caller, None).within_station_id,
        actor=caller.actor,
        now=clock.now(),
    )
    return see_other(own_path(back), flash="已换人，还没送的户次已转给所选送奶员")
