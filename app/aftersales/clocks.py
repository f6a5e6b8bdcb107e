"""Starting the clocks of tickets, moving them when a promise changes, and watching them."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from app.aftersales import repository
from app.aftersales.models import Ticket
from app.aftersales.moves import ESCALATION_ALERT, note
from app.aftersales.repository import PromiseBook
from app.aftersales.rules import Promise
from app.aftersales.states import TicketClass, TicketEventKind
from app.core.alerts import raise_alert, resolve_alert
from app.core.clock import local_date
from app.core.ids import public_pair


async def promise_for(
    session: AsyncSession, *, severity: TicketClass, customer_kind: str, at: datetime
) -> Promise:
    """What holds for a clock that begins at an instant (UTC), held until the transaction ends.

    So a rule that changes at this moment finds the ticket, or the ticket finds the new rule.
    """
    book = await repository.open_book(
        session,
        severities=[severity],
        customer_kind=customer_kind,
        on=local_date(at),
        hold=True,
    )
    return book.pick(severity=severity, customer_kind=customer_kind, at=at)


def started_at(ticket: Ticket) -> datetime:
    """When the running handling clock of a ticket began."""
    return ticket.clock_started_at or ticket.received_at


async def promise_of(session: AsyncSession, ticket: Ticket) -> Promise:
    """What holds for a ticket's running clock."""
    return await promise_for(
        session,
        severity=ticket.severity,
        customer_kind=ticket.customer_kind,
        at=started_at(ticket),
    )


async def customer_waits(session: AsyncSession, ticket: Ticket, *, now: datetime) -> None:
    """The customer has spoken: an answer is due again, counted from the first unanswered word."""
    if ticket.waiting_since is None or ticket.reply_due_at is None:
        ticket.waiting_since = ticket.waiting_since or now
        promise = await promise_of(session, ticket)
        ticket.reply_due_at = promise.after(ticket.waiting_since, promise.answer_within)


def was_answered(ticket: Ticket) -> None:
    """A person has answered: nobody waits."""
    ticket.waiting_since = ticket.reply_due_at = None


async def restart(session: AsyncSession, ticket: Ticket, *, now: datetime) -> None:
    """A new run of the handling clock from `now`, with levels of its own."""
    ticket.clock_started_at = now
    clocks = (await promise_of(session, ticket)).clocks(now)
    ticket.due_at = clocks.due_at
    await session.flush()
    await repository.add_escalations(session, [(ticket, clocks)])


async def reschedule(
    session: AsyncSession,
    tickets: Sequence[Ticket],
    *,
    book: PromiseBook,
    actor: str,
    now: datetime,
) -> int:
    """Compute the clocks of locked running tickets anew; answers how many deadlines moved.

    An answer already given keeps its due time; a level or a breach already recorded stays.
    """
    computed = []
    moved = 0
    for ticket in tickets:
        start = started_at(ticket)
        promise = book.pick(severity=ticket.severity, customer_kind=ticket.customer_kind, at=start)
        clocks = promise.clocks(start)
        computed.append((ticket, clocks))
        if ticket.first_answered_at is None:
            ticket.answer_due_at = clocks.answer_due_at
        if ticket.waiting_since is not None:
            ticket.reply_due_at = promise.after(ticket.waiting_since, promise.answer_within)
        if ticket.due_at != clocks.due_at:
            reason = f"{ticket.due_at.isoformat()} -> {clocks.due_at.isoformat()}"
            note(session, ticket, TicketEventKind.RESCHEDULED, actor=actor, reason=reason, now=now)
            ticket.due_at = clocks.due_at
            moved += 1
    await session.flush()
    if tickets:
        await repository.drop_waiting_escalations(session, tickets)
        await repository.add_escalations(session, computed)
        await repository.record_breaches(session, now=now)
    return moved


async def watch_tickets(session: AsyncSession, *, now: datetime) -> tuple[int, int]:
    """Escalate tickets level by level and record each breach once; answers both counts.

    Of each ticket one alert is open: that of the highest level it has reached.
    """
    raised = await repository.raise_due(session, now=now)
    breached = await repository.record_breaches(session, now=now)
    for one in raised:
        subject = public_pair("tkt", one.customer_id, one.ticket_id)
        await resolve_alert(session, ESCALATION_ALERT, subject)
        await raise_alert(
            session,
            ESCALATION_ALERT,
            subject,
            level=one.level,
            to_role=one.to_role,
            to_team=one.to_team,
        )
    return len(raised), len(breached)
