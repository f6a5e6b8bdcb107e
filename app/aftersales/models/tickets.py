"""Tickets with their threads, history, compensations, visits and answers."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    SmallInteger,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from app.aftersales.states import (
    AnswerKind,
    Handling,
    Team,
    TicketAct,
    TicketClass,
    TicketKind,
    TicketStatus,
)
from app.core.base import CustomerOwned, EnumText, Registry
from app.core.states import values_of


class TicketNumber(Registry):
    """Short number for people -> ticket."""

    __tablename__ = "ticket_numbers"

    number: Mapped[str] = mapped_column(primary_key=True)
    customer_id: Mapped[UUID]
    ticket_id: Mapped[UUID]


class Ticket(CustomerOwned):
    """One complaint, request or consultation (售后单)."""

    __tablename__ = "tickets"
    __table_args__ = (
        CheckConstraint(f"kind IN ({values_of(TicketKind)})", name="kind"),
        CheckConstraint(f"severity IN ({values_of(TicketClass)})", name="severity"),
        CheckConstraint(f"status IN ({values_of(TicketStatus)})", name="status"),
        CheckConstraint("(status = 'merged') = (merged_into_id IS NOT NULL)", name="merged"),
        CheckConstraint(f"handling IN ({values_of(Handling)})", name="handling"),
        CheckConstraint("severity <> 'urgent' OR handling = 'emergency'", name="urgent"),
        CheckConstraint(f"team IN ({values_of(Team)})", name="team"),
        Index("ix_tickets_received_at", "received_at"),
        Index(
            "ix_tickets_to_visit",
            "visit_due_at",
            postgresql_where=text("status = 'resolved'"),
        ),
        Index(
            "ix_tickets_running",
            "due_at",
            postgresql_where=text("status IN ('open', 'answered')"),
        ),
    )

    customer_id: Mapped[UUID] = mapped_column(primary_key=True)
    ticket_id: Mapped[UUID] = mapped_column(primary_key=True)
    ticket_no: Mapped[str]
    kind: Mapped[TicketKind] = mapped_column(EnumText(TicketKind))
    severity: Mapped[TicketClass] = mapped_column(EnumText(TicketClass))
    handling: Mapped[Handling | None] = mapped_column(EnumText(Handling))
    """None only on rows older than the field; `urgent` is always an emergency."""
    category: Mapped[str]
    """What about: a `TicketCategory`."""
    is_food_safety: Mapped[bool] = mapped_column(default=False)
    channel: Mapped[str]
    status: Mapped[TicketStatus] = mapped_column(EnumText(TicketStatus))
    customer_kind: Mapped[str]
    city_code: Mapped[str | None]
    station_id: Mapped[UUID | None]
    block_id: Mapped[UUID | None]
    deliverer_id: Mapped[UUID | None]
    order_id: Mapped[UUID | None]
    order_line_id: Mapped[UUID | None]
    service_date: Mapped[date | None]
    subject: Mapped[str]
    """Made from kind, category and date; the customer's own words are sealed in the thread."""
    team: Mapped[Team | None] = mapped_column(EnumText(Team))
    assignee_id: Mapped[UUID | None]
    received_at: Mapped[datetime]
    answer_due_at: Mapped[datetime]
    due_at: Mapped[datetime]
    """End of the running handling clock; a reopened ticket gets a new one."""
    clock_started_at: Mapped[datetime | None]
    """Begin of the running handling clock; None on rows older than the field: receipt."""
    first_answered_at: Mapped[datetime | None]
    """First public answer by a person: set once, moved by nothing."""
    waiting_since: Mapped[datetime | None]
    """The customer spoke last, and this long ago; none while an answer stands."""
    reply_due_at: Mapped[datetime | None]
    """Until when the word in `waiting_since` is to be answered."""
    resolved_at: Mapped[datetime | None]
    visit_due_at: Mapped[datetime | None]
    """Until when a resolved ticket is to be called back."""
    confirmed_at: Mapped[datetime | None]
    """The customer said that it is solved."""
    closed_at: Mapped[datetime | None]
    escalated_at: Mapped[datetime | None]
    breached_at: Mapped[datetime | None]
    late_reason: Mapped[str | None]
    reopened_count: Mapped[int] = mapped_column(SmallInteger, default=0)
    merged_into_id: Mapped[UUID | None]
    is_unfounded: Mapped[bool | None]
    version: Mapped[int] = mapped_column(default=1, server_default=text("1"))
    """Grows with whatever a person does to the ticket; who acts may name the one he saw."""
    changed_at: Mapped[datetime | None]
    changed_by: Mapped[str | None]
    """`customer`, `staff:<id>`."""
    last_act: Mapped[TicketAct | None] = mapped_column(EnumText(TicketAct))


class TicketMessage(CustomerOwned):
    """A message of the thread; internal ones are never shown to the customer."""

    __tablename__ = "ticket_messages"
    __table_args__ = (
        ForeignKeyConstraint(
            ["customer_id", "ticket_id"], ["tickets.customer_id", "tickets.ticket_id"]
        ),
        CheckConstraint("audience IN ('public', 'internal')", name="audience"),
        CheckConstraint("author_kind IN ('customer', 'staff', 'system')", name="author_kind"),
        Index("ix_ticket_messages_ticket_id", "customer_id", "ticket_id"),
    )

    customer_id: Mapped[UUID] = mapped_column(primary_key=True)
    message_id: Mapped[UUID] = mapped_column(primary_key=True)
    ticket_id: Mapped[UUID]
    audience: Mapped[str]
    author_kind: Mapped[str]
    author_id: Mapped[UUID | None]
    body_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    template_id: Mapped[UUID | None] = mapped_column(ForeignKey("answer_templates.id"))
    """The template of the catalogue it was written with."""
    at: Mapped[datetime]


class TicketEvent(CustomerOwned):
    """What happened to a ticket: moves, assignments, escalation, breach, merge."""

    __tablename__ = "ticket_events"
    __table_args__ = (
        ForeignKeyConstraint(
            ["customer_id", "ticket_id"], ["tickets.customer_id", "tickets.ticket_id"]
        ),
        Index("ix_ticket_events_ticket_id", "customer_id", "ticket_id"),
        Index(
            "uq_ticket_events_breach",
            "customer_id",
            "ticket_id",
            unique=True,
            postgresql_where=text("kind = 'breached'"),
        ),
    )

    customer_id: Mapped[UUID] = mapped_column(primary_key=True)
    event_id: Mapped[UUID] = mapped_column(primary_key=True)
    ticket_id: Mapped[UUID]
    kind: Mapped[str]
    actor: Mapped[str]
    reason: Mapped[str | None]
    at: Mapped[datetime]


class Compensation(CustomerOwned):
    """What a household got for a failure: a make-up delivery or a credit to its balance."""

    __tablename__ = "compensations"
    __table_args__ = (
        ForeignKeyConstraint(
            ["customer_id", "ticket_id"], ["tickets.customer_id", "tickets.ticket_id"]
        ),
        Index("ix_compensations_ticket_id", "customer_id", "ticket_id"),
        CheckConstraint("kind IN ('make_up', 'credit')", name="kind"),
        CheckConstraint(
            "CASE kind WHEN 'credit' THEN credit_fen > 0"
            " ELSE service_date IS NOT NULL AND bottles > 0 END",
            name="content",
        ),
    )

    customer_id: Mapped[UUID] = mapped_column(primary_key=True)
    compensation_id: Mapped[UUID] = mapped_column(primary_key=True)
    ticket_id: Mapped[UUID]
    kind: Mapped[str]
    credit_fen: Mapped[int | None]
    service_date: Mapped[date | None]
    order_line_id: Mapped[UUID | None]
    bottles: Mapped[int | None]
    granted_by: Mapped[UUID]
    at: Mapped[datetime]


class ReturnVisit(CustomerOwned):
    """A call-back on a resolved ticket (S1 4.5.3); unreached is no answer."""

    __tablename__ = "return_visits"
    __table_args__ = (
        ForeignKeyConstraint(
            ["customer_id", "ticket_id"], ["tickets.customer_id", "tickets.ticket_id"]
        ),
        CheckConstraint("reached OR remarks_sealed IS NOT NULL", name="unreached"),
        CheckConstraint(
            "manner_score IS NULL OR (reached AND manner_score BETWEEN 1 AND 5)", name="manner"
        ),
        Index("ix_return_visits_ticket_id", "customer_id", "ticket_id"),
        Index("ix_return_visits_at", "at"),
    )

    customer_id: Mapped[UUID] = mapped_column(primary_key=True)
    visit_id: Mapped[UUID] = mapped_column(primary_key=True)
    ticket_id: Mapped[UUID]
    reached: Mapped[bool]
    manner_score: Mapped[int | None] = mapped_column(SmallInteger)
    """What the customer thinks of the staff's manner (S1 4.5.2.3)."""
    remarks_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    """What was said; of an unreached customer, what was tried."""
    visited_by: Mapped[UUID]
    at: Mapped[datetime]


class SatisfactionAnswer(CustomerOwned):
    """A score of 1 to 5 and where it was given."""

    __tablename__ = "satisfaction_answers"
    __table_args__ = (
        CheckConstraint(f"kind IN ({values_of(AnswerKind)})", name="kind"),
        CheckConstraint("score BETWEEN 1 AND 5", name="score"),
        Index("uq_satisfaction_answers_source", "customer_id", "kind", "source_id", unique=True),
        Index("ix_satisfaction_answers_at", "at"),
    )

    customer_id: Mapped[UUID] = mapped_column(primary_key=True)
    answer_id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[AnswerKind] = mapped_column(EnumText(AnswerKind))
    source_id: Mapped[UUID]
    """The return visit, survey or delivery it belongs to."""
    score: Mapped[int] = mapped_column(SmallInteger)
    customer_kind: Mapped[str]
    city_code: Mapped[str | None]
    station_id: Mapped[UUID | None]
    block_id: Mapped[UUID | None]
    deliverer_id: Mapped[UUID | None]
    at: Mapped[datetime]
