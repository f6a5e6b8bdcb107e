"""Lists of tickets."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, case, func, literal, or_, select, true, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from app.aftersales.models import ReturnVisit, Ticket, TicketNumber
from app.aftersales.rules import DUE_SOON, queue_rank
from app.aftersales.states import Handling, Team, TicketClass, TicketKind, TicketStatus
from app.identity.models import StaffAccount

QueueKey = tuple[int, datetime, UUID, UUID]
"""Sort key of the queue: rank, due time, customer, ticket."""


class DueState(StrEnum):
    """How urgent a running ticket is by its clocks."""

    OVERDUE = "overdue"
    DUE_SOON = "due_soon"


@dataclass(frozen=True, slots=True)
class TicketFilter:
    """What a list of tickets is narrowed to; None narrows nothing."""

    statuses: Collection[TicketStatus] | None = None
    kind: TicketKind | None = None
    severities: Collection[TicketClass] | None = None
    handling: Handling | None = None
    is_food_safety: bool | None = None
    team: Team | None = None
    assignee_id: UUID | None = None
    is_assigned: bool | None = None
    due_state: DueState | None = None
    due_before: datetime | None = None
    station_id: UUID | None = None
    customer_id: UUID | None = None
    order_id: UUID | None = None
    ticket_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class QueuedTicket:
    """A ticket of a list with its place in the queue."""

    ticket: Ticket
    rank: int
    assignee: str | None

    @property
    def key(self) -> QueueKey:
        """Where the next page goes on."""
        return self.rank, self.ticket.due_at, self.ticket.customer_id, self.ticket.ticket_id


def _rank() -> ColumnElement[int]:
    urgent = queue_rank(severity=TicketClass.URGENT, is_food_safety=False)
    major = queue_rank(severity=TicketClass.MAJOR, is_food_safety=False)
    general = queue_rank(severity=TicketClass.GENERAL, is_food_safety=False)
    return case(
        (or_(Ticket.is_food_safety, Ticket.severity == TicketClass.URGENT), urgent),
        (Ticket.severity == TicketClass.MAJOR, major),
        else_=general,
    )


def _conditions(wanted: TicketFilter, *, now: datetime) -> list[ColumnElement[bool]]:
    equal: list[tuple[InstrumentedAttribute[Any], object | None]] = [
        (Ticket.kind, wanted.kind),
        (Ticket.handling, wanted.handling),
        (Ticket.is_food_safety, wanted.is_food_safety),
        (Ticket.team, wanted.team),
        (Ticket.assignee_id, wanted.assignee_id),
        (Ticket.station_id, wanted.station_id),
        (Ticket.customer_id, wanted.customer_id),
        (Ticket.order_id, wanted.order_id),
        (Ticket.ticket_id, wanted.ticket_id),
    ]
    conditions = [column == value for column, value in equal if value is not None]
    if wanted.statuses is not None:
        conditions.append(Ticket.status.in_(sorted(wanted.statuses)))
    if wanted.severities is not None:
        conditions.append(Ticket.severity.in_(sorted(wanted.severities)))
    if wanted.is_assigned is not None:
        conditions.append(Ticket.assignee_id.is_not(None) == wanted.is_assigned)
    if wanted.due_before is not None:
        conditions.append(Ticket.due_at < wanted.due_before)
    if wanted.due_state is not None:
        conditions.append(_next_due() < now)
        if wanted.due_state is DueState.DUE_SOON:
            conditions[-1] = _next_due().between(now, now + DUE_SOON)
    return conditions


def _next_due() -> ColumnElement[datetime]:
    """The first clock to run out: handling, the first answer, an answer to a later word."""
    first = case((Ticket.first_answered_at.is_(None), Ticket.answer_due_at))
    return func.least(Ticket.due_at, first, Ticket.reply_due_at)


async def list_tickets(
    session: AsyncSession,
    *,
    wanted: TicketFilter,
    limit: int,
    after: QueueKey | None,
    now: datetime,
) -> list[QueuedTicket]:
    """Tickets in the order of the queue: urgent and food safety first, then by due time."""
    rank = _rank()
    conditions = _conditions(wanted, now=now)
    if after is not None:
        key = tuple_(rank, Ticket.due_at, Ticket.customer_id, Ticket.ticket_id)
        conditions.append(key > tuple_(*(literal(part) for part in after)))
    rows = await session.execute(
        select(Ticket, rank, StaffAccount.login)
        .join(StaffAccount, StaffAccount.id == Ticket.assignee_id, isouter=True)
        .where(*conditions)
        .order_by(rank, Ticket.due_at, Ticket.customer_id, Ticket.ticket_id)
        .limit(limit)
    )
    return [QueuedTicket(ticket=row[0], rank=row[1], assignee=row[2]) for row in rows]


async def list_newest(
    session: AsyncSession, *, wanted: TicketFilter, limit: int, now: datetime
) -> list[QueuedTicket]:
    """Tickets of any status, newest first."""
    rows = await session.execute(
        select(Ticket, _rank(), StaffAccount.login)
        .join(StaffAccount, StaffAccount.id == Ticket.assignee_id, isouter=True)
        .where(*_conditions(wanted, now=now))
        .order_by(Ticket.received_at.desc(), Ticket.ticket_id.desc())
        .limit(limit)
    )
    return [QueuedTicket(ticket=row[0], rank=row[1], assignee=row[2]) for row in rows]


async def find_ticket_number(session: AsyncSession, number: str) -> tuple[UUID, UUID] | None:
    """`(customer_id, ticket_id)` behind a ticket's short number."""
    found = await session.get(TicketNumber, number)
    return None if found is None else (found.customer_id, found.ticket_id)


VisitKey = tuple[datetime, UUID, UUID]
"""Sort key of the call-back list: due time, customer, ticket."""


@dataclass(frozen=True, slots=True)
class VisitFilter:
    """What the call-back list is narrowed to; None narrows nothing."""

    kind: TicketKind | None = None
    severity: TicketClass | None = None
    team: Team | None = None
    assignee_id: UUID | None = None
    station_id: UUID | None = None
    is_overdue: bool | None = None
    was_tried: bool | None = None
    is_confirmed: bool | None = None


@dataclass(frozen=True, slots=True)
class DueVisit:
    """A resolved ticket that waits for its call-back, with what was tried since its result."""

    ticket: Ticket
    due_at: datetime
    tries: int
    last_tried_at: datetime | None
    assignee: str | None

    @property
    def key(self) -> VisitKey:
        """Where the next page goes on."""
        return self.due_at, self.ticket.customer_id, self.ticket.ticket_id


async def list_due_visits(
    session: AsyncSession,
    *,
    wanted: VisitFilter,
    limit: int,
    after: VisitKey | None,
    now: datetime,
) -> list[DueVisit]:
    """Resolved tickets that nobody has reached yet, the longest due first."""
    due = func.coalesce(Ticket.visit_due_at, Ticket.resolved_at)
    tried = (
        select(func.count().label("tries"), func.max(ReturnVisit.at).label("last"))
        .where(
            ReturnVisit.customer_id == Ticket.customer_id,
            ReturnVisit.ticket_id == Ticket.ticket_id,
            ReturnVisit.at >= Ticket.resolved_at,
        )
        .lateral()
    )
    equal: list[tuple[InstrumentedAttribute[Any], object | None]] = [
        (Ticket.kind, wanted.kind),
        (Ticket.severity, wanted.severity),
        (Ticket.team, wanted.team),
        (Ticket.assignee_id, wanted.assignee_id),
        (Ticket.station_id, wanted.station_id),
    ]
    conditions = [column == value for column, value in equal if value is not None]
    if wanted.is_overdue is not None:
        conditions.append((due < now) == wanted.is_overdue)
    if wanted.was_tried is not None:
        conditions.append((tried.c.tries > 0) == wanted.was_tried)
    if wanted.is_confirmed is not None:
        conditions.append(Ticket.confirmed_at.is_not(None) == wanted.is_confirmed)
    if after is not None:
        key = tuple_(due, Ticket.customer_id, Ticket.ticket_id)
        conditions.append(key > tuple_(*(literal(part) for part in after)))
    rows = await session.execute(
        select(Ticket, due, tried.c.tries, tried.c.last, StaffAccount.login)
        .select_from(Ticket)
        .join(tried, true())
        .join(StaffAccount, StaffAccount.id == Ticket.assignee_id, isouter=True)
        .where(Ticket.status == TicketStatus.RESOLVED, *conditions)
        .order_by(due, Ticket.customer_id, Ticket.ticket_id)
        .limit(limit)
    )
    return [DueVisit(*row) for row in rows]
