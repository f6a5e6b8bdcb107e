"""A ticket's page: all of it before the agent's eyes, and what he may do."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Request
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import HTMLResponse, Response

from app.aftersales import catalogue, reading
from app.aftersales.clocks import started_at
from app.aftersales.errors import TicketChanged
from app.aftersales.handling import DESK
from app.aftersales.models import Ticket
from app.aftersales.moves import public_id, staff_id
from app.aftersales.reading import DeskPage
from app.aftersales.repository import get_ticket, read_names
from app.aftersales.repository.around import name_products
from app.aftersales.repository.staff import list_colleagues
from app.aftersales.rights import Desk, StaffReader, TicketId, own_station, ticket_key
from app.aftersales.rules import AGENT_CREDIT_LIMIT_FEN, handling_of, needs_reason
from app.aftersales.states import ACT_LABELS, PURPOSE_LABELS, RUNNING, TicketEventKind, TicketStatus
from app.core.db import SessionDep
from app.core.errors import NotFound
from app.core.ids import public_pair, public_single, read_single
from app.core.unit import Router
from app.customers.schemas import CustomerOut
from app.identity.access import ClockDep, Principal
from app.identity.models import Role
from app.web.common.templating import is_htmx, render
from app.web.servicedesk.labels import (
    DELIVERY_KINDS,
    DELIVERY_LABELS,
    EVENT_LABELS,
    FAILURE_LABELS,
    HANDLING_LABELS,
    assigned_ids,
    event_text,
    told,
)
from app.web.servicedesk.queue import present_rows, words

router = Router(prefix="/service", include_in_schema=False)


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the history in words."""

    at: datetime
    label: str
    who: str
    text: str


@dataclass(frozen=True, slots=True)
class Choice:
    """An order line a make-up may belong to."""

    id: str
    text: str


async def ticket_values(
    session: AsyncSession, caller: Principal, ticket_id: str, *, now: datetime
) -> dict[str, Any]:
    """What the ticket's page shows; raises NotFound."""
    customer_id, row_id = ticket_key(caller, ticket_id)
    page = await reading.read_desk_page(
        session,
        customer_id=customer_id,
        ticket_id=row_id,
        station_id=own_station(caller),
        now=now,
    )
    ticket = page.file.ticket
    can_act = caller.has(*DESK)
    products = await name_products(
        session, {view.line.product_id for order in page.orders for view in order.lines}
    )
    return {
        "id": ticket_id,
        "file": page.file,
        "ticket": ticket,
        "handling": handling_of(ticket.severity, ticket.handling),
        "customer": CustomerOut.of(page.customer),
        "orders": page.orders,
        "products": products,
        "deliveries": page.deliveries,
        "others": await present_rows(session, page.tickets),
        "history": await _history(session, page),
        "lines": _lines(page, products),
        "templates": await catalogue.list_templates(session) if can_act else [],
        "colleagues": await list_colleagues(session, roles=DESK) if can_act else [],
        "targets": _merge_targets(page),
        "can_act": can_act,
        "may_reveal": caller.has(Role.SERVICE_AGENT, Role.MANAGER),
        "is_running": ticket.status in RUNNING,
        "is_late": needs_reason(started_at=started_at(ticket), due_at=ticket.due_at, at=now),
        "is_mine": ticket.assignee_id == caller.account_id,
        "may_reply": ticket.status is not TicketStatus.MERGED,
        "credit_limit_fen": AGENT_CREDIT_LIMIT_FEN,
        "merged_into": None
        if ticket.merged_into_id is None
        else public_pair("tkt", customer_id, ticket.merged_into_id),
        **words(),
        **_more_words(),
    }


def _more_words() -> dict[str, Any]:
    return {
        "handling_labels": HANDLING_LABELS,
        "delivery_labels": DELIVERY_LABELS,
        "delivery_kinds": DELIVERY_KINDS,
        "failure_labels": FAILURE_LABELS,
        "purpose_labels": PURPOSE_LABELS,
        "told": told,
        "template_id": lambda template: public_single("tpl", template.id),
    }


async def _history(session: AsyncSession, page: DeskPage) -> list[Line]:
    named = await read_names(session, assigned_ids(page.file.events))
    names: dict[UUID, str] = {key: one.display_name for key, one in named.items()}
    return [
        Line(
            at=event.at,
            label=EVENT_LABELS[TicketEventKind(event.kind)],
            who=_who(page, event.actor),
            text=event_text(event, names),
        )
        for event in reversed(page.file.events)
    ]


def _who(page: DeskPage, actor: str) -> str:
    if actor == "customer":
        return "顾客"
    return page.file.name_of(actor) or ("系统" if actor == "system" else "员工")


def _lines(page: DeskPage, products: dict[UUID, str]) -> list[Choice]:
    return [
        Choice(
            id=public_pair("lin", view.line.customer_id, view.line.order_line_id),
            text=f"{order.order.order_no} · "
            f"{products[view.line.product_id]}，余 {view.bottles_left} 瓶",
        )
        for order in page.orders
        for view in order.lines
    ]


def _merge_targets(page: DeskPage) -> list[Choice]:
    """Older tickets of the same kind that take a duplicate."""
    ticket = page.file.ticket
    return [
        Choice(public_id(one.ticket), f"{one.ticket.ticket_no} · {one.ticket.subject}")
        for one in page.tickets
        if one.ticket.kind is ticket.kind
        and one.ticket.status in (*RUNNING, TicketStatus.RESOLVED)
        and one.ticket.received_at <= ticket.received_at
    ]


@router.get("/tickets/{ticket_id}")
async def show_ticket(
    request: Request,
    caller: StaffReader,
    session: SessionDep,
    clock: ClockDep,
    ticket_id: TicketId,
) -> Response:
    """The whole page."""
    values = await ticket_values(session, caller, ticket_id, now=clock.now())
    return render(request, "servicedesk/ticket.html", done=None, **values)


@router.get("/tickets/{ticket_id}/news")
async def tell_news(
    request: Request,
    caller: StaffReader,
    session: SessionDep,
    ticket_id: TicketId,
    seen: Annotated[int, Query(ge=1, le=2**31)],
) -> Response:
    """Whether somebody has acted since the version on the page, and who; nothing when not."""
    customer_id, row_id = ticket_key(caller, ticket_id)
    ticket = await get_ticket(session, customer_id=customer_id, ticket_id=row_id)
    held_to = own_station(caller)
    if held_to is not None and ticket.station_id != held_to:
        raise NotFound
    if ticket.version == seen:
        return Response(status_code=204)
    return await _changed(request, session, ticket, was_refused=False)


async def _changed(
    request: Request, session: AsyncSession, ticket: Ticket, *, was_refused: bool
) -> Response:
    account_id = staff_id(ticket.changed_by)
    names = await read_names(session, [] if account_id is None else [account_id])
    who = "顾客" if ticket.changed_by == "customer" else "同事"
    if account_id in names:
        who = names[account_id].display_name
    return render(
        request,
        "servicedesk/changed_part.html",
        status_code=409 if was_refused else 200,
        id=public_id(ticket),
        who=who,
        at=ticket.changed_at,
        act=None if ticket.last_act is None else ACT_LABELS[ticket.last_act],
        was_refused=was_refused,
    )


@router.get("/tickets/{ticket_id}/draft")
async def preview_template(
    request: Request,
    caller: Desk,
    session: SessionDep,
    ticket_id: TicketId,
    template_id: Annotated[str, Query(max_length=80)] = "",
) -> Response:
    """What a template would say to this customer; nothing is sent."""
    if not template_id:
        return HTMLResponse("")
    customer_id, row_id = ticket_key(caller, ticket_id)
    text = await catalogue.draft_answer(
        session,
        customer_id=customer_id,
        ticket_id=row_id,
        template_id=read_single("tpl", template_id),
        agent_id=caller.account_id,
    )
    return render(request, "servicedesk/preview_part.html", text=text)


async def conflict(
    request: Request, session: AsyncSession, key: tuple[UUID, UUID], error: TicketChanged
) -> Response:
    """Who came first, beside what was typed; raises the error again where no page can tell it."""
    if not is_htmx(request):
        raise error
    customer_id, row_id = key
    ticket = await get_ticket(session, customer_id=customer_id, ticket_id=row_id)
    return await _changed(request, session, ticket, was_refused=True)
