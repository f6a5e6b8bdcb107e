"""Route sheets, stops and totals as they are read; nothing here writes."""

from collections.abc import Collection
from datetime import date
from uuid import UUID

from sqlalchemy import select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from app.customers.models import AddressVersion
from app.delivery.models import Delivery, PickingTotal, PlanException, RouteSheet


async def list_sheets(
    session: AsyncSession,
    *,
    service_date: date,
    station_id: UUID | None = None,
    deliverer_id: UUID | None = None,
) -> list[RouteSheet]:
    """Route sheets of a day, by station and block."""
    query = select(RouteSheet).where(RouteSheet.service_date == service_date)
    if station_id is not None:
        query = query.where(RouteSheet.station_id == station_id)
    if deliverer_id is not None:
        query = query.where(RouteSheet.deliverer_id == deliverer_id)
    return list(await session.scalars(query.order_by(RouteSheet.station_id, RouteSheet.block_id)))


async def find_sheet(
    session: AsyncSession, *, block_id: UUID, service_date: date, lock: bool = False
) -> RouteSheet | None:
    """One route sheet."""
    return await session.get(
        RouteSheet, (block_id, service_date), with_for_update=lock, populate_existing=lock
    )


async def list_stops(
    session: AsyncSession, *, block_id: UUID, service_date: date
) -> list[tuple[Delivery, AddressVersion]]:
    """Deliveries of a round with their buildings, in stop order."""
    rows = await session.execute(
        select(Delivery, AddressVersion)
        .join(
            AddressVersion,
            (AddressVersion.customer_id == Delivery.customer_id)
            & (AddressVersion.address_version_id == Delivery.address_version_id),
        )
        .where(Delivery.block_id == block_id, Delivery.service_date == service_date)
        .order_by(
            Delivery.stop_no,
            Delivery.customer_id,
            Delivery.address_id,
            Delivery.order_line_id,
            Delivery.delivery_no,
        )
    )
    return [(delivery, version) for delivery, version in rows]


async def list_picking(
    session: AsyncSession, *, station_id: UUID, service_date: date
) -> list[PickingTotal]:
    """What a station hands out, by block and product."""
    rows = await session.scalars(
        select(PickingTotal)
        .where(PickingTotal.station_id == station_id, PickingTotal.service_date == service_date)
        .order_by(PickingTotal.block_id, PickingTotal.product_id)
    )
    return list(rows)


async def list_exceptions(
    session: AsyncSession, *, station_id: UUID | None, limit: int
) -> list[PlanException]:
    """Lines that were set aside and wait for a person, newest day first."""
    query = select(PlanException).where(PlanException.resolved_at.is_(None))
    if station_id is not None:
        query = query.where(PlanException.station_id == station_id)
    query = query.order_by(PlanException.service_date.desc(), PlanException.order_line_id)
    return list(await session.scalars(query.limit(limit)))


async def list_deliveries(
    session: AsyncSession,
    *,
    customer_id: UUID,
    order_line_ids: Collection[UUID],
    from_date: date,
    to_date: date,
) -> list[Delivery]:
    """A customer's deliveries of some lines, both dates included, newest first."""
    keys = [(customer_id, line_id) for line_id in order_line_ids]
    rows = await session.scalars(
        select(Delivery)
        .where(
            tuple_(Delivery.customer_id, Delivery.order_line_id).in_(keys),
            Delivery.service_date.between(from_date, to_date),
        )
        .order_by(Delivery.service_date.desc(), Delivery.order_line_id, Delivery.delivery_no)
    )
    return list(rows)
