"""All SQL of aftersales."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Update,
    and_,
    any_,
    case,
    func,
    literal,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from app.aftersales.models import (
    Compensation,
    ReturnVisit,
    SatisfactionAnswer,
    Ticket,
    TicketEvent,
    TicketMessage,
    TicketNumber,
)
from app.aftersales.rules import queue_rank
from app.aftersales.states import (
    RUNNING,
    TicketClass,
    TicketEventKind,
    TicketKind,
    TicketStatus,
)
from app.core.base import UtcDateTime
from app.core.errors import NotFound
from app.core.ids import new_id, speakable_number
from app.delivery.models import Delivery, DeliveryStatus, Stop
from app.identity.models import Role, StaffAccount
from app.network.models import Station
from app.orders.models import Order, OrderLine

PLACE_LOOKS_BACK = timedelta(days=60)

QueueKey = tuple[int, datetime, UUID, UUID]
"""Sort key of the queue: rank, due time, customer, ticket."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a ticket belongs: what it names, and the round that served it."""

    order_id: UUID | None = None
    order_line_id: UUID | None = None
    service_date: date | None = None
    city_code: str | None = None
    station_id: UUID | None = None
    block_id: UUID | None = None
    deliverer_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class TicketFilter:
    """What a list of tickets is narrowed to; None narrows nothing."""

    statuses: Collection[TicketStatus] | None = None
    kind: TicketKind | None = None
    severity: TicketClass | None = None
    due_before: datetime | None = None
    station_id: UUID | None = None
    customer_id: UUID | None = None


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


async def claim_ticket_number(session: AsyncSession, *, customer_id: UUID, ticket_id: UUID) -> str:
    """A short number nobody has yet."""
    while True:
        number: str | None = await session.scalar(
            upsert(TicketNumber)
            .values(number=speakable_number(), customer_id=customer_id, ticket_id=ticket_id)
            .on_conflict_do_nothing()
            .returning(TicketNumber.number)
        )
        if number is not None:
            return number


async def get_ticket(session: AsyncSession, *, customer_id: UUID, ticket_id: UUID) -> Ticket:
    """The ticket; raises NotFound."""
    ticket = await session.get(Ticket, (customer_id, ticket_id))
    if ticket is None:
        raise NotFound
    return ticket


async def lock_ticket(session: AsyncSession, *, customer_id: UUID, ticket_id: UUID) -> Ticket:
    """The ticket as it stands now, locked until the end of the transaction; raises NotFound."""
    ticket = await session.scalar(
        select(Ticket)
        .where(Ticket.customer_id == customer_id, Ticket.ticket_id == ticket_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if ticket is None:
        raise NotFound
    return ticket


async def list_tickets(
    session: AsyncSession, *, wanted: TicketFilter, limit: int, after: QueueKey | None
) -> list[QueuedTicket]:
    """Tickets in the order of the queue: urgent and food safety first, then by due time."""
    rank = _rank()
    statement = (
        select(Ticket, rank, StaffAccount.login)
        .join(StaffAccount, StaffAccount.id == Ticket.assignee_id, isouter=True)
        .order_by(rank, Ticket.due_at, Ticket.customer_id, Ticket.ticket_id)
        .limit(limit)
    )
    conditions: list[ColumnElement[bool]] = []
    if wanted.statuses is not None:
        conditions.append(Ticket.status.in_(sorted(wanted.statuses)))
    if wanted.kind is not None:
        conditions.append(Ticket.kind == wanted.kind)
    if wanted.severity is not None:
        conditions.append(Ticket.severity == wanted.severity)
    if wanted.due_before is not None:
        conditions.append(Ticket.due_at < wanted.due_before)
    if wanted.station_id is not None:
        conditions.append(Ticket.station_id == wanted.station_id)
    if wanted.customer_id is not None:
        conditions.append(Ticket.customer_id == wanted.customer_id)
    if after is not None:
        key = tuple_(rank, Ticket.due_at, Ticket.customer_id, Ticket.ticket_id)
        conditions.append(key > tuple_(*(literal(part) for part in after)))
    rows = await session.execute(statement.where(*conditions))
    return [QueuedTicket(ticket=row[0], rank=row[1], assignee=row[2]) for row in rows]


async def list_messages(
    session: AsyncSession, *, customer_id: UUID, ticket_id: UUID, public_only: bool
) -> Sequence[TicketMessage]:
    """The thread, oldest first."""
    statement = select(TicketMessage).where(
        TicketMessage.customer_id == customer_id, TicketMessage.ticket_id == ticket_id
    )
    if public_only:
        statement = statement.where(TicketMessage.audience == "public")
    return (
        await session.scalars(statement.order_by(TicketMessage.at, TicketMessage.message_id))
    ).all()


async def list_events(
    session: AsyncSession, *, customer_id: UUID, ticket_id: UUID
) -> Sequence[TicketEvent]:
    """The history, oldest first."""
    return (
        await session.scalars(
            select(TicketEvent)
            .where(TicketEvent.customer_id == customer_id, TicketEvent.ticket_id == ticket_id)
            .order_by(TicketEvent.at, TicketEvent.event_id)
        )
    ).all()


async def list_compensations(
    session: AsyncSession, *, customer_id: UUID, ticket_id: UUID
) -> Sequence[Compensation]:
    """What was granted, oldest first."""
    return (
        await session.scalars(
            select(Compensation)
            .where(Compensation.customer_id == customer_id, Compensation.ticket_id == ticket_id)
            .order_by(Compensation.at, Compensation.compensation_id)
        )
    ).all()


async def list_visits(
    session: AsyncSession, *, customer_id: UUID, ticket_id: UUID
) -> Sequence[tuple[ReturnVisit, int | None]]:
    """Return visits with the score each got, oldest first."""
    rows = await session.execute(
        select(ReturnVisit, SatisfactionAnswer.score)
        .join(
            SatisfactionAnswer,
            and_(
                SatisfactionAnswer.customer_id == ReturnVisit.customer_id,
                SatisfactionAnswer.kind == "return_visit",
                SatisfactionAnswer.source_id == ReturnVisit.visit_id,
            ),
            isouter=True,
        )
        .where(ReturnVisit.customer_id == customer_id, ReturnVisit.ticket_id == ticket_id)
        .order_by(ReturnVisit.at, ReturnVisit.visit_id)
    )
    return [(row[0], row[1]) for row in rows]


async def find_order_of_line(
    session: AsyncSession, *, customer_id: UUID, order_line_id: UUID
) -> UUID | None:
    """The order a customer's line belongs to."""
    order_id: UUID | None = await session.scalar(
        select(OrderLine.order_id).where(
            OrderLine.customer_id == customer_id, OrderLine.order_line_id == order_line_id
        )
    )
    return order_id


async def find_address_of_order(
    session: AsyncSession, *, customer_id: UUID, order_id: UUID
) -> UUID | None:
    """The address of a customer's order."""
    address_id: UUID | None = await session.scalar(
        select(Order.address_id).where(Order.customer_id == customer_id, Order.order_id == order_id)
    )
    return address_id


async def find_delivery(
    session: AsyncSession, *, customer_id: UUID, order_line_id: UUID, service_date: date
) -> tuple[Delivery, str] | None:
    """The last delivery of a line on a date, and the city it was in."""
    row = (
        await session.execute(
            select(Delivery, Station.city_code)
            .join(Station, Station.id == Delivery.station_id)
            .where(
                Delivery.customer_id == customer_id,
                Delivery.service_date == service_date,
                Delivery.order_line_id == order_line_id,
                Delivery.status != DeliveryStatus.CANCELLED,
            )
            .order_by(Delivery.delivery_no.desc())
            .limit(1)
        )
    ).one_or_none()
    return None if row is None else (row[0], row[1])


async def find_last_stop(session: AsyncSession, *, customer_id: UUID, on: date) -> Stop | None:
    """The customer's last stop up to a date, of the last two months."""
    return await session.scalar(
        select(Stop)
        .where(
            Stop.customer_id == customer_id,
            Stop.service_date <= on,
            Stop.service_date > on - PLACE_LOOKS_BACK,
        )
        .order_by(Stop.service_date.desc(), Stop.address_id)
        .limit(1)
    )


async def find_desk_member(
    session: AsyncSession, *, login: str, roles: Collection[Role]
) -> UUID | None:
    """The active member of staff with this login and one of these roles."""
    member: UUID | None = await session.scalar(
        select(StaffAccount.id).where(
            StaffAccount.login == login,
            StaffAccount.is_active,
            or_(*(literal(role.value) == any_(StaffAccount.roles) for role in roles)),
        )
    )
    return member


async def find_login(session: AsyncSession, *, account_id: UUID | None) -> str | None:
    """The login of a member of staff."""
    if account_id is None:
        return None
    login: str | None = await session.scalar(
        select(StaffAccount.login).where(StaffAccount.id == account_id)
    )
    return login


async def add_answer_once(session: AsyncSession, *, answer: Mapping[str, object]) -> bool:
    """Store a satisfaction answer; false when its source has one already."""
    stored = await session.scalar(
        upsert(SatisfactionAnswer)
        .values(answer_id=new_id(), **answer)
        .on_conflict_do_nothing()
        .returning(SatisfactionAnswer.answer_id)
    )
    return stored is not None


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


async def escalate_due(
    session: AsyncSession, *, leads: Mapping[TicketClass, timedelta], now: datetime
) -> list[TicketKey]:
    """Escalate every running ticket that comes within its class's lead of its due time."""
    latest = max(leads.values())
    limit = case(
        *((Ticket.severity == severity, now + lead) for severity, lead in leads.items()),
        else_=now + latest,
    )
    marked = (
        update(Ticket)
        .where(
            Ticket.status.in_(RUNNING),
            Ticket.escalated_at.is_(None),
            Ticket.due_at <= now + latest,
            Ticket.due_at <= limit,
        )
        .values(escalated_at=now)
    )
    return await _mark_and_note(session, marked, kind=TicketEventKind.ESCALATED, now=now)


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
