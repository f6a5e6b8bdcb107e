"""What a deliverer's phone keeps, and his day in numbers."""

import hashlib
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Header, Response

from app.catalog.repository import PricedProduct
from app.core.db import SessionDep
from app.core.ids import public_pair, public_single
from app.core.unit import Router
from app.customers.service import DoorDetails
from app.delivery.api.book_schemas import (
    BookAgreementOut,
    BookBlockOut,
    BookDeliveryOut,
    BookProductOut,
    BookRoundOut,
    BookStopOut,
    PlaceOut,
    ReasonOut,
    RouteBookOut,
)
from app.delivery.api.route_schemas import MorningOut
from app.delivery.models import Delivery, RouteSheet, StopState
from app.delivery.rules import FAILURE_TITLES, OUR_FAULT
from app.delivery.service.reading import view_morning
from app.delivery.service.route_book import (
    BookBlock,
    BookStop,
    RouteBook,
    open_doors,
    view_route_book,
)
from app.identity.access import ClockDep, DelivererCaller
from app.identity.rules import mask_phone

router = Router(prefix="/me")

Details = dict[UUID, DoorDetails]
_REASONS = [
    ReasonOut(code=reason, title=title, our_fault=OUR_FAULT[reason])
    for reason, title in FAILURE_TITLES.items()
]


@router.get(
    "/route-book",
    response_model=RouteBookOut,
    responses={304: {"description": "Nothing has changed since the book of that ETag"}},
)
async def read_route_book(
    caller: DelivererCaller,
    session: SessionDep,
    clock: ClockDep,
    if_none_match: Annotated[str | None, Header(max_length=200)] = None,
) -> Response:
    """The rounds of today and tomorrow with their doors, prices, reasons, the agreement.

    With the ETag of what the phone has, 304 where nothing has changed: no door is opened then, and
    none enters the access log.
    """
    now = clock.now()
    book = await view_route_book(session, deliverer_id=caller.own_deliverer_id, now=now)
    etag = _etag(book, now)
    if if_none_match == etag:
        return Response(status_code=304, headers={"etag": etag})
    details = await open_doors(session, book, caller=caller, now=now)
    return Response(
        _book(book, now, details).model_dump_json(),
        media_type="application/json",
        headers={"etag": etag},
    )


@router.get("/morning")
async def read_morning(caller: DelivererCaller, session: SessionDep, clock: ClockDep) -> MorningOut:
    """A deliverer's day in numbers, and the cash in hand."""
    morning = await view_morning(session, deliverer_id=caller.own_deliverer_id, now=clock.now())
    return MorningOut(
        service_date=morning.service_date,
        stops=sum(morning.stops.values()) - morning.stops.get(StopState.WITHDRAWN, 0),
        made=morning.stops.get(StopState.MADE, 0),
        partly=morning.stops.get(StopState.PARTLY, 0),
        failed=morning.stops.get(StopState.FAILED, 0),
        bottles=morning.bottles,
        cash_held_fen=morning.cash_held_fen,
    )


def _etag(book: RouteBook, now: datetime) -> str:
    """Of everything but the time of day; a door changes with its version."""
    plain = _book(book, now, {}).model_dump_json(exclude={"business_at"})
    whole = hashlib.sha256(plain.encode())
    for _, stops in book.rounds:
        for stop in stops:
            whole.update(stop.building.address_version_id.bytes)
    return f'"{whole.hexdigest()[:32]}"'


def _book(book: RouteBook, now: datetime, details: Details) -> RouteBookOut:
    agreement = book.agreement
    return RouteBookOut(
        service_date=book.today,
        business_at=now,
        rounds=[_round(sheet, stops, details) for sheet, stops in book.rounds],
        blocks=[_block(block) for block in book.blocks],
        products=[_product(row) for row in book.products],
        reasons=_REASONS,
        agreement=None if agreement is None else BookAgreementOut.model_validate(agreement),
    )


def _round(sheet: RouteSheet, stops: list[BookStop], details: Details) -> BookRoundOut:
    deliverer = sheet.deliverer_id
    return BookRoundOut(
        block_id=public_single("blk", sheet.block_id),
        service_date=sheet.service_date,
        station_id=public_single("stn", sheet.station_id),
        deliverer_id=None if deliverer is None else public_single("dlv", deliverer),
        stops=sheet.stops,
        bottles=sheet.bottles,
        planned_at=sheet.planned_at,
        items=[_stop(stop, details.get(stop.building.address_version_id)) for stop in stops],
    )


def _stop(stop: BookStop, details: DoorDetails | None) -> BookStopOut:
    building = stop.building
    return BookStopOut(
        stop=public_pair("adr", stop.customer_id, stop.address_id),
        stop_no=stop.stop_no,
        district=building.district,
        street=building.street,
        house_no=building.house_no,
        compound=building.compound,
        door=details and details.door,
        recipient=details and details.recipient,
        phone=details and mask_phone(details.phone),
        note=details and details.note,
        deliveries=[
            _delivery(one, order_no)
            for one, order_no in zip(stop.deliveries, stop.order_nos, strict=True)
        ],
    )


def _delivery(one: Delivery, order_no: str) -> BookDeliveryOut:
    return BookDeliveryOut(
        order_no=order_no,
        line_id=public_pair("lin", one.customer_id, one.order_line_id),
        delivery_no=one.delivery_no,
        product_id=public_single("prd", one.product_id),
        quantity=one.quantity,
        quantity_delivered=one.quantity_delivered,
        status=one.status,
        reason=one.reason,
        done_at=one.done_at,
        event_id=None if one.event_id is None else str(one.event_id),
        bulk_marked=one.bulk_marked,
        celsius=None if one.celsius is None else float(one.celsius),
    )


def _block(found: BookBlock) -> BookBlockOut:
    return BookBlockOut(
        id=public_single("blk", found.block.id),
        code=found.block.code,
        name=found.block.name,
        station=found.station.name,
        city_code=found.station.city_code,
        is_own=found.is_own,
        places=[
            PlaceOut(
                district=rule.district or "",
                compound=rule.compound or "",
                street=rule.street or "",
            )
            for rule in found.rules
        ],
    )


def _product(row: PricedProduct) -> BookProductOut:
    product = row.product
    offered = product.on_sale and row.vat_permille is not None
    return BookProductOut(
        id=public_single("prd", product.id),
        code=product.code,
        name=product.name,
        specification=product.specification,
        price_fen=row.price_fen if offered else None,
        max_celsius=product.max_celsius,
    )
