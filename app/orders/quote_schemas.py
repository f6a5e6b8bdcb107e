"""JSON shapes of quotes: what an order would bring and cost. Amounts are integer fen."""

from datetime import date

from app.catalog.promotions import Ruled
from app.core.schemas import Answer
from app.orders.deposit_schemas import QuotedDepositOut


class DayOut(Answer):
    """One delivery day."""

    date: date
    bottles: int


class QuotedPromotionOut(Answer):
    """The promotion a line would be bought under, and the changes it does not allow."""

    id: str
    name: str
    rule: str
    forbids: list[Ruled]


class QuotedLineOut(Answer):
    """A line with its days and price."""

    product_id: str
    product: str
    specification: str
    unit_price_fen: int
    bottles: int
    full_fen: int
    """At the list price; less `discount_fen` is `price_fen`."""
    discount: str | None
    discount_fen: int
    gift_bottles: int
    promotion: QuotedPromotionOut | None
    price_fen: int
    start_date: date
    end_date: date
    deliveries: list[DayOut]
    """Without the gifts that come beside: those of a promotion with `gift_every`."""
    gifts: list[DayOut]
    """On which days how many gifts come."""


class WarningOut(Answer):
    """Something to know before ordering."""

    code: str
    message: str


class QuoteOut(Answer):
    """A quote; nothing has been placed."""

    station: str | None
    block: str | None
    first_possible_date: date
    full_fen: int
    discount_fen: int
    price_fen: int
    deposits: list[QuotedDepositOut]
    deposit_fen: int
    due_fen: int
    needs_box: bool
    lines: list[QuotedLineOut]
    warnings: list[WarningOut]
    agreement_version: str
