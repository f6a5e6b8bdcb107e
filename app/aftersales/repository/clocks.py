"""Clocks that run out: escalation and breach, over all tickets at once."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Update, delete, func, literal, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from app.aftersales.models import Ticket, TicketEscalation, TicketEvent
from app.aftersales.rules import Clocks
from app.aftersales.states import RUNNING, TicketClass, TicketEventKind
from app.core.base import UtcDateTime
from app.core.db import fetch
from app.core.ids import new_id


async def record_breach(session: AsyncSession, *, ticket: Ticket, now: datetime) -> None:
    """Note that a ticket's handling clock ran out; a second time adds nothing."""
    await session.execute(
        upsert(TicketEvent)
        .values(
            customer_id=ticket.customer_id,
            event_id=new_id(),
            ticket_id=ticket.ticket_id,
            kind=TicketEventKind.BREACHED,
            actor="system",
            reason=None,
            at=now,
        )
        .on_conflict_do_nothing()
    )


TicketKey = tuple[UUID, UUID]
"""Customer and ticket."""


async def record_breaches(session: AsyncSession, *, now: datetime) -> list[TicketKey]:
    """Mark every running ticket past its due time and write its one breach record."""
    marked = (
        update(Ticket)
        .where(Ticket.status.in_(RUNNING), Ticket.due_at < now, Ticket.breached_at.is_(None))
        .values(breached_at=Ticket.due_at)
    )
    return await _mark_and_note(session, marked, kind=TicketEventKind.BREACHED, now=now)


_RAISE = """
WITH due AS (
    SELECT t.customer_id, t.ticket_id, e.run, e.level, e.to_role, e.to_team
    FROM tickets t
    JOIN ticket_escalations e
      ON e.customer_id = t.customer_id AND e.ticket_id = t.ticket_id AND e.run = t.reopened_count
    WHERE t.status IN ('open', 'answered') AND e.raised_at IS NULL AND e.due_at <= $1
    ORDER BY t.customer_id, t.ticket_id
    FOR UPDATE OF t SKIP LOCKED
), raised AS (
    UPDATE ticket_escalations e SET raised_at = $1
    FROM due
    WHERE e.customer_id = due.customer_id AND e.ticket_id = due.ticket_id
      AND e.run = due.run AND e.level = due.level AND e.raised_at IS NULL
    RETURNING e.customer_id, e.ticket_id, e.level, e.to_role, e.to_team
), marked AS (
    UPDATE tickets t SET escalated_at = coalesce(t.escalated_at, $1)
    FROM (SELECT DISTINCT customer_id, ticket_id FROM raised) r
    WHERE t.customer_id = r.customer_id AND t.ticket_id = r.ticket_id
), noted AS (
    INSERT INTO ticket_events (customer_id, event_id, ticket_id, kind, actor, reason, at)
    SELECT customer_id, uuidv7(), ticket_id, 'escalated', 'system',
           'level ' || level || ' to ' || coalesce(to_role, to_team), $1
    FROM raised
)
SELECT customer_id, ticket_id, level, to_role, to_team FROM raised
ORDER BY customer_id, ticket_id, level
"""
"""A ticket somebody works on at this moment waits for the next minute."""


@dataclass(frozen=True, slots=True)
class Raised:
    """A level that a ticket has reached."""

    customer_id: UUID
    ticket_id: UUID
    level: int
    to_role: str | None
    to_team: str | None


async def raise_due(session: AsyncSession, *, now: datetime) -> list[Raised]:
    """Raise every escalation level of running tickets that has come due, each once."""
    await session.flush()
    return [Raised(**row) for row in await fetch(session, _RAISE, now)]


async def add_escalations(
    session: AsyncSession,
    tickets: Sequence[tuple[Ticket, Clocks]],
) -> None:
    """Write the levels of each ticket's running clock; those that were raised stay as they are."""
    rows = [
        {
            "customer_id": ticket.customer_id,
            "ticket_id": ticket.ticket_id,
            "run": ticket.reopened_count,
            "level": level.level,
            "due_at": due_at,
            "to_role": level.to_role,
            "to_team": level.to_team,
        }
        for ticket, clocks in tickets
        for level, due_at in clocks.escalations
    ]
    if rows:
        await session.execute(upsert(TicketEscalation).on_conflict_do_nothing(), rows)


async def drop_waiting_escalations(session: AsyncSession, tickets: Sequence[Ticket]) -> None:
    """Forget the levels of the running clocks that have not been raised."""
    keys = [(one.customer_id, one.ticket_id, one.reopened_count) for one in tickets]
    await session.execute(
        delete(TicketEscalation)
        .where(
            tuple_(
                TicketEscalation.customer_id, TicketEscalation.ticket_id, TicketEscalation.run
            ).in_(keys),
            TicketEscalation.raised_at.is_(None),
        )
        .execution_options(synchronize_session=False)
    )


async def list_escalations(
    session: AsyncSession, *, customer_id: UUID, ticket_id: UUID
) -> list[TicketEscalation]:
    """Levels of all runs of a ticket, in order."""
    found = await session.scalars(
        select(TicketEscalation)
        .where(TicketEscalation.customer_id == customer_id, TicketEscalation.ticket_id == ticket_id)
        .order_by(TicketEscalation.run, TicketEscalation.level)
        .execution_options(populate_existing=True)
    )
    return list(found)


async def lock_running(
    session: AsyncSession,
    *,
    severities: Collection[TicketClass],
    customer_kinds: Collection[str] | None,
    started_from: datetime | None,
) -> list[Ticket]:
    """Running tickets of some classes and kinds of customer, locked in the order of their keys."""
    started = func.coalesce(Ticket.clock_started_at, Ticket.received_at)
    query = select(Ticket).where(
        Ticket.status.in_(RUNNING), Ticket.severity.in_(sorted(severities))
    )
    if customer_kinds is not None:
        query = query.where(Ticket.customer_kind.in_(sorted(customer_kinds)))
    if started_from is not None:
        query = query.where(started >= started_from)
    found = await session.scalars(
        query.order_by(Ticket.customer_id, Ticket.ticket_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return list(found)


async def _mark_and_note(
    session: AsyncSession, marking: Update, *, kind: TicketEventKind, now: datetime
) -> list[TicketKey]:
    marked = marking.returning(Ticket.customer_id, Ticket.ticket_id).cte("marked")
    noted = await session.execute(
        upsert(TicketEvent)
        .from_select(
            ["customer_id", "event_id", "ticket_id", "kind", "actor", "at"],
            select(
                marked.c.customer_id,
                func.uuidv7(),
                marked.c.ticket_id,
                literal(kind.value),
                literal("system"),
                literal(now, UtcDateTime()),
            ),
        )
        .on_conflict_do_nothing()
        .returning(TicketEvent.customer_id, TicketEvent.ticket_id)
        .execution_options(synchronize_session=False)
    )
    return [(row[0], row[1]) for row in noted]
