"""Where a ticket belongs: the order, the delivery, the round that served it."""

from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.delivery.models import Delivery, DeliveryStatus, Stop
from app.network.models import Station
from app.orders.models import OrderLine
from app.orders.repository import list_doors

PLACE_LOOKS_BACK = timedelta(days=60)


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
    session: AsyncSession, *, customer_id: UUID, order_id: UUID, on: date
) -> UUID | None:
    """The address that a customer's order is brought to on a day."""
    doors = (await list_doors(session, [(customer_id, order_id)]))[order_id]
    reached = [door.address_id for door in doors if door.from_date <= on]
    return reached[-1] if reached else None


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
