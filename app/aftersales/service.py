"""Tickets: taking them in, reading them, watching their clocks (S1 4.5.1-4.5.2, S2 四)."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.aftersales import repository
from app.aftersales.models import Compensation, ReturnVisit, Ticket, TicketEvent
from app.aftersales.moves import ESCALATION_ALERT, note
from app.aftersales.repository import Place, QueuedTicket, QueueKey, TicketFilter
from app.aftersales.rules import sla_rule, start_clocks, subject_of
from app.aftersales.states import (
    KIND_LABELS,
    TicketCategory,
    TicketChannel,
    TicketClass,
    TicketEventKind,
    TicketKind,
    TicketStatus,
)
from app.aftersales.thread import Author, Message, customer_voice, open_message, say, text_customer
from app.core.alerts import raise_alert
from app.core.clock import local_date
from app.core.crypto import Cell
from app.core.errors import NotFound
from app.core.ids import new_id, public_pair
from app.core.runtime import keys
from app.customers import service as customers
from app.network import service as network


@dataclass(frozen=True, slots=True)
class Filing:
    """What a customer brings forward; `order_line_id` and `service_date` name a delivery."""

    kind: TicketKind
    category: TicketCategory
    severity: TicketClass
    is_food_safety: bool
    channel: TicketChannel
    body: str
    order_id: UUID | None = None
    order_line_id: UUID | None = None
    service_date: date | None = None


async def open_ticket(
    session: AsyncSession, *, customer_id: UUID, filing: Filing, author: Author, now: datetime
) -> Ticket:
    """Take a ticket in, start both 24-hour clocks and send the receipt at once (S1 4.5.1, S2 4.2).

    Times in UTC. The receipt is automatic and answers nothing. Raises NotFound for an order or
    line that is not the customer's.
    """
    place = await _locate(session, customer_id=customer_id, filing=filing, now=now)
    ticket_id = new_id()
    clocks = start_clocks(now)
    ticket = Ticket(
        customer_id=customer_id,
        ticket_id=ticket_id,
        ticket_no=await repository.claim_ticket_number(
            session, customer_id=customer_id, ticket_id=ticket_id
        ),
        kind=filing.kind,
        severity=filing.severity,
        category=filing.category,
        is_food_safety=filing.is_food_safety,
        channel=filing.channel,
        status=TicketStatus.OPEN,
        customer_kind=await customers.customer_kind(session, customer_id=customer_id),
        city_code=place.city_code,
        station_id=place.station_id,
        block_id=place.block_id,
        deliverer_id=place.deliverer_id,
        order_id=place.order_id,
        order_line_id=place.order_line_id,
        service_date=place.service_date,
        subject=subject_of(
            kind=filing.kind, category=filing.category, service_date=filing.service_date
        ),
        received_at=now,
        answer_due_at=clocks.answer_due_at,
        due_at=clocks.due_at,
        waiting_since=now,
        reopened_count=0,
    )
    session.add(ticket)
    await session.flush()
    note(session, ticket, TicketEventKind.RECEIVED, actor=author.actor, reason=None, now=now)
    say(session, ticket, author=customer_voice(customer_id), body=filing.body, now=now)
    receipt = (
        f"已收到您的{KIND_LABELS[filing.kind]}（单号{ticket.ticket_no}），我们将在24小时内处理。"
    )
    say(session, ticket, author=None, body=receipt, now=now)
    await text_customer(
        session, ticket, template="ticket_received", cause=f"ticket_received:{ticket_id}", now=now
    )
    await session.flush()
    return ticket


async def _locate(
    session: AsyncSession, *, customer_id: UUID, filing: Filing, now: datetime
) -> Place:
    on = filing.service_date or local_date(now)
    order_id = filing.order_id
    if filing.order_line_id is not None:
        owner = await repository.find_order_of_line(
            session, customer_id=customer_id, order_line_id=filing.order_line_id
        )
        if owner is None or order_id not in {None, owner}:
            raise NotFound
        order_id = owner
        found = await repository.find_delivery(
            session, customer_id=customer_id, order_line_id=filing.order_line_id, service_date=on
        )
        if found is not None:
            delivery, city_code = found
            return Place(
                order_id=order_id,
                order_line_id=filing.order_line_id,
                service_date=filing.service_date,
                city_code=city_code,
                station_id=delivery.station_id,
                block_id=delivery.block_id,
                deliverer_id=delivery.deliverer_id,
            )
    if order_id is not None:
        return await _place_of_order(
            session, customer_id=customer_id, order_id=order_id, filing=filing, on=on
        )
    stop = await repository.find_last_stop(session, customer_id=customer_id, on=on)
    if stop is None:
        return Place(service_date=filing.service_date)
    return Place(
        service_date=filing.service_date,
        city_code=stop.city_code,
        station_id=stop.station_id,
        block_id=stop.block_id,
        deliverer_id=stop.deliverer_id,
    )


async def _place_of_order(
    session: AsyncSession, *, customer_id: UUID, order_id: UUID, filing: Filing, on: date
) -> Place:
    address_id = await repository.find_address_of_order(
        session, customer_id=customer_id, order_id=order_id
    )
    if address_id is None:
        raise NotFound
    serving = await network.find_serving(
        session, customer_id=customer_id, address_id=address_id, on=on
    )
    return Place(
        order_id=order_id,
        order_line_id=filing.order_line_id,
        service_date=filing.service_date,
        city_code=serving.city_code if serving else None,
        station_id=serving.station_id if serving else None,
        block_id=serving.block_id if serving else None,
        deliverer_id=serving.deliverer_id if serving else None,
    )


async def watch_tickets(session: AsyncSession, *, now: datetime) -> tuple[int, int]:
    """Escalate tickets before they are late and record each breach once; answers both counts."""
    leads = sla_rule(local_date(now)).escalation_leads
    escalated = await repository.escalate_due(session, leads=leads, now=now)
    breached = await repository.record_breaches(session, now=now)
    for customer_id, ticket_id in escalated:
        await raise_alert(session, ESCALATION_ALERT, public_pair("tkt", customer_id, ticket_id))
    return len(escalated), len(breached)


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
    assignee: str | None
    events: list[TicketEvent]
    visits: list[Visit]


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
    messages = await repository.list_messages(session, **key, public_only=not for_desk)
    return TicketFile(
        ticket=ticket,
        messages=[open_message(message) for message in messages],
        compensations=list(await repository.list_compensations(session, **key)),
        assignee=await repository.find_login(session, account_id=ticket.assignee_id)
        if for_desk
        else None,
        events=list(await repository.list_events(session, **key)) if for_desk else [],
        visits=await _read_visits(session, **key) if for_desk else [],
    )


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


async def list_queue(
    session: AsyncSession, *, wanted: TicketFilter, limit: int, after: QueueKey | None
) -> list[QueuedTicket]:
    """Tickets in the order they are to be worked: urgent and food safety first, then due time."""
    return await repository.list_tickets(session, wanted=wanted, limit=limit, after=after)
