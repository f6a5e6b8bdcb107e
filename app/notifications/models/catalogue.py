"""What admins keep: the texts with their approvals, and what one number may get."""

from datetime import date, datetime, time
from uuid import UUID

from sqlalchemy import ARRAY, CheckConstraint, ForeignKey, Text
from sqlalchemy.dialects.postgresql import DATERANGE, ExcludeConstraint, Range
from sqlalchemy.orm import Mapped, mapped_column

from app.core.base import EnumText, Shared
from app.core.states import values_of
from app.notifications.rules import Limits
from app.notifications.states import Approval, SmsAccount, SmsCategory


class SmsTemplate(Shared):
    """The text of a kind over a period of days, and how long its messages are useful."""

    __tablename__ = "sms_templates"
    __table_args__ = (
        CheckConstraint(f"category IN ({values_of(SmsCategory)})", name="category"),
        CheckConstraint("useful_minutes BETWEEN 1 AND 10080", name="useful"),
        ExcludeConstraint(
            ("kind", "="), ("valid", "&&"), using="gist", name="ex_sms_templates_valid"
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str]
    category: Mapped[SmsCategory] = mapped_column(EnumText(SmsCategory))
    text: Mapped[str]
    variables: Mapped[list[str]] = mapped_column(ARRAY(Text))
    valid: Mapped[Range[date]] = mapped_column(DATERANGE)
    useful_minutes: Mapped[int]
    useful_until: Mapped[time | None]
    """Operator's time of the day it was written, after which it is of no use."""
    created_at: Mapped[datetime]
    created_by: Mapped[str]


class SmsTemplateCode(Shared):
    """A text at one account: the provider's code for it, and how far its review is."""

    __tablename__ = "sms_template_codes"
    __table_args__ = (
        CheckConstraint(f"account IN ({values_of(SmsAccount)})", name="account"),
        CheckConstraint(f"approval IN ({values_of(Approval)})", name="approval"),
        CheckConstraint("approval <> 'approved' OR provider_code <> ''", name="registered"),
    )

    template_id: Mapped[UUID] = mapped_column(
        ForeignKey("sms_templates.id", ondelete="CASCADE"), primary_key=True
    )
    account: Mapped[SmsAccount] = mapped_column(EnumText(SmsAccount), primary_key=True)
    provider_code: Mapped[str]
    approval: Mapped[Approval] = mapped_column(EnumText(Approval))
    note: Mapped[str | None]
    changed_at: Mapped[datetime]
    changed_by: Mapped[str]


class SmsRule(Shared):
    """What one number may get of a category, and within which hours, over a period of days."""

    __tablename__ = "sms_rules"
    __table_args__ = (
        CheckConstraint(f"category IN ({values_of(SmsCategory)})", name="category"),
        CheckConstraint("least(per_minute, per_hour, per_day) >= 1", name="limits"),
        CheckConstraint(
            "(opens_at IS NULL) = (closes_at IS NULL) AND opens_at < closes_at", name="hours"
        ),
        ExcludeConstraint(
            ("category", "="), ("valid", "&&"), using="gist", name="ex_sms_rules_valid"
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    category: Mapped[SmsCategory] = mapped_column(EnumText(SmsCategory))
    valid: Mapped[Range[date]] = mapped_column(DATERANGE)
    per_minute: Mapped[int | None]
    per_hour: Mapped[int | None]
    per_day: Mapped[int | None]
    opens_at: Mapped[time | None]
    closes_at: Mapped[time | None]
    created_by: Mapped[str]

    def limits(self) -> Limits:
        """As the rules take it."""
        return Limits(
            per_minute=self.per_minute,
            per_hour=self.per_hour,
            per_day=self.per_day,
            opens_at=self.opens_at,
            closes_at=self.closes_at,
        )
