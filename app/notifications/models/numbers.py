"""What is known of a number and of an account, and what phones answered."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from app.core.base import EnumText, Local, Registry
from app.core.states import values_of
from app.notifications.states import ReplyMeaning, SmsAccount


class SmsNumber(Registry):
    """One phone, by its blind index: the lock under which its messages are counted.

    `opted_out_at` (business time) is its last word against promotions; it outlives an erasure.
    """

    __tablename__ = "sms_numbers"

    phone_index: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    opted_out_at: Mapped[datetime | None]


class SmsReply(Registry):
    """A text a phone sent to us, once; sealed with `Cell("sms_replies", …, reply_id)`."""

    __tablename__ = "sms_replies"
    __table_args__ = (
        CheckConstraint(f"meaning IN ({values_of(ReplyMeaning)})", name="meaning"),
        Index("ix_sms_replies_newest", "received_at", "reply_id"),
        Index("ix_sms_replies_phone", "phone_index"),
    )

    provider: Mapped[str] = mapped_column(primary_key=True)
    sequence: Mapped[str] = mapped_column(primary_key=True)
    """The provider's number of it."""
    reply_id: Mapped[UUID]
    phone_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    phone_index: Mapped[bytes | None] = mapped_column(LargeBinary)
    content_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    meaning: Mapped[ReplyMeaning] = mapped_column(EnumText(ReplyMeaning))
    received_at: Mapped[datetime]


class SmsAccountState(Local):
    """How an account fares: after failures in a row it is left alone until `paused_until`."""

    __tablename__ = "sms_accounts"
    __table_args__ = (CheckConstraint(f"account IN ({values_of(SmsAccount)})", name="account"),)

    account: Mapped[SmsAccount] = mapped_column(EnumText(SmsAccount), primary_key=True)
    failures: Mapped[int]
    paused_until: Mapped[datetime | None]
    reason: Mapped[str | None]
