"""JSON shapes of orders. Amounts are integer fen, dates service dates."""

from datetime import date, datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from app.core.money import MAX_FEN, PositiveFen
from app.core.schemas import (
    Answer,
    LongText,
    OptionalText,
    Phone,
    Request,
    ShortText,
    printable,
)
from app.customers.schemas import AddressIn
from app.customers.service import Building
from app.orders.deposit_schemas import OrderDepositOut
from app.orders.quote_schemas import DayOut
from app.orders.rules import MAX_BOTTLES, MAX_INTERVAL_DAYS, MAX_QUANTITY, Pattern

NIL = UUID(int=0)
Quantity = Annotated[int, Field(ge=1, le=MAX_QUANTITY, strict=True)]
WeekdayQuantity = Annotated[int, Field(ge=0, le=MAX_QUANTITY, strict=True)]
Bottles = Annotated[int, Field(ge=1, le=MAX_BOTTLES, strict=True)]


class EveryDays(Request):
    """Every n days the same quantity."""

    kind: Literal["every_days"]
    interval_days: Annotated[int, Field(ge=1, le=MAX_INTERVAL_DAYS, strict=True)] = 1
    quantity: Quantity

    def pattern(self) -> Pattern:
        """The domain's value."""
        return Pattern.every(self.interval_days, self.quantity)


class Weekdays(Request):
    """Bottles on Monday … Sunday."""

    kind: Literal["weekdays"]
    quantities: Annotated[list[WeekdayQuantity], Field(min_length=7, max_length=7)]

    @model_validator(mode="after")
    def at_least_one(self) -> Self:
        """A week without a bottle is no pattern."""
        if not any(self.quantities):
            raise ValueError("at least one weekday must bring a bottle")
        return self

    def pattern(self) -> Pattern:
        """The domain's value."""
        return Pattern.weekly(self.quantities)


PatternIn = Annotated[EveryDays | Weekdays, Field(discriminator="kind")]


class LineIn(Request):
    """A wanted line; either `bottles` or `cycle_days` (配送周期)."""

    product_id: ShortText
    pattern: PatternIn
    start_date: date | None = None
    bottles: Bottles | None = None
    cycle_days: Annotated[int, Field(ge=1, le=730, strict=True)] | None = None

    @model_validator(mode="after")
    def one_length(self) -> Self:
        """Exactly one of the two says how long."""
        if (self.bottles is None) == (self.cycle_days is None):
            raise ValueError("give either bottles or cycle_days")
        return self


Lines = Annotated[list[LineIn], Field(min_length=1, max_length=10)]


class BuildingIn(Request):
    """Where it would be brought: the building is enough for a quote."""

    city_code: Annotated[str, Field(pattern=r"^[0-9]{6}$")]
    district: ShortText
    street: OptionalText = ""
    house_no: OptionalText = ""
    compound: OptionalText = ""
    longitude: Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)] | None = None
    latitude: Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)] | None = None

    def building(self) -> Building:
        """The domain's value; it is nobody's address yet."""
        return Building(address_id=NIL, address_version_id=NIL, **self.model_dump())


class QuoteIn(Request):
    """What would it bring and cost, ordered through this source?"""

    address: BuildingIn
    lines: Lines
    source: Literal["web", "app", "mini_program", "phone", "door"] = "web"


class AgreementOut(Answer):
    """The order agreement in force."""

    version: str
    text: str
    effective_date: date


class AgreementIn(Request):
    """A new version of the order agreement."""

    model_config = ConfigDict(extra="forbid", str_max_length=100_000)

    version: Annotated[str, Field(pattern=r"^[0-9A-Za-z._-]{1,40}$")]
    text: Annotated[str, Field(min_length=10, max_length=100_000), AfterValidator(printable)]
    effective_date: date


class OrderIn(Request):
    """Place an order for one of the caller's addresses."""

    address_id: ShortText
    lines: Lines
    agreement_version: ShortText
    source: Literal["web", "app", "mini_program"] = "web"


class LineOut(Answer):
    """A line of an order."""

    id: str
    product_id: str
    pattern: dict[str, Any]
    start_date: date
    end_date: date | None
    cycle_days: int | None
    bottles_bought: int
    gift_bottles: int
    bottles_left: int
    """Of its own bottles; the gifts to come beside them stand in `gifts`."""
    gifts: list[DayOut]
    """On which days how many gifts are to come."""
    paid_fen: int
    discount_fen: int
    """What a period discount took from the list price."""
    unit_price_fen: int | None
    vat_permille: int


class NextAddressOut(Answer):
    """Where an accepted move will bring an order, and from which day on."""

    address_id: str
    from_date: date


class OrderOut(Answer):
    """An order; `status` is stored, `shown_status` adds not_started, paused and awaiting_box."""

    id: str
    order_no: str
    status: str
    shown_status: str
    label: str
    confirmation: str
    source: str | None
    address_id: str
    """Where it is brought today."""
    next_address: NextAddressOut | None = None
    price_fen: int
    deposit_fen: int
    due_fen: int
    deposits: list[OrderDepositOut]
    agreement_version: str | None
    placed_at: datetime
    pay_before_at: datetime | None
    paid_at: datetime | None
    confirmed_at: datetime | None
    ended_at: datetime | None
    lines: list[LineOut]


class HistoryOut(Answer):
    """One move of an order."""

    from_status: str | None
    to_status: str
    at: datetime
    actor: str
    reason: str | None


class ChangeRecordOut(Answer):
    """One accepted change."""

    id: str
    kind: str
    effective_date: date
    preview: dict[str, Any]
    actor: str
    at: datetime


class OrderHistoryOut(Answer):
    """Moves and changes of an order, oldest first."""

    moves: list[HistoryOut]
    changes: list[ChangeRecordOut]


class PaymentIn(Request):
    """Which channel, and how the payer will meet it: each has ways of its own.

    WeChat Pay has native, h5 and jsapi; Alipay native (QR code), h5, page (desktop) and app;
    UnionPay h5 and page.
    """

    channel: Literal["wechat", "alipay", "unionpay"] = "wechat"
    method: Literal["native", "h5", "jsapi", "page", "app"] = "native"
    openid: Annotated[str, Field(pattern=r"^[0-9A-Za-z_-]{6,128}$")] | None = None
    """The payer at WeChat, for jsapi."""


class PaymentStarted(Answer):
    """A payment attempt; `handle` is what the payer's client needs.

    WeChat Pay: `code_url`, `h5_url` or the parameters of JSAPI; Alipay: `qr_code`, `pay_url`
    (h5, page) or `order_string` (app); UnionPay: `pay_form`, a page that submits itself.
    """

    id: str
    status: str
    amount_fen: int
    expires_at: datetime
    handle: dict[str, Any] | None


class CandidateOut(Answer):
    """A block a reviewer may choose."""

    block_id: str
    code: str
    name: str
    station_id: str
    station: str


class ReviewOut(Answer):
    """An order or a move that waits for a reviewer; the building only, no personal data.

    `change_id` names the move. `verdict` is that of the day it was opened, `reason` and `candidates` are of now.
    """

    order_id: str
    order_no: str
    change_id: str | None
    verdict: str
    opened_at: datetime
    price_fen: int
    city_code: str
    district: str
    street: str
    house_no: str
    compound: str
    source: str | None
    paid_at: datetime | None
    reason: str
    reason_label: str
    candidates: list[CandidateOut]
    suggested_stop_no: int | None


class ReviewIn(Request):
    """Approve into a block, or reject with a reason."""

    decision: Literal["approve", "reject"]
    block_id: ShortText | None = None
    stop_no: Annotated[int, Field(ge=0, le=100_000, strict=True)] | None = None
    reason: LongText | None = None
    change_id: ShortText | None = None
    """The move that was looked at."""

    @model_validator(mode="after")
    def complete(self) -> Self:
        """An approval names the block, a rejection its reason."""
        if self.decision == "approve" and self.block_id is None:
            raise ValueError("an approval names the block")
        if self.decision == "reject" and self.reason is None:
            raise ValueError("a rejection gives its reason")
        return self


class PosSlipIn(Request):
    """A POS slip (签购单) as written down; only first six and last four of the card."""

    merchant_no: Annotated[str, Field(pattern=r"^[0-9A-Za-z]{15}$")]
    terminal_no: Annotated[str, Field(pattern=r"^[0-9A-Za-z]{8}$")]
    batch_no: Annotated[str, Field(pattern=r"^[0-9]{6}$")]
    trace_no: Annotated[str, Field(pattern=r"^[0-9]{6}$")]
    reference_no: Annotated[str, Field(pattern=r"^[0-9A-Za-z]{12}$")]
    card_first6: Annotated[str, Field(pattern=r"^[0-9]{6}$")] | None = None
    card_last4: Annotated[str, Field(pattern=r"^[0-9]{4}$")] | None = None


class DoorOrderIn(Request):
    """An order taken at the door; `client_order_id` is a UUIDv7 made on the phone."""

    client_order_id: Annotated[
        str, Field(pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$")
    ]
    customer_name: ShortText
    phone: Phone
    address: AddressIn
    product_id: ShortText
    pattern: PatternIn
    start_date: date | None = None
    bottles: Bottles
    amount_fen: PositiveFen
    """All that was collected."""
    deposit_fen: Annotated[int, Field(ge=0, le=MAX_FEN, strict=True)] = 0
    """What of it is the deposit for a milk box."""
    pay_channel: Literal["cash", "pos"]
    receipt_no: Annotated[str, Field(pattern=r"^[0-9A-Za-z-]{4,40}$")]
    pos_slip: PosSlipIn | None = None
    agreement_version: ShortText
    taken_at: datetime

    @model_validator(mode="after")
    def slip_with_pos(self) -> Self:
        """A POS payment has its slip, cash has none."""
        if (self.pay_channel == "pos") != (self.pos_slip is not None):
            raise ValueError("a POS payment needs its slip, cash has none")
        if self.taken_at.tzinfo is None:
            raise ValueError("taken_at needs a time zone")
        return self


class DoorOrderOut(Answer):
    """What the deliverer tells the household."""

    order_id: str
    order_no: str
    first_date: date
    repeated: bool
