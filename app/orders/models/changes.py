"""Tables of changes, what they make of a line, and notices."""

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

from app.core.base import CustomerOwned, EnumText, Shared
from app.core.states import values_of
from app.orders.models.orders import PATTERN_CHECK
from app.orders.states import (
    CardArithmetic,
    ChangeStatus,
)


class LinePhase(CustomerOwned):
    """What a change makes of a line from a day on: another pattern, or another product.

    What a row leaves open stays as it was; the line itself is the first phase.
    """

    __tablename__ = "line_phases"
    __table_args__ = (
        ForeignKeyConstraint(
            ["customer_id", "order_line_id"],
            ["order_lines.customer_id", "order_lines.order_line_id"],
        ),
        ForeignKeyConstraint(
            ["customer_id", "change_id"], ["order_changes.customer_id", "order_changes.change_id"]
        ),
        CheckConstraint(
            f"({PATTERN_CHECK}) AND anchor_date IS NOT NULL"
            " OR num_nonnulls(quantity, interval_days, weekday_quantities, anchor_date) = 0",
            name="pattern",
        ),
        CheckConstraint(
            "num_nonnulls(product_id, quantity, weekday_quantities) > 0", name="something"
        ),
    )

    customer_id: Mapped[UUID] = mapped_column(primary_key=True)
    order_line_id: Mapped[UUID] = mapped_column(primary_key=True)
    change_id: Mapped[UUID] = mapped_column(primary_key=True)
    from_date: Mapped[date]
    quantity: Mapped[int | None] = mapped_column(SmallInteger)
    interval_days: Mapped[int | None] = mapped_column(SmallInteger)
    weekday_quantities: Mapped[list[int] | None] = mapped_column(ARRAY(SmallInteger))
    anchor_date: Mapped[date | None]
    product_id: Mapped[UUID | None] = mapped_column(ForeignKey("products.id"))


class OrderChange(CustomerOwned):
    """A change as it was shown; its status says whether it has happened. Never edited otherwise.

    A move's first day is fixed by its review, what was recorded at the door when it is confirmed.
    """

    __tablename__ = "order_changes"
    __table_args__ = (
        ForeignKeyConstraint(
            ["customer_id", "order_id"], ["orders.customer_id", "orders.order_id"]
        ),
        ForeignKeyConstraint(
            ["customer_id", "made_order_id"], ["orders.customer_id", "orders.order_id"]
        ),
        CheckConstraint(f"status IN ({values_of(ChangeStatus)})", name="status"),
        CheckConstraint("pay_fen >= 0 AND credit_fen >= 0", name="amounts"),
        CheckConstraint(
            "status NOT IN ('awaiting_payment', 'paid') OR pay_fen > 0 AND pay_before_at IS NOT NULL",
            name="payment",
        ),
        CheckConstraint(
            "status <> 'awaiting_confirmation' OR recorded_by IS NOT NULL"
            " AND confirm_before_at IS NOT NULL",
            name="confirmation",
        ),
        Index("ix_order_changes_order_id", "customer_id", "order_id"),
        Index(
            "uq_order_changes_waiting_move",
            "customer_id",
            "order_id",
            unique=True,
            postgresql_where=text("status IN ('under_review', 'awaiting_box')"),
        ),
        Index(
            "ix_order_changes_recorded_by",
            "recorded_by",
            "at",
            "change_id",
            postgresql_where=text("recorded_by IS NOT NULL"),
        ),
        Index(
            "ix_order_changes_unconfirmed",
            "confirm_before_at",
            postgresql_where=text("status = 'awaiting_confirmation'"),
        ),
        Index("ix_order_changes_at", "at"),
        Index(
            "ix_order_changes_open",
            "pay_before_at",
            postgresql_where=text("status IN ('awaiting_payment', 'paid')"),
        ),
        Index(
            "ix_order_changes_resumes_date",
            "resumes_date",
            postgresql_where=text("resumes_date IS NOT NULL"),
        ),
    )

    customer_id: Mapped[UUID] = mapped_column(primary_key=True)
    change_id: Mapped[UUID] = mapped_column(primary_key=True)
    order_id: Mapped[UUID]
    kind: Mapped[str]
    status: Mapped[ChangeStatus] = mapped_column(
        EnumText(ChangeStatus), default=ChangeStatus.APPLIED, server_default="applied"
    )
    effective_date: Mapped[date]
    request: Mapped[dict[str, Any]] = mapped_column(JSONB)
    preview: Mapped[dict[str, Any]] = mapped_column(JSONB)
    rule: Mapped[str | None]
    """By which rule what is not brought is settled: `period`, `money`, or a policy's version."""
    pay_fen: Mapped[int] = mapped_column(default=0, server_default="0")
    credit_fen: Mapped[int] = mapped_column(default=0, server_default="0")
    """What went to the customer's balance."""
    pay_before_at: Mapped[datetime | None]
    resumes_date: Mapped[date | None]
    """On which day milk comes again by itself after a pause."""
    footprint: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    """What it replaced and wrote, line by line: what an undo needs."""
    made_order_id: Mapped[UUID | None]
    """The order that a renewal made."""
    actor: Mapped[str]
    at: Mapped[datetime]
    recorded_by: Mapped[UUID | None]
    """The deliverer who wrote it down at the door."""
    confirm_before_at: Mapped[datetime | None]
    """Until when the household may confirm what was written down at its door."""
    confirmed_at: Mapped[datetime | None]
    """When it did: what it says counts from then on, not from when it was written down."""


class ChangeHistory(CustomerOwned):
    """Every move of a change's status: who, when, why."""

    __tablename__ = "order_change_history"
    __table_args__ = (
        ForeignKeyConstraint(
            ["customer_id", "change_id"], ["order_changes.customer_id", "order_changes.change_id"]
        ),
        Index("ix_order_change_history_change_id", "customer_id", "change_id"),
    )

    customer_id: Mapped[UUID] = mapped_column(primary_key=True)
    entry_id: Mapped[UUID] = mapped_column(primary_key=True)
    change_id: Mapped[UUID]
    from_status: Mapped[str | None]
    to_status: Mapped[str]
    at: Mapped[datetime]
    actor: Mapped[str]
    reason: Mapped[str | None]


class CancelPolicy(Shared):
    """What cancelling gives back for orders bought over a period of days, and by which law."""

    __tablename__ = "cancel_policies"
    __table_args__ = (
        CheckConstraint(
            "full_refund_days >= 0 AND full_refund_days <= 90 AND card_days > 0", name="days"
        ),
        CheckConstraint(
            f"card_arithmetic IN ({values_of(CardArithmetic)})", name="card_arithmetic"
        ),
        ExcludeConstraint(("valid", "&&"), using="gist", name="ex_cancel_policies"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    valid: Mapped[Range[date]] = mapped_column(DATERANGE)
    articles: Mapped[str]
    full_refund_days: Mapped[int] = mapped_column(SmallInteger)
    """Days after the payment in which everything goes back; 0: never."""
    card_days: Mapped[int] = mapped_column(SmallInteger)
    """From how many days of a paid period on a line is a card (季卡, 年卡)."""
    card_arithmetic: Mapped[CardArithmetic] = mapped_column(EnumText(CardArithmetic))
    created_by: Mapped[str]


class ConfirmationPolicy(Shared):
    """Whether a kind of change recorded at the door needs the household's word, over some days."""

    __tablename__ = "confirmation_policies"
    __table_args__ = (
        CheckConstraint("kind IN ('skip', 'pause', 'resume', 'change_quantity')", name="kind"),
        ExcludeConstraint(
            ("kind", "="), ("valid", "&&"), using="gist", name="ex_confirmation_policies"
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str]
    valid: Mapped[Range[date]] = mapped_column(DATERANGE)
    needs_confirmation: Mapped[bool]
    created_by: Mapped[str]


class RenewalNotice(CustomerOwned):
    """That an order's end is near, to be told once; `batch` of its day names the job that tells."""

    __tablename__ = "renewal_notices"
    __table_args__ = (
        ForeignKeyConstraint(
            ["customer_id", "order_id"], ["orders.customer_id", "orders.order_id"]
        ),
        Index(
            "ix_renewal_notices_untold",
            "noticed_date",
            "batch",
            postgresql_where=text("told_at IS NULL"),
        ),
    )

    customer_id: Mapped[UUID] = mapped_column(primary_key=True)
    order_id: Mapped[UUID] = mapped_column(primary_key=True)
    end_date: Mapped[date]
    noticed_date: Mapped[date]
    batch: Mapped[int]
    told_at: Mapped[datetime | None]
