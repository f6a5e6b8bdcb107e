"""The queue: what waits, in the order of work, with its clocks running."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Form, Request
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from app.aftersales import reading
from app.aftersales.api import read_cursor, write_cursor
from app.aftersales.moves import public_id
from app.aftersales.repository import QueuedTicket, read_names
from app.aftersales.repository.staff import list_teams_of
from app.aftersales.rights import StaffReader, own_station, station_filter
from app.aftersales.states import (
    CATEGORY_LABELS,
    KIND_LABELS,
    RUNNING,
    TEAM_LABELS,
    TicketStatus,
)
from app.core.db import SessionDep
from app.core.ids import public_single
from app.core.pagination import PageDep, PageRequest, cursor_of
from app.core.unit import Router
from app.identity.access import ClockDep, Principal
from app.network import service as network
from app.web.common.templating import is_htmx, render
from app.web.servicedesk.asked import COUNTED, VIEW_LABELS, Asked, View
from app.web.servicedesk.errors import SearchTooShort
from app.web.servicedesk.labels import (
    CHANNEL_LABELS,
    CLASS_KINDS,
    CLASS_LABELS,
    STATUS_KINDS,
    STATUS_LABELS,
)

router = Router(prefix="/service", include_in_schema=False)
Filters = Annotated[Asked, Depends(Asked.read)]
SHORTEST_SEARCH, LONGEST_SEARCH = 4, 40


@dataclass(frozen=True, slots=True)
class Row:
    """A ticket as the list shows it. A clock is None when it does not run."""

    queued: QueuedTicket
    id: str
    station: str
    assignee: str | None
    answer_due_at: datetime | None
    handle_due_at: datetime | None
    visit_due_at: datetime | None


@dataclass(frozen=True, slots=True)
class Station:
    """A choice of the station filter."""

    id: str
    name: str


def words() -> dict[str, Any]:
    """The words that lists and pages of tickets use."""
    return {
        "status_labels": STATUS_LABELS,
        "status_kinds": STATUS_KINDS,
        "class_labels": CLASS_LABELS,
        "class_kinds": CLASS_KINDS,
        "kind_labels": KIND_LABELS,
        "category_labels": CATEGORY_LABELS,
        "team_labels": TEAM_LABELS,
        "channel_labels": CHANNEL_LABELS,
    }


async def present_rows(session: AsyncSession, found: Sequence[QueuedTicket]) -> list[Row]:
    """Tickets with the names of stations and people, in two statements."""
    stations = {one.id: one.name for one in await network.list_stations(session)}
    people = {one.ticket.assignee_id for one in found if one.ticket.assignee_id is not None}
    names = await read_names(session, people)
    return [
        Row(
            queued=one,
            id=public_id(one.ticket),
            station=stations.get(one.ticket.station_id, "") if one.ticket.station_id else "",
            assignee=None
            if one.ticket.assignee_id not in names
            else names[one.ticket.assignee_id].display_name,
            answer_due_at=answer_clock(one),
            handle_due_at=one.ticket.due_at if one.ticket.status in RUNNING else None,
            visit_due_at=one.ticket.visit_due_at
            if one.ticket.status is TicketStatus.RESOLVED
            else None,
        )
        for one in found
    ]


def answer_clock(one: QueuedTicket) -> datetime | None:
    """Until when somebody is to be answered: the first answer, or one to a later word."""
    ticket = one.ticket
    if ticket.status not in RUNNING:
        return None
    return ticket.reply_due_at if ticket.first_answered_at else ticket.answer_due_at


async def _stations(session: AsyncSession, held_to: UUID | None) -> list[Station]:
    found = await network.list_stations(session, station_id=held_to)
    return [Station(public_single("stn", one.id), one.name) for one in found]


async def _listed(
    session: AsyncSession, caller: Principal, asked: Asked, page: PageRequest, *, now: datetime
) -> dict[str, Any]:
    whose: dict[str, Any] = {
        "caller_id": caller.account_id,
        "teams": await list_teams_of(session, caller.account_id),
        "station_id": station_filter(caller, asked.station or None),
    }
    filters = {view.value: asked.filter(view, **whose) for view in View}
    filters |= {
        name: choice.filter(asked.view, **whose) for name, choice in asked.choices().items()
    }
    found = await reading.list_queue(
        session,
        wanted=filters[asked.view.value],
        limit=page.limit + 1,
        after=read_cursor(page),
        now=now,
    )
    kept = found[: page.limit]
    statuses = COUNTED if asked.status is None else {*COUNTED, asked.status}
    counts = await reading.count_queue(
        session,
        wanted=filters,
        statuses=statuses,
        now=now,
    )
    return {
        "asked": asked,
        "rows": await present_rows(session, kept),
        "next_cursor": write_cursor(kept[-1].key) if len(found) > page.limit else None,
        "is_first": page.after is None,
        "cursor": cursor_of(*page.after) if page.after is not None else None,
        "counts": counts,
        "views": VIEW_LABELS,
        "in_teams": bool(whose["teams"]),
        **words(),
    }


@router.get("")
async def show_queue(
    request: Request,
    caller: StaffReader,
    session: SessionDep,
    clock: ClockDep,
    page: PageDep,
    asked: Filters,
) -> Response:
    """The queue with its filters; they stand in the address."""
    return render(
        request,
        "servicedesk/queue.html",
        stations=await _stations(session, own_station(caller)),
        **await _listed(session, caller, asked, page, now=clock.now()),
    )


@router.get("/queue")
async def show_rows(
    request: Request,
    caller: StaffReader,
    session: SessionDep,
    clock: ClockDep,
    page: PageDep,
    asked: Filters,
    polled: bool = False,
) -> Response:
    """Only the list and its counts, every 20 seconds; for a changed filter the others' counts too."""
    answer = render(
        request,
        "servicedesk/queue_part.html" if polled else "servicedesk/filtered_part.html",
        stations=await _stations(session, own_station(caller)),
        **await _listed(session, caller, asked, page, now=clock.now()),
    )
    if page.after is None:
        answer.headers["HX-Replace-Url"] = asked.address()
    answer.headers["Cache-Control"] = "no-store"
    return answer


@router.post("/search")
async def search(
    request: Request,
    caller: StaffReader,
    session: SessionDep,
    clock: ClockDep,
    text: Annotated[str, Form(max_length=200)] = "",
) -> Response:
    """Tickets by their number, an order's number or a phone, which never stands in an address."""
    wanted = text.strip()
    if not SHORTEST_SEARCH <= len(wanted) <= LONGEST_SEARCH:
        raise SearchTooShort
    found = await reading.search_tickets(
        session, text=wanted, station_id=own_station(caller), now=clock.now()
    )
    rows = await present_rows(session, found)
    template = "servicedesk/found_part.html" if is_htmx(request) else "servicedesk/found.html"
    return render(request, template, rows=rows, **words())
