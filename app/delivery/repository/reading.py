"""SQL of what people look at: route sheets, stops, totals, lines set aside, deliveries."""

from collections.abc import Collection
from datetime import date
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.customers.models import AddressVersion
from app.delivery.errors import PlanExceptionUnknown
from app.delivery.models import (
    Delivery,
    DeliveryStatus,
    PickingTotal,
    PlanException,
    RouteSheet,
    Stop,
    StopState,
)


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
        .where(
            Delivery.block_id == block_id,
            Delivery.service_date == service_date,
            Delivery.status != DeliveryStatus.CANCELLED,
        )
        .order_by(
            Delivery.stop_no,
            Delivery.customer_id,
            Delivery.address_id,
            Delivery.order_line_id,
            Delivery.delivery_no,
        )
    )
    return [(delivery, version) for delivery, version in rows]


async def list_stop_keys(
    session: AsyncSession, *, block_id: UUID, service_date: date
) -> list[tuple[UUID, date, UUID]]:
    """Keys of a round's stops, in order."""
    rows = await session.execute(
        select(Stop.customer_id, Stop.service_date, Stop.address_id)
        .where(Stop.block_id == block_id, Stop.service_date == service_date)
        .order_by(Stop.customer_id, Stop.service_date, Stop.address_id)
    )
    return [(customer_id, day, address_id) for customer_id, day, address_id in rows]


async def count_stops(
    session: AsyncSession, *, deliverer_id: UUID, service_date: date
) -> list[tuple[StopState, int, int]]:
    """A deliverer's stops of a day: (state, stops, bottles)."""
    rows = await session.execute(
        select(Stop.state, func.count(), func.sum(Stop.bottles))
        .join(
            RouteSheet,
            (RouteSheet.block_id == Stop.block_id) & (RouteSheet.service_date == Stop.service_date),
        )
        .where(
            RouteSheet.deliverer_id == deliverer_id,
            RouteSheet.service_date == service_date,
            Stop.service_date == service_date,
        )
        .group_by(Stop.state)
    )
    return [(StopState(state), stops, int(bottles)) for state, stops, bottles in rows]


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


async def lock_exception(
    session: AsyncSession, *, customer_id: UUID, order_line_id: UUID, service_date: date
) -> PlanException:
    """One line that was set aside, locked; raises PlanExceptionUnknown."""
    found = await session.get(
        PlanException,
        (customer_id, service_date, order_line_id),
        with_for_update=True,
        populate_existing=True,
    )
    if found is None:
        raise PlanExceptionUnknown
    return found


async def list_deliveries(
    session: AsyncSession,
    *,
    customer_id: UUID,
    order_line_ids: Collection[UUID],
    from_date: date,
    to_date: date,
) -> list[Delivery]:
    """A customer's deliveries of some lines, both dates included, newest first."""
    rows = await session.scalars(
        select(Delivery)
        .where(
            Delivery.customer_id == customer_id,
            Delivery.order_line_id.in_(order_line_ids),
            Delivery.service_date.between(from_date, to_date),
        )
        .order_by(Delivery.service_date.desc(), Delivery.order_line_id, Delivery.delivery_no)
    )
    return list(rows)
