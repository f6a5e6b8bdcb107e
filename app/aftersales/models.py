"""Tables of aftersales."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    SmallInteger,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from app.aftersales.states import AnswerKind, TicketClass, TicketKind, TicketStatus
from app.core.base import CustomerOwned, EnumText, Registry
from app.core.reseal import SealedTable
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
        Index("ix_tickets_received_at", "received_at"),
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
    assignee_id: Mapped[UUID | None]
    received_at: Mapped[datetime]
    answer_due_at: Mapped[datetime]
    due_at: Mapped[datetime]
    """End of the running handling clock; a reopened ticket gets a new one."""
    first_answered_at: Mapped[datetime | None]
    """First public answer by a person: set once, moved by nothing."""
    waiting_since: Mapped[datetime | None]
    """The customer spoke last, and this long ago; none while an answer stands."""
    resolved_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    escalated_at: Mapped[datetime | None]
    breached_at: Mapped[datetime | None]
    late_reason: Mapped[str | None]
    reopened_count: Mapped[int] = mapped_column(SmallInteger, default=0)
    merged_into_id: Mapped[UUID | None]
    is_unfounded: Mapped[bool | None]


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
        Index("ix_return_visits_ticket_id", "customer_id", "ticket_id"),
        Index("ix_return_visits_at", "at"),
    )

    customer_id: Mapped[UUID] = mapped_column(primary_key=True)
    visit_id: Mapped[UUID] = mapped_column(primary_key=True)
    ticket_id: Mapped[UUID]
    reached: Mapped[bool]
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


RESEALABLE = (
    SealedTable(
        model=TicketMessage,
        key=("customer_id", "message_id"),
        row_id="message_id",
        cells={"body_sealed": "body"},
    ),
    SealedTable(
        model=ReturnVisit,
        key=("customer_id", "visit_id"),
        row_id="visit_id",
        cells={"remarks_sealed": "remarks"},
    ),
)
"""What a rotation of the data keys seals anew."""
