"""What a household says about its milk: a rating, "it did not come", and the thread of a ticket."""

from datetime import date
from typing import Annotated

from fastapi import Form, Query, Request
from starlette.responses import Response

from app.aftersales import ratings, reading
from app.aftersales import service as aftersales
from app.aftersales.handling import Words, reply
from app.aftersales.repository import TicketFilter
from app.aftersales.schemas import ReopenIn, ReplyIn, TicketIn
from app.aftersales.settling import reopen
from app.aftersales.states import (
    CATEGORY_LABELS,
    KIND_LABELS,
    TicketCategory,
    TicketChannel,
    TicketClass,
    TicketKind,
    TicketStatus,
)
from app.aftersales.thread import Author
from app.core.db import SessionDep
from app.core.ids import public_pair
from app.core.unit import Router
from app.identity.access import ClockDep, CustomerCaller
from app.web.common.forms import Made, MadeBefore, as_shape, go_to, once, once_key
from app.web.common.templating import render
from app.web.customer.owned import PublicId, ServiceDate, own_id
from app.web.customer.words import TICKET_KINDS, TICKET_LABELS

router = Router(prefix="/my", include_in_schema=False)
SHOWN = 50
Score = Annotated[int, Form(ge=1, le=5)]
_ADDRESS = "/my/tickets/{}"


@router.post("/days/{day}/rating")
async def rate(
    request: Request,
    caller: CustomerCaller,
    session: SessionDep,
    clock: ClockDep,
    day: ServiceDate,
    line: Annotated[str, Form(max_length=90)],
    score: Score,
) -> Response:
    """Rate the delivery of a day, once."""
    await ratings.rate_delivery(
        session,
        customer_id=caller.customer_id,
        order_line_id=own_id(caller, "lin", line),
        service_date=day,
        score=score,
        now=clock.now(),
    )
    return go_to(request, f"/my/calendar?month={day:%Y-%m}", "谢谢您的评价")


@router.get("/tickets")
async def list_own(
    request: Request, caller: CustomerCaller, session: SessionDep, clock: ClockDep
) -> Response:
    """The household's tickets."""
    found = await reading.list_queue(
        session,
        wanted=TicketFilter(customer_id=caller.customer_id),
        limit=SHOWN,
        after=None,
        now=clock.now(),
    )
    tickets = sorted((row.ticket for row in found), key=lambda one: one.received_at, reverse=True)
    return render(
        request,
        "customer/tickets.html",
        rows=[(public_pair("tkt", one.customer_id, one.ticket_id), one) for one in tickets],
        ticket_labels=TICKET_LABELS,
        ticket_kinds=TICKET_KINDS,
    )


@router.get("/tickets/new")
async def show_form(
    request: Request,
    _: CustomerCaller,
    clock: ClockDep,
    line: Annotated[str, Query(max_length=90)] = "",
    day: Annotated[date | None, Query()] = None,
    category: TicketCategory = TicketCategory.OTHER,
) -> Response:
    """A form; from a day of the calendar it already says which delivery it is about."""
    return render(
        request,
        "customer/ticket_new.html",
        once=once_key(),
        line=line,
        day=day,
        chosen=category,
        categories=CATEGORY_LABELS,
        kinds=KIND_LABELS,
        today=clock.today(),
    )


@router.post("/tickets")
async def file(
    request: Request, caller: CustomerCaller, session: SessionDep, clock: ClockDep
) -> Response:
    """Take it in, once; the receipt goes out at once and the clock runs."""
    form = await request.form()
    said = {
        "kind": str(form.get("kind", TicketKind.COMPLAINT.value)),
        "category": str(form.get("category", "")),
        "body": str(form.get("body", "")),
        "order_line_id": str(form.get("line", "")) or None,
        "service_date": str(form.get("day", "")) or None,
    }
    wanted = as_shape(TicketIn, said)
    try:
        async with once(request, caller) as call:
            ticket = await aftersales.open_ticket(
                session,
                customer_id=caller.customer_id,
                filing=aftersales.Filing(
                    kind=wanted.kind,
                    category=wanted.category,
                    severity=TicketClass.GENERAL,
                    is_food_safety=bool(form.get("unwell")),
                    channel=TicketChannel.WEB,
                    body=wanted.body,
                    order_line_id=None
                    if wanted.order_line_id is None
                    else own_id(caller, "lin", wanted.order_line_id),
                    service_date=wanted.service_date,
                ),
                author=Author.of(caller),
                now=clock.now(),
            )
            address = _ADDRESS.format(public_pair("tkt", ticket.customer_id, ticket.ticket_id))
            await call.remember(session, 201, Made(address=address))
    except MadeBefore as made:
        return go_to(request, made.address, "已收到您的反馈")
    return go_to(request, address, "已收到您的反馈，我们会尽快答复")


@router.get("/tickets/{ticket_id}")
async def show_ticket(
    request: Request, caller: CustomerCaller, session: SessionDep, ticket_id: PublicId
) -> Response:
    """A ticket with what was said, and what the household got for it."""
    file_of = await reading.read_ticket(
        session,
        customer_id=caller.customer_id,
        ticket_id=own_id(caller, "tkt", ticket_id),
        station_id=None,
        for_desk=False,
    )
    status = file_of.ticket.status
    return render(
        request,
        "customer/ticket.html",
        file=file_of,
        ticket=file_of.ticket,
        ticket_id=ticket_id,
        ticket_labels=TICKET_LABELS,
        ticket_kinds=TICKET_KINDS,
        can_reply=status in {TicketStatus.OPEN, TicketStatus.ANSWERED, TicketStatus.RESOLVED},
        can_reopen=status in {TicketStatus.RESOLVED, TicketStatus.CLOSED},
        once=once_key(),
        once_again=once_key(),
    )


@router.post("/tickets/{ticket_id}/reply")
async def answer(
    request: Request,
    caller: CustomerCaller,
    session: SessionDep,
    clock: ClockDep,
    ticket_id: PublicId,
    body: Annotated[str, Form(max_length=4000)] = "",
) -> Response:
    """Say more, once."""
    said = as_shape(ReplyIn, {"body": body})
    address = _ADDRESS.format(ticket_id)
    try:
        async with once(request, caller) as call:
            await reply(
                session,
                customer_id=caller.customer_id,
                ticket_id=own_id(caller, "tkt", ticket_id),
                author=Author.of(caller),
                words=Words(said.body),
                now=clock.now(),
            )
            await call.remember(session, 201, Made(address=address))
    except MadeBefore as made:
        return go_to(request, made.address, "已补充")
    return go_to(request, address, "已补充，客服会看到")


@router.post("/tickets/{ticket_id}/reopen")
async def take_up_again(
    request: Request,
    caller: CustomerCaller,
    session: SessionDep,
    clock: ClockDep,
    ticket_id: PublicId,
    reason: Annotated[str, Form(max_length=4000)] = "",
) -> Response:
    """It is not solved: the ticket is taken up again, once."""
    said = as_shape(ReopenIn, {"reason": reason})
    address = _ADDRESS.format(ticket_id)
    try:
        async with once(request, caller) as call:
            await reopen(
                session,
                customer_id=caller.customer_id,
                ticket_id=own_id(caller, "tkt", ticket_id),
                author=Author.of(caller),
                reason=said.reason,
                now=clock.now(),
            )
            await call.remember(session, 201, Made(address=address))
    except MadeBefore as made:
        return go_to(request, made.address, "已重新处理")
    return go_to(request, address, "已重新处理，我们会尽快联系您")
