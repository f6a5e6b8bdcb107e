"""Routes as deliverers and managers see them, stand-ins, and what a station hands out."""

from dataclasses import dataclass, field
from datetime import date, datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.billing.service import list_cash_held
from app.catalog.models import Product
from app.core.clock import local_date
from app.customers.models import AddressVersion
from app.customers.service import DoorDetails, open_door_details
from app.delivery.errors import RouteUnknown
from app.delivery.models import Delivery, RouteSheet, Stop, StopState
from app.delivery.repository import confirming, reading
from app.delivery.repository.reading import RouteView
from app.delivery.rules import door_details_are_open
from app.identity.access import Principal
from app.identity.service import log_accesses
from app.workforce.errors import DelivererUnknown
from app.workforce.service import get_deliverer


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks at routes: a deliverer at the own ones, a station at its own, others at all."""

    caller: Principal
    deliverer_id: UUID | None = None
    station_id: UUID | None = None

    def require(self, sheet: RouteSheet) -> None:
        """Raise RouteUnknown for a route that is not the viewer's to see."""
        if self.deliverer_id not in {None, sheet.deliverer_id}:
            raise RouteUnknown
        if self.station_id not in {None, sheet.station_id}:
            raise RouteUnknown


@dataclass(slots=True)
class RouteStop:
    """A stop of a route; `door` only for the own deliverer, today and tomorrow."""

    stop: Stop
    building: AddressVersion
    door: DoorDetails | None
    deliveries: list[tuple[Delivery, Product]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Morning:
    """A deliverer's day in numbers; money in fen."""

    service_date: date
    stops: dict[StopState, int]
    bottles: int
    cash_held_fen: int


async def list_routes(
    session: AsyncSession,
    viewer: Viewer,
    *,
    service_date: date,
    limit: int,
    after_code: str | None,
) -> list[RouteView]:
    """Routes of a date the viewer may see, by block code."""
    return await reading.list_routes(
        session,
        service_date=service_date,
        deliverer_id=viewer.deliverer_id,
        station_id=viewer.station_id,
        limit=limit,
        after_code=after_code,
    )


async def view_route(
    session: AsyncSession,
    viewer: Viewer,
    *,
    block_id: UUID,
    service_date: date,
    now: datetime,
) -> tuple[RouteSheet, list[RouteStop]]:
    """A route with its stops in order; raises RouteUnknown.

    Doors, names and notes are opened for the own deliverer on the route of today or tomorrow, and
    every such look is in the access log; managers see buildings only.
    """
    sheet = await reading.get_sheet(session, block_id=block_id, service_date=service_date)
    viewer.require(sheet)
    rows = await reading.list_route_stops(session, block_id=block_id, service_date=service_date)
    doors: dict[UUID, DoorDetails] = {}
    if viewer.deliverer_id is not None and door_details_are_open(
        service_date, today=local_date(now)
    ):
        pairs = {
            (row.AddressVersion.customer_id, row.AddressVersion.address_version_id) for row in rows
        }
        doors = await open_door_details(session, pairs=sorted(pairs))
        await log_accesses(
            session,
            caller=viewer.caller,
            customer_ids=sorted({customer_id for customer_id, _ in pairs}),
            subject="door",
            reason=f"route {service_date.isoformat()}",
            now=now,
        )
    stops: dict[tuple[UUID, UUID], RouteStop] = {}
    for stop, delivery, product, building in rows:
        shown = stops.setdefault(
            (stop.customer_id, stop.address_id),
            RouteStop(stop, building, doors.get(building.address_version_id)),
        )
        shown.deliveries.append((delivery, product))
    return sheet, list(stops.values())


async def hand_route_over(
    session: AsyncSession,
    viewer: Viewer,
    *,
    block_id: UUID,
    service_date: date,
    deliverer_id: UUID,
) -> RouteSheet:
    """Give a planned route to a stand-in; confirmed stops keep who made them.

    Raises RouteUnknown, DelivererUnknown.
    """
    sheet = await reading.get_sheet(session, block_id=block_id, service_date=service_date)
    viewer.require(sheet)
    stand_in = await get_deliverer(session, deliverer_id=deliverer_id)
    if not stand_in.is_active or viewer.station_id not in {None, stand_in.station_id}:
        raise DelivererUnknown
    keys = await reading.list_stop_keys(session, block_id=block_id, service_date=service_date)
    await confirming.lock_stops(session, sorted(keys))
    sheet = await reading.get_sheet(
        session, block_id=block_id, service_date=service_date, lock=True
    )
    sheet.deliverer_id = deliverer_id
    await reading.hand_over(
        session, block_id=block_id, service_date=service_date, deliverer_id=deliverer_id
    )
    await session.flush()
    return sheet


async def view_morning(session: AsyncSession, *, deliverer_id: UUID, now: datetime) -> Morning:
    """Today's counts of a deliverer, and the cash in hand."""
    today = local_date(now)
    counted = await reading.count_stops(session, deliverer_id=deliverer_id, service_date=today)
    held = await list_cash_held(session, station_id=None, today=today)
    return Morning(
        service_date=today,
        stops={state: stops for state, stops, _ in counted},
        bottles=sum(bottles for state, _, bottles in counted if state is not StopState.WITHDRAWN),
        cash_held_fen=sum(cash.held_fen for cash in held if cash.collector_id == deliverer_id),
    )
