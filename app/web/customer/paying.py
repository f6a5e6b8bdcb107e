"""Paying for an order or a change: the attempt is committed before the channel is asked."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import Form, Request
from starlette.responses import Response

from app.billing.models import Payment
from app.billing.service import ask_channel
from app.billing.states import PaymentChannel, PaymentStatus
from app.core.db import Database, SessionDep
from app.core.errors import AppError, NotFound
from app.core.ids import named_id
from app.core.unit import Router
from app.identity.access import ClockDep, CustomerCaller, Principal
from app.orders import service as orders
from app.orders.states import ChangeStatus, OrderStatus
from app.web.common.forms import go_to
from app.web.common.templating import render
from app.web.customer.cashiers import OwnChannel, cashier_of, method_for, pay_ways
from app.web.customer.changing import refusal
from app.web.customer.orders import find_order
from app.web.customer.owned import PublicId, own_id

router = Router(prefix="/my/orders", include_in_schema=False)
Attempt = Annotated[str, Form(pattern=r"^[0-9a-f]{32}$")]


async def _started(
    request: Request,
    clock: ClockDep,
    caller: Principal,
    opening: Callable[[Any], Awaitable[Payment]],
    *,
    back: str,
) -> Response:
    """Open the attempt, ask the channel, and show the way to its cashier.

    A second tap, and a page loaded again, are the same attempt.
    """
    database: Database = request.app.state.database
    try:
        async with database.transaction() as session:
            payment = await opening(session)
        asked = await ask_channel(
            database,
            customer_id=caller.customer_id,
            payment_id=payment.payment_id,
            now=clock.now(),
        )
    except AppError as error:
        return refusal(request, error)
    if asked.status == PaymentStatus.CAPTURED:
        return go_to(request, back, "已付款")
    return render(
        request,
        "customer/pay_part.html",
        cashier=cashier_of(request, asked, back=back),
        amount_fen=asked.amount_fen,
        ways=pay_ways(),
        back=back,
    )


def _payer(request: Request) -> str | None:
    return None if request.client is None else request.client.host


@router.post("/{order_id}/pay")
async def pay_order(
    request: Request,
    caller: CustomerCaller,
    clock: ClockDep,
    order_id: PublicId,
    attempt: Attempt,
    channel: OwnChannel = "wechat",
) -> Response:
    """Start the payment of an order by the channel that was chosen."""
    row_id, by = own_id(caller, "ord", order_id), PaymentChannel(channel)
    return await _started(
        request,
        clock,
        caller,
        lambda session: orders.start_payment(
            session,
            customer_id=caller.customer_id,
            order_id=row_id,
            payment_id=named_id(row_id, f"{attempt}-{channel}"),
            channel=by,
            method=method_for(request, by),
            openid=None,
            payer_address=_payer(request),
            now=clock.now(),
        ),
        back=f"/my/orders/{order_id}",
    )


@router.get("/{order_id}/paid")
async def ask_paid(
    request: Request,
    caller: CustomerCaller,
    session: SessionDep,
    clock: ClockDep,
    order_id: PublicId,
) -> Response:
    """Whether the order's payment has arrived: on to its page once it has, and again otherwise."""
    view = await find_order(session, caller, order_id, clock)
    if view.order.status is not OrderStatus.PENDING_PAYMENT:
        return go_to(request, f"/my/orders/{order_id}", "付款已到账")
    return render(request, "customer/waiting_part.html")


@router.post("/{order_id}/changes/{change_id}/pay")
async def pay_change(
    request: Request,
    caller: CustomerCaller,
    clock: ClockDep,
    order_id: PublicId,
    change_id: PublicId,
    attempt: Attempt,
    channel: OwnChannel = "wechat",
) -> Response:
    """Start the payment of a change that waits for it."""
    by = PaymentChannel(channel)
    row_id, change_row = own_id(caller, "ord", order_id), own_id(caller, "chg", change_id)
    return await _started(
        request,
        clock,
        caller,
        lambda session: orders.start_change_payment(
            session,
            customer_id=caller.customer_id,
            order_id=row_id,
            change_id=change_row,
            payment_id=named_id(change_row, f"{attempt}-{channel}"),
            channel=by,
            method=method_for(request, by),
            openid=None,
            payer_address=_payer(request),
            now=clock.now(),
        ),
        back=f"/my/orders/{order_id}/changes/{change_id}",
    )


@router.get("/{order_id}/changes/{change_id}/paid")
async def ask_change_paid(
    request: Request,
    caller: CustomerCaller,
    session: SessionDep,
    order_id: PublicId,
    change_id: PublicId,
) -> Response:
    """Whether the change's payment has arrived."""
    wanted = own_id(caller, "chg", change_id)
    found = await orders.list_changes_of(
        session, customer_id=caller.customer_id, order_id=own_id(caller, "ord", order_id)
    )
    change = next((one for one in found if one.change_id == wanted), None)
    if change is None:
        raise NotFound
    if change.status not in {ChangeStatus.AWAITING_PAYMENT, ChangeStatus.PAID}:
        return go_to(request, f"/my/orders/{order_id}/changes/{change_id}", "付款结果已更新")
    return render(request, "customer/waiting_part.html")
