"""What was brought to a ticket's customer lately."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.catalog.models import Product
from app.delivery.models import Delivery
from app.network.models import Block, Station
from app.workforce.models import Deliverer


@dataclass(frozen=True, slots=True)
class DeliveredLine:
    """One delivery with the names of what, from where and by whom."""

    delivery: Delivery
    product: str
    station: str
    block: str
    deliverer: str | None


async def list_last_deliveries(
    session: AsyncSession, *, customer_id: UUID, from_date: date, to_date: date
) -> list[DeliveredLine]:
    """A customer's deliveries, both dates included, newest first."""
    rows = await session.execute(
        select(Delivery, Product.name, Station.name, Block.name, Deliverer.name)
        .join(Product, Product.id == Delivery.product_id)
        .join(Station, Station.id == Delivery.station_id)
        .join(Block, Block.id == Delivery.block_id)
        .join(Deliverer, Deliverer.id == Delivery.deliverer_id, isouter=True)
        .where(
            Delivery.customer_id == customer_id,
            Delivery.service_date.between(from_date, to_date),
        )
        .order_by(Delivery.service_date.desc(), Delivery.order_line_id, Delivery.delivery_no)
    )
    return [DeliveredLine(*row) for row in rows]
