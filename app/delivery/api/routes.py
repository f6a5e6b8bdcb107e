"""Route sheets, picking lists, lines set aside, and a household's deliveries."""

from collections import defaultdict
from datetime import date, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query

from app.core.db import SessionDep
from app.core.errors import NotFound
from app.core.ids import public_pair, public_single, read_pair, read_single
from app.core.unit import Router
from app.delivery.api.route_schemas import (
    Deliveries,
    DeliveryOut,
    PickingLineOut,
    PickingOut,
    ProductTotalOut,
    ResolveIn,
    RouteDeliveryOut,
    RouteOut,
    Routes,
    RouteSheetOut,
    RouteStopOut,
    SetAsideOut,
    SetAsides,
    StandInIn,
)
from app.delivery.models import Delivery, PlanException, RouteSheet
from app.delivery.repository import reading
from app.delivery.rules import door_details_are_open
from app.delivery.service import list_deliveries, resolve_exception
from app.delivery.service.reading import (
    RouteStop,
    hand_over_route,
    view_route,
)
from app.identity.access import Allow, ClockDep, Principal
from app.identity.models import Role
from app.identity.rules import mask_phone
from app.orders.repository import get_order, list_lines

router = Router()

WATCHES = (Role.STATION_MANAGER, Role.MANAGER, Role.AUDITOR, Role.ADMIN)
RouteReader = Annotated[Principal, Depends(Allow(Role.DELIVERER, *WATCHES))]
Watcher = Annotated[Principal, Depends(Allow(*WATCHES))]
Dispatcher = Annotated[Principal, Depends(Allow(Role.STATION_MANAGER, Role.MANAGER))]
DeliveryReader = Annotated[
    Principal, Depends(Allow(Role.CUSTOMER, Role.SERVICE_AGENT, Role.QUALITY, Role.MANAGER))
]
MOST_DAYS = 400


def _station(caller: Principal) -> UUID | None:
    """The station a caller is narrowed to."""
    return caller.station_id if caller.has(Role.STATION_MANAGER) else None


def _deliverer(caller: Principal) -> UUID | None:
    return caller.own_deliverer_id if caller.has(Role.DELIVERER) else None


@router.get("/routes")
async def list_routes(
    caller: RouteReader,
    session: SessionDep,
    clock: ClockDep,
    service_date: Annotated[date | None, Query(alias="date")] = None,
) -> Routes:
    """Rounds of a day (today unless said): a deliverer's own, a station's, or all."""
    sheets = await reading.list_sheets(
        session,
        service_date=service_date or clock.today(),
        station_id=_station(caller),
        deliverer_id=_deliverer(caller),
    )
    return Routes(items=[RouteOut(**_sheet(sheet)) for sheet in sheets])


@router.get("/routes/{block}/{service_date}")
async def read_route(
    block: str, service_date: date, caller: RouteReader, session: SessionDep, clock: ClockDep
) -> RouteSheetOut:
    """A round in stop order; doors only for its own deliverer, today and tomorrow."""
    own = _deliverer(caller)
    opened = own is not None and door_details_are_open(service_date, today=clock.today())
    sheet, stops = await view_route(
        session,
        block_id=read_single("blk", block),
        service_date=service_date,
        station_id=_station(caller),
        deliverer_id=own,
        doors_for=caller if opened else None,
        now=clock.now(),
    )
    return RouteSheetOut(**_sheet(sheet), items=[_stop(stop) for stop in stops])


@router.post("/routes/{block}/{service_date}/stand-in")
async def hand_over(
    block: str,
    service_date: date,
    body: StandInIn,
    caller: Dispatcher,
    session: SessionDep,
    clock: ClockDep,
) -> RouteOut:
    """Give a round of one day to a stand-in; confirmed stops keep their deliverer."""
    sheet = await hand_over_route(
        session,
        block_id=read_single("blk", block),
        service_date=service_date,
        deliverer_id=read_single("dlv", body.deliverer_id),
        station_id=_station(caller),
        actor=caller.actor,
        now=clock.now(),
    )
    return RouteOut(**_sheet(sheet))


@router.get("/stations/{station}/picking")
async def read_picking(
    station: str,
    caller: Watcher,
    session: SessionDep,
    clock: ClockDep,
    service_date: Annotated[date | None, Query(alias="date")] = None,
) -> PickingOut:
    """Picking totals of a station, by product and by block."""
    station_id = read_single("stn", station)
    if _station(caller) not in {None, station_id}:
        raise NotFound
    day = service_date or clock.today()
    rows = await reading.list_picking(session, station_id=station_id, service_date=day)
    totals: dict[UUID, int] = defaultdict(int)
    for row in rows:
        totals[row.product_id] += row.bottles
    return PickingOut(
        station_id=station,
        service_date=day,
        totals=[
            ProductTotalOut(product_id=public_single("prd", product), bottles=bottles)
            for product, bottles in sorted(totals.items())
        ],
        items=[
            PickingLineOut(
                block_id=public_single("blk", row.block_id),
                product_id=public_single("prd", row.product_id),
                bottles=row.bottles,
            )
            for row in rows
        ],
    )


@router.get("/plan-exceptions")
async def list_set_aside(
    caller: Watcher,
    session: SessionDep,
    limit: Annotated[int, Query(ge=1, le=500)] = 200,
) -> SetAsides:
    """Lines that were due and could not be planned, with the reason."""
    rows = await reading.list_exceptions(session, station_id=_station(caller), limit=limit)
    return SetAsides(items=[_set_aside(row) for row in rows])


@router.post("/plan-exceptions/{line}/{service_date}/resolve")
async def resolve_set_aside(
    line: str,
    service_date: date,
    body: ResolveIn,
    caller: Dispatcher,
    session: SessionDep,
    clock: ClockDep,
) -> SetAsideOut:
    """Let a mended line join the plan, add its day at the end, or dismiss it."""
    customer_id, line_id = read_pair("lin", line)
    done = await resolve_exception(
        session,
        customer_id=customer_id,
        order_line_id=line_id,
        service_date=service_date,
        resolution=body.resolution,
        station_id=_station(caller),
        account_id=caller.account_id,
        now=clock.now(),
    )
    return _set_aside(done)


@router.get("/orders/{order_id}/deliveries")
async def list_order_deliveries(
    order_id: str,
    caller: DeliveryReader,
    session: SessionDep,
    clock: ClockDep,
    from_date: Annotated[date | None, Query(alias="from")] = None,
    to_date: Annotated[date | None, Query(alias="to")] = None,
) -> Deliveries:
    """What an order brought, newest first; the last 60 days and tomorrow unless said."""
    customer_id, row_id = read_pair("ord", order_id)
    if caller.has(Role.CUSTOMER) and customer_id != caller.account_id:
        raise NotFound
    await get_order(session, customer_id, row_id)
    lines = await list_lines(session, customer_id, [row_id])
    today = clock.today()
    last = to_date or today + timedelta(days=1)
    first = max(from_date or last - timedelta(days=61), last - timedelta(days=MOST_DAYS))
    rows = await list_deliveries(
        session,
        customer_id=customer_id,
        line_ids=[line.order_line_id for line in lines],
        from_date=first,
        to_date=last,
    )
    return Deliveries(items=[_delivery(row) for row in rows])


def _sheet(sheet: RouteSheet) -> dict[str, object]:
    deliverer = sheet.deliverer_id
    return {
        "block_id": public_single("blk", sheet.block_id),
        "service_date": sheet.service_date,
        "station_id": public_single("stn", sheet.station_id),
        "deliverer_id": None if deliverer is None else public_single("dlv", deliverer),
        "stops": sheet.stops,
        "bottles": sheet.bottles,
        "planned_at": sheet.planned_at,
    }


def _stop(stop: RouteStop) -> RouteStopOut:
    details = stop.details
    return RouteStopOut(
        stop=public_pair("adr", stop.customer_id, stop.address_id),
        stop_no=stop.stop_no,
        district=stop.building.district,
        street=stop.building.street,
        house_no=stop.building.house_no,
        compound=stop.building.compound,
        door=details and details.door,
        recipient=details and details.recipient,
        phone=details and mask_phone(details.phone),
        note=details and details.note,
        deliveries=[
            RouteDeliveryOut(
                line_id=public_pair("lin", one.customer_id, one.order_line_id),
                delivery_no=one.delivery_no,
                product_id=public_single("prd", one.product_id),
                quantity=one.quantity,
                quantity_delivered=one.quantity_delivered,
                status=one.status,
                reason=one.reason,
                done_at=one.done_at,
            )
            for one in stop.deliveries
        ],
    )


def _set_aside(row: PlanException) -> SetAsideOut:
    return SetAsideOut(
        line_id=public_pair("lin", row.customer_id, row.order_line_id),
        service_date=row.service_date,
        station_id=None if row.station_id is None else public_single("stn", row.station_id),
        reason=row.reason,
        noticed_at=row.noticed_at,
        resolution=row.resolution,
    )


def _delivery(row: Delivery) -> DeliveryOut:
    return DeliveryOut(
        line_id=public_pair("lin", row.customer_id, row.order_line_id),
        service_date=row.service_date,
        delivery_no=row.delivery_no,
        is_gift=row.is_gift,
        product_id=public_single("prd", row.product_id),
        quantity=row.quantity,
        quantity_delivered=row.quantity_delivered,
        status=row.status,
        reason=row.reason,
        done_at=row.done_at,
        celsius=row.celsius,
    )
