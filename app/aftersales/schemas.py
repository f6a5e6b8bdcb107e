"""Shapes of the aftersales endpoints."""

from datetime import date, datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import Field, model_validator

from app.aftersales.models import Compensation, Ticket
from app.aftersales.moves import public_id
from app.aftersales.reading import TicketFile, Visit
from app.aftersales.rules import handling_of
from app.aftersales.states import (
    Handling,
    Team,
    TicketCategory,
    TicketChannel,
    TicketClass,
    TicketKind,
)
from app.core.ids import public_pair, public_single
from app.core.money import PositiveFen
from app.core.schemas import Answer, LongText, OptionalText, Phone, Request, ShortText

PublicId = Annotated[str, Field(min_length=10, max_length=80)]
Score = Annotated[int, Field(ge=1, le=5, strict=True)]
Version = Annotated[int, Field(ge=1, le=2**31, strict=True)]
"""The version of the ticket the caller had before his eyes; another one by now is a 409."""
ServiceDate = Annotated[date, Field(ge=date(2000, 1, 1), le=date(2100, 1, 1))]


class TicketIn(Request):
    """A new ticket. Staff name the customer by phone, order or line; customers are themselves."""

    kind: TicketKind
    category: TicketCategory
    severity: TicketClass = TicketClass.GENERAL
    handling: Handling | None = None
    is_food_safety: bool = False
    channel: TicketChannel = TicketChannel.WEB
    body: LongText
    phone: Phone | None = None
    order_id: PublicId | None = None
    order_line_id: PublicId | None = None
    service_date: ServiceDate | None = None


class ReplyIn(Request):
    """A message, a template of the catalogue, or both; `internal` is for staff only."""

    body: LongText | None = None
    template_id: PublicId | None = None
    audience: Literal["public", "internal"] = "public"
    version: Version | None = None

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.body is None and self.template_id is None:
            raise ValueError("give body or template_id")
        if self.audience == "internal" and self.template_id is not None:
            raise ValueError("templates are for customers")
        return self


class AssignIn(Request):
    """Who takes the ticket: a team, a person (login), both, or neither: the caller."""

    login: ShortText | None = None
    team: Team | None = None
    version: Version | None = None


class ClassifyIn(Request):
    """What the ticket is to be, and why; what is not named stays."""

    severity: TicketClass | None = None
    handling: Handling | None = None
    category: TicketCategory | None = None
    is_food_safety: bool | None = None
    reason: ShortText
    version: Version | None = None


class MergeIn(Request):
    """The older ticket that stays."""

    into: PublicId
    version: Version | None = None


class ResolveIn(Request):
    """The result told to the customer; past the promise or 24 hours also the reason for it."""

    result: LongText
    late_reason: OptionalText | None = None
    is_unfounded: bool | None = None
    version: Version | None = None


class ReopenIn(Request):
    """Why it is not settled."""

    reason: LongText
    version: Version | None = None


class MakeUpIn(Request):
    """Bottles brought once more on a coming service date."""

    service_date: ServiceDate
    bottles: Annotated[int, Field(ge=1, le=20, strict=True)]
    order_line_id: PublicId | None = None


class CompensateIn(Request):
    """A make-up delivery or a credit in fen: exactly one."""

    make_up: MakeUpIn | None = None
    credit_fen: PositiveFen | None = None
    version: Version | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.make_up is None) == (self.credit_fen is None):
            raise ValueError("give make_up or credit_fen")
        return self


class ReturnVisitIn(Request):
    """A call-back: reached with a score of 1 to 5, or not reached with what was tried.

    `manner_score`: what the customer thinks of the staff's manner.
    """

    reached: bool
    score: Score | None = None
    manner_score: Score | None = None
    remarks: LongText | None = None
    version: Version | None = None

    @model_validator(mode="after")
    def _told(self) -> Self:
        if self.reached != (self.score is not None):
            raise ValueError("a score belongs to a customer who was reached")
        if not self.reached and self.manner_score is not None:
            raise ValueError("a score belongs to a customer who was reached")
        if not self.reached and self.remarks is None:
            raise ValueError("say what was tried")
        return self


class RatingIn(Request):
    """One tap for a day's delivery."""

    order_line_id: PublicId
    service_date: ServiceDate
    score: Score


class RatingOut(Answer):
    """A rating as stored."""

    service_date: date
    score: int
    deliverer_id: str | None


class DeskPart(Answer):
    """What only staff see."""

    station_id: str | None
    block_id: str | None
    deliverer_id: str | None
    customer_id: str
    team: Team | None
    assignee: str | None
    waiting_since: datetime | None
    reply_due_at: datetime | None
    visit_due_at: datetime | None
    escalated_at: datetime | None
    breached_at: datetime | None
    late_reason: str | None
    is_unfounded: bool | None
    changed_at: datetime | None
    last_act: str | None


class TicketOut(Answer):
    """A ticket in a list. Times in UTC; `desk` is for staff."""

    id: str
    ticket_no: str
    kind: str
    category: str
    severity: str
    handling: Handling
    is_food_safety: bool
    channel: str
    status: str
    subject: str
    order_id: str | None
    order_line_id: str | None
    service_date: date | None
    received_at: datetime
    answer_due_at: datetime
    due_at: datetime
    first_answered_at: datetime | None
    resolved_at: datetime | None
    confirmed_at: datetime | None
    closed_at: datetime | None
    reopened_count: int
    merged_into: str | None
    version: int
    desk: DeskPart | None


class MessageOut(Answer):
    """A message of the thread; `author_name` is a member of staff's, for the desk."""

    audience: str
    author: str
    author_name: str | None
    body: str
    at: datetime


class CompensationOut(Answer):
    """What was granted."""

    kind: str
    credit_fen: int | None
    service_date: date | None
    bottles: int | None
    at: datetime


class EventOut(Answer):
    """A line of the history."""

    kind: str
    actor: str
    actor_name: str | None
    reason: str | None
    at: datetime


class EscalationOut(Answer):
    """One level of one run of the handling clock: when it is due, and when it was raised."""

    run: int
    level: int
    due_at: datetime
    to_role: str | None
    to_team: str | None
    raised_at: datetime | None


class VisitOut(Answer):
    """A return visit."""

    reached: bool
    score: int | None
    manner_score: int | None
    remarks: str | None
    at: datetime


class TicketFileOut(TicketOut):
    """A ticket with its thread; events, visits and escalations are for staff."""

    messages: list[MessageOut]
    compensations: list[CompensationOut]
    events: list[EventOut]
    visits: list[VisitOut]
    escalations: list[EscalationOut]


def present_ticket(ticket: Ticket, *, assignee: str | None, for_desk: bool) -> TicketOut:
    """A ticket as its reader may see it."""
    customer_id = ticket.customer_id

    def pair(prefix: str, row_id: UUID | None) -> str | None:
        return None if row_id is None else public_pair(prefix, customer_id, row_id)

    return TicketOut(
        id=public_id(ticket),
        ticket_no=ticket.ticket_no,
        kind=ticket.kind,
        category=ticket.category,
        severity=ticket.severity,
        handling=handling_of(ticket.severity, ticket.handling),
        is_food_safety=ticket.is_food_safety,
        channel=ticket.channel,
        status=ticket.status,
        subject=ticket.subject,
        order_id=pair("ord", ticket.order_id),
        order_line_id=pair("lin", ticket.order_line_id),
        service_date=ticket.service_date,
        received_at=ticket.received_at,
        answer_due_at=ticket.answer_due_at,
        due_at=ticket.due_at,
        first_answered_at=ticket.first_answered_at,
        resolved_at=ticket.resolved_at,
        confirmed_at=ticket.confirmed_at,
        closed_at=ticket.closed_at,
        reopened_count=ticket.reopened_count,
        merged_into=pair("tkt", ticket.merged_into_id),
        version=ticket.version,
        desk=_desk_part(ticket, assignee) if for_desk else None,
    )


def _desk_part(ticket: Ticket, assignee: str | None) -> DeskPart:
    def single(prefix: str, row_id: UUID | None) -> str | None:
        return None if row_id is None else public_single(prefix, row_id)

    return DeskPart(
        station_id=single("stn", ticket.station_id),
        block_id=single("blk", ticket.block_id),
        deliverer_id=single("dlv", ticket.deliverer_id),
        customer_id=public_single("cus", ticket.customer_id),
        team=ticket.team,
        assignee=assignee,
        waiting_since=ticket.waiting_since,
        reply_due_at=ticket.reply_due_at,
        visit_due_at=ticket.visit_due_at,
        escalated_at=ticket.escalated_at,
        breached_at=ticket.breached_at,
        late_reason=ticket.late_reason,
        is_unfounded=ticket.is_unfounded,
        changed_at=ticket.changed_at,
        last_act=ticket.last_act,
    )


def present_file(file: TicketFile, *, for_desk: bool) -> TicketFileOut:
    """A ticket with its thread as its reader may see it."""
    head = present_ticket(file.ticket, assignee=file.assignee, for_desk=for_desk)
    return TicketFileOut(
        **head.model_dump(exclude={"desk"}),
        desk=head.desk,
        messages=[MessageOut.model_validate(message) for message in file.messages],
        compensations=[present_compensation(granted) for granted in file.compensations],
        events=[
            EventOut(
                kind=event.kind,
                actor=event.actor,
                actor_name=file.name_of(event.actor),
                reason=event.reason,
                at=event.at,
            )
            for event in file.events
        ],
        visits=[_present_visit(visit) for visit in file.visits],
        escalations=[EscalationOut.model_validate(one) for one in file.escalations],
    )


def present_compensation(granted: Compensation) -> CompensationOut:
    """What was granted."""
    return CompensationOut.model_validate(granted)


def _present_visit(visit: Visit) -> VisitOut:
    return VisitOut(
        reached=visit.visit.reached,
        score=visit.score,
        manner_score=visit.visit.manner_score,
        remarks=visit.remarks,
        at=visit.visit.at,
    )
