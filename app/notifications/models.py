"""Tables of notifications."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, LargeBinary, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.core.base import CustomerOwned, EnumText, Registry
from app.core.reseal import SealedTable
from app.core.states import values_of
from app.notifications.states import SMS_MOVES, SmsStatus


class SmsMessage(CustomerOwned):
    """One SMS for one cause; a cause never makes a second message.

    `created_at` is business time. `due_at` (next try), `attempted_at` (start of the last call) and
    `send_before_at` are wall time. Phone and parameters are sealed with
    `Cell("sms_messages", "phone" or "parameters", message_id)`.
    """

    __tablename__ = "sms_messages"
    __table_args__ = (
        CheckConstraint(f"status IN ({values_of(SmsStatus)})", name="status"),
        Index("uq_sms_messages_cause", "customer_id", "cause", unique=True),
        Index(
            "ix_sms_messages_open",
            "due_at",
            postgresql_where=text("status IN ('queued', 'sending', 'unknown')"),
        ),
    )

    customer_id: Mapped[UUID] = mapped_column(primary_key=True)
    message_id: Mapped[UUID] = mapped_column(primary_key=True)
    cause: Mapped[str]
    template: Mapped[str]
    phone_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    parameters_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    status: Mapped[SmsStatus] = mapped_column(EnumText(SmsStatus), default=SmsStatus.QUEUED)
    attempts: Mapped[int] = mapped_column(default=0)
    """Calls that asked the provider to send."""
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

    def change_status(self, wanted: SmsStatus) -> None:
        """Move to a status; raises MoveNotAllowed."""
        SMS_MOVES.require(SmsStatus(self.status), wanted)
        self.status = wanted


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


RESEALABLE = (
    SealedTable(
        model=SmsMessage,
        key=("customer_id", "message_id"),
        row_id="message_id",
        cells={"phone_sealed": "phone", "parameters_sealed": "parameters"},
    ),
)
"""What a rotation of the data keys seals anew."""
