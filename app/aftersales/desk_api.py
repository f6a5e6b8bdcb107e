"""JSON endpoints that act on one ticket: answer, assign, classify, compensate, resolve, visit."""

from fastapi.responses import Response

from app.aftersales import catalogue
from app.aftersales.acting import Act
from app.aftersales.compensation import MakeUp
from app.aftersales.desk_schemas import DraftIn, DraftOut
from app.aftersales.handling import Classification
from app.aftersales.rights import Desk, Filer, TicketId, shown, ticket_key
from app.aftersales.schemas import (
    AssignIn,
    ClassifyIn,
    CompensateIn,
    CompensationOut,
    MergeIn,
    ReopenIn,
    ReplyIn,
    ResolveIn,
    ReturnVisitIn,
    TicketOut,
    present_compensation,
)
from app.aftersales.settling import CallBack
from app.core.db import SessionDep
from app.core.errors import Forbidden
from app.core.idempotency import IdempotentDep
from app.core.ids import read_single
from app.core.unit import Router
from app.identity.access import ClockDep
from app.identity.models import Role

router = Router()


@router.post("/tickets/{ticket_id}/reply", response_model=TicketOut)
async def reply_to_ticket(
    caller: Filer,
    call: IdempotentDep,
    session: SessionDep,
    clock: ClockDep,
    ticket_id: TicketId,
    body: ReplyIn,
) -> Response:
    """Answer the customer, or write to the desk; a person's public answer stops the clock."""
    internal = body.audience == "internal"
    if caller.has(Role.CUSTOMER) and (internal or body.template_id is not None):
        raise Forbidden
    act = Act.on(session, caller, ticket_id, seen=body.version, now=clock.now())
    ticket = await act.reply(body=body.body, template_id=body.template_id, internal=internal)
    return await call.remember(session, 200, shown(caller, ticket))


@router.post("/tickets/{ticket_id}/assign", response_model=TicketOut)
async def assign_ticket(
    caller: Desk,
    call: IdempotentDep,
    session: SessionDep,
    clock: ClockDep,
    ticket_id: TicketId,
    body: AssignIn,
) -> Response:
    """Hand a ticket to a team or a member of the desk, or take it oneself."""
    act = Act.on(session, caller, ticket_id, seen=body.version, now=clock.now())
    ticket, assignee = await act.assign(login=body.login, team=body.team)
    return await call.remember(session, 200, shown(caller, ticket, assignee))


@router.post("/tickets/{ticket_id}/classify", response_model=TicketOut)
async def classify_ticket(
    caller: Desk,
    call: IdempotentDep,
    session: SessionDep,
    clock: ClockDep,
    ticket_id: TicketId,
    body: ClassifyIn,
) -> Response:
    """Grade a ticket anew, with the reason; its clocks follow its class."""
    act = Act.on(session, caller, ticket_id, seen=body.version, now=clock.now())
    wanted = Classification(
        severity=body.severity,
        handling=body.handling,
        category=body.category,
        is_food_safety=body.is_food_safety,
    )
    ticket = await act.classify(wanted, reason=body.reason)
    return await call.remember(session, 200, shown(caller, ticket))


@router.post("/tickets/{ticket_id}/draft")
async def draft_answer(
    caller: Desk, session: SessionDep, ticket_id: TicketId, body: DraftIn
) -> DraftOut:
    """What a template would say to this customer; nothing is sent."""
    customer_id, row_id = ticket_key(caller, ticket_id)
    text = await catalogue.draft_answer(
        session,
        customer_id=customer_id,
        ticket_id=row_id,
        template_id=read_single("tpl", body.template_id),
        agent_id=caller.account_id,
    )
    return DraftOut(text=text)


@router.post("/tickets/{ticket_id}/merge", response_model=TicketOut)
async def merge_ticket(
    caller: Desk,
    call: IdempotentDep,
    session: SessionDep,
    clock: ClockDep,
    ticket_id: TicketId,
    body: MergeIn,
) -> Response:
    """Mark a ticket as a duplicate of an older one of the same customer."""
    act = Act.on(session, caller, ticket_id, seen=body.version, now=clock.now())
    ticket = await act.merge(body.into)
    return await call.remember(session, 200, shown(caller, ticket))


@router.post("/tickets/{ticket_id}/compensate", status_code=201, response_model=CompensationOut)
async def compensate(
    caller: Desk,
    call: IdempotentDep,
    session: SessionDep,
    clock: ClockDep,
    ticket_id: TicketId,
    body: CompensateIn,
) -> Response:
    """Grant a make-up delivery or a credit; above an agent's limit a manager must."""
    act = Act.on(session, caller, ticket_id, seen=body.version, now=clock.now())
    if body.make_up is not None:
        make_up = MakeUp(
            service_date=body.make_up.service_date,
            bottles=body.make_up.bottles,
            order_line_id=act.own_line(body.make_up.order_line_id),
        )
        granted = await act.grant_make_up(make_up)
    else:
        granted = await act.grant_credit(body.credit_fen or 0)
    return await call.remember(session, 201, present_compensation(granted))


@router.post("/tickets/{ticket_id}/resolve", response_model=TicketOut)
async def resolve_ticket(
    caller: Desk,
    call: IdempotentDep,
    session: SessionDep,
    clock: ClockDep,
    ticket_id: TicketId,
    body: ResolveIn,
) -> Response:
    """Tell the customer the result; past the promise or 24 hours with the reason."""
    act = Act.on(session, caller, ticket_id, seen=body.version, now=clock.now())
    ticket = await act.resolve(
        result=body.result, late_reason=body.late_reason, is_unfounded=body.is_unfounded
    )
    return await call.remember(session, 200, shown(caller, ticket))


@router.post("/tickets/{ticket_id}/reopen", response_model=TicketOut)
async def reopen_ticket(
    caller: Filer,
    call: IdempotentDep,
    session: SessionDep,
    clock: ClockDep,
    ticket_id: TicketId,
    body: ReopenIn,
) -> Response:
    """Take a resolved or closed ticket up again, with a clock anew."""
    act = Act.on(session, caller, ticket_id, seen=body.version, now=clock.now())
    ticket = await act.reopen(body.reason)
    return await call.remember(session, 200, shown(caller, ticket))


@router.post("/tickets/{ticket_id}/return-visit", response_model=TicketOut)
async def visit_customer(
    caller: Desk,
    call: IdempotentDep,
    session: SessionDep,
    clock: ClockDep,
    ticket_id: TicketId,
    body: ReturnVisitIn,
) -> Response:
    """Write down a call-back on a resolved ticket; a score closes it (S1 4.5.3.1)."""
    act = Act.on(session, caller, ticket_id, seen=body.version, now=clock.now())
    call_back = CallBack(score=body.score, remarks=body.remarks, manner_score=body.manner_score)
    ticket = await act.visit(call_back)
    return await call.remember(session, 200, shown(caller, ticket))
