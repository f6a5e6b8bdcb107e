"""JSON endpoints of changes: preview, do, pay, undo, list."""

from dataclasses import replace
from uuid import UUID

from fastapi import Request, Response

from app.billing.service import ask_channel
from app.billing.states import PaymentChannel
from app.core.db import Database, SessionDep
from app.core.errors import NotFound
from app.core.idempotency import IdempotentDep
from app.core.ids import named_id, read_pair
from app.core.runtime import keys
from app.core.unit import Router
from app.identity.access import ClockDep, CustomerCaller
from app.identity.models import Role
from app.orders import changes_presenting as presenting
from app.orders import repository, service
from app.orders.callers import OrderChanger, OrderReader, own_order
from app.orders.change_schemas import (
    ChangeApplyIn,
    ChangeIn,
    ChangeOut,
    ChangesOut,
    PreviewOut,
)
from app.orders.errors import FaultNotYours
from app.orders.presenting import payment_out
from app.orders.schemas import PaymentIn, PaymentStarted

router = Router()


@router.post("/orders/{order_id}/changes/preview")
async def preview_change(
    order_id: str, body: ChangeIn, caller: OrderChanger, session: SessionDep, clock: ClockDep
) -> PreviewOut:
    """What a change would do; nothing happens yet."""
    customer_id, row_id = own_order(caller, order_id)
    wanted = presenting.wanted_change(customer_id, body)
    if wanted.fault is not None and caller.has(Role.CUSTOMER):
        raise FaultNotYours
    preview = service.preview_change
    if wanted.kind == "renew":
        preview = service.preview_renewal
        if not caller.has(Role.CUSTOMER):
            wanted = replace(wanted, source="phone", agreement_version=None)
    effect, token = await preview(
        session, keys(), customer_id=customer_id, order_id=row_id, wanted=wanted, now=clock.now()
    )
    return presenting.preview_out(customer_id, effect, token)


@router.post("/orders/{order_id}/changes", status_code=201, response_model=ChangeOut)
async def apply_change(
    order_id: str,
    body: ChangeApplyIn,
    caller: OrderChanger,
    call: IdempotentDep,
    session: SessionDep,
    clock: ClockDep,
) -> Response:
    """Do exactly what the preview showed, or refuse."""
    customer_id, row_id = own_order(caller, order_id)
    change = await service.confirm_change(
        session,
        keys(),
        customer_id=customer_id,
        order_id=row_id,
        token=body.token,
        actor=caller.actor,
        now=clock.now(),
    )
    return await call.remember(session, 201, presenting.change_out(change))


@router.get("/orders/{order_id}/changes")
async def list_changes(order_id: str, caller: OrderReader, session: SessionDep) -> ChangesOut:
    """Every change of an order, the operator's too, oldest first."""
    customer_id, row_id = own_order(caller, order_id)
    await repository.get_order(session, customer_id, row_id)
    found = await repository.list_changes(session, customer_id, row_id)
    return ChangesOut(items=[presenting.change_out(change) for change in found])


@router.post(
    "/orders/{order_id}/changes/{change_id}/undo", status_code=201, response_model=ChangeOut
)
async def undo_change(
    order_id: str,
    change_id: str,
    caller: OrderChanger,
    call: IdempotentDep,
    session: SessionDep,
    clock: ClockDep,
) -> Response:
    """Take back a change that has not begun: days, bottles and money as they were."""
    customer_id, row_id = own_order(caller, order_id)
    change = await service.undo_change(
        session,
        customer_id=customer_id,
        order_id=row_id,
        change_id=change_of(customer_id, change_id),
        actor=caller.actor,
        now=clock.now(),
    )
    return await call.remember(session, 201, presenting.change_out(change))


@router.post(
    "/orders/{order_id}/changes/{change_id}/payments",
    status_code=201,
    response_model=PaymentStarted,
)
async def pay_change(
    order_id: str,
    change_id: str,
    body: PaymentIn,
    request: Request,
    caller: CustomerCaller,
    call: IdempotentDep,
    clock: ClockDep,
) -> Response:
    """Start the payment of a change: the attempt is committed before the channel is asked."""
    customer_id, row_id = own_order(caller, order_id)
    change_row_id = change_of(customer_id, change_id)
    database: Database = request.app.state.database
    async with database.transaction() as session:
        payment = await service.start_change_payment(
            session,
            customer_id=customer_id,
            order_id=row_id,
            change_id=change_row_id,
            payment_id=named_id(change_row_id, call.name),
            channel=PaymentChannel(body.channel),
            method=body.way,
            openid=body.openid,
            payer_address=None if request.client is None else request.client.host,
            now=clock.now(),
        )
    asked = await ask_channel(
        database, customer_id=customer_id, payment_id=payment.payment_id, now=clock.now()
    )
    return await call.remember_alone(database, 201, payment_out(asked))


def change_of(customer_id: UUID, change_id: str) -> UUID:
    """The change of a public id; raises NotFound for somebody else's."""
    owner, row_id = read_pair("chg", change_id)
    if owner != customer_id:
        raise NotFound
    return row_id
