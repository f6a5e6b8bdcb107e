"""What the desk does with a ticket, from the first answer to the return visit (S1 4.5, S2 四)."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.aftersales import repository
from app.aftersales.errors import (
    AssigneeUnknown,
    LateReasonMissing,
    NotADuplicate,
    TicketFinished,
)
from app.aftersales.models import ReturnVisit, Ticket
from app.aftersales.moves import ESCALATION_ALERT, change_status, note, public_id, take
from app.aftersales.rules import is_late, start_clocks
from app.aftersales.states import (
    RUNNING,
    TICKET_MOVES,
    AnswerKind,
    TicketClass,
    TicketEventKind,
    TicketStatus,
)
from app.aftersales.thread import Author, say, text_customer
from app.core.alerts import resolve_alert
from app.core.crypto import Cell
from app.core.ids import new_id
from app.core.runtime import keys
from app.core.states import MoveNotAllowed
from app.identity.models import Role

DESK = (Role.SERVICE_AGENT, Role.QUALITY, Role.MANAGER)
"""Who works on tickets."""


async def reply(
    session: AsyncSession,
    *,
    customer_id: UUID,
    ticket_id: UUID,
    author: Author,
    body: str,
    internal: bool,
    now: datetime,
) -> Ticket:
    """Add to the thread. Only a public answer by a person stops the answer clock, once.

    Internal notes are staff's and change nothing else. Raises NotFound, TicketFinished.
    """
    ticket = await take(session, customer_id=customer_id, ticket_id=ticket_id, now=now)
    if ticket.status is TicketStatus.MERGED:
        raise TicketFinished
    if internal:
        say(session, ticket, author=author, body=body, now=now, audience="internal")
        await session.flush()
        return ticket
    if ticket.status is TicketStatus.CLOSED:
        raise TicketFinished
    message_id = say(session, ticket, author=author, body=body, now=now)
    if not author.is_staff:
        ticket.waiting_since = ticket.waiting_since or now
        await session.flush()
        return ticket
    ticket.waiting_since = None
    if ticket.status is TicketStatus.OPEN:
        change_status(session, ticket, TicketStatus.ANSWERED, author=author, reason=None, now=now)
    await text_customer(
        session, ticket, template="ticket_answered", cause=f"ticket_answered:{message_id}", now=now
    )
    await session.flush()
    return ticket


async def assign(
    session: AsyncSession,
    *,
    customer_id: UUID,
    ticket_id: UUID,
    author: Author,
    login: str | None,
    severity: TicketClass | None,
    now: datetime,
) -> tuple[Ticket, str | None]:
    """Hand a ticket to a member of the desk (by login; None: to oneself), and grade it anew.

    Answers the ticket and the login of who has it. Raises NotFound, TicketFinished, AssigneeUnknown.
    """
    ticket = await take(session, customer_id=customer_id, ticket_id=ticket_id, now=now)
    if ticket.status not in (*RUNNING, TicketStatus.RESOLVED):
        raise TicketFinished
    assignee_id: UUID | None = author.account_id
    if login is not None:
        assignee_id = await repository.find_desk_member(session, login=login, roles=DESK)
    if assignee_id is None:
        raise AssigneeUnknown
    reason = f"to {assignee_id}"
    if severity is not None and severity != ticket.severity:
        reason += f", {ticket.severity} -> {severity}"
        ticket.severity = severity
    ticket.assignee_id = assignee_id
    note(session, ticket, TicketEventKind.ASSIGNED, actor=author.actor, reason=reason, now=now)
    await session.flush()
    return ticket, await repository.find_login(session, account_id=assignee_id)


async def resolve(
    session: AsyncSession,
    *,
    customer_id: UUID,
    ticket_id: UUID,
    author: Author,
    result: str,
    late_reason: str | None,
    is_unfounded: bool | None,
    now: datetime,
) -> Ticket:
    """Tell the customer the result and stop the handling clock (S1 4.5.2.2, S2 4.6).

    The result is an answer by a person. Past the due time it needs `late_reason`. Raises NotFound,
    MoveNotAllowed, LateReasonMissing.
    """
    ticket = await take(session, customer_id=customer_id, ticket_id=ticket_id, now=now)
    TICKET_MOVES.require(ticket.status, TicketStatus.RESOLVED)
    if is_late(due_at=ticket.due_at, at=now):
        if late_reason is None:
            raise LateReasonMissing
        ticket.late_reason = late_reason
    say(session, ticket, author=author, body=result, now=now)
    ticket.waiting_since = None
    if is_unfounded is not None:
        ticket.is_unfounded = is_unfounded
    change_status(
        session, ticket, TicketStatus.RESOLVED, author=author, reason=late_reason, now=now
    )
    await resolve_alert(session, ESCALATION_ALERT, public_id(ticket))
    await text_customer(
        session,
        ticket,
        template="ticket_resolved",
        cause=f"ticket_resolved:{ticket_id}:{ticket.reopened_count}",
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
    now: datetime,
) -> Ticket:
    """Take a resolved or closed ticket up again: it is not resolved, and has 24 hours anew.

    The first answer and a breach already recorded stay. Raises NotFound, MoveNotAllowed.
    """
    ticket = await take(session, customer_id=customer_id, ticket_id=ticket_id, now=now)
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
    ticket.due_at = start_clocks(now).due_at
    ticket.resolved_at = ticket.closed_at = ticket.escalated_at = None
    ticket.reopened_count += 1
    if not author.is_staff:
        ticket.waiting_since = now
    change_status(session, ticket, TicketStatus.ANSWERED, author=author, reason=None, now=now)
    await session.flush()
    return ticket


async def merge(
    session: AsyncSession,
    *,
    customer_id: UUID,
    ticket_id: UUID,
    into_id: UUID,
    author: Author,
    now: datetime,
) -> Ticket:
    """Mark a ticket as a duplicate of an older one of the same customer; KPIs count it no more.

    The older one keeps its clocks, so merging never wins time. Raises NotFound, MoveNotAllowed,
    NotADuplicate.
    """
    if ticket_id == into_id:
        raise NotADuplicate
    taken = {
        one: await take(session, customer_id=customer_id, ticket_id=one, now=now)
        for one in sorted((ticket_id, into_id))
    }
    ticket, kept = taken[ticket_id], taken[into_id]
    TICKET_MOVES.require(ticket.status, TicketStatus.MERGED)
    if (
        kept.kind is not ticket.kind
        or kept.status not in (*RUNNING, TicketStatus.RESOLVED)
        or kept.received_at > ticket.received_at
    ):
        raise NotADuplicate
    ticket.merged_into_id = into_id
    ticket.waiting_since = None
    change_status(
        session, ticket, TicketStatus.MERGED, author=author, reason=kept.ticket_no, now=now
    )
    kept.is_food_safety = kept.is_food_safety or ticket.is_food_safety
    note(
        session,
        kept,
        TicketEventKind.TOOK_DUPLICATE,
        actor=author.actor,
        reason=ticket.ticket_no,
        now=now,
    )
    await resolve_alert(session, ESCALATION_ALERT, public_id(ticket))
    await session.flush()
    return ticket


async def record_visit(
    session: AsyncSession,
    *,
    customer_id: UUID,
    ticket_id: UUID,
    author: Author,
    score: int | None,
    remarks: str | None,
    now: datetime,
) -> Ticket:
    """Write down a return visit (S1 4.5.3.1); with a score (1-5) it closes the ticket.

    Without a score nobody was reached: that is no answer, and the ticket stays resolved. Raises
    NotFound, MoveNotAllowed.
    """
    ticket = await take(session, customer_id=customer_id, ticket_id=ticket_id, now=now)
    TICKET_MOVES.require(ticket.status, TicketStatus.CLOSED)
    visit_id = new_id()
    sealed = None
    if remarks is not None:
        sealed = keys().seal(remarks, Cell("return_visits", "remarks", visit_id))
    session.add(
        ReturnVisit(
            customer_id=customer_id,
            visit_id=visit_id,
            ticket_id=ticket_id,
            reached=score is not None,
            remarks_sealed=sealed,
            visited_by=author.account_id,
            at=now,
        )
    )
    reached = "reached" if score is not None else "not reached"
    note(session, ticket, TicketEventKind.VISITED, actor=author.actor, reason=reached, now=now)
    if score is not None:
        await repository.add_answer_once(
            session,
            answer={
                "customer_id": customer_id,
                "kind": AnswerKind.RETURN_VISIT,
                "source_id": visit_id,
                "score": score,
                "customer_kind": ticket.customer_kind,
                "city_code": ticket.city_code,
                "station_id": ticket.station_id,
                "block_id": ticket.block_id,
                "deliverer_id": ticket.deliverer_id,
                "at": now,
            },
        )
        change_status(session, ticket, TicketStatus.CLOSED, author=author, reason=None, now=now)
    await session.flush()
    return ticket
