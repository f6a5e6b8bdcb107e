"""JSON endpoints of what cancelling gives back: dated rows, changed from a day to come on."""

from typing import Annotated

from fastapi import Depends, Response

from app.core.db import SessionDep
from app.core.idempotency import IdempotentDep
from app.core.unit import Router
from app.identity.access import Allow, ClockDep, Principal
from app.identity.models import Role
from app.orders import service
from app.orders.change_schemas import PoliciesOut, PolicyIn, PolicyOut
from app.orders.repository import policies

router = Router()

Watcher = Annotated[
    Principal,
    Depends(Allow(Role.SERVICE_AGENT, Role.FINANCE, Role.MANAGER, Role.ADMIN, Role.AUDITOR)),
]
Keeper = Annotated[Principal, Depends(Allow(Role.FINANCE, Role.ADMIN))]


@router.get("/cancel-policies")
async def list_policies(_: Watcher, session: SessionDep) -> PoliciesOut:
    """What cancelling gives back, now, before and later."""
    found = await policies.list_policies(session)
    return PoliciesOut(items=[PolicyOut.of(policy) for policy in found])


@router.post("/cancel-policies", status_code=201, response_model=PolicyOut)
async def add_policy(
    caller: Keeper, call: IdempotentDep, session: SessionDep, clock: ClockDep, body: PolicyIn
) -> Response:
    """Let a policy hold for orders bought from a day to come on; others keep their own."""
    policy = await service.add_cancel_policy(
        session,
        from_date=body.from_date,
        articles=body.articles,
        full_refund_days=body.full_refund_days,
        card_days=body.card_days,
        card_arithmetic=body.card_arithmetic,
        actor=caller.actor,
        today=clock.today(),
    )
    return await call.remember(session, 201, PolicyOut.of(policy))
