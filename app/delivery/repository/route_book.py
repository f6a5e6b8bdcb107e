"""SQL of a phone's route book: all rounds of some days at once."""

from collections.abc import Collection, Sequence
from datetime import date
from uuid import UUID

from sqlalchemy import select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from app.customers.models import AddressVersion
from app.delivery.models import Delivery, DeliveryStatus, RouteSheet
from app.orders.models import Order, OrderLine


async def list_own_sheets(
    session: AsyncSession, *, deliverer_id: UUID, dates: Collection[date]
) -> list[RouteSheet]:
    """A deliverer's rounds of these days, those he stands in for too, by date and block."""
    rows = await session.scalars(
        select(RouteSheet)
        .where(RouteSheet.deliverer_id == deliverer_id, RouteSheet.service_date.in_(dates))
        .order_by(RouteSheet.service_date, RouteSheet.block_id)
    )
    return list(rows)


async def list_stops_of(
    session: AsyncSession, sheets: Sequence[RouteSheet]
) -> list[tuple[Delivery, AddressVersion, str]]:
    """Deliveries of these rounds, their buildings and order numbers, by date, block and stop order."""
    if not sheets:
        return []
    rows = await session.execute(
        select(Delivery, AddressVersion, Order.order_no)
        .join(
            AddressVersion,
            (AddressVersion.customer_id == Delivery.customer_id)
            & (AddressVersion.address_version_id == Delivery.address_version_id),
        )
        .join(
            OrderLine,
            (OrderLine.customer_id == Delivery.customer_id)
            & (OrderLine.order_line_id == Delivery.order_line_id),
        )
        .join(
            Order,
            (Order.customer_id == OrderLine.customer_id) & (Order.order_id == OrderLine.order_id),
        )
        .where(
            tuple_(Delivery.block_id, Delivery.service_date).in_(
                [(sheet.block_id, sheet.service_date) for sheet in sheets]
            ),
            # Said once more, so that other months' partitions are left alone.
            Delivery.service_date.in_({sheet.service_date for sheet in sheets}),
            Delivery.status != DeliveryStatus.CANCELLED,
        )
        .order_by(
            Delivery.service_date,
            Delivery.block_id,
            Delivery.stop_no,
            Delivery.customer_id,
            Delivery.address_id,
            Delivery.order_line_id,
            Delivery.delivery_no,
        )
    )
    return [(delivery, version, order_no) for delivery, version, order_no in rows]
