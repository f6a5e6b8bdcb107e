"""What is promised to whom, on which calendar, and whom a ticket is escalated to when."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, SmallInteger, text
from sqlalchemy.dialects.postgresql import DATERANGE, ExcludeConstraint, Range
from sqlalchemy.orm import Mapped, mapped_column

from app.aftersales.states import AppliesTo, Team, TicketClass
from app.core.base import CustomerOwned, EnumText, Shared
from app.core.states import values_of
from app.identity.models import Role

_MINUTES = "opens_minute >= 0 AND opens_minute < closes_minute AND closes_minute <= 1440"


class ServiceCalendar(Shared):
    """Hours on which a clock runs, if an SLA rule names it; KPIs know no calendar."""

    __tablename__ = "service_calendars"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    changed_at: Mapped[datetime]


class CalendarHours(Shared):
    """Hours of a weekday (0 = Monday), minutes of the operator's day; no row: closed."""

    __tablename__ = "calendar_hours"
    __table_args__ = (
        CheckConstraint("weekday BETWEEN 0 AND 6", name="weekday"),
        CheckConstraint(_MINUTES, name="minutes"),
    )

    calendar_id: Mapped[UUID] = mapped_column(ForeignKey("service_calendars.id"), primary_key=True)
    weekday: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    opens_minute: Mapped[int] = mapped_column(SmallInteger)
    closes_minute: Mapped[int] = mapped_column(SmallInteger)


class CalendarDay(Shared):
    """A day with hours of its own; without them a holiday."""

    __tablename__ = "calendar_days"
    __table_args__ = (
        CheckConstraint("(opens_minute IS NULL) = (closes_minute IS NULL)", name="pair"),
        CheckConstraint(_MINUTES, name="minutes"),
    )

    calendar_id: Mapped[UUID] = mapped_column(ForeignKey("service_calendars.id"), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    opens_minute: Mapped[int | None] = mapped_column(SmallInteger)
    closes_minute: Mapped[int | None] = mapped_column(SmallInteger)
    note: Mapped[str | None]


class SlaRule(Shared):
    """What is promised for a class of tickets over a period; a rule for a kind of customer wins."""

    __tablename__ = "sla_rules"
    __table_args__ = (
        CheckConstraint(f"severity IN ({values_of(TicketClass)})", name="severity"),
        CheckConstraint(f"applies_to IN ({values_of(AppliesTo)})", name="applies_to"),
        CheckConstraint(
            "answer_minutes > 0 AND handle_minutes > 0 AND visit_minutes > 0", name="minutes"
        ),
        ExcludeConstraint(
            ("severity", "="),
            ("applies_to", "="),
            ("valid", "&&"),
            using="gist",
            name="ex_sla_rules",
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    severity: Mapped[TicketClass] = mapped_column(EnumText(TicketClass))
    applies_to: Mapped[AppliesTo] = mapped_column(EnumText(AppliesTo))
    valid: Mapped[Range[date]] = mapped_column(DATERANGE)
    answer_minutes: Mapped[int]
    handle_minutes: Mapped[int]
    visit_minutes: Mapped[int]
    needs_call_back: Mapped[bool]
    """Whether only a call-back closes; else the customer's own score by link does as well."""
    calendar_id: Mapped[UUID | None] = mapped_column(ForeignKey("service_calendars.id"), index=True)
    """None: 24 hours a day, every day."""


class SlaLevel(Shared):
    """When a ticket that still runs is escalated, and to whom: a role or a team."""

    __tablename__ = "sla_levels"
    __table_args__ = (
        CheckConstraint("level BETWEEN 1 AND 9", name="level"),
        CheckConstraint("after_minutes > 0", name="after"),
        CheckConstraint("num_nonnulls(to_role, to_team) = 1", name="to_one"),
        CheckConstraint(f"to_role IN ({values_of(Role)})", name="to_role"),
        CheckConstraint(f"to_team IN ({values_of(Team)})", name="to_team"),
    )

    rule_id: Mapped[UUID] = mapped_column(ForeignKey("sla_rules.id"), primary_key=True)
    level: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    after_minutes: Mapped[int]
    to_role: Mapped[Role | None] = mapped_column(EnumText(Role))
    to_team: Mapped[Team | None] = mapped_column(EnumText(Team))


class TicketEscalation(CustomerOwned):
    """One level of one run of a ticket's handling clock: due once, raised once."""

    __tablename__ = "ticket_escalations"
    __table_args__ = (
        ForeignKeyConstraint(
            ["customer_id", "ticket_id"], ["tickets.customer_id", "tickets.ticket_id"]
        ),
        Index("ix_ticket_escalations_due", "due_at", postgresql_where=text("raised_at IS NULL")),
    )

    customer_id: Mapped[UUID] = mapped_column(primary_key=True)
    ticket_id: Mapped[UUID] = mapped_column(primary_key=True)
    run: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    """How often the ticket had been reopened."""
    level: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    due_at: Mapped[datetime]
    to_role: Mapped[Role | None] = mapped_column(EnumText(Role))
    to_team: Mapped[Team | None] = mapped_column(EnumText(Team))
    raised_at: Mapped[datetime | None]
