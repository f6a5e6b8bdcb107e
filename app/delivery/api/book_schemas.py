"""JSON shapes of a phone's route book. Amounts are integer fen, temperatures °C."""

from datetime import date, datetime
from decimal import Decimal

from app.core.schemas import Answer
from app.delivery.api.route_schemas import RouteDeliveryOut, RouteOut, RouteStopOut


class BookDeliveryOut(RouteDeliveryOut):
    """What one line brings to a stop, and the phone's event that said what became of it."""

    order_no: str
    event_id: str | None
    bulk_marked: bool
    celsius: float | None


class BookStopOut(RouteStopOut):
    """One address of the round."""

    deliveries: list[BookDeliveryOut]  # type: ignore[assignment]  # each is one, with more


class BookRoundOut(RouteOut):
    """A round with its stops in order."""

    items: list[BookStopOut]


class BookProductOut(Answer):
    """A product; `price_fen` of one bottle today, none where it is not on sale."""

    id: str
    code: str
    name: str
    specification: str
    price_fen: int | None
    max_celsius: Decimal | None


class PlaceOut(Answer):
    """Where a block is served."""

    district: str
    compound: str
    street: str


class BookBlockOut(Answer):
    """A block; `is_own`: the deliverer serves it today, so orders at its doors are his."""

    id: str
    code: str
    name: str
    station: str
    city_code: str
    is_own: bool
    places: list[PlaceOut]


class ReasonOut(Answer):
    """Why bottles did not reach a door."""

    code: str
    title: str
    our_fault: bool


class BookAgreementOut(Answer):
    """The order agreement in force."""

    version: str
    text: str


class RouteBookOut(Answer):
    """A deliverer's whole day, to be kept on the phone; `business_at` is the server's clock."""

    service_date: date
    business_at: datetime
    rounds: list[BookRoundOut]
    blocks: list[BookBlockOut]
    products: list[BookProductOut]
    reasons: list[ReasonOut]
    agreement: BookAgreementOut | None
