"""JSON endpoints of changes recorded at the door: the household's yes or no, and which need one."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request, Response
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.db import SessionDep
from app.core.idempotency import IdempotentDep
from app.core.unit import Router
from app.identity.access import OPEN, Allow, ClockDep, Principal
from app.identity.models import Role
from app.links.access import Holder, Token, hold_link
from app.links.states import LinkPurpose
from app.orders import changes_presenting as presenting
from app.orders.callers import OrderChanger, own_order
from app.orders.change_schemas import ChangeOut
from app.orders.changes import recording
from app.orders.changes_api import change_of
from app.orders.errors import ChangeUnknown, PolicyTooEarly
from app.orders.recorded_schemas import (
    ConfirmationRuleIn,
    ConfirmationRuleOut,
    ConfirmationRulesOut,
    ConfirmIn,
    RecordedAsked,
)
from app.orders.repository import get_change, recorded

router = Router()

Watcher = Annotated[
    Principal, Depends(Allow(Role.SERVICE_AGENT, Role.MANAGER, Role.ADMIN, Role.AUDITOR))
]
Keeper = Annotated[Principal, Depends(Allow(Role.MANAGER, Role.ADMIN))]


async def change_holder(request: Request, token: Token) -> Holder:
    """Who was sent a link about a change recorded at his door."""
    return await hold_link(request, token, purpose=LinkPurpose.CHANGE_CONFIRMATION)


async def _named(
    session: AsyncSession, caller: Principal, order_id: str, change_id: str
) -> tuple[UUID, UUID]:
    """(customer, change) of a change of the caller's order; raises NotFound, ChangeUnknown."""
    customer_id, row_id = own_order(caller, order_id)
    change = await get_change(session, customer_id, change_of(customer_id, change_id))
    if change.order_id != row_id:
        raise ChangeUnknown
    return customer_id, change.change_id


@router.get("/orders/{order_id}/changes/{change_id}/confirmation")
async def show_recorded(
    order_id: str, change_id: str, caller: OrderChanger, session: SessionDep, clock: ClockDep
) -> RecordedAsked:
    """What the household is asked to confirm, worked out anew."""
    customer_id, row_id = await _named(session, caller, order_id, change_id)
    found = await recording.view_recorded(
        session, customer_id=customer_id, change_id=row_id, now=clock.now()
    )
    return RecordedAsked.of(found)


@router.post(
    "/orders/{order_id}/changes/{change_id}/confirmation",
    status_code=201,
    response_model=ChangeOut,
)
async def confirm(
    order_id: str,
    change_id: str,
    body: ConfirmIn,
    caller: OrderChanger,
    call: IdempotentDep,
    session: SessionDep,
    clock: ClockDep,
) -> Response:
    """The household's yes to what it saw; anything else by now is refused."""
    customer_id, row_id = await _named(session, caller, order_id, change_id)
    change = await recording.confirm_recorded(
        session,
        customer_id=customer_id,
        change_id=row_id,
        seen=body.seen,
        actor=caller.actor,
        now=clock.now(),
    )
    return await call.remember(session, 201, presenting.change_out(change))


@router.post(
    "/orders/{order_id}/changes/{change_id}/refusal", status_code=201, response_model=ChangeOut
)
async def decline(
    order_id: str,
    change_id: str,
    caller: OrderChanger,
    call: IdempotentDep,
    session: SessionDep,
    clock: ClockDep,
) -> Response:
    """The household's no: nothing changes."""
    customer_id, row_id = await _named(session, caller, order_id, change_id)
    change = await recording.decline_recorded(
        session,
        customer_id=customer_id,
        change_id=row_id,
        actor=caller.actor,
        now=clock.now(),
    )
    return await call.remember(session, 201, presenting.change_out(change))


@router.post(
    "/links/{token}/change-confirmation",
    status_code=201,
    dependencies=[OPEN],
    response_model=ChangeOut,
)
async def confirm_by_link(
    holder: Annotated[Holder, Depends(change_holder)],
    call: IdempotentDep,
    session: SessionDep,
    clock: ClockDep,
    body: ConfirmIn,
) -> Response:
    """The holder's yes to what he saw."""
    change = await recording.answer_by_link(
        session, token=holder.token, seen=body.seen, now=clock.now()
    )
    return await call.remember(session, 201, presenting.change_out(change))


@router.post(
    "/links/{token}/change-refusal", status_code=201, dependencies=[OPEN], response_model=ChangeOut
)
async def decline_by_link(
    holder: Annotated[Holder, Depends(change_holder)],
    call: IdempotentDep,
    session: SessionDep,
    clock: ClockDep,
) -> Response:
    """The holder's no: nothing changes."""
    change = await recording.answer_by_link(session, token=holder.token, seen=None, now=clock.now())
    return await call.remember(session, 201, presenting.change_out(change))


@router.get("/confirmation-rules")
async def list_rules(_: Watcher, session: SessionDep) -> ConfirmationRulesOut:
    """Which kinds of recorded changes wait for the household's word, now, before and later."""
    rules = await recorded.list_rules(session)
    return ConfirmationRulesOut(items=[ConfirmationRuleOut.of(rule) for rule in rules])


@router.post("/confirmation-rules", status_code=201, response_model=ConfirmationRuleOut)
async def set_rule(
    caller: Keeper,
    call: IdempotentDep,
    session: SessionDep,
    clock: ClockDep,
    body: ConfirmationRuleIn,
) -> Response:
    """Let a rule hold for a kind from a day to come on."""
    if body.from_date <= clock.today():
        raise PolicyTooEarly
    rule = await recorded.replace_rule(
        session,
        kind=body.kind,
        from_date=body.from_date,
        needs_confirmation=body.needs_confirmation,
        actor=caller.actor,
    )
    return await call.remember(session, 201, ConfirmationRuleOut.of(rule))
