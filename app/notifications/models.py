"""Tables of notifications."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, LargeBinary, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.core.base import CustomerOwned, Registry
from app.core.states import values_of


class SmsStatus(StrEnum):
    """Life of one SMS."""

    QUEUED = "queued"
    SENDING = "sending"
    UNKNOWN = "unknown"
    ACCEPTED = "accepted"
    DELIVERED = "delivered"
    FAILED = "failed"


class SmsMessage(CustomerOwned):
    """One SMS for one cause; a cause never makes a second message."""

    __tablename__ = "sms_messages"
    __table_args__ = (
        CheckConstraint(f"status IN ({values_of(SmsStatus)})", name="status"),
        Index("uq_sms_messages_cause", "customer_id", "cause", unique=True),
        Index(
            "ix_sms_messages_open",
            "created_at",
            postgresql_where=text("status IN ('queued', 'sending', 'unknown')"),
        ),
    )

    customer_id: Mapped[UUID] = mapped_column(primary_key=True)
    message_id: Mapped[UUID] = mapped_column(primary_key=True)
    cause: Mapped[str]
    template: Mapped[str]
    phone_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    parameters_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    status: Mapped[SmsStatus] = mapped_column(Text, default=SmsStatus.QUEUED)
    attempts: Mapped[int] = mapped_column(default=0)
    attempted_at: Mapped[datetime | None]
    duplicate_possible: Mapped[bool] = mapped_column(default=False)
    provider: Mapped[str | None]
    provider_message_id: Mapped[str | None]
    failure: Mapped[str | None]
    send_before_at: Mapped[datetime | None]
    created_at: Mapped[datetime]


class SmsReceipt(Registry):
    """A provider's delivery receipt, once per provider message; receipts repeat."""

    __tablename__ = "sms_receipts"

    provider: Mapped[str] = mapped_column(primary_key=True)
    provider_message_id: Mapped[str] = mapped_column(primary_key=True)
    customer_id: Mapped[UUID]
    message_id: Mapped[UUID]
    received_at: Mapped[datetime | None]
    succeeded: Mapped[bool | None]
    facts: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict)
