"""Messages, the attempts to send them, and what the provider reported."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, LargeBinary, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.core.base import CustomerOwned, EnumText, Registry
from app.core.states import values_of
from app.notifications.states import (
    SMS_MOVES,
    AttemptOutcome,
    SmsAccount,
    SmsCategory,
    SmsStatus,
)


class SmsMessage(CustomerOwned):
    """One SMS of one kind (`template`) for one cause; both never make a second message.

    `created_at` is business time. `due_at` (next try), `attempted_at` (start of the last call) and
    `send_before_at` are wall time. Phone and parameters are sealed with
    `Cell("sms_messages", "phone" or "parameters", message_id)`; `phone_index` finds the phone.
    """

    __tablename__ = "sms_messages"
    __table_args__ = (
        CheckConstraint(f"status IN ({values_of(SmsStatus)})", name="status"),
        CheckConstraint(
            "(resend_of IS NULL) = (resent_by IS NULL)"
            " AND (resend_of IS NULL) = (resend_reason IS NULL)",
            name="resend",
        ),
        Index("uq_sms_messages_event", "customer_id", "cause", "template", unique=True),
        Index(
            "ix_sms_messages_open",
            "due_at",
            postgresql_where=text("status IN ('queued', 'sending', 'unknown')"),
        ),
        Index(
            "ix_sms_messages_unsent",
            "status",
            "created_at",
            "message_id",
            postgresql_where=text("status IN ('failed', 'expired', 'suppressed')"),
        ),
        Index("ix_sms_messages_newest", "created_at", "message_id"),
        Index("ix_sms_messages_phone", "phone_index", "created_at"),
        Index("ix_sms_messages_cause", "cause", postgresql_ops={"cause": "text_pattern_ops"}),
    )

    customer_id: Mapped[UUID] = mapped_column(primary_key=True)
    message_id: Mapped[UUID] = mapped_column(primary_key=True)
    cause: Mapped[str]
    template: Mapped[str]
    phone_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    phone_index: Mapped[bytes | None] = mapped_column(LargeBinary)
    parameters_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    status: Mapped[SmsStatus] = mapped_column(EnumText(SmsStatus), default=SmsStatus.QUEUED)
    attempts: Mapped[int] = mapped_column(default=0)
    """Calls that asked a provider to send."""
    round: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    """In each round every account is tried once at most; between rounds there is a pause."""
    enquiries: Mapped[int] = mapped_column(default=0)
    """Vain questions since the last call of unknown outcome."""
    attempted_at: Mapped[datetime | None]
    due_at: Mapped[datetime]
    duplicate_possible: Mapped[bool] = mapped_column(default=False)
    provider: Mapped[str | None]
    provider_message_id: Mapped[str | None]
    failure: Mapped[str | None]
    send_before_at: Mapped[datetime]
    created_at: Mapped[datetime]
    resend_of: Mapped[UUID | None]
    """The message a person had sent once more."""
    resent_by: Mapped[str | None]
    resend_reason: Mapped[str | None]

    def change_status(self, wanted: SmsStatus) -> None:
        """Move to a status; raises MoveNotAllowed."""
        SMS_MOVES.require(SmsStatus(self.status), wanted)
        self.status = wanted


class SmsAttempt(CustomerOwned):
    """One call that asked one account to send a message; written before the call. Wall time."""

    __tablename__ = "sms_attempts"
    __table_args__ = (
        CheckConstraint(f"account IN ({values_of(SmsAccount)})", name="account"),
        CheckConstraint(f"category IN ({values_of(SmsCategory)})", name="category"),
        CheckConstraint(f"outcome IN ({values_of(AttemptOutcome)})", name="outcome"),
        CheckConstraint("(outcome IS NULL) = (ended_at IS NULL)", name="ended"),
        ForeignKeyConstraint(
            ["customer_id", "message_id"],
            ["sms_messages.customer_id", "sms_messages.message_id"],
            ondelete="CASCADE",
        ),
        Index("ix_sms_attempts_phone", "phone_index", "started_at"),
    )

    customer_id: Mapped[UUID] = mapped_column(primary_key=True)
    message_id: Mapped[UUID] = mapped_column(primary_key=True)
    attempt_no: Mapped[int] = mapped_column(primary_key=True)
    round: Mapped[int]
    account: Mapped[SmsAccount] = mapped_column(EnumText(SmsAccount))
    category: Mapped[SmsCategory] = mapped_column(EnumText(SmsCategory))
    kind: Mapped[str]
    template_id: Mapped[UUID]
    """The text it was sent with."""
    provider_code: Mapped[str]
    phone_index: Mapped[bytes | None] = mapped_column(LargeBinary)
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    outcome: Mapped[AttemptOutcome | None] = mapped_column(EnumText(AttemptOutcome))
    """None while the call is under way, or when the worker died in it."""
    error: Mapped[str | None]
    provider_message_id: Mapped[str | None]


class SmsReceipt(Registry):
    """A provider's message number, our message, and what the provider reported; reports repeat."""

    __tablename__ = "sms_receipts"

    provider: Mapped[str] = mapped_column(primary_key=True)
    provider_message_id: Mapped[str] = mapped_column(primary_key=True)
    customer_id: Mapped[UUID]
    message_id: Mapped[UUID]
    received_at: Mapped[datetime | None]
    succeeded: Mapped[bool | None]
    facts: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict)
