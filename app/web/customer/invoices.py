"""An order's electronic invoices: what was asked for and where it stands, asking, taking back."""

from typing import Annotated

from fastapi import Form, Request
from starlette.responses import Response

from app.core.db import SessionDep
from app.core.ids import named_id, public_pair
from app.core.unit import Router
from app.identity.access import ClockDep, CustomerCaller
from app.invoices import service as invoices
from app.invoices.schemas import InvoiceIn
from app.invoices.states import INVOICE_LABELS, TITLE_LABELS, TitleKind
from app.web.common.forms import Made, MadeBefore, as_shape, go_to, once, once_key
from app.web.common.templating import render
from app.web.customer.orders import find_order
from app.web.customer.owned import PublicId, own_id
from app.web.customer.words import INVOICE_KINDS

router = Router(prefix="/my/orders/{order_id}/invoices", include_in_schema=False)


@router.get("")
async def show_invoices(
    request: Request,
    caller: CustomerCaller,
    session: SessionDep,
    clock: ClockDep,
    order_id: PublicId,
) -> Response:
    """What of the order may still be invoiced, and every request with its state."""
    view = await find_order(session, caller, order_id, clock)
    found = await invoices.view_order_invoices(
        session, customer_id=caller.customer_id, order_id=view.order.order_id
    )
    return render(
        request,
        "customer/invoices.html",
        order=view.order,
        order_id=order_id,
        rest=found.rest,
        items=[
            (public_pair("inv", one.request.customer_id, one.request.request_id), one)
            for one in found.invoices
        ],
        labels=INVOICE_LABELS,
        kinds=INVOICE_KINDS,
        title_labels=TITLE_LABELS,
        once=once_key(),
        once_key=once_key,
    )


@router.post("")
async def ask_invoice(
    request: Request,
    caller: CustomerCaller,
    session: SessionDep,
    clock: ClockDep,
    order_id: PublicId,
    title_kind: Annotated[str, Form(max_length=20)],
    title: Annotated[str, Form(max_length=200)],
    email: Annotated[str, Form(max_length=200)],
    tax_number: Annotated[str, Form(max_length=60)] = "",
) -> Response:
    """Ask for an invoice about all of the order that none stands for yet."""
    row_id = own_id(caller, "ord", order_id)
    said = as_shape(
        InvoiceIn,
        {
            "title_kind": title_kind,
            "title": title,
            "email": email,
            "tax_number": (tax_number.strip() or None) if title_kind == TitleKind.COMPANY else None,
        },
    )
    address = f"/my/orders/{order_id}/invoices"
    try:
        async with once(request, caller) as call:
            await invoices.ask_invoice(
                session,
                customer_id=caller.customer_id,
                order_id=row_id,
                request_id=named_id(row_id, call.name),
                title=said.wanted(),
                amount_fen=None,
                actor=caller.actor,
                now=clock.now(),
            )
            await call.remember(session, 201, Made(address=address))
    except MadeBefore as made:
        address = made.address
    return go_to(request, address, "已申请，开好后短信通知您")


@router.post("/{invoice_id}/cancel")
async def withdraw_invoice(
    request: Request,
    caller: CustomerCaller,
    session: SessionDep,
    clock: ClockDep,
    order_id: PublicId,
    invoice_id: PublicId,
) -> Response:
    """Take back a request that nobody works on yet."""
    await find_order(session, caller, order_id, clock)
    address = f"/my/orders/{order_id}/invoices"
    try:
        async with once(request, caller) as call:
            await invoices.withdraw_invoice(
                session,
                customer_id=caller.customer_id,
                request_id=own_id(caller, "inv", invoice_id),
                actor=caller.actor,
                now=clock.now(),
            )
            await call.remember(session, 201, Made(address=address))
    except MadeBefore as made:
        address = made.address
    return go_to(request, address, "已撤回")
