"""Route sheets with their stops, and handing a round to a stand-in."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from app.customers.models import AddressVersion
from app.customers.service import DoorDetails, open_door_details
from app.delivery.errors import PlanExceptionUnknown, RouteUnknown
from app.delivery.models import (
    Delivery,
    DeliveryStatus,
    ExceptionResolution,
    PlanException,
    RouteSheet,
    Stop,
    StopState,
)
from app.delivery.repository import reading


@dataclass(frozen=True)
class RouteStop:
    """One address of a round; `details` only for the deliverer whose round it is."""

    customer_id: UUID
    address_id: UUID
    stop_no: int
    building: AddressVersion
    deliveries: list[Delivery]
    details: DoorDetails | None


async def view_route(
    session: AsyncSession,
    *,
    block_id: UUID,
    service_date: date,
    station_id: UUID | None = None,
    deliverer_id: UUID | None = None,
    with_doors: bool = False,
) -> tuple[RouteSheet, list[RouteStop]]:
    """A route sheet in stop order; raises RouteUnknown for one the caller does not see.

    `station_id` and `deliverer_id` narrow what is seen; `with_doors` opens doors and recipients in
    one statement.
    """
    sheet = await reading.find_sheet(session, block_id=block_id, service_date=service_date)
    if sheet is None or (station_id is not None and sheet.station_id != station_id):
        raise RouteUnknown
    if deliverer_id is not None and sheet.deliverer_id != deliverer_id:
        raise RouteUnknown
    rows = await reading.list_stops(session, block_id=block_id, service_date=service_date)
    details: dict[UUID, DoorDetails] = {}
    if with_doors:
        pairs = {(one.customer_id, one.address_version_id) for one, _ in rows}
        details = await open_door_details(session, pairs=sorted(pairs))
    return sheet, _stops(rows, details)


def _stops(
    rows: Sequence[tuple[Delivery, AddressVersion]], details: dict[UUID, DoorDetails]
) -> list[RouteStop]:
    stops = []
    for (stop_no, customer_id, address_id), group in groupby(
        rows, key=lambda row: (row[0].stop_no, row[0].customer_id, row[0].address_id)
    ):
        found = list(group)
        building = found[0][1]
        stops.append(
            RouteStop(
                customer_id=customer_id,
                address_id=address_id,
                stop_no=stop_no,
                building=building,
                deliveries=[delivery for delivery, _ in found],
                details=details.get(building.address_version_id),
            )
        )
    return stops


async def hand_over_route(
    session: AsyncSession,
    *,
    block_id: UUID,
    service_date: date,
    deliverer_id: UUID,
    station_id: UUID | None = None,
) -> RouteSheet:
    """Give a round of one day to a stand-in; what is confirmed keeps its deliverer.

    Raises RouteUnknown.
    """
    sheet = await reading.find_sheet(
        session, block_id=block_id, service_date=service_date, lock=True
    )
    if sheet is None or (station_id is not None and sheet.station_id != station_id):
        raise RouteUnknown
    sheet.deliverer_id = deliverer_id
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
    await session.flush()
    return sheet


async def dismiss_exception(
    session: AsyncSession,
    *,
    customer_id: UUID,
    service_date: date,
    order_line_id: UUID,
    station_id: UUID | None,
    resolved_by: UUID,
    now: datetime,
) -> PlanException:
    """Mark a line that was set aside as dealt with; raises PlanExceptionUnknown."""
    found = await session.get(
        PlanException, (customer_id, service_date, order_line_id), with_for_update=True
    )
    if found is None or (station_id is not None and found.station_id != station_id):
        raise PlanExceptionUnknown
    if found.resolved_at is None:
        found.resolved_at, found.resolved_by = now, resolved_by
        found.resolution = ExceptionResolution.DISMISSED
        await session.flush()
    return found
