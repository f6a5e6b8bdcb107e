"""Tables of billing. Amounts are integer fen."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, LargeBinary, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.billing.states import PaymentChannel, PaymentMethod, PaymentStatus, RefundStatus
from app.core.base import CustomerOwned, EnumText, Registry, Shared
from app.core.reseal import SealedTable
from app.core.states import values_of

__all__ = [
    "ChannelEvent",
    "ChannelNumber",
    "LedgerDailyTotal",
    "LedgerTransfer",
    "Payment",
    "PaymentChannel",
    "PaymentMethod",
    "PaymentStatus",
    "Receipt",
    "Refund",
    "RefundLimit",
    "RefundRule",
    "RefundStatus",
]


class Payment(CustomerOwned):
    """One attempt to pay for one reference, under its own number at the channel."""

    __tablename__ = "payments"
    __table_args__ = (
        CheckConstraint(f"channel IN ({values_of(PaymentChannel)})", name="channel"),
        CheckConstraint(f"status IN ({values_of(PaymentStatus)})", name="status"),
        CheckConstraint("amount_fen > 0", name="amount"),
        CheckConstraint(
            "(status = 'captured') = (captured_at IS NOT NULL AND captured_fen IS NOT NULL)",
            name="captured",
        ),
        CheckConstraint(f"method IN ({values_of(PaymentMethod)})", name="method"),
        Index("ix_payments_reference_id", "customer_id", "reference_id"),
        Index(
            "ix_payments_open",
            "next_try_at",
            postgresql_where=text("status IN ('created', 'pending', 'unknown')"),
        ),
        Index(
            "ix_payments_captured",
            "merchant_account",
            "captured_at",
            postgresql_where=text("captured_at IS NOT NULL"),
        ),
    )

    customer_id: Mapped[UUID] = mapped_column(primary_key=True)
    payment_id: Mapped[UUID] = mapped_column(primary_key=True)
    reference_id: Mapped[UUID]
    channel: Mapped[PaymentChannel] = mapped_column(EnumText(PaymentChannel))
    method: Mapped[PaymentMethod] = mapped_column(EnumText(PaymentMethod))
    merchant_account: Mapped[str]
    out_trade_no: Mapped[str]
    amount_fen: Mapped[int]
    description: Mapped[str]
    status: Mapped[PaymentStatus] = mapped_column(EnumText(PaymentStatus))
    handle: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    """What the payer's client needs: code_url, prepay parameters."""
    payer_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    """JSON of openid or client address, `Cell("payments", "payer", payment_id)`."""
    expires_at: Mapped[datetime]
    channel_expires_at: Mapped[datetime | None]
    """Wall time told to the channel; a retry must repeat it unchanged."""
    created_at: Mapped[datetime]
    asked_at: Mapped[datetime | None]
    tries: Mapped[int] = mapped_column(default=0)
    next_try_at: Mapped[datetime | None]
    captured_at: Mapped[datetime | None]
    captured_fen: Mapped[int | None]
    channel_transaction_id: Mapped[str | None]
    unmatched_reason: Mapped[str | None]
    """Set when captured money has nothing to pay for and is being given back."""
    failure: Mapped[str | None]


class ChannelNumber(Registry):
    """Our number at a channel (payment or refund) and whose row it is."""

    __tablename__ = "channel_numbers"

    channel: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    customer_id: Mapped[UUID]
    row_id: Mapped[UUID]


class ChannelEvent(Registry):
    """A verified notification, once however often it comes; a job lets it have its effect."""

    __tablename__ = "channel_events"
    __table_args__ = (
        Index(
            "ix_channel_events_waiting",
            "received_at",
            postgresql_where=text("handled_at IS NULL"),
        ),
    )

    channel: Mapped[str] = mapped_column(primary_key=True)
    event_id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    number: Mapped[str]
    told: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    """What it says, compared with what was asked for: numbers, state, fen."""
    received_at: Mapped[datetime] = mapped_column(index=True)
    handled_at: Mapped[datetime | None]


class Refund(CustomerOwned):
    """Money going back to the payment it came from."""

    __tablename__ = "refunds"
    __table_args__ = (
        ForeignKeyConstraint(
            ["customer_id", "payment_id"], ["payments.customer_id", "payments.payment_id"]
        ),
        CheckConstraint(f"status IN ({values_of(RefundStatus)})", name="status"),
        CheckConstraint("amount_fen > 0", name="amount"),
        Index("uq_refunds_cause", "customer_id", "payment_id", "cause", unique=True),
        Index("ix_refunds_reference_id", "customer_id", "reference_id"),
        Index("ix_refunds_created_at", "created_at", "refund_id"),
        Index(
            "ix_refunds_unpaid",
            "created_at",
            "refund_id",
            postgresql_where=text("status <> 'succeeded'"),
        ),
        Index("ix_refunds_asked_at", "asked_at", postgresql_where=text("asked_at IS NOT NULL")),
        Index(
            "ix_refunds_open",
            "next_try_at",
            postgresql_where=text("status NOT IN ('succeeded', 'failed')"),
        ),
    )

    customer_id: Mapped[UUID] = mapped_column(primary_key=True)
    refund_id: Mapped[UUID] = mapped_column(primary_key=True)
    payment_id: Mapped[UUID]
    reference_id: Mapped[UUID]
    cause: Mapped[str]
    """Why, unique per payment: order_rejected, order_cancelled:…, deposit:…, surplus."""
    out_refund_no: Mapped[str]
    amount_fen: Mapped[int]
    from_account: Mapped[str]
    """Ledger account that gives the money up: prepaid, deposit or suspense."""
    to_origin: Mapped[bool] = mapped_column(default=True)
    status: Mapped[RefundStatus] = mapped_column(EnumText(RefundStatus))
    created_at: Mapped[datetime]
    asked_at: Mapped[datetime | None]
    tries: Mapped[int] = mapped_column(default=0)
    next_try_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    channel_refund_id: Mapped[str | None]
    requested_by: Mapped[UUID | None]
    """The member of staff who asked for it; None for the system and the customer."""
    approved_by: Mapped[UUID | None]
    approved_at: Mapped[datetime | None]
    settled_by: Mapped[UUID | None]
    """Who paid it out or settled it by hand."""
    evidence_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    """What proves a payment by hand, `Cell("refunds", "evidence", refund_id)`."""
    failure: Mapped[str | None]


class Receipt(CustomerOwned):
    """Cash taken or a POS slip written down at the door; one per payment."""

    __tablename__ = "receipts"
    __table_args__ = (
        ForeignKeyConstraint(
            ["customer_id", "payment_id"], ["payments.customer_id", "payments.payment_id"]
        ),
        CheckConstraint("amount_fen > 0", name="amount"),
        Index("ix_receipts_collector_id", "collector_id", "collected_at"),
    )

    customer_id: Mapped[UUID] = mapped_column(primary_key=True)
    payment_id: Mapped[UUID] = mapped_column(primary_key=True)
    receipt_no: Mapped[str]
    collector_id: Mapped[UUID]
    collected_at: Mapped[datetime]
    amount_fen: Mapped[int]
    pos_slip: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    """merchant_no, terminal_no, batch_no, trace_no, reference_no, card_first6, card_last4."""


class RefundLimit(Shared):
    """Above which amount a staff member's refund waits for a second person, from a date on."""

    __tablename__ = "refund_limits"
    __table_args__ = (CheckConstraint("limit_fen >= 0", name="limit"),)

    valid_from: Mapped[date] = mapped_column(primary_key=True)
    limit_fen: Mapped[int]
    set_by: Mapped[UUID]
    set_at: Mapped[datetime]


class RefundRule(Shared):
    """How a channel gives money back, from a date on, and where that is written."""

    __tablename__ = "refund_rules"
    __table_args__ = (
        CheckConstraint(f"channel IN ({values_of(PaymentChannel)})", name="channel"),
        CheckConstraint(
            "max_age_days > 0 AND max_refunds > 0 AND gap_seconds >= 0 AND gap_seconds <= 3600",
            name="limits",
        ),
        CheckConstraint("btrim(articles) <> ''", name="articles"),
    )

    channel: Mapped[PaymentChannel] = mapped_column(EnumText(PaymentChannel), primary_key=True)
    valid_from: Mapped[date] = mapped_column(primary_key=True)
    max_age_days: Mapped[int | None]
    """From payment; None where the channel sets no end."""
    max_refunds: Mapped[int | None]
    """Of one payment."""
    gap_seconds: Mapped[int]
    articles: Mapped[str]
    """The rule, contract or law that says so."""
    set_by: Mapped[UUID | None]
    """None for the rows that came with the product."""
    set_at: Mapped[datetime]


class LedgerTransfer(CustomerOwned):
    """One transfer between two accounts, append-only; corrected only by a reversal.

    Partitioned by month of `booked_date`.
    """

    __tablename__ = "ledger_transfers"
    __table_args__ = (
        CheckConstraint("amount_fen > 0", name="amount"),
        CheckConstraint("debit_account <> credit_account", name="accounts"),
        Index("ix_ledger_transfers_reference_id", "customer_id", "reference_id"),
        Index("ix_ledger_transfers_booked_date", "booked_date", postgresql_using="brin"),
        Index(
            "ix_ledger_transfers_cash",
            "booked_date",
            postgresql_where=text("debit_account LIKE 'cash:%' OR credit_account LIKE 'cash:%'"),
        ),
        Index(
            "ix_ledger_transfers_cash_in",
            "debit_account",
            "cause",
            postgresql_include=["amount_fen"],
            postgresql_where=text("debit_account LIKE 'cash:%'"),
        ),
        Index(
            "ix_ledger_transfers_cash_out",
            "credit_account",
            "cause",
            postgresql_include=["amount_fen"],
            postgresql_where=text("credit_account LIKE 'cash:%'"),
        ),
        {"postgresql_partition_by": "RANGE (booked_date)"},
    )

    customer_id: Mapped[UUID] = mapped_column(primary_key=True)
    booked_date: Mapped[date] = mapped_column(primary_key=True)
    transfer_id: Mapped[UUID] = mapped_column(primary_key=True)
    debit_account: Mapped[str]
    credit_account: Mapped[str]
    amount_fen: Mapped[int]
    cause: Mapped[str]
    """What happened: payment_captured, refund_requested, refund_succeeded, cash_received, …"""
    reference_id: Mapped[UUID]
    """What it is about: order, ticket, import."""
    source_id: Mapped[UUID]
    """The payment, refund or line that caused it."""
    booked_at: Mapped[datetime]
    reverses_id: Mapped[UUID | None]


class LedgerDailyTotal(Shared):
    """What one account was debited and credited on one past date; equal to its transfers.

    Dates are closed in order, so every date up to the last one here is closed.
    """

    __tablename__ = "ledger_daily_totals"
    __table_args__ = (
        CheckConstraint(
            "least(debit_fen, credit_fen) >= 0 AND debit_fen + credit_fen > 0", name="amounts"
        ),
    )

    booked_date: Mapped[date] = mapped_column(primary_key=True)
    account: Mapped[str] = mapped_column(primary_key=True)
    debit_fen: Mapped[int]
    credit_fen: Mapped[int]


RESEALABLE = (
    SealedTable(
        model=Payment,
        key=("customer_id", "payment_id"),
        row_id="payment_id",
        cells={"payer_sealed": "payer"},
    ),
    SealedTable(
        model=Refund,
        key=("customer_id", "refund_id"),
        row_id="refund_id",
        cells={"evidence_sealed": "evidence"},
    ),
)
"""What a rotation of the data keys seals anew."""
