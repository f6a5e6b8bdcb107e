"""Taking tickets in (S1 4.5.1, S2 四)."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.aftersales import repository
from app.aftersales.clocks import promise_for
from app.aftersales.models import Ticket
from app.aftersales.moves import Step, note, touch
from app.aftersales.repository import Place
from app.aftersales.rules import Clocks, handling_of, subject_of
from app.aftersales.states import (
    KIND_LABELS,
    Handling,
    Team,
    TicketAct,
    TicketCategory,
    TicketChannel,
    TicketClass,
    TicketEventKind,
    TicketKind,
    TicketStatus,
)
from app.aftersales.thread import Author, customer_voice, say, text_customer
from app.core.clock import OPERATOR_ZONE, local_date
from app.core.errors import NotFound
from app.core.ids import new_id
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
    handling: Handling | None = None


async def open_ticket(
    session: AsyncSession, *, customer_id: UUID, filing: Filing, author: Author, now: datetime
) -> Ticket:
    """Take a ticket in, start both clocks and send the receipt at once (S1 4.5.1, S2 4.2).

    Times in UTC. The receipt is automatic and answers nothing. Raises NotFound for an order or
    line that is not the customer's.
    """
    place = await _locate(session, customer_id=customer_id, filing=filing, now=now)
    ticket_id = new_id()
    customer_kind = await customers.customer_kind(session, customer_id=customer_id)
    promise = await promise_for(
        session, severity=filing.severity, customer_kind=customer_kind, at=now
    )
    running = promise.clocks(now)
    number = await repository.claim_ticket_number(
        session, customer_id=customer_id, ticket_id=ticket_id
    )
    ticket = _row(filing, place, clocks=running, customer_kind=customer_kind, now=now)
    ticket.customer_id, ticket.ticket_id, ticket.ticket_no = customer_id, ticket_id, number
    touch(ticket, Step(author, TicketAct.FILED), now=now)
    session.add(ticket)
    await session.flush()
    await repository.add_escalations(session, [(ticket, running)])
    note(session, ticket, TicketEventKind.RECEIVED, actor=author.actor, reason=None, now=now)
    say(session, ticket, author=customer_voice(customer_id), body=filing.body, now=now)
    due = ticket.due_at.astimezone(OPERATOR_ZONE)
    receipt = (
        f"已收到您的{KIND_LABELS[filing.kind]}（单号{ticket.ticket_no}），"
        f"我们将在{due.month}月{due.day}日{due:%H:%M}前处理。"
    )
    say(session, ticket, author=None, body=receipt, now=now)
    await text_customer(
        session, ticket, template="ticket_received", cause=f"ticket_received:{ticket_id}", now=now
    )
    await session.flush()
    return ticket


def _row(
    filing: Filing, place: Place, *, clocks: Clocks, customer_kind: str, now: datetime
) -> Ticket:
    return Ticket(
        kind=filing.kind,
        severity=filing.severity,
        handling=handling_of(filing.severity, filing.handling),
        category=filing.category,
        is_food_safety=filing.is_food_safety,
        channel=filing.channel,
        status=TicketStatus.OPEN,
        customer_kind=customer_kind,
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
        team=Team.RESPONSE,
        received_at=now,
        answer_due_at=clocks.answer_due_at,
        due_at=clocks.due_at,
        clock_started_at=now,
        waiting_since=now,
        reply_due_at=clocks.answer_due_at,
        reopened_count=0,
        version=0,
    )


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
        session, customer_id=customer_id, order_id=order_id, on=on
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
