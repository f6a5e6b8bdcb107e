"""Tables of orders. Amounts are integer fen; dates are service dates."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    SmallInteger,
    text,
)
from sqlalchemy.dialects.postgresql import DATERANGE, JSONB, ExcludeConstraint, Range
from sqlalchemy.orm import Mapped, mapped_column

from app.core.base import CustomerOwned, EnumText, Registry, Shared
from app.core.states import values_of
from app.orders.states import (
    AgreementChannel,
    ConfirmationKind,
    OrderSource,
    OrderStatus,
)

PATTERN_CHECK = (
    "(weekday_quantities IS NULL AND quantity BETWEEN 1 AND 99"
    " AND interval_days BETWEEN 1 AND 90)"
    " OR (weekday_quantities IS NOT NULL AND quantity IS NULL AND interval_days IS NULL"
    " AND array_length(weekday_quantities, 1) = 7)"
)


class OrderAgreement(Shared):
    """A version of the order agreement every order accepts (S1 Annex A, veto E)."""

    __tablename__ = "order_agreements"

    version: Mapped[str] = mapped_column(primary_key=True)
    text: Mapped[str]
    effective_date: Mapped[date]


class PaymentWindow(Shared):
    """How long a phone order may wait for its payment, over a period of days."""

    __tablename__ = "payment_windows"
    __table_args__ = (
        CheckConstraint("minutes BETWEEN 30 AND 10080", name="minutes"),
        ExcludeConstraint(("valid", "&&"), using="gist", name="ex_payment_windows"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    valid: Mapped[Range[date]] = mapped_column(DATERANGE)
    minutes: Mapped[int]


class OrderNumber(Registry):
    """Short number for people -> order; outside numbers as `shop:number`."""

    __tablename__ = "order_numbers"

    number: Mapped[str] = mapped_column(primary_key=True)
    customer_id: Mapped[UUID]
    order_id: Mapped[UUID]


class Order(CustomerOwned):
    """One purchase of a customer for an address."""

    __tablename__ = "orders"
    __table_args__ = (
        ForeignKeyConstraint(
            ["customer_id", "address_id"], ["addresses.customer_id", "addresses.address_id"]
        ),
        ForeignKeyConstraint(
            ["customer_id", "renews_order_id"], ["orders.customer_id", "orders.order_id"]
        ),
        ForeignKeyConstraint(
            ["customer_id", "installation_id"],
            ["box_installations.customer_id", "box_installations.installation_id"],
        ),
        Index(
            "uq_orders_renews_order_id",
            "customer_id",
            "renews_order_id",
            unique=True,
            postgresql_where=text(
                "renews_order_id IS NOT NULL AND status NOT IN ('expired', 'rejected', 'cancelled')"
            ),
        ),
        CheckConstraint(f"status IN ({values_of(OrderStatus)})", name="status"),
        CheckConstraint(f"source IS NULL OR source IN ({values_of(OrderSource)})", name="source"),
        CheckConstraint(f"confirmation IN ({values_of(ConfirmationKind)})", name="confirmation"),
        CheckConstraint("price_fen >= 0 AND deposit_fen >= 0", name="price"),
        CheckConstraint(
            f"agreed_through IN ({values_of(AgreementChannel)})", name="agreed_through"
        ),
        CheckConstraint(
            "source <> 'phone' OR confirmation <> 'online' OR agreement_version IS NOT NULL"
            " OR status IN ('pending_payment', 'expired', 'cancelled')",
            name="phone_agreement",
        ),
        CheckConstraint(
            "confirmed_at IS NOT NULL OR status NOT IN ('delivering', 'completed')",
            name="confirmed",
        ),
        Index("ix_orders_status_placed_at", "status", "placed_at"),
        Index("ix_orders_confirmed_at", "confirmed_at"),
        Index("ix_orders_ended_at", "ended_at", postgresql_where=text("ended_at IS NOT NULL")),
        Index("ix_orders_address_id", "customer_id", "address_id"),
        Index(
            "ix_orders_installation_id",
            "customer_id",
            "installation_id",
            postgresql_where=text("installation_id IS NOT NULL"),
        ),
    )

    customer_id: Mapped[UUID] = mapped_column(primary_key=True)
    order_id: Mapped[UUID] = mapped_column(primary_key=True)
    order_no: Mapped[str]
    status: Mapped[OrderStatus] = mapped_column(EnumText(OrderStatus))
    confirmation: Mapped[ConfirmationKind] = mapped_column(EnumText(ConfirmationKind))
    source: Mapped[OrderSource | None] = mapped_column(EnumText(OrderSource))
    """None: not known (an imported order whose book does not say)."""
    address_id: Mapped[UUID]
    price_fen: Mapped[int]
    deposit_fen: Mapped[int] = mapped_column(default=0, server_default="0")
    """Asked for box and bottles beside the price, in the same payment."""
    installation_id: Mapped[UUID | None]
    """The milk box its first delivery waits for."""
    agreement_version: Mapped[str | None] = mapped_column(ForeignKey("order_agreements.version"))
    agreed_at: Mapped[datetime | None]
    agreed_through: Mapped[AgreementChannel | None] = mapped_column(EnumText(AgreementChannel))
    """None on rows older than the field, and until a caller accepts by his link."""
    deliverer_id: Mapped[UUID | None]
    """Who won it: took it at the door, or is named on a marketplace's order."""
    outside_number: Mapped[str | None]
    """The marketplace's own number, where it was paid there."""
    renews_order_id: Mapped[UUID | None]
    """The order it goes on from (续订)."""
    placed_at: Mapped[datetime]
    pay_before_at: Mapped[datetime | None]
    paid_at: Mapped[datetime | None]
    confirmed_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(default=1)
    """Grows with every change of the order; previews name it."""

    @property
    def due_fen(self) -> int:
        """What is paid at once: price and deposit."""
        return self.price_fen + self.deposit_fen


class OrderHistory(CustomerOwned):
    """Every move of an order's status: who, when, why."""

    __tablename__ = "order_history"
    __table_args__ = (
        ForeignKeyConstraint(
            ["customer_id", "order_id"], ["orders.customer_id", "orders.order_id"]
        ),
        Index("ix_order_history_order_id", "customer_id", "order_id"),
    )

    customer_id: Mapped[UUID] = mapped_column(primary_key=True)
    entry_id: Mapped[UUID] = mapped_column(primary_key=True)
    order_id: Mapped[UUID]
    from_status: Mapped[str | None]
    to_status: Mapped[str]
    at: Mapped[datetime]
    actor: Mapped[str]
    """`customer`, `staff:<id>`, `deliverer:<id>` or `system`."""
    reason: Mapped[str | None]


def _of_order(context: Any) -> UUID:
    order_id: UUID = context.get_current_parameters()["order_id"]
    return order_id


class OrderReview(CustomerOwned):
    """The review of an online order, or of a move, by coverage or by a person (S1 4.3.1)."""

    __tablename__ = "order_reviews"
    __table_args__ = (
        ForeignKeyConstraint(
            ["customer_id", "order_id"], ["orders.customer_id", "orders.order_id"]
        ),
        ForeignKeyConstraint(
            ["customer_id", "change_id"], ["order_changes.customer_id", "order_changes.change_id"]
        ),
        CheckConstraint("review_id = coalesce(change_id, order_id)", name="subject"),
        CheckConstraint("verdict IN ('covered', 'unclear', 'uncovered')", name="verdict"),
        CheckConstraint(
            "decision IS NULL OR decision IN ('approved', 'rejected', 'withdrawn')", name="decided"
        ),
        Index("ix_order_reviews_waiting", "opened_at", postgresql_where=text("decision IS NULL")),
    )

    customer_id: Mapped[UUID] = mapped_column(primary_key=True)
    review_id: Mapped[UUID] = mapped_column(primary_key=True, default=_of_order)
    """The order's id, or the move's."""
    order_id: Mapped[UUID]
    change_id: Mapped[UUID | None]
    """The move; None: the order itself."""
    verdict: Mapped[str]
    opened_at: Mapped[datetime]
    decision: Mapped[str | None]
    decided_at: Mapped[datetime | None]
    decided_by: Mapped[str | None]
    reason: Mapped[str | None]


class OrderLine(CustomerOwned):
    """One product of an order: bought as `bottles_bought` for `paid_fen`, plus gifts at value 0."""

    __tablename__ = "order_lines"
    __table_args__ = (
        ForeignKeyConstraint(
            ["customer_id", "order_id"], ["orders.customer_id", "orders.order_id"]
        ),
        CheckConstraint(PATTERN_CHECK, name="pattern"),
        CheckConstraint(
            "bottles_bought > 0 AND gift_bottles >= 0 AND unscheduled_bottles >= 0", name="bottles"
        ),
        CheckConstraint(
            "dated_gifts >= 0 AND (dated_gifts > 0) = (gift_every IS NOT NULL)", name="dated_gifts"
        ),
        CheckConstraint("paid_fen >= 0", name="paid"),
        CheckConstraint(
            "discount_fen >= 0 AND (discount_id IS NULL OR priced_date IS NOT NULL)",
            name="discount",
        ),
        ForeignKeyConstraint(
            ["customer_id", "renews_line_id"],
            ["order_lines.customer_id", "order_lines.order_line_id"],
        ),
        Index("ix_order_lines_order_id", "customer_id", "order_id"),
        Index(
            "ix_order_lines_renews_line_id",
            "customer_id",
            "renews_line_id",
            postgresql_where=text("renews_line_id IS NOT NULL"),
        ),
    )

    customer_id: Mapped[UUID] = mapped_column(primary_key=True)
    order_line_id: Mapped[UUID] = mapped_column(primary_key=True)
    order_id: Mapped[UUID]
    product_id: Mapped[UUID] = mapped_column(ForeignKey("products.id"))
    quantity: Mapped[int | None] = mapped_column(SmallInteger)
    interval_days: Mapped[int | None] = mapped_column(SmallInteger)
    weekday_quantities: Mapped[list[int] | None] = mapped_column(ARRAY(SmallInteger))
    """Bottles on Monday … Sunday."""
    start_date: Mapped[date]
    """First date wished for; the terms say what became of it."""
    anchor_date: Mapped[date | None]
    """A day on which the interval pattern delivers, fixed at confirmation."""
    cycle_days: Mapped[int | None]
    """Delivery cycle (配送周期), the paid period, in days."""
    bottles_bought: Mapped[int]
    gift_bottles: Mapped[int] = mapped_column(default=0)
    """Gifts that come after everything that was bought, on days of the line's own."""
    dated_gifts: Mapped[int] = mapped_column(default=0, server_default="0")
    """Gifts that come beside the line's own bottles, on the days of its `LineGift`s."""
    gift_every: Mapped[int | None] = mapped_column(SmallInteger)
    """With every so manieth delivery a share of the dated gifts was promised."""
    unscheduled_bottles: Mapped[int] = mapped_column(default=0)
    """Bottles that wait for the end of an open-ended pause; in no term yet."""
    unscheduled_products: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    """Those bottles by product id; None: all of the line's own product."""
    paid_fen: Mapped[int]
    unit_price_fen: Mapped[int | None]
    """List price when bought, copied; the value of a bottle is `paid_fen * k // bottles_bought`."""
    discount_fen: Mapped[int] = mapped_column(default=0, server_default="0")
    """What a period discount took from the list price; `paid_fen` is what was left."""
    discount_id: Mapped[UUID | None] = mapped_column(ForeignKey("period_discounts.id"))
    promotion_id: Mapped[UUID | None] = mapped_column(ForeignKey("promotions.id"))
    """The promotion it was bought under, whose rule its changes keep to."""
    priced_date: Mapped[date | None]
    """Whose day's discounts it was bought under: those of a past day never change."""
    vat_permille: Mapped[int]
    renews_line_id: Mapped[UUID | None]
    """The line whose last bottle it follows: it begins the day after."""


class OrderTerm(CustomerOwned):
    """What a line brings over a date range; ranges of a line cannot overlap (时段).

    A gap between terms is a pause. History is never edited: a change shrinks and inserts.
    """

    __tablename__ = "order_terms"
    __table_args__ = (
        ForeignKeyConstraint(
            ["customer_id", "order_line_id"],
            ["order_lines.customer_id", "order_lines.order_line_id"],
        ),
        ForeignKeyConstraint(
            ["customer_id", "address_version_id"],
            ["address_versions.customer_id", "address_versions.address_version_id"],
        ),
        ExcludeConstraint(
            ("customer_id", "="),
            ("order_line_id", "="),
            ("valid", "&&"),
            using="gist",
            name="ex_order_terms",
        ),
        CheckConstraint(PATTERN_CHECK, name="pattern"),
        CheckConstraint("NOT isempty(valid) AND NOT upper_inf(valid)", name="valid"),
        CheckConstraint("first_date = lower(valid)", name="first_date"),
        Index("ix_order_terms_until", text("upper(valid)")),
    )

    customer_id: Mapped[UUID] = mapped_column(primary_key=True)
    order_line_id: Mapped[UUID] = mapped_column(primary_key=True)
    first_date: Mapped[date] = mapped_column(primary_key=True)
    valid: Mapped[Range[date]] = mapped_column(DATERANGE)
    product_id: Mapped[UUID] = mapped_column(ForeignKey("products.id"))
    quantity: Mapped[int | None] = mapped_column(SmallInteger)
    interval_days: Mapped[int | None] = mapped_column(SmallInteger)
    anchor_date: Mapped[date]
    """A day on which an interval pattern delivers."""
    weekday_quantities: Mapped[list[int] | None] = mapped_column(ARRAY(SmallInteger))
    address_id: Mapped[UUID]
    address_version_id: Mapped[UUID]
    change_id: Mapped[UUID | None]
    """The change that asked for exactly this day: it stays when the line is laid out anew."""


class LineGift(CustomerOwned):
    """Bottles at value 0 that come beside a line's own on a day (赠送), each a delivery of its own.

    They come with the first delivery of the line from `due_date` on, and none comes without one.
    """

    __tablename__ = "line_gifts"
    __table_args__ = (
        ForeignKeyConstraint(
            ["customer_id", "order_line_id"],
            ["order_lines.customer_id", "order_lines.order_line_id"],
        ),
        CheckConstraint("bottles BETWEEN 1 AND 99", name="bottles"),
        CheckConstraint("num_nonnulls(brought_date, lapsed_at) < 2", name="ended"),
        Index("ix_line_gifts_line", "customer_id", "order_line_id"),
        Index(
            "ix_line_gifts_waiting",
            "due_date",
            postgresql_where=text("brought_date IS NULL AND lapsed_at IS NULL"),
        ),
    )

    customer_id: Mapped[UUID] = mapped_column(primary_key=True)
    gift_id: Mapped[UUID] = mapped_column(primary_key=True)
    """The cause of its delivery and of its entitlement entry, which are made by the plan."""
    order_line_id: Mapped[UUID]
    bottles: Mapped[int] = mapped_column(SmallInteger)
    promised_date: Mapped[date]
    due_date: Mapped[date]
    """The promised date, or another where changes of the line left that one without milk."""
    brought_date: Mapped[date | None]
    """The day whose plan it is in."""
    lapsed_at: Mapped[datetime | None]
    """When its order was cancelled before it came."""
