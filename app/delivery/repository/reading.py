"""SQL of what people look at: routes, picking totals, exceptions, a line's deliveries."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import Row, func, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.catalog.models import Product
from app.customers.models import AddressVersion
from app.delivery.errors import PlanExceptionUnknown, RouteUnknown
from app.delivery.models import (
    Delivery,
    DeliveryStatus,
    PickingTotal,
    PlanException,
    RouteSheet,
    Stop,
    StopState,
)
from app.network.models import Block
from app.workforce.models import Deliverer

LineKey = tuple[date, UUID, int]
"""Service date, order line, delivery number: the order of a customer's deliveries."""


@dataclass(frozen=True, slots=True)
class RouteView:
    """A route sheet with its names and how far it has come."""

    sheet: RouteSheet
    block_code: str
    block_name: str
    deliverer_name: str | None
    states: dict[StopState, int]


async def list_routes(
    session: AsyncSession,
    *,
    service_date: date,
    deliverer_id: UUID | None,
    station_id: UUID | None,
    limit: int,
    after_code: str | None,
) -> list[RouteView]:
    """Routes of a date by block code."""
    query = (
        select(RouteSheet, Block.code, Block.name, Deliverer.name)
        .join(Block, Block.id == RouteSheet.block_id)
        .join(Deliverer, Deliverer.id == RouteSheet.deliverer_id, isouter=True)
        .where(RouteSheet.service_date == service_date)
        .order_by(Block.code)
        .limit(limit)
    )
    if deliverer_id is not None:
        query = query.where(RouteSheet.deliverer_id == deliverer_id)
    if station_id is not None:
        query = query.where(RouteSheet.station_id == station_id)
    if after_code is not None:
        query = query.where(Block.code > after_code)
    rows = (await session.execute(query)).tuples().all()
    states = await _count_states(session, service_date, [sheet.block_id for sheet, *_ in rows])
    return [
        RouteView(sheet, code, name, deliverer, states.get(sheet.block_id, {}))
        for sheet, code, name, deliverer in rows
    ]


async def _count_states(
    session: AsyncSession, service_date: date, block_ids: Collection[UUID]
) -> dict[UUID, dict[StopState, int]]:
    if not block_ids:
        return {}
    rows = await session.execute(
        select(Stop.block_id, Stop.state, func.count())
        .where(Stop.block_id.in_(block_ids), Stop.service_date == service_date)
        .group_by(Stop.block_id, Stop.state)
    )
    counted: dict[UUID, dict[StopState, int]] = {}
    for block_id, state, stops in rows:
        counted.setdefault(block_id, {})[StopState(state)] = stops
    return counted


async def get_sheet(
    session: AsyncSession, *, block_id: UUID, service_date: date, lock: bool = False
) -> RouteSheet:
    """One route sheet; raises RouteUnknown."""
    sheet = await session.get(
        RouteSheet,
        (block_id, service_date),
        with_for_update=lock or None,
        populate_existing=lock,
    )
    if sheet is None:
        raise RouteUnknown
    return sheet


async def list_route_stops(
    session: AsyncSession, *, block_id: UUID, service_date: date
) -> Sequence[Row[tuple[Stop, Delivery, Product, AddressVersion]]]:
    """Stops of a route in their order, a row per delivery, with product and building."""
    found = await session.execute(
        select(Stop, Delivery, Product, AddressVersion)
        .join(
            Delivery,
            (Delivery.customer_id == Stop.customer_id)
            & (Delivery.service_date == Stop.service_date)
            & (Delivery.address_id == Stop.address_id),
        )
        .join(Product, Product.id == Delivery.product_id)
        .join(
            AddressVersion,
            (AddressVersion.customer_id == Delivery.customer_id)
            & (AddressVersion.address_version_id == Delivery.address_version_id),
        )
        .where(
            Stop.block_id == block_id,
            Stop.service_date == service_date,
            Delivery.service_date == service_date,
            Delivery.status != DeliveryStatus.CANCELLED,
        )
        .order_by(
            Stop.stop_no, Stop.customer_id, Stop.address_id, Product.code, Delivery.delivery_no
        )
    )
    return found.all()


async def list_stop_keys(
    session: AsyncSession, *, block_id: UUID, service_date: date
) -> list[tuple[UUID, date, UUID]]:
    """Keys of a route's stops."""
    rows = await session.execute(
        select(Stop.customer_id, Stop.service_date, Stop.address_id).where(
            Stop.block_id == block_id, Stop.service_date == service_date
        )
    )
    return list(rows.tuples())


async def hand_over(
    session: AsyncSession, *, block_id: UUID, service_date: date, deliverer_id: UUID
) -> None:
    """Give what is not confirmed yet to another deliverer; the caller holds the deliveries."""
    await session.execute(
        update(Delivery)
        .where(
            Delivery.block_id == block_id,
            Delivery.service_date == service_date,
            Delivery.status == DeliveryStatus.PLANNED,
        )
        .values(deliverer_id=deliverer_id)
        .execution_options(synchronize_session=False)
    )
    await session.execute(
        update(Stop)
        .where(
            Stop.block_id == block_id,
            Stop.service_date == service_date,
            Stop.state == StopState.PLANNED,
        )
        .values(deliverer_id=deliverer_id)
        .execution_options(synchronize_session=False)
    )


async def list_picking_totals(
    session: AsyncSession, *, station_id: UUID, service_date: date
) -> Sequence[Row[tuple[PickingTotal, Block, Product]]]:
    """Bottles a station hands out on a date, by block and product."""
    found = await session.execute(
        select(PickingTotal, Block, Product)
        .join(Block, Block.id == PickingTotal.block_id)
        .join(Product, Product.id == PickingTotal.product_id)
        .where(PickingTotal.station_id == station_id, PickingTotal.service_date == service_date)
        .order_by(Block.code, Product.code)
    )
    return found.all()


async def list_exceptions(
    session: AsyncSession,
    *,
    station_id: UUID | None,
    service_date: date | None,
    is_open: bool | None,
    limit: int,
    after: tuple[date, UUID] | None,
) -> list[PlanException]:
    """Lines set aside, newest date first; `station_id` leaves out those that have no station."""
    query = (
        select(PlanException)
        .order_by(PlanException.service_date.desc(), PlanException.order_line_id.desc())
        .limit(limit)
    )
    if station_id is not None:
        query = query.where(PlanException.station_id == station_id)
    if service_date is not None:
        query = query.where(PlanException.service_date == service_date)
    if is_open is not None:
        resolved = PlanException.resolved_at
        query = query.where(resolved.is_(None) if is_open else resolved.is_not(None))
    if after is not None:
        query = query.where(tuple_(PlanException.service_date, PlanException.order_line_id) < after)
    return list(await session.scalars(query))


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
    line_ids: Collection[UUID],
    from_date: date,
    until: date,
    limit: int | None,
    after: LineKey | None,
) -> list[Delivery]:
    """Deliveries of a customer's lines on [from_date, until), in order of dates."""
    query = (
        select(Delivery)
        .where(
            Delivery.customer_id == customer_id,
            Delivery.service_date >= from_date,
            Delivery.service_date < until,
            Delivery.order_line_id.in_(line_ids),
        )
        .order_by(Delivery.service_date, Delivery.order_line_id, Delivery.delivery_no)
    )
    if limit is not None:
        query = query.limit(limit)
    if after is not None:
        query = query.where(
            tuple_(Delivery.service_date, Delivery.order_line_id, Delivery.delivery_no) > after
        )
    return list(await session.scalars(query))


async def count_stops(
    session: AsyncSession, *, deliverer_id: UUID, service_date: date
) -> list[tuple[StopState, int, int]]:
    """A deliverer's stops of a date by state: (state, stops, bottles)."""
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
