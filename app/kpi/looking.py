"""What stands behind a row of a KPI: a stop with its deliveries, a ticket's course. No personal data."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.aftersales.models import Ticket, TicketEvent
from app.catalog.models import Product
from app.core.errors import NotFound
from app.delivery.models import Delivery, Stop
from app.orders.models import Order, OrderLine


@dataclass(frozen=True, slots=True)
class DeliveryAtStop:
    """One delivery with what it was and which order it belongs to."""

    delivery: Delivery
    product: str
    order_id: UUID
    order_no: str


@dataclass(frozen=True, slots=True)
class StopFile:
    """A stop and its deliveries."""

    stop: Stop
    deliveries: Sequence[DeliveryAtStop]


@dataclass(frozen=True, slots=True)
class TicketCourse:
    """A ticket's facts and what happened to it."""

    ticket: Ticket
    events: Sequence[TicketEvent]


async def read_stop(
    session: AsyncSession,
    *,
    customer_id: UUID,
    address_id: UUID,
    service_date: date,
    station_id: UUID | None,
) -> StopFile:
    """A stop of a date; raises NotFound, also for one outside of the caller's station."""
    stop = await session.get(Stop, (customer_id, service_date, address_id))
    if stop is None or station_id not in {None, stop.station_id}:
        raise NotFound
    rows = await session.execute(
        select(Delivery, Product.name, Order.order_id, Order.order_no)
        .join(
            OrderLine,
            (OrderLine.customer_id == Delivery.customer_id)
            & (OrderLine.order_line_id == Delivery.order_line_id),
        )
        .join(
            Order,
            (Order.customer_id == OrderLine.customer_id) & (Order.order_id == OrderLine.order_id),
        )
        .join(Product, Product.id == Delivery.product_id)
        .where(
            Delivery.customer_id == customer_id,
            Delivery.service_date == service_date,
            Delivery.address_id == address_id,
        )
        .order_by(Product.name, Delivery.order_line_id, Delivery.delivery_no)
    )
    return StopFile(stop=stop, deliveries=[DeliveryAtStop(*row) for row in rows])


async def read_ticket_course(
    session: AsyncSession, *, customer_id: UUID, ticket_id: UUID, station_id: UUID | None
) -> TicketCourse:
    """A ticket without its messages; raises NotFound, also for one outside of the caller's station."""
    ticket = await session.get(Ticket, (customer_id, ticket_id))
    if ticket is None or station_id not in {None, ticket.station_id}:
        raise NotFound
    events = await session.scalars(
        select(TicketEvent)
        .where(TicketEvent.customer_id == customer_id, TicketEvent.ticket_id == ticket_id)
        .order_by(TicketEvent.at, TicketEvent.event_id)
    )
    return TicketCourse(ticket=ticket, events=list(events))


async def is_served_by(
    session: AsyncSession, *, customer_id: UUID, address_id: UUID, station_id: UUID
) -> bool:
    """Whether a station has ever had a stop at an address."""
    found = await session.scalar(
        select(Stop.station_id)
        .where(
            Stop.customer_id == customer_id,
            Stop.address_id == address_id,
            Stop.station_id == station_id,
        )
        .limit(1)
    )
    return found is not None


async def name_products(session: AsyncSession, ids: Sequence[UUID]) -> dict[UUID, str]:
    """What products are called."""
    rows = await session.execute(select(Product.id, Product.name).where(Product.id.in_(ids)))
    return {row.id: row.name for row in rows}
