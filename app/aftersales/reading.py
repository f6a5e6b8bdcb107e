"""Tickets as they are read: the file, the agent's whole page, queues and searches."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.aftersales import repository
from app.aftersales.models import (
    Compensation,
    ReturnVisit,
    Ticket,
    TicketEscalation,
    TicketEvent,
)
from app.aftersales.moves import staff_id
from app.aftersales.repository import QueuedTicket, QueueKey, StaffName, TicketFilter
from app.aftersales.repository.around import DeliveredLine, list_last_deliveries
from app.aftersales.thread import Message, open_message
from app.core.clock import local_date
from app.core.crypto import Cell
from app.core.errors import NotFound
from app.core.runtime import keys
from app.customers import service as customers
from app.identity.errors import PhoneInvalid
from app.orders import service as orders

SHOWN_DAYS = timedelta(days=14)
SHOWN_TICKETS = 20
MOST_FOUND = 50


@dataclass(frozen=True, slots=True)
class Visit:
    """A return visit with its score and what was said."""

    visit: ReturnVisit
    score: int | None
    remarks: str | None


@dataclass(frozen=True, slots=True)
class TicketFile:
    """A ticket with everything that belongs to it; the desk's part is empty for customers."""

    ticket: Ticket
    messages: list[Message]
    compensations: list[Compensation]
    assignee: str | None = None
    events: list[TicketEvent] = field(default_factory=list)
    visits: list[Visit] = field(default_factory=list)
    escalations: list[TicketEscalation] = field(default_factory=list)
    names: dict[UUID, StaffName] = field(default_factory=dict)

    def name_of(self, actor: str | None) -> str | None:
        """Display name of a member of staff in the histories."""
        account_id = staff_id(actor)
        return self.names[account_id].display_name if account_id in self.names else None


async def read_ticket(
    session: AsyncSession,
    *,
    customer_id: UUID,
    ticket_id: UUID,
    station_id: UUID | None,
    for_desk: bool,
) -> TicketFile:
    """A ticket and its thread; customers get public messages only.

    `station_id` narrows staff to their station. Raises NotFound.
    """
    key = {"customer_id": customer_id, "ticket_id": ticket_id}
    ticket = await repository.get_ticket(session, **key)
    if station_id is not None and ticket.station_id != station_id:
        raise NotFound
    messages = [
        open_message(message)
        for message in await repository.list_messages(session, **key, public_only=not for_desk)
    ]
    compensations = list(await repository.list_compensations(session, **key))
    if not for_desk:
        return TicketFile(ticket=ticket, messages=messages, compensations=compensations)
    events = list(await repository.list_events(session, **key))
    named = {staff_id(event.actor) for event in events} | {staff_id(ticket.changed_by)}
    named |= {message.author_id for message in messages if message.author == "staff"}
    named.add(ticket.assignee_id)
    names = await repository.read_names(session, {one for one in named if one is not None})
    return TicketFile(
        ticket=ticket,
        messages=[_with_name(message, names) for message in messages],
        compensations=compensations,
        assignee=names[ticket.assignee_id].login if ticket.assignee_id in names else None,
        events=events,
        visits=await _read_visits(session, **key),
        escalations=await repository.list_escalations(session, **key),
        names=names,
    )


def _with_name(message: Message, names: dict[UUID, StaffName]) -> Message:
    if message.author_id not in names:
        return message
    return replace(message, author_name=names[message.author_id].display_name)


async def _read_visits(session: AsyncSession, *, customer_id: UUID, ticket_id: UUID) -> list[Visit]:
    found = await repository.list_visits(session, customer_id=customer_id, ticket_id=ticket_id)
    return [
        Visit(
            visit=visit,
            score=score,
            remarks=None
            if visit.remarks_sealed is None
            else keys().open(
                visit.remarks_sealed, Cell("return_visits", "remarks", visit.visit_id)
            ),
        )
        for visit, score in found
    ]


@dataclass(frozen=True, slots=True)
class DeskPage:
    """All an agent needs with a ticket before his eyes; the customer is masked when shown."""

    file: TicketFile
    customer: customers.Profile
    orders: list[orders.OrderView]
    deliveries: list[DeliveredLine]
    tickets: list[QueuedTicket]


async def read_desk_page(
    session: AsyncSession,
    *,
    customer_id: UUID,
    ticket_id: UUID,
    station_id: UUID | None,
    now: datetime,
) -> DeskPage:
    """A ticket with its thread, its customer, his orders that are not over, the deliveries of the
    last 14 days and his other tickets, in a fixed number of statements. Raises NotFound.
    """
    file = await read_ticket(
        session,
        customer_id=customer_id,
        ticket_id=ticket_id,
        station_id=station_id,
        for_desk=True,
    )
    today = local_date(now)
    others = await repository.list_newest(
        session,
        wanted=TicketFilter(customer_id=customer_id, station_id=station_id),
        limit=SHOWN_TICKETS + 1,
        now=now,
    )
    return DeskPage(
        file=file,
        customer=await customers.get_profile(session, customer_id=customer_id),
        orders=await orders.list_running_views(session, customer_id=customer_id, today=today),
        deliveries=await list_last_deliveries(
            session, customer_id=customer_id, from_date=today - SHOWN_DAYS, to_date=today
        ),
        tickets=[one for one in others if one.ticket.ticket_id != ticket_id][:SHOWN_TICKETS],
    )


async def list_queue(
    session: AsyncSession,
    *,
    wanted: TicketFilter,
    limit: int,
    after: QueueKey | None,
    now: datetime,
) -> list[QueuedTicket]:
    """Tickets in the order they are to be worked: urgent and food safety first, then due time."""
    return await repository.list_tickets(session, wanted=wanted, limit=limit, after=after, now=now)


async def search_tickets(
    session: AsyncSession, *, text: str, station_id: UUID | None, now: datetime
) -> Sequence[QueuedTicket]:
    """At most 50 tickets, newest first, by ticket number, order number or the customer's phone.

    Each is compared as a whole. `station_id` narrows staff to their station.
    """
    number = text.strip().upper()
    if (found := await repository.find_ticket_number(session, number)) is not None:
        wanted = TicketFilter(customer_id=found[0], ticket_id=found[1], station_id=station_id)
    elif (order := await orders.find_order_by_number(session, number=number)) is not None:
        wanted = TicketFilter(customer_id=order[0], order_id=order[1], station_id=station_id)
    elif (customer_id := await _customer_of(session, text)) is not None:
        wanted = TicketFilter(customer_id=customer_id, station_id=station_id)
    else:
        return []
    return await repository.list_newest(session, wanted=wanted, limit=MOST_FOUND, now=now)


async def _customer_of(session: AsyncSession, text: str) -> UUID | None:
    try:
        found = await customers.find_by_phone(session, phone=text)
    except PhoneInvalid:
        return None
    return None if found is None else found.customer_id
