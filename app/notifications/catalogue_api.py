"""JSON endpoints of what admins keep: texts with their reviews, and limits."""

from typing import Annotated

from fastapi import Depends
from fastapi.responses import Response

from app.core.db import SessionDep
from app.core.idempotency import IdempotentDep
from app.core.ids import read_single
from app.core.unit import Router
from app.identity.access import Allow, ClockDep, Principal
from app.identity.models import Role
from app.notifications import service
from app.notifications.catalogue_schemas import (
    ApprovalIn,
    PreviewIn,
    PreviewOut,
    RuleIn,
    RuleOut,
    Rules,
    TemplateIn,
    TemplateOut,
    Templates,
)
from app.notifications.states import SmsAccount

router = Router(prefix="/sms")

Watcher = Annotated[Principal, Depends(Allow(Role.MANAGER, Role.ADMIN, Role.AUDITOR))]
Administrator = Annotated[Principal, Depends(Allow(Role.ADMIN))]
Keeper = Annotated[Principal, Depends(Allow(Role.MANAGER, Role.ADMIN))]


@router.get("/templates")
async def list_templates(_: Watcher, session: SessionDep) -> Templates:
    """Every text ever in force, by kind and date, with its review at each account."""
    found = await service.list_templates(session)
    return Templates(items=[TemplateOut.of(one) for one in found])


@router.post("/templates", status_code=201, response_model=TemplateOut)
async def add_template(
    caller: Administrator,
    call: IdempotentDep,
    session: SessionDep,
    clock: ClockDep,
    body: TemplateIn,
) -> Response:
    """Let a text hold from a day on, tomorrow at the earliest; it has to be approved by then."""
    added = await service.add_template(
        session, body.new(), actor=caller.actor, now=clock.now(), today=clock.today()
    )
    return await call.remember(session, 201, TemplateOut.of(added))


@router.post("/templates/preview")
async def preview_template(
    _: Administrator, session: SessionDep, clock: ClockDep, body: PreviewIn
) -> PreviewOut:
    """A text with sample values, its length and parts, and what is wrong with it."""
    shown = await service.preview(
        session, kind=body.kind, text=body.text, values=body.values, on=clock.today()
    )
    return PreviewOut.model_validate(shown)


@router.put("/templates/{template_id}/approvals/{account}")
async def set_approval(
    caller: Administrator,
    session: SessionDep,
    clock: ClockDep,
    template_id: str,
    account: SmsAccount,
    body: ApprovalIn,
) -> TemplateOut:
    """Note the provider's code of a text at an account, and how far its review is."""
    kept = await service.set_approval(
        session,
        template_id=read_single("smt", template_id),
        account=account,
        provider_code=body.provider_code,
        approval=body.approval,
        note=body.note,
        actor=caller.actor,
        now=clock.now(),
    )
    return TemplateOut.of(kept)


@router.get("/rules")
async def list_rules(_: Watcher, session: SessionDep) -> Rules:
    """What one number may get, ever, by category and date."""
    return Rules(items=[RuleOut.of(rule) for rule in await service.list_rules(session)])


@router.post("/rules", status_code=201, response_model=RuleOut)
async def set_rule(
    caller: Keeper,
    call: IdempotentDep,
    session: SessionDep,
    clock: ClockDep,
    body: RuleIn,
) -> Response:
    """Let limits and hours of a category hold from a day on."""
    rule = await service.set_rule(session, body.new(), actor=caller.actor, today=clock.today())
    return await call.remember(session, 201, RuleOut.of(rule))
