"""What answers to a ticket mention: its order, its station, when the milk was there."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, func, literal, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.aftersales.models import Ticket
from app.delivery.models import Delivery
from app.network.models import Station
from app.orders.models import Order


@dataclass(frozen=True, slots=True)
class TicketFacts:
    """None: the ticket does not say, or it has not happened."""

    order_no: str | None
    station: str | None
    delivered_at: datetime | None


async def find_facts(session: AsyncSession, ticket: Ticket) -> TicketFacts:
    """Order number, station name and the last delivery of the ticket's line on its date."""
    delivered = (
        select(func.max(Delivery.done_at))
        .where(
            Delivery.customer_id == ticket.customer_id,
            Delivery.order_line_id == ticket.order_line_id,
            Delivery.service_date == ticket.service_date,
            Delivery.quantity_delivered > 0,
        )
        .scalar_subquery()
    )
    order_no = (
        select(Order.order_no)
        .where(and_(Order.customer_id == ticket.customer_id, Order.order_id == ticket.order_id))
        .scalar_subquery()
    )
    station = select(Station.name).where(Station.id == ticket.station_id).scalar_subquery()
    row = (await session.execute(select(literal(1), order_no, station, delivered))).one()
    return TicketFacts(order_no=row[1], station=row[2], delivered_at=row[3])
