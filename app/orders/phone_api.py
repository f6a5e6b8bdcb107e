"""JSON endpoints of phone orders: the agent enters them, the caller pays by the link of an SMS."""

from typing import Annotated

from fastapi import Depends, Path, Request, Response

from app.billing.service import ask_channel
from app.billing.states import PaymentChannel
from app.core.db import Database, SessionDep
from app.core.idempotency import IdempotentDep
from app.core.ids import read_pair
from app.core.unit import Router
from app.identity.access import OPEN, Allow, ClockDep, Principal
from app.identity.models import Role
from app.links.access import Holder, Token, hold_link
from app.links.states import LinkPurpose
from app.orders import presenting
from app.orders.phone_schemas import (
    AcceptedOut,
    AcceptIn,
    LinkSentOut,
    PhoneOrderIn,
    WindowIn,
    WindowOut,
    WindowsOut,
)
from app.orders.schemas import OrderOut, PaymentIn, PaymentStarted
from app.orders.service import telephone

router = Router()

Agent = Annotated[Principal, Depends(Allow(Role.SERVICE_AGENT))]
Watcher = Annotated[
    Principal, Depends(Allow(Role.SERVICE_AGENT, Role.MANAGER, Role.ADMIN, Role.AUDITOR))
]
Keeper = Annotated[Principal, Depends(Allow(Role.MANAGER, Role.ADMIN))]


async def order_holder(request: Request, token: Token) -> Holder:
    """Who was sent a link about a phone order."""
    return await hold_link(request, token, purpose=LinkPurpose.PHONE_ORDER)


@router.post("/phone-orders", status_code=201, response_model=OrderOut)
async def place_phone_order(
    caller: Agent, call: IdempotentDep, session: SessionDep, clock: ClockDep, body: PhoneOrderIn
) -> Response:
    """Enter an order for a caller; an SMS carries the link to accept the agreement and pay."""
    placed = await telephone.place_phone_order(
        session, taken=body.taken(), actor=caller.actor, now=clock.now()
    )
    return await call.remember(session, 201, presenting.placed_out(placed))


@router.post("/phone-orders/{order_id}/link", status_code=201, response_model=LinkSentOut)
async def send_link_again(
    caller: Agent,
    call: IdempotentDep,
    session: SessionDep,
    clock: ClockDep,
    order_id: Annotated[str, Path(max_length=80)],
) -> Response:
    """Send a fresh link for an unpaid phone order; the one before ends."""
    del caller
    customer_id, row_id = read_pair("ord", order_id)
    order = await telephone.send_link_again(
        session, customer_id=customer_id, order_id=row_id, now=clock.now()
    )
    return await call.remember(session, 201, LinkSentOut.model_validate(order))


@router.post("/links/{token}/accept", dependencies=[OPEN], response_model=AcceptedOut)
async def accept_agreement(
    holder: Annotated[Holder, Depends(order_holder)],
    call: IdempotentDep,
    session: SessionDep,
    clock: ClockDep,
    body: AcceptIn,
) -> Response:
    """Accept the order agreement in force; until then nothing is paid."""
    order = await telephone.accept_by_link(
        session,
        token=holder.token,
        agreement_version=body.agreement_version,
        now=clock.now(),
    )
    return await call.remember(session, 200, AcceptedOut.of(order))


@router.post(
    "/links/{token}/payments",
    status_code=201,
    dependencies=[OPEN],
    response_model=PaymentStarted,
)
async def pay_order(
    holder: Annotated[Holder, Depends(order_holder)],
    call: IdempotentDep,
    request: Request,
    clock: ClockDep,
    body: PaymentIn,
) -> Response:
    """Start a payment: the attempt is committed before the channel is asked."""
    database: Database = request.app.state.database
    async with database.transaction() as session:
        payment = await telephone.pay_by_link(
            session,
            token=holder.token,
            attempt=call.name,
            channel=PaymentChannel(body.channel),
            method=body.method,
            openid=body.openid,
            payer_address=None if request.client is None else request.client.host,
            now=clock.now(),
        )
    asked = await ask_channel(
        database, customer_id=payment.customer_id, payment_id=payment.payment_id, now=clock.now()
    )
    return await call.remember_alone(database, 201, presenting.payment_out(asked))


@router.get("/payment-windows")
async def list_windows(_: Watcher, session: SessionDep) -> WindowsOut:
    """How long phone orders may wait for their payment, now and before."""
    found = await telephone.list_windows(session)
    return WindowsOut(items=[WindowOut.of(window) for window in found])


@router.post("/payment-windows", status_code=201, response_model=WindowOut)
async def set_window(
    _: Keeper, call: IdempotentDep, session: SessionDep, clock: ClockDep, body: WindowIn
) -> Response:
    """Let phone orders wait so long from a day on; orders placed before keep their time."""
    window = await telephone.set_window(
        session, minutes=body.minutes, from_date=body.from_date, today=clock.today()
    )
    return await call.remember(session, 201, WindowOut.of(window))
