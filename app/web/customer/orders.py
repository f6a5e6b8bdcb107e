"""The household's orders: the list, and one with its lines, what can be changed and what was."""

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from app.core.db import SessionDep
from app.core.ids import public_pair
from app.core.pagination import PageDep, cursor_of
from app.customers.service import get_address
from app.identity.access import ClockDep, CustomerCaller, Principal
from app.orders import changes_presenting, presenting
from app.orders import service as orders
from app.orders.changes.wanted import pattern_as_json
from app.orders.service import OrderView
from app.orders.states import LABELS, OrderStatus
from app.web.common.forms import once_key
from app.web.common.templating import render
from app.web.customer.fields import change_forms
from app.web.customer.owned import PublicId, own_id
from app.web.customer.words import (
    CHANGE_KINDS,
    ORDER_KINDS,
    pattern_words,
    place_words,
    product_names,
)

router = APIRouter(prefix="/my/orders", include_in_schema=False)
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
    names = await product_names(session, _products(view), on=on)
    return [
        (
            shown.line.order_line_id
            if plain
            else public_pair("lin", shown.line.customer_id, shown.line.order_line_id),
            names[_product(shown)].full,
        )
        for shown in view.lines
    ]


def _product(shown: Any) -> UUID:
    product_id: UUID = (
        shown.line.product_id if shown.placement is None else shown.placement.product_id
    )
    return product_id


def _products(*views: OrderView) -> set[UUID]:
    return {_product(shown) for view in views for shown in view.lines}


async def _rows(
    session: AsyncSession, views: Sequence[OrderView], *, on: date
) -> list[dict[str, Any]]:
    names = await product_names(session, _products(*views), on=on)
    return [
        {
            "id": public_pair("ord", view.order.customer_id, view.order.order_id),
            "order": view.order,
            "label": view.label,
            "kind": ORDER_KINDS.get(view.shown_status, "idle"),
            "lines": [
                {
                    "line": shown.line,
                    "product": names[_product(shown)],
                    "pattern": pattern_words(
                        presenting.pattern_out(shown.line)
                        if shown.placement is None
                        else pattern_as_json(shown.placement.pattern)
                    ),
                    "left": shown.bottles_left,
                    "end_date": shown.end_date,
                }
                for shown in view.lines
            ],
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
        address_id=order.address_id,
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
    return render(
        request,
        "customer/order_page.html",
        row=row,
        order=order,
        order_id=order_id,
        place=place_words(place),
        can_pay=can_pay,
        agreement=await orders.find_agreement(session, on=today, version=order.agreement_version)
        if order.agreement_version
        else None,
        forms=_possible(order.status),
        changes=[changes_presenting.change_out(one) for one in reversed(changes)],
        change_kinds=CHANGE_KINDS,
        moves=moves,
        move_labels={status.value: label for status, label in LABELS.items()},
        once=once_key(),
    )


def _possible(status: OrderStatus) -> list[Any]:
    """Kinds of changes an order of this status takes."""
    forms = list(change_forms().values())
    if status is OrderStatus.DELIVERING:
        return forms
    if status in {OrderStatus.PENDING_PAYMENT, OrderStatus.UNDER_REVIEW}:
        return [form for form in forms if form.kind == "cancel"]
    return []
