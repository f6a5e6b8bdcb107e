"""Shapes of phone orders and of the page their callers see."""

from datetime import date, datetime
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from app.core.ids import public_single, read_pair, read_single
from app.core.schemas import Answer, Phone, Request, ShortText
from app.customers.rules import building_text
from app.customers.schemas import AddressIn
from app.orders.models import Order, PaymentWindow
from app.orders.presenting import pattern_out
from app.orders.schemas import AgreementOut, Lines
from app.orders.service.placing import WantedLine
from app.orders.service.telephone import CallersView, PhoneOrder
from app.orders.states import LABELS


class PhoneOrderIn(Request):
    """An order for a caller: a new address, or `address_id` of one of his."""

    phone: Phone
    customer_name: ShortText | None = None
    address: AddressIn | None = None
    address_id: Annotated[ShortText, Field(max_length=80)] | None = None
    lines: Lines
    heard_from: ShortText | None = None

    @model_validator(mode="after")
    def _one_address(self) -> Self:
        if (self.address is None) == (self.address_id is None):
            raise ValueError("give address or address_id")
        return self

    def taken(self) -> PhoneOrder:
        """The domain's value; raises NotFound for a malformed id."""
        address = (
            read_pair("adr", self.address_id or "") if self.address is None else self.address.text()
        )
        return PhoneOrder(
            phone=self.phone,
            customer_name=self.customer_name,
            address=address,
            lines=[
                WantedLine(
                    product_id=read_single("prd", line.product_id),
                    pattern=line.pattern.pattern(),
                    start_date=line.start_date,
                    bottles=line.bottles,
                    cycle_days=line.cycle_days,
                )
                for line in self.lines
            ],
            heard_from=self.heard_from,
        )


class LinkSentOut(Answer):
    """A fresh link is on its way."""

    order_no: str
    pay_before_at: datetime | None


class AcceptIn(Request):
    """The version of the order agreement the caller has read and accepts."""

    agreement_version: ShortText


class AcceptedOut(Answer):
    """The acceptance as it is kept."""

    order_no: str
    agreement_version: str | None
    agreed_at: datetime | None
    agreed_through: str | None

    @classmethod
    def of(cls, order: Order) -> Self:
        """From the order."""
        return cls.model_validate(order)


class LineAsked(Answer):
    """A line as the caller checks it."""

    product: str
    specification: str
    pattern: dict[str, Any]
    start_date: date
    bottles: int
    price_fen: int
    unit_price_fen: int | None


class OrderAsked(Answer):
    """What `GET /links/{token}` tells `about` a phone order: no name, no door, no phone."""

    order_no: str
    status: str
    label: str
    price_fen: int
    deposit_fen: int
    due_fen: int
    building: str
    lines: list[LineAsked]
    pay_before_at: datetime | None
    accepted_version: str | None
    agreement: AgreementOut | None
    can_pay: bool

    @classmethod
    def of(cls, view: CallersView) -> Self:
        """From the service."""
        order = view.order
        return cls(
            order_no=order.order_no,
            status=order.status,
            label=LABELS[order.status],
            price_fen=order.price_fen,
            deposit_fen=order.deposit_fen,
            due_fen=order.due_fen,
            building=building_text(
                district=view.building.district,
                street=view.building.street,
                house_no=view.building.house_no,
                compound=view.building.compound,
            ),
            lines=[
                LineAsked(
                    product=product.name,
                    specification=product.specification,
                    pattern=pattern_out(line),
                    start_date=line.anchor_date or line.start_date,
                    bottles=line.bottles_bought,
                    price_fen=line.paid_fen,
                    unit_price_fen=line.unit_price_fen,
                )
                for line, product in view.lines
            ],
            pay_before_at=order.pay_before_at,
            accepted_version=order.agreement_version,
            agreement=None
            if view.agreement is None
            else AgreementOut.model_validate(view.agreement),
            can_pay=view.can_pay,
        )


class WindowIn(Request):
    """How long phone orders may wait for their payment, from a day on."""

    minutes: Annotated[int, Field(ge=30, le=10_080, strict=True)]
    from_date: Annotated[date, Field(ge=date(2000, 1, 1), le=date(2100, 1, 1))]


class WindowOut(Answer):
    """A window with its days, both included; null is without end."""

    id: str
    minutes: int
    from_date: date | None
    until_date: date | None

    @classmethod
    def of(cls, window: PaymentWindow) -> Self:
        """From the row."""
        upper = window.valid.upper
        return cls(
            id=public_single("win", window.id),
            minutes=window.minutes,
            from_date=window.valid.lower,
            until_date=None if upper is None else date.fromordinal(upper.toordinal() - 1),
        )


class WindowsOut(Answer):
    """Every window ever in force, by date."""

    items: list[WindowOut]
