"""JSON shapes of route sheets, picking lists, deliveries and lines set aside."""

from datetime import date, datetime
from decimal import Decimal

from app.core.schemas import Answer, Request, ShortText
from app.delivery.models import ExceptionResolution


class RouteOut(Answer):
    """A round of one day."""

    block_id: str
    service_date: date
    station_id: str
    deliverer_id: str | None
    stops: int
    bottles: int
    planned_at: datetime


class Routes(Answer):
    """Rounds of a day."""

    items: list[RouteOut]


class RouteDeliveryOut(Answer):
    """What one line brings to a stop."""

    line_id: str
    delivery_no: int
    product_id: str
    quantity: int
    quantity_delivered: int
    status: str
    reason: str | None
    done_at: datetime | None


class RouteStopOut(Answer):
    """One address; door, recipient, phone and note only for the deliverer of the round."""

    stop: str
    stop_no: int
    district: str
    street: str
    house_no: str
    compound: str
    door: str | None
    recipient: str | None
    phone: str | None
    note: str | None
    deliveries: list[RouteDeliveryOut]


class RouteSheetOut(RouteOut):
    """A round with its stops in order."""

    items: list[RouteStopOut]


class StandInIn(Request):
    """Who takes the round over."""

    deliverer_id: ShortText


class PickingLineOut(Answer):
    """Bottles of a product for a block."""

    block_id: str
    product_id: str
    bottles: int


class ProductTotalOut(Answer):
    """Bottles of a product for the whole station."""

    product_id: str
    bottles: int


class PickingOut(Answer):
    """What a station hands out on a day."""

    station_id: str
    service_date: date
    totals: list[ProductTotalOut]
    items: list[PickingLineOut]


class SetAsideOut(Answer):
    """A line that was due and is not in the plan."""

    line_id: str
    service_date: date
    station_id: str | None
    reason: str
    noticed_at: datetime
    resolution: str | None


class SetAsides(Answer):
    """Lines that wait for a person."""

    items: list[SetAsideOut]


class ResolveIn(Request):
    """What becomes of a line that was set aside.

    `planned`: its cause is mended, it joins the day's plan. `day_added`: its bottles come after the
    line's last day. `dismissed`: nothing is owed.
    """

    resolution: ExceptionResolution


class MorningOut(Answer):
    """A deliverer's day; money in fen."""

    service_date: date
    stops: int
    made: int
    partly: int
    failed: int
    bottles: int
    cash_held_fen: int


class DeliveryOut(Answer):
    """A delivery as the household sees it."""

    line_id: str
    service_date: date
    delivery_no: int
    is_gift: bool
    product_id: str
    quantity: int
    quantity_delivered: int
    status: str
    reason: str | None
    done_at: datetime | None
    celsius: Decimal | None


class Deliveries(Answer):
    """Deliveries of an order, newest first."""

    items: list[DeliveryOut]
