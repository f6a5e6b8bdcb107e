"""Route sheets with their stops, handing a round to a stand-in, a deliverer's morning."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from app.billing.service import list_cash_held
from app.core.clock import local_date
from app.core.ids import new_id
from app.customers.models import AddressVersion
from app.customers.service import DoorDetails, open_door_details
from app.delivery.errors import RouteUnknown
from app.delivery.models import (
    Delivery,
    DeliveryStatus,
    RouteHandover,
    RouteSheet,
    Stop,
    StopState,
)
from app.delivery.repository import confirming, mornings, reading
from app.identity.access import Principal
from app.identity.service import log_accesses
from app.workforce.errors import DelivererUnknown
from app.workforce.service import get_deliverer


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
    doors_for: Principal | None = None,
    now: datetime,
) -> tuple[RouteSheet, list[RouteStop]]:
    """A route sheet in stop order; raises RouteUnknown for one the caller does not see.

    `station_id` and `deliverer_id` narrow what is seen; `doors_for` opens doors and recipients in
    one statement, and the look is in the access log.
    """
    sheet = await reading.find_sheet(session, block_id=block_id, service_date=service_date)
    if sheet is None or (station_id is not None and sheet.station_id != station_id):
        raise RouteUnknown
    if deliverer_id is not None and sheet.deliverer_id != deliverer_id:
        raise RouteUnknown
    rows = await reading.list_stops(session, block_id=block_id, service_date=service_date)
    details: dict[UUID, DoorDetails] = {}
    if doors_for is not None:
        pairs = {(one.customer_id, one.address_version_id) for one, _ in rows}
        details = await open_door_details(session, pairs=sorted(pairs))
        await log_accesses(
            session,
            caller=doors_for,
            customer_ids=sorted({customer_id for customer_id, _ in pairs}),
            subject="door",
            reason=f"route {service_date.isoformat()}",
            now=now,
        )
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
    actor: str,
    now: datetime,
) -> RouteSheet:
    """Give a round of one day to a stand-in; what is confirmed keeps its deliverer.

    Who had it before may still report what he did. `station_id` narrows to one station's rounds
    and deliverers. Giving it to who has it changes nothing. Raises RouteUnknown, DelivererUnknown
    (also for one who has left).
    """
    stand_in = await get_deliverer(session, deliverer_id=deliverer_id)
    if not stand_in.is_active or station_id not in {None, stand_in.station_id}:
        raise DelivererUnknown
    keys = await reading.list_stop_keys(session, block_id=block_id, service_date=service_date)
    await confirming.lock_stops(session, keys)
    sheet = await reading.find_sheet(
        session, block_id=block_id, service_date=service_date, lock=True
    )
    if sheet is None or station_id not in {None, sheet.station_id}:
        raise RouteUnknown
    if sheet.deliverer_id == deliverer_id:
        return sheet
    session.add(
        RouteHandover(
            block_id=block_id,
            service_date=service_date,
            id=new_id(),
            from_deliverer_id=sheet.deliverer_id,
            to_deliverer_id=deliverer_id,
            at=now,
            actor=actor,
        )
    )
    sheet.deliverer_id = deliverer_id
    await _give_open_stops(session, sheet)
    await session.flush()
    await mornings.rebuild_mornings(session, [(block_id, service_date)])
    return sheet


async def _give_open_stops(session: AsyncSession, sheet: RouteSheet) -> None:
    block_id, service_date, deliverer_id = sheet.block_id, sheet.service_date, sheet.deliverer_id
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


@dataclass(frozen=True)
class Morning:
    """A deliverer's day in numbers; money in fen."""

    service_date: date
    stops: dict[StopState, int]
    bottles: int
    cash_held_fen: int


async def view_morning(session: AsyncSession, *, deliverer_id: UUID, now: datetime) -> Morning:
    """Today's stops of a deliverer by state, their bottles, and the cash in hand."""
    today = local_date(now)
    counted = await reading.count_stops(session, deliverer_id=deliverer_id, service_date=today)
    held = await list_cash_held(session, station_id=None, today=today)
    return Morning(
        service_date=today,
        stops={state: stops for state, stops, _ in counted},
        bottles=sum(bottles for state, _, bottles in counted if state is not StopState.WITHDRAWN),
        cash_held_fen=sum(cash.held_fen for cash in held if cash.collector_id == deliverer_id),
    )


async def list_deliveries(
    session: AsyncSession,
    *,
    customer_id: UUID,
    line_ids: Collection[UUID],
    from_date: date,
    to_date: date,
) -> list[Delivery]:
    """A customer's deliveries of some lines, both dates included, newest first."""
    return await reading.list_deliveries(
        session,
        customer_id=customer_id,
        order_line_ids=line_ids,
        from_date=from_date,
        to_date=to_date,
    )
