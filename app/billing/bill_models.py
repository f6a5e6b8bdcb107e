"""Tables of the channels' own bills and of what they and our books disagree about.

Amounts are integer fen, refunds positive under their own entry.
"""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.billing.states import (
    BillEntry,
    BillOrigin,
    BillStatus,
    DifferenceKind,
    DifferenceState,
    PaymentChannel,
)
from app.core.base import EnumText, Registry, Shared
from app.core.states import values_of


class Bill(Shared):
    """The bill of one day of one merchant account; a download is wanted while `next_try_at` is set."""

    __tablename__ = "channel_bills"
    __table_args__ = (
        UniqueConstraint("channel", "merchant_account", "bill_date"),
        CheckConstraint(f"channel IN ({values_of(PaymentChannel)})", name="channel"),
        CheckConstraint(f"status IN ({values_of(BillStatus)})", name="status"),
        CheckConstraint(f"origin IN ({values_of(BillOrigin)})", name="origin"),
        CheckConstraint("(status = 'waiting') = (taken_at IS NULL)", name="taken"),
        CheckConstraint("(origin IS NULL) = (taken_at IS NULL)", name="origin_known"),
        CheckConstraint(
            "line_count >= paid_count + refund_count AND bad_count >= 0", name="counts"
        ),
        Index("ix_channel_bills_bill_date", "bill_date", "bill_id"),
        Index(
            "ix_channel_bills_wanted",
            "next_try_at",
            postgresql_where=text("next_try_at IS NOT NULL"),
        ),
    )

    bill_id: Mapped[UUID] = mapped_column(primary_key=True)
    channel: Mapped[PaymentChannel] = mapped_column(EnumText(PaymentChannel))
    merchant_account: Mapped[str]
    bill_date: Mapped[date]
    status: Mapped[BillStatus] = mapped_column(EnumText(BillStatus))
    origin: Mapped[BillOrigin | None] = mapped_column(EnumText(BillOrigin))
    created_at: Mapped[datetime]
    tries: Mapped[int]
    next_try_at: Mapped[datetime | None]
    failure: Mapped[str | None]
    """Why the last try brought nothing."""
    asked_by: Mapped[UUID | None]
    """Who of finance asked for it last or brought the file; None for the daily job."""
    taken_at: Mapped[datetime | None]
    line_count: Mapped[int]
    bad_count: Mapped[int]
    """Rows set aside because they cannot be read."""
    paid_count: Mapped[int]
    paid_fen: Mapped[int]
    refund_count: Mapped[int]
    refunded_fen: Mapped[int]
    fee_fen: Mapped[int]
    matched_at: Mapped[datetime | None]
    matched_count: Mapped[int]
    """Lines on which both sides agree."""
    ours_paid_fen: Mapped[int]
    ours_refunded_fen: Mapped[int]


class BillLine(Registry):
    """One payment or refund of a bill, under our number; nothing about the payer is kept."""

    __tablename__ = "channel_bill_lines"
    __table_args__ = (
        CheckConstraint(f"entry IN ({values_of(BillEntry)})", name="entry"),
        CheckConstraint("amount_fen >= 0", name="amount"),
        Index("ix_channel_bill_lines_number", "number"),
    )

    bill_id: Mapped[UUID] = mapped_column(ForeignKey("channel_bills.bill_id"), primary_key=True)
    entry: Mapped[BillEntry] = mapped_column(EnumText(BillEntry), primary_key=True)
    number: Mapped[str] = mapped_column(primary_key=True)
    """Our number as the channel has it: out_trade_no or out_refund_no."""
    channel_no: Mapped[str]
    happened_at: Mapped[datetime]
    amount_fen: Mapped[int]
    fee_fen: Mapped[int]
    """Negative where the channel gives its fee back."""
    moves_money: Mapped[bool]
    """False for a refund that failed."""
    line_no: Mapped[int]


class BillFault(Registry):
    """A row of a bill that could not be read; its text is not kept, for it names the payer."""

    __tablename__ = "channel_bill_faults"

    bill_id: Mapped[UUID] = mapped_column(ForeignKey("channel_bills.bill_id"), primary_key=True)
    line_no: Mapped[int] = mapped_column(primary_key=True)
    reason: Mapped[str]


class BillDifference(Registry):
    """What one bill and our books disagree about; an item of finance's work list."""

    __tablename__ = "channel_bill_differences"
    __table_args__ = (
        UniqueConstraint("bill_id", "entry", "number"),
        CheckConstraint(f"entry IN ({values_of(BillEntry)})", name="entry"),
        CheckConstraint(f"kind IN ({values_of(DifferenceKind)})", name="kind"),
        CheckConstraint(f"state IN ({values_of(DifferenceState)})", name="state"),
        CheckConstraint("ended_at IS NULL OR state = 'resolved'", name="ended"),
        CheckConstraint("(kind = 'only_ours') = (theirs_fen IS NULL)", name="theirs"),
        CheckConstraint("(kind = 'only_theirs') = (ours_fen IS NULL)", name="ours"),
        CheckConstraint("state = 'open' OR reason IS NOT NULL", name="reason"),
        Index("ix_channel_bill_differences_listed", "bill_id", "opened_at", "difference_id"),
        Index("ix_channel_bill_differences_state", "state", "opened_at", "difference_id"),
        Index(
            "ix_channel_bill_differences_live", "bill_id", postgresql_where=text("ended_at IS NULL")
        ),
    )

    difference_id: Mapped[UUID] = mapped_column(primary_key=True)
    bill_id: Mapped[UUID] = mapped_column(ForeignKey("channel_bills.bill_id"))
    entry: Mapped[BillEntry] = mapped_column(EnumText(BillEntry))
    number: Mapped[str]
    kind: Mapped[DifferenceKind] = mapped_column(EnumText(DifferenceKind))
    theirs_fen: Mapped[int | None]
    ours_fen: Mapped[int | None]
    ours_date: Mapped[date | None]
    customer_id: Mapped[UUID | None]
    row_id: Mapped[UUID | None]
    """Our payment or refund, where the number is one of ours."""
    state: Mapped[DifferenceState] = mapped_column(EnumText(DifferenceState))
    reason: Mapped[str | None]
    settled_by: Mapped[UUID | None]
    """Who said so; None when it was the matching itself."""
    moved_at: Mapped[datetime]
    opened_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    """Since when both sides agree."""


class BillDifferenceMove(Registry):
    """One move of a difference: when, to what, by whom (None: the matching) and why."""

    __tablename__ = "channel_bill_difference_moves"
    __table_args__ = (
        CheckConstraint(f"state IN ({values_of(DifferenceState)})", name="state"),
        Index("ix_channel_bill_difference_moves_difference_id", "difference_id", "move_id"),
    )

    move_id: Mapped[UUID] = mapped_column(primary_key=True)
    difference_id: Mapped[UUID] = mapped_column(
        ForeignKey("channel_bill_differences.difference_id")
    )
    kind: Mapped[DifferenceKind] = mapped_column(EnumText(DifferenceKind))
    state: Mapped[DifferenceState] = mapped_column(EnumText(DifferenceState))
    reason: Mapped[str | None]
    moved_by: Mapped[UUID | None]
    moved_at: Mapped[datetime]
