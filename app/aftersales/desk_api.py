"""JSON endpoints that act on one ticket: answer, assign, classify, compensate, resolve, visit."""

from fastapi import APIRouter
from fastapi.responses import Response

from app.aftersales import catalogue, compensation, handling, settling
from app.aftersales.compensation import MakeUp
from app.aftersales.desk_schemas import DraftIn, DraftOut
from app.aftersales.handling import Classification, Words
from app.aftersales.rights import Desk, Filer, TicketId, own_pair, shown, ticket_key
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
from app.aftersales.thread import Author
from app.core.db import SessionDep
from app.core.errors import Forbidden, NotFound
from app.core.idempotency import IdempotentDep
from app.core.ids import read_pair, read_single
from app.identity.access import ClockDep
from app.identity.models import Role

router = APIRouter()


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
    customer_id, row_id = ticket_key(caller, ticket_id)
    internal = body.audience == "internal"
    if caller.has(Role.CUSTOMER) and (internal or body.template_id is not None):
        raise Forbidden
    ticket = await handling.reply(
        session,
        customer_id=customer_id,
        ticket_id=row_id,
        author=Author.of(caller),
        words=Words(
            body=body.body,
            template_id=None if body.template_id is None else read_single("tpl", body.template_id),
            internal=internal,
        ),
        seen=body.version,
        now=clock.now(),
    )
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
    customer_id, row_id = ticket_key(caller, ticket_id)
    ticket, assignee = await handling.assign(
        session,
        customer_id=customer_id,
        ticket_id=row_id,
        author=Author.of(caller),
        login=body.login,
        team=body.team,
        seen=body.version,
        now=clock.now(),
    )
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
    customer_id, row_id = ticket_key(caller, ticket_id)
    ticket = await handling.classify(
        session,
        customer_id=customer_id,
        ticket_id=row_id,
        author=Author.of(caller),
        wanted=Classification(
            severity=body.severity,
            handling=body.handling,
            category=body.category,
            is_food_safety=body.is_food_safety,
        ),
        reason=body.reason,
        seen=body.version,
        now=clock.now(),
    )
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
    customer_id, row_id = ticket_key(caller, ticket_id)
    owner, into_id = read_pair("tkt", body.into)
    if owner != customer_id:
        raise NotFound
    ticket = await handling.merge(
        session,
        customer_id=customer_id,
        ticket_id=row_id,
        into_id=into_id,
        seen=body.version,
        author=Author.of(caller),
        now=clock.now(),
    )
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
    customer_id, row_id = ticket_key(caller, ticket_id)
    author, now = Author.of(caller), clock.now()
    if body.make_up is not None:
        granted = await compensation.grant_make_up(
            session,
            customer_id=customer_id,
            ticket_id=row_id,
            make_up=MakeUp(
                service_date=body.make_up.service_date,
                bottles=body.make_up.bottles,
                order_line_id=own_pair("lin", body.make_up.order_line_id, customer_id),
            ),
            author=author,
            seen=body.version,
            now=now,
        )
    else:
        granted = await compensation.grant_credit(
            session,
            customer_id=customer_id,
            ticket_id=row_id,
            amount_fen=body.credit_fen or 0,
            author=author,
            above_limit=caller.has(Role.MANAGER),
            seen=body.version,
            now=now,
        )
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
    customer_id, row_id = ticket_key(caller, ticket_id)
    ticket = await settling.resolve(
        session,
        customer_id=customer_id,
        ticket_id=row_id,
        author=Author.of(caller),
        result=body.result,
        late_reason=body.late_reason or None,
        is_unfounded=body.is_unfounded,
        seen=body.version,
        now=clock.now(),
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
    customer_id, row_id = ticket_key(caller, ticket_id)
    ticket = await settling.reopen(
        session,
        customer_id=customer_id,
        ticket_id=row_id,
        author=Author.of(caller),
        reason=body.reason,
        seen=body.version,
        now=clock.now(),
    )
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
    customer_id, row_id = ticket_key(caller, ticket_id)
    ticket = await settling.record_visit(
        session,
        customer_id=customer_id,
        ticket_id=row_id,
        author=Author.of(caller),
        call=CallBack(score=body.score, remarks=body.remarks, manner_score=body.manner_score),
        seen=body.version,
        now=clock.now(),
    )
    return await call.remember(session, 200, shown(caller, ticket))
