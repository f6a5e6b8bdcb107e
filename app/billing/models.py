"""Tables of billing. Amounts are integer fen."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.core.base import CustomerOwned, Registry
from app.core.states import values_of


class PaymentChannel(StrEnum):
    """How money reaches us."""

    WECHAT = "wechat"
    CASH = "cash"
    POS = "pos"


class PaymentStatus(StrEnum):
    """Life of one payment attempt."""

    CREATED = "created"
    PENDING = "pending"
    UNKNOWN = "unknown"
    CAPTURED = "captured"
    CLOSED = "closed"
    FAILED = "failed"


class RefundStatus(StrEnum):
    """Life of one refund; only the channel makes it succeed."""

    REQUESTED = "requested"
    APPROVED = "approved"
    SUBMITTED = "submitted"
    PROCESSING = "processing"
    ABNORMAL = "abnormal"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


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
        Index("ix_payments_reference_id", "customer_id", "reference_id"),
        Index(
            "ix_payments_open",
            "created_at",
            postgresql_where=text("status IN ('created', 'pending', 'unknown')"),
        ),
    )

    customer_id: Mapped[UUID] = mapped_column(primary_key=True)
    payment_id: Mapped[UUID] = mapped_column(primary_key=True)
    reference_id: Mapped[UUID]
    channel: Mapped[PaymentChannel] = mapped_column(Text)
    method: Mapped[str]
    """How the payer meets the channel: native, jsapi, h5, door."""
    merchant_account: Mapped[str]
    out_trade_no: Mapped[str]
    amount_fen: Mapped[int]
    description: Mapped[str]
    status: Mapped[PaymentStatus] = mapped_column(Text)
    handle: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    """What the payer's client needs: code_url, prepay parameters."""
    expires_at: Mapped[datetime]
    created_at: Mapped[datetime]
    asked_at: Mapped[datetime | None]
    captured_at: Mapped[datetime | None]
    captured_fen: Mapped[int | None]
    channel_transaction_id: Mapped[str | None]
    unmatched_reason: Mapped[str | None]
    """Set when captured money has nothing to pay for and is being given back or waits."""
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
    """A verified notification, once however often it comes."""

    __tablename__ = "channel_events"

    channel: Mapped[str] = mapped_column(primary_key=True)
    event_id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    number: Mapped[str]
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
        Index(
            "ix_refunds_open",
            "created_at",
            postgresql_where=text("status NOT IN ('succeeded', 'failed')"),
        ),
    )

    customer_id: Mapped[UUID] = mapped_column(primary_key=True)
    refund_id: Mapped[UUID] = mapped_column(primary_key=True)
    payment_id: Mapped[UUID]
    reference_id: Mapped[UUID]
    cause: Mapped[str]
    """Why, unique per payment: order_rejected, order_cancelled:…, surplus."""
    out_refund_no: Mapped[str]
    amount_fen: Mapped[int]
    from_account: Mapped[str]
    """Ledger account that gives the money up: prepaid or suspense."""
    to_origin: Mapped[bool] = mapped_column(default=True)
    status: Mapped[RefundStatus] = mapped_column(Text)
    created_at: Mapped[datetime]
    asked_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    channel_refund_id: Mapped[str | None]
    approved_by: Mapped[UUID | None]
    failure: Mapped[str | None]


class Receipt(CustomerOwned):
    """Cash taken or a POS slip written down at the door; one per payment."""

    __tablename__ = "receipts"
    __table_args__ = (
        ForeignKeyConstraint(
            ["customer_id", "payment_id"], ["payments.customer_id", "payments.payment_id"]
        ),
        CheckConstraint("amount_fen > 0", name="amount"),
    )

    customer_id: Mapped[UUID] = mapped_column(primary_key=True)
    payment_id: Mapped[UUID] = mapped_column(primary_key=True)
    receipt_no: Mapped[str]
    collector_id: Mapped[UUID] = mapped_column(index=True)
    collected_at: Mapped[datetime]
    amount_fen: Mapped[int]
    pos_slip: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    """merchant_no, terminal_no, batch_no, trace_no, reference_no, card (first 6 and last 4)."""


class LedgerTransfer(CustomerOwned):
    """One transfer between two accounts, append-only; corrected only by a reversal.

    Partitioned by month of `booked_date`.
    """

    __tablename__ = "ledger_transfers"
    __table_args__ = (
        CheckConstraint("amount_fen > 0", name="amount"),
        CheckConstraint("debit_account <> credit_account", name="accounts"),
        Index("ix_ledger_transfers_reference_id", "customer_id", "reference_id"),
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
