"""The one place where a ticket is locked, moved and its history written."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.aftersales import repository
from app.aftersales.models import Ticket, TicketEvent
from app.aftersales.rules import is_late
from app.aftersales.states import RUNNING, TICKET_MOVES, TicketEventKind, TicketStatus
from app.aftersales.thread import Author
from app.core.ids import new_id, public_pair

ESCALATION_ALERT = "ticket_escalated"


def public_id(ticket: Ticket) -> str:
    """Public id of a ticket."""
    return public_pair("tkt", ticket.customer_id, ticket.ticket_id)


async def take(
    session: AsyncSession, *, customer_id: UUID, ticket_id: UUID, now: datetime
) -> Ticket:
    """Lock, re-read (raises NotFound), and write down a breach that the minute's sweep has not seen yet."""
    ticket = await repository.lock_ticket(session, customer_id=customer_id, ticket_id=ticket_id)
    if (
        ticket.status in RUNNING
        and ticket.breached_at is None
        and is_late(due_at=ticket.due_at, at=now)
    ):
        ticket.breached_at = ticket.due_at
        await repository.record_breach(session, ticket=ticket, now=now)
    return ticket


_MOVE_EVENTS = {
    TicketStatus.ANSWERED: TicketEventKind.ANSWERED,
    TicketStatus.RESOLVED: TicketEventKind.RESOLVED,
    TicketStatus.CLOSED: TicketEventKind.CLOSED,
    TicketStatus.MERGED: TicketEventKind.MERGED,
}


def change_status(
    session: AsyncSession,
    ticket: Ticket,
    wanted: TicketStatus,
    *,
    author: Author,
    reason: str | None,
    now: datetime,
) -> None:
    """Move a ticket, set the instants that go with it, and write the history.

    Raises MoveNotAllowed.
    """
    TICKET_MOVES.require(ticket.status, wanted)
    kind = _MOVE_EVENTS[wanted]
    if ticket.status in {TicketStatus.RESOLVED, TicketStatus.CLOSED}:
        kind = TicketEventKind.REOPENED if wanted is TicketStatus.ANSWERED else kind
    ticket.status = wanted
    if wanted in {TicketStatus.ANSWERED, TicketStatus.RESOLVED}:
        ticket.first_answered_at = ticket.first_answered_at or now
    if wanted is TicketStatus.RESOLVED:
        ticket.resolved_at = now
    if wanted is TicketStatus.CLOSED:
        ticket.closed_at = now
    note(session, ticket, kind, actor=author.actor, reason=reason, now=now)


def note(
    session: AsyncSession,
    ticket: Ticket,
    kind: TicketEventKind,
    *,
    actor: str,
    reason: str | None,
    now: datetime,
) -> None:
    """Write a line of the ticket's history."""
    session.add(
        TicketEvent(
            customer_id=ticket.customer_id,
            event_id=new_id(),
            ticket_id=ticket.ticket_id,
            kind=kind,
            actor=actor,
            reason=reason,
            at=now,
        )
    )
