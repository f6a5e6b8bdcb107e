"""The household's orders: the list, and one with its lines, what can be changed and what was."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from fastapi import Request
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from app.core.db import SessionDep
from app.core.ids import public_pair, public_single
from app.core.pagination import PageDep, cursor_of
from app.core.unit import Router
from app.customers.service import get_address
from app.identity.access import ClockDep, CustomerCaller, Principal
from app.invoices.service import InvoiceView, view_order_invoices
from app.invoices.states import INVOICE_LABELS
from app.orders import changes_presenting, presenting
from app.orders import service as orders
from app.orders.changes.wanted import pattern_as_json
from app.orders.service import OrderView
from app.orders.service.agreements import can_print
from app.orders.service.reading import LineView
from app.orders.states import DEPOSIT_LABELS, LABELS, ChangeStatus, OrderStatus
from app.orders.wording import pattern_words
from app.web.common.forms import once_key
from app.web.common.templating import render
from app.web.customer.cashiers import own_pay_ways
from app.web.customer.fields import change_forms
from app.web.customer.owned import PublicId, own_id
from app.web.customer.words import (
    CHANGE_KINDS,
    DEPOSIT_KINDS,
    DEPOSIT_PILLS,
    DEPOSIT_WORDS,
    INVOICE_KINDS,
    ORDER_KINDS,
    ProductName,
    place_words,
    product_names,
)

router = Router(prefix="/my/orders", include_in_schema=False)
PER_PAGE = 10


async def find_order(
    session: AsyncSession, caller: Principal, order_id: str, clock: ClockDep
) -> OrderView:
    """One of the caller's orders as it stands; raises NotFound, OrderUnknown."""
    return await orders.view_order(
        session,
        customer_id=caller.customer_id,
        order_id=own_id(caller, "ord", order_id),
        today=clock.today(),
    )


async def line_choices(
    session: AsyncSession, view: OrderView, *, on: date, plain: bool = False
) -> list[tuple[Any, str]]:
    """`(public id, product)` of an order's lines; the plain id where asked."""
    names = await product_names(session, _products(view, today=on), on=on)
    return [
        (
            shown.line.order_line_id
            if plain
            else public_pair("lin", shown.line.customer_id, shown.line.order_line_id),
            names[ways_of(shown, today=on)[0].product_id].full,
        )
        for shown in view.lines
    ]


@dataclass(frozen=True, slots=True)
class Way:
    """What a line brings from a day on; `since` is None for what holds already."""

    product_id: UUID
    pattern: dict[str, Any]
    since: date | None = None


def ways_of(shown: LineView, *, today: date) -> list[Way]:
    """How a line goes on, as its terms to come say; single days and leftovers are left out."""
    found: list[Way] = []
    lasting = [term for term in shown.terms if term.until > today and term.change_id is None]
    for term in lasting:
        way = Way(
            term.product_id,
            pattern_as_json(term.pattern),
            term.first if found else None,
        )
        is_leftover = term is lasting[-1] and sum(1 for _ in term.deliveries()) == 1
        if not found or (
            not is_leftover
            and (way.product_id, way.pattern) != (found[-1].product_id, found[-1].pattern)
        ):
            found.append(way)
    if found:
        return found
    if shown.placement is not None:
        return [Way(shown.placement.product_id, pattern_as_json(shown.placement.pattern))]
    return [Way(shown.line.product_id, presenting.pattern_out(shown.line))]


def _products(*views: OrderView, today: date) -> set[UUID]:
    return {
        way.product_id
        for view in views
        for shown in view.lines
        for way in ways_of(shown, today=today)
    }


def _line(shown: LineView, names: dict[UUID, ProductName], *, today: date) -> dict[str, Any]:
    first, *later = ways_of(shown, today=today)
    return {
        "line": shown.line,
        "product": names[first.product_id],
        "product_id": public_single("prd", first.product_id),
        "pattern": pattern_words(first.pattern),
        "later": [
            (way.since, names[way.product_id].name, pattern_words(way.pattern)) for way in later
        ],
        "left": shown.bottles_left,
        "end_date": shown.end_date,
    }


async def _rows(
    session: AsyncSession, views: Sequence[OrderView], *, on: date
) -> list[dict[str, Any]]:
    names = await product_names(session, _products(*views, today=on), on=on)
    return [
        {
            "id": public_pair("ord", view.order.customer_id, view.order.order_id),
            "order": view.order,
            "label": view.label,
            "kind": ORDER_KINDS.get(view.shown_status, "idle"),
            "lines": [_line(shown, names, today=on) for shown in view.lines],
        }
        for view in views
    ]


@router.get("")
async def list_own(
    request: Request,
    caller: CustomerCaller,
    session: SessionDep,
    clock: ClockDep,
    page: PageDep,
) -> Response:
    """The orders, newest first."""
    views = await orders.list_order_views(
        session,
        customer_id=caller.customer_id,
        limit=PER_PAGE + 1,
        before=page.after_instant(),
        today=clock.today(),
    )
    shown = views[:PER_PAGE]
    cursor = None
    if len(views) > PER_PAGE:
        last = shown[-1].order
        cursor = cursor_of(last.placed_at.isoformat(), str(last.order_id))
    return render(
        request,
        "customer/orders.html",
        rows=await _rows(session, shown, on=clock.today()),
        cursor=cursor,
        is_first=page.after is None,
    )


@router.get("/{order_id}")
async def show_order(
    request: Request,
    caller: CustomerCaller,
    session: SessionDep,
    clock: ClockDep,
    order_id: PublicId,
) -> Response:
    """One order: to be paid, under review, or running with everything that can be changed."""
    view = await find_order(session, caller, order_id, clock)
    order, today = view.order, clock.today()
    place = await get_address(
        session,
        customer_id=caller.customer_id,
        address_id=view.address_id,
        include_removed=True,
    )
    keys = {"customer_id": caller.customer_id, "order_id": order.order_id}
    changes = await orders.list_changes_of(session, **keys)
    moves = await orders.list_moves_of(session, **keys)
    can_pay = (
        order.status is OrderStatus.PENDING_PAYMENT
        and order.pay_before_at is not None
        and order.pay_before_at > clock.now()
    )
    (row,) = await _rows(session, [view], on=today)
    shown = [changes_presenting.change_out(one) for one in reversed(changes)]
    return render(
        request,
        "customer/order_page.html",
        row=row,
        order=order,
        order_id=order_id,
        place=place_words(place),
        next_place=await _next_place(session, view),
        waiting=[one for one in shown if one.status is ChangeStatus.AWAITING_CONFIRMATION],
        can_pay=can_pay,
        ways=await own_pay_ways(session, customer_id=order.customer_id, amount_fen=order.due_fen),
        invoices=await _invoices(session, view) if order.paid_at else [],
        invoice_labels=INVOICE_LABELS,
        invoice_kinds=INVOICE_KINDS,
        awaits_box=view.awaits_box,
        deposits=view.deposits,
        deposit_kinds=DEPOSIT_KINDS,
        deposit_labels=DEPOSIT_LABELS,
        deposit_words=DEPOSIT_WORDS,
        deposit_pills=DEPOSIT_PILLS,
        agreement=await orders.find_agreement(session, on=today, version=order.agreement_version)
        if order.agreement_version
        else None,
        has_paper=can_print(),
        forms=_possible(order.status, awaits_box=view.awaits_box),
        changes=shown,
        change_kinds=CHANGE_KINDS,
        moves=moves,
        move_labels={status.value: label for status, label in LABELS.items()},
        once=once_key(),
    )


async def _invoices(session: AsyncSession, view: OrderView) -> Sequence[InvoiceView]:
    """What was asked for about a paid order, newest first."""
    found = await view_order_invoices(
        session, customer_id=view.order.customer_id, order_id=view.order.order_id
    )
    return found.invoices


async def _next_place(session: AsyncSession, view: OrderView) -> tuple[date, str] | None:
    """From which day on an accepted move brings it where."""
    door = view.next_door
    if door is None:
        return None
    place = await get_address(
        session, customer_id=view.order.customer_id, address_id=door.address_id
    )
    return door.from_date, place_words(place)


def _possible(status: OrderStatus, *, awaits_box: bool) -> list[Any]:
    """Kinds of changes an order of this status takes; one that waits for its box only its end."""
    forms = list(change_forms().values())
    if status is OrderStatus.DELIVERING and not awaits_box:
        return forms
    if awaits_box or status in {OrderStatus.PENDING_PAYMENT, OrderStatus.UNDER_REVIEW}:
        return [form for form in forms if form.kind == "cancel"]
    return []
