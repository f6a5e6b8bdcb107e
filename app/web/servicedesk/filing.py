"""Writing a ticket down for somebody who calls, writes or stands at the counter (S1 4.5.1)."""

from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Form, Request
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from app.aftersales import service
from app.aftersales.moves import public_id
from app.aftersales.repository.around import name_products
from app.aftersales.rights import Desk, own_pair
from app.aftersales.service import Filing
from app.aftersales.states import TicketCategory, TicketChannel, TicketClass, TicketKind
from app.aftersales.thread import Author
from app.core.db import SessionDep
from app.core.ids import public_pair
from app.core.schemas import LongText, ShortText
from app.core.unit import Router
from app.customers import service as customers
from app.customers.schemas import BuildingOut, CustomerOut
from app.identity.access import ClockDep
from app.identity.errors import PhoneInvalid
from app.identity.rules import normalise_phone
from app.orders import service as orders
from app.web.common.forms import Made, MadeBefore, go_to, once, once_key
from app.web.common.templating import render
from app.web.servicedesk.queue import words

router = Router(prefix="/service", include_in_schema=False)
PhoneText = Annotated[str, Form(max_length=40)]


def mobile_or_landline(phone: PhoneText) -> str:
    """A phone of a form as it is stored; raises PhoneInvalid."""
    return normalise_phone(phone)


CallersPhone = Annotated[str, Depends(mobile_or_landline)]


@router.get("/tickets/new")
async def show_form(request: Request, caller: Desk) -> Response:
    """An empty form with the words to say."""
    return render(
        request,
        "servicedesk/filing.html",
        once=once_key(),
        agent=caller.display_name,
        **words(),
    )


async def caller_values(
    session: AsyncSession, phone: str, *, today: date
) -> dict[str, object] | None:
    """Who is known by a phone, masked: his addresses down to the building, his running orders."""
    try:
        found = await customers.find_by_phone(session, phone=phone)
    except PhoneInvalid:
        return None
    if found is None:
        return {"customer": None, "addresses": [], "lines": []}
    running = await orders.list_running_views(session, customer_id=found.customer_id, today=today)
    products = await name_products(
        session, {view.line.product_id for order in running for view in order.lines}
    )
    addresses = await customers.list_addresses(session, customer_id=found.customer_id)
    return {
        "customer": CustomerOut.of(found),
        "addresses": [BuildingOut.of(found.customer_id, address.building) for address in addresses],
        "lines": [
            (
                public_pair("lin", found.customer_id, view.line.order_line_id),
                f"{order.order.order_no} · {products[view.line.product_id]} · {order.label}",
            )
            for order in running
            for view in order.lines
        ],
    }


@router.post("/tickets/caller")
async def show_caller(
    request: Request,
    _: Desk,
    session: SessionDep,
    clock: ClockDep,
    phone: PhoneText = "",
) -> Response:
    """Who calls and what he has ordered; a POST keeps the phone out of addresses."""
    values = await caller_values(session, phone, today=clock.today())
    return render(request, "servicedesk/filing_caller_part.html", known=values)


@router.post("/tickets")
async def file_ticket(
    request: Request,
    caller: Desk,
    session: SessionDep,
    clock: ClockDep,
    phone: CallersPhone,
    kind: Annotated[TicketKind, Form()],
    category: Annotated[TicketCategory, Form()],
    channel: Annotated[TicketChannel, Form()],
    body: Annotated[LongText, Form()],
    severity: Annotated[TicketClass, Form()] = TicketClass.GENERAL,
    food_safety: Annotated[bool, Form()] = False,
    name: Annotated[ShortText | None, Form()] = None,
    order_line_id: Annotated[str | None, Form(max_length=80)] = None,
    service_date: Annotated[date | None, Form()] = None,
) -> Response:
    """Write it down in the customer's words; clocks start and the receipt goes out at once."""
    now = clock.now()
    try:
        async with once(request, caller) as call:
            customer_id: UUID = await customers.ensure_customer(
                session, phone=phone, name=name, now=now
            )
            ticket = await service.open_ticket(
                session,
                customer_id=customer_id,
                filing=Filing(
                    kind=kind,
                    category=category,
                    severity=severity,
                    is_food_safety=food_safety,
                    channel=channel,
                    body=body,
                    order_line_id=own_pair("lin", order_line_id, customer_id),
                    service_date=service_date,
                ),
                author=Author.of(caller),
                now=now,
            )
            address = f"/service/tickets/{public_id(ticket)}"
            await call.remember(session, 201, Made(address=address))
    except MadeBefore as made:
        return go_to(request, made.address, "工单已登记")
    return go_to(request, address, "工单已登记，受理短信已发送")
