"""Routes: what a KPI's row leads to. No personal data."""

from datetime import date
from uuid import UUID

from fastapi import Request
from fastapi.responses import Response

from app.coldchain.ids import read_trip
from app.coldchain.service import list_slots, view_device, view_trip
from app.core.db import SessionDep
from app.core.errors import NotFound
from app.core.ids import public_pair, public_single, read_pair, read_single
from app.core.unit import Router
from app.identity.access import ClockDep, Principal
from app.kpi.api.callers import KpiReader, scope_of
from app.kpi.looking import is_served_by, name_products, read_stop, read_ticket_course
from app.kpi.paths import name_places
from app.orders.service.reading import view_order
from app.web.manager import charts
from app.web.manager.asking import HOME, read_day
from app.web.manager.showing import show

router = Router(prefix=HOME, include_in_schema=False)


def _station(caller: Principal) -> UUID | None:
    return scope_of(caller, None).within_station_id


@router.get("/stops/{address}/{service_date}")
async def stop(
    request: Request, address: str, service_date: date, caller: KpiReader, session: SessionDep
) -> Response:
    """One stop of a day with its deliveries."""
    customer_id, address_id = read_pair("adr", address)
    found = await read_stop(
        session,
        customer_id=customer_id,
        address_id=address_id,
        service_date=service_date,
        station_id=_station(caller),
    )
    ids = {
        "station": public_single("stn", found.stop.station_id),
        "block": public_single("blk", found.stop.block_id),
    }
    if found.stop.deliverer_id is not None:
        ids["deliverer"] = public_single("dlv", found.stop.deliverer_id)
    names = await name_places(session, ids.values())
    return show(
        request,
        "stop.html",
        found=found,
        ids=ids,
        names=names,
        order_ids={
            one.order_id: public_pair("ord", customer_id, one.order_id) for one in found.deliveries
        },
    )


@router.get("/tickets/{ticket}")
async def ticket(request: Request, ticket: str, caller: KpiReader, session: SessionDep) -> Response:
    """A ticket's course, without what was written."""
    customer_id, ticket_id = read_pair("tkt", ticket)
    found = await read_ticket_course(
        session, customer_id=customer_id, ticket_id=ticket_id, station_id=_station(caller)
    )
    order_id = found.ticket.order_id
    return show(
        request,
        "ticket.html",
        found=found,
        ticket_id=ticket,
        order_id=None if order_id is None else public_pair("ord", customer_id, order_id),
    )


@router.get("/orders/{order}")
async def order(
    request: Request, order: str, caller: KpiReader, session: SessionDep, clock: ClockDep
) -> Response:
    """An order: source, status, lines; a station manager sees those his station serves."""
    customer_id, order_id = read_pair("ord", order)
    view = await view_order(
        session, customer_id=customer_id, order_id=order_id, today=clock.today()
    )
    station_id = _station(caller)
    if station_id is not None and not await is_served_by(
        session,
        customer_id=customer_id,
        address_id=view.address_id,
        station_id=station_id,
    ):
        raise NotFound
    products = await name_products(session, [one.line.product_id for one in view.lines])
    return show(request, "order.html", view=view, products=products)


@router.get("/devices/{device}")
async def device(
    request: Request,
    device: str,
    caller: KpiReader,
    session: SessionDep,
    clock: ClockDep,
    day: str = "",
) -> Response:
    """A thermometer's day: its curve against its limits, and what was out of them."""
    device_id, now = read_single("dev", device), clock.now()
    on = read_day(day) if day else clock.today()
    view = await view_device(session, device_id=device_id, now=now)
    if _station(caller) not in {None, view.station_id}:
        raise NotFound
    slots = await list_slots(session, device_id=device_id, on=on, now=now)
    places = [public_single("stn", view.station_id)]
    if view.store_id is not None:
        places.append(public_single("sto", view.store_id))
    if view.vehicle_id is not None:
        places.append(public_single("veh", view.vehicle_id))
    names = await name_places(session, places)
    return show(
        request,
        "device.html",
        view=view,
        on=on,
        slots=slots,
        wrong=[slot for slot in slots if slot.state.value in {"out_of_range", "silent"}][:200],
        chart=charts.device_day(
            [(slot.start_at, slot.celsius) for slot in slots],
            day=on,
            low=view.min_celsius,
            high=view.max_celsius,
        ),
        place=" · ".join(names[one] for one in places if one in names),
    )


@router.get("/trips/{trip}")
async def trip(request: Request, trip: str, caller: KpiReader, session: SessionDep) -> Response:
    """A vehicle's trip: pre-cool, legs, handovers."""
    key = read_trip(trip)
    view = await view_trip(session, key=key)
    if _station(caller) not in {None, view.trip.station_id}:
        raise NotFound
    ids = [public_single("veh", view.trip.vehicle_id), public_single("stn", view.trip.station_id)]
    ids += [public_single("blk", one.block_id) for one in view.handovers]
    return show(request, "trip.html", view=view, names=await name_places(session, ids))
