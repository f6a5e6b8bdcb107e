"""The one place where a ticket is locked, moved and its history written."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.aftersales import repository
from app.aftersales.errors import TicketChanged
from app.aftersales.models import Ticket, TicketEvent
from app.aftersales.rules import is_late
from app.aftersales.states import (
    ACT_LABELS,
    RUNNING,
    TICKET_MOVES,
    TicketAct,
    TicketEventKind,
    TicketStatus,
)
from app.aftersales.thread import Author
from app.core.ids import new_id, public_pair

ESCALATION_ALERT = "ticket_escalated"
_STAFF = "staff:"


@dataclass(frozen=True, slots=True)
class Step:
    """Who does what to a ticket; `seen` is the version he had before his eyes."""

    author: Author
    act: TicketAct
    seen: int | None = None


def public_id(ticket: Ticket) -> str:
    """Public id of a ticket."""
    return public_pair("tkt", ticket.customer_id, ticket.ticket_id)


def staff_id(actor: str | None) -> UUID | None:
    """The account an actor of a history is; None for customers and the system."""
    if actor is None or not actor.startswith(_STAFF):
        return None
    return UUID(actor.removeprefix(_STAFF))


async def take(
    session: AsyncSession, *, customer_id: UUID, ticket_id: UUID, step: Step, now: datetime
) -> Ticket:
    """Lock, re-read, and write down a breach that the minute's sweep has not seen yet.

    Raises NotFound, and TicketChanged when somebody acted since the version that was seen.
    """
    ticket = await repository.lock_ticket(session, customer_id=customer_id, ticket_id=ticket_id)
    if step.seen is not None and step.seen != ticket.version:
        await _refuse(session, ticket, step.author)
    if (
        ticket.status in RUNNING
        and ticket.breached_at is None
        and is_late(due_at=ticket.due_at, at=now)
    ):
        ticket.breached_at = ticket.due_at
        await repository.record_breach(session, ticket=ticket, now=now)
    touch(ticket, step, now=now)
    return ticket


def touch(ticket: Ticket, step: Step, *, now: datetime) -> None:
    """Write onto the ticket who did what last."""
    ticket.version = (ticket.version or 0) + 1
    ticket.changed_at = now
    ticket.changed_by = step.author.actor
    ticket.last_act = step.act


async def _refuse(session: AsyncSession, ticket: Ticket, author: Author) -> None:
    account_id = staff_id(ticket.changed_by)
    by = ticket.changed_by
    if account_id is not None:
        names = await repository.read_names(session, [account_id])
        by = names[account_id].login if author.is_staff and account_id in names else "staff"
    act = ticket.last_act
    raise TicketChanged(
        version=ticket.version,
        changed_by=by,
        changed_at=None if ticket.changed_at is None else ticket.changed_at.isoformat(),
        act=act,
        act_label=None if act is None else ACT_LABELS[act],
    )


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
