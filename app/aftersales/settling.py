"""From the result to the return visit: resolve, reopen, call back (S1 4.5.2-4.5.3, S2 四)."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.aftersales import clocks, repository
from app.aftersales.errors import LateReasonMissing
from app.aftersales.models import ReturnVisit, Ticket
from app.aftersales.moves import ESCALATION_ALERT, Step, change_status, note, public_id, take
from app.aftersales.rules import needs_reason
from app.aftersales.states import (
    TICKET_MOVES,
    AnswerKind,
    TicketAct,
    TicketEventKind,
    TicketStatus,
)
from app.aftersales.thread import Author, say, text_customer
from app.core.alerts import resolve_alert
from app.core.crypto import Cell
from app.core.ids import new_id
from app.core.runtime import keys
from app.core.states import MoveNotAllowed
from app.links import service as links
from app.links.states import LinkPurpose


async def resolve(
    session: AsyncSession,
    *,
    customer_id: UUID,
    ticket_id: UUID,
    author: Author,
    result: str,
    late_reason: str | None,
    is_unfounded: bool | None,
    seen: int | None = None,
    now: datetime,
) -> Ticket:
    """Tell the customer the result and stop the handling clock (S1 4.5.2.2, S2 4.6).

    The result is an answer by a person. Past the due time, or past 24 hours whatever the promise,
    it needs `late_reason`. Raises NotFound, TicketChanged, MoveNotAllowed, LateReasonMissing.
    """
    step = Step(author, TicketAct.RESOLVED, seen)
    ticket = await take(session, customer_id=customer_id, ticket_id=ticket_id, step=step, now=now)
    TICKET_MOVES.require(ticket.status, TicketStatus.RESOLVED)
    if needs_reason(started_at=clocks.started_at(ticket), due_at=ticket.due_at, at=now):
        if late_reason is None:
            raise LateReasonMissing
        ticket.late_reason = late_reason
    say(session, ticket, author=author, body=result, now=now)
    clocks.was_answered(ticket)
    promise = await clocks.promise_of(session, ticket)
    ticket.visit_due_at = promise.after(now, promise.visit_within)
    if is_unfounded is not None:
        ticket.is_unfounded = is_unfounded
    change_status(
        session, ticket, TicketStatus.RESOLVED, author=author, reason=late_reason, now=now
    )
    await resolve_alert(session, ESCALATION_ALERT, public_id(ticket))
    token = await links.make_link(
        session,
        purpose=LinkPurpose.TICKET_RESULT,
        customer_id=customer_id,
        subject_id=ticket_id,
        round_no=ticket.reopened_count,
    )
    await text_customer(
        session,
        ticket,
        template="ticket_resolved",
        cause=f"ticket_resolved:{ticket_id}:{ticket.reopened_count}",
        parameters=links.sms_parameters(token),
        now=now,
    )
    await session.flush()
    return ticket


async def reopen(
    session: AsyncSession,
    *,
    customer_id: UUID,
    ticket_id: UUID,
    author: Author,
    reason: str,
    seen: int | None = None,
    now: datetime,
) -> Ticket:
    """Take a resolved or closed ticket up again: it is not resolved, and its clock runs anew.

    The first answer and a breach already recorded stay. Raises NotFound, TicketChanged,
    MoveNotAllowed.
    """
    step = Step(author, TicketAct.REOPENED, seen)
    ticket = await take(session, customer_id=customer_id, ticket_id=ticket_id, step=step, now=now)
    if ticket.status not in {TicketStatus.RESOLVED, TicketStatus.CLOSED}:
        raise MoveNotAllowed(current=ticket.status.value, wanted=TicketStatus.ANSWERED.value)
    say(
        session,
        ticket,
        author=author,
        body=reason,
        now=now,
        audience="internal" if author.is_staff else "public",
    )
    ticket.resolved_at = ticket.closed_at = ticket.escalated_at = None
    ticket.visit_due_at = ticket.confirmed_at = None
    ticket.reopened_count += 1
    await clocks.restart(session, ticket, now=now)
    if not author.is_staff:
        await clocks.customer_waits(session, ticket, now=now)
    change_status(session, ticket, TicketStatus.ANSWERED, author=author, reason=None, now=now)
    await session.flush()
    return ticket


@dataclass(frozen=True, slots=True)
class CallBack:
    """What a call-back found: scores of 1 to 5, or none when nobody was reached.

    `manner_score` is what the customer thinks of the staff's manner (S1 4.5.2.3).
    """

    score: int | None
    remarks: str | None
    manner_score: int | None = None


async def record_visit(
    session: AsyncSession,
    *,
    customer_id: UUID,
    ticket_id: UUID,
    author: Author,
    call: CallBack,
    seen: int | None = None,
    now: datetime,
) -> Ticket:
    """Write down a return visit (S1 4.5.3.1); with a score (1-5) it closes the ticket.

    Without a score nobody was reached: that is no answer, and the ticket stays resolved. Raises
    NotFound, TicketChanged, MoveNotAllowed.
    """
    step = Step(author, TicketAct.VISITED, seen)
    ticket = await take(session, customer_id=customer_id, ticket_id=ticket_id, step=step, now=now)
    TICKET_MOVES.require(ticket.status, TicketStatus.CLOSED)
    visit_id = new_id()
    sealed = None
    if call.remarks is not None:
        sealed = keys().seal(call.remarks, Cell("return_visits", "remarks", visit_id))
    reached = call.score is not None
    session.add(
        ReturnVisit(
            customer_id=customer_id,
            visit_id=visit_id,
            ticket_id=ticket_id,
            reached=reached,
            manner_score=call.manner_score,
            remarks_sealed=sealed,
            visited_by=author.account_id,
            at=now,
        )
    )
    said = "reached" if reached else "not reached"
    note(session, ticket, TicketEventKind.VISITED, actor=author.actor, reason=said, now=now)
    if call.score is not None:
        await keep_answer(
            session,
            ticket,
            kind=AnswerKind.RETURN_VISIT,
            source_id=visit_id,
            score=call.score,
            now=now,
        )
        await close(session, ticket, author=author, now=now)
    await session.flush()
    return ticket


async def close(session: AsyncSession, ticket: Ticket, *, author: Author, now: datetime) -> None:
    """Close a ticket and ask its customer for a rating, by a link. Raises MoveNotAllowed."""
    change_status(session, ticket, TicketStatus.CLOSED, author=author, reason=None, now=now)
    token = await links.make_link(
        session,
        purpose=LinkPurpose.TICKET_RATING,
        customer_id=ticket.customer_id,
        subject_id=ticket.ticket_id,
        round_no=ticket.reopened_count,
    )
    await text_customer(
        session,
        ticket,
        template="ticket_closed",
        cause=f"ticket_closed:{ticket.ticket_id}:{ticket.reopened_count}",
        parameters=links.sms_parameters(token),
        now=now,
    )


async def keep_answer(
    session: AsyncSession,
    ticket: Ticket,
    *,
    kind: AnswerKind,
    source_id: UUID,
    score: int,
    now: datetime,
) -> None:
    """Keep the score (1-5) that a ticket's customer gave, with where the ticket belongs."""
    await repository.add_answer_once(
        session,
        answer={
            "customer_id": ticket.customer_id,
            "kind": kind,
            "source_id": source_id,
            "score": score,
            "customer_kind": ticket.customer_kind,
            "city_code": ticket.city_code,
            "station_id": ticket.station_id,
            "block_id": ticket.block_id,
            "deliverer_id": ticket.deliverer_id,
            "at": now,
        },
    )
