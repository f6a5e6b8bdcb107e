"""The list of call-backs: who is due, how often it was tried, what the customer said by link."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from fastapi import Query, Request
from starlette.responses import Response

from app.aftersales.moves import public_id
from app.aftersales.repository.queue import DueVisit, VisitFilter, list_due_visits
from app.aftersales.rights import StaffReader, own_station
from app.aftersales.visit_api import read_cursor, write_cursor
from app.core.db import SessionDep
from app.core.pagination import PageDep
from app.core.unit import Router
from app.identity.access import ClockDep
from app.web.common.templating import render
from app.web.servicedesk.queue import words

router = Router(prefix="/service", include_in_schema=False)


class VisitView(StrEnum):
    """Which call-backs."""

    ALL = "all"
    OVERDUE = "overdue"
    MINE = "mine"
    TRIED = "tried"
    CONFIRMED = "confirmed"


VIEWS = {
    VisitView.ALL: "全部",
    VisitView.OVERDUE: "已超时",
    VisitView.MINE: "我负责的",
    VisitView.TRIED: "未接通过",
    VisitView.CONFIRMED: "顾客已确认",
}


@dataclass(frozen=True, slots=True)
class Row:
    """A call-back that is due."""

    visit: DueVisit
    id: str


@router.get("/visits")
async def list_visits(
    request: Request,
    caller: StaffReader,
    session: SessionDep,
    clock: ClockDep,
    page: PageDep,
    view: Annotated[str, Query(max_length=20)] = "all",
) -> Response:
    """Resolved tickets that wait for their call-back, the longest due first."""
    shown = VisitView(view) if view in set(VisitView) else VisitView.ALL
    now = clock.now()
    found = await list_due_visits(
        session,
        wanted=VisitFilter(
            station_id=own_station(caller),
            is_overdue=True if shown is VisitView.OVERDUE else None,
            assignee_id=caller.account_id if shown is VisitView.MINE else None,
            was_tried=True if shown is VisitView.TRIED else None,
            is_confirmed=True if shown is VisitView.CONFIRMED else None,
        ),
        limit=page.limit + 1,
        after=read_cursor(page),
        now=now,
    )
    kept = found[: page.limit]
    return render(
        request,
        "servicedesk/visits.html",
        rows=[Row(one, public_id(one.ticket)) for one in kept],
        view=shown,
        views=VIEWS,
        next_cursor=write_cursor(kept[-1].key) if len(found) > page.limit else None,
        is_first=page.after is None,
        **words(),
    )
