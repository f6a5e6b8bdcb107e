"""Routes: closed months, as reported and as known now."""

from datetime import date
from typing import Annotated

from fastapi import Form, Request
from fastapi.responses import Response

from app.core.db import SessionDep
from app.core.pagination import BadCursor, PageDep, PageRequest, cursor_of
from app.core.unit import Router
from app.identity.access import ClockDep
from app.identity.models import Role
from app.kpi import months
from app.kpi.api.callers import Manager
from app.kpi.paths import read_path
from app.web.common.flash import see_other
from app.web.manager.asking import HOME, AskedDep
from app.web.manager.showing import show

router = Router(prefix=f"{HOME}/months", include_in_schema=False)
MONTHS_A_PAGE = 6


@router.get("")
async def list_page(
    request: Request, asked: AskedDep, session: SessionDep, page: PageDep
) -> Response:
    """Closed months of a scope, the newest first, and the ones that wait to be closed."""
    found = await months.list_reports(
        session, scope=asked.scope, limit=MONTHS_A_PAGE + 1, before=_before(page)
    )
    shown = found[:MONTHS_A_PAGE]
    closable = []
    if asked.caller.has(Role.MANAGER) and page.after is None:
        closable = await months.list_closable(session, today=asked.today)
    return show(
        request,
        "months.html",
        asked=asked,
        steps=await read_path(session, asked.scope),
        reports=shown,
        period_of=months.period_of,
        closable=closable,
        next_cursor=cursor_of(f"{shown[-1].month:%Y-%m}") if len(found) > MONTHS_A_PAGE else None,
        is_first=page.after is None,
        address=asked.at(f"{HOME}/months"),
    )


def _before(page: PageRequest) -> date | None:
    if page.after is None:
        return None
    match page.after:
        case [str() as month]:
            return months.read_month(month)
    raise BadCursor


@router.post("")
async def close(
    caller: Manager,
    session: SessionDep,
    clock: ClockDep,
    month: Annotated[str, Form(max_length=10)],
) -> Response:
    """Close a month for good; raises MonthNotOver, MonthClosed."""
    await months.close_month(
        session, month=months.read_month(month), actor=caller.actor, now=clock.now()
    )
    return see_other(f"{HOME}/months", flash=f"{month} 已关账")
