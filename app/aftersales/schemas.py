"""Shapes of the aftersales endpoints."""

from datetime import date, datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import Field, model_validator

from app.aftersales.models import Compensation, Ticket, TicketEvent
from app.aftersales.moves import public_id
from app.aftersales.service import TicketFile, Visit
from app.aftersales.states import TicketCategory, TicketChannel, TicketClass, TicketKind
from app.aftersales.thread import Message
from app.core.ids import public_pair, public_single
from app.core.money import PositiveFen
from app.core.schemas import Answer, LongText, OptionalText, Phone, Request, ShortText

PublicId = Annotated[str, Field(min_length=10, max_length=80)]
Score = Annotated[int, Field(ge=1, le=5, strict=True)]
ServiceDate = Annotated[date, Field(ge=date(2000, 1, 1), le=date(2100, 1, 1))]


class TicketIn(Request):
    """A new ticket. Staff name the customer by phone, order or line; customers are themselves."""

    kind: TicketKind
    category: TicketCategory
    severity: TicketClass = TicketClass.GENERAL
    is_food_safety: bool = False
    channel: TicketChannel = TicketChannel.WEB
    body: LongText
    phone: Phone | None = None
    order_id: PublicId | None = None
    order_line_id: PublicId | None = None
    service_date: ServiceDate | None = None


class ReplyIn(Request):
    """A message; `internal` is for staff only."""

    body: LongText
    audience: Literal["public", "internal"] = "public"


class AssignIn(Request):
    """Who takes the ticket (login; none: the caller), and a new grade if it needs one."""

    login: ShortText | None = None
    severity: TicketClass | None = None


class MergeIn(Request):
    """The older ticket that stays."""

    into: PublicId


class ResolveIn(Request):
    """The result told to the customer; past 24 hours also the reason for it."""

    result: LongText
    late_reason: OptionalText | None = None
    is_unfounded: bool | None = None


class ReopenIn(Request):
    """Why it is not settled."""

    reason: LongText


class MakeUpIn(Request):
    """Bottles brought once more on a coming service date."""

    service_date: ServiceDate
    bottles: Annotated[int, Field(ge=1, le=20, strict=True)]
    order_line_id: PublicId | None = None


class CompensateIn(Request):
    """A make-up delivery or a credit in fen: exactly one."""

    make_up: MakeUpIn | None = None
    credit_fen: PositiveFen | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.make_up is None) == (self.credit_fen is None):
            raise ValueError("give make_up or credit_fen")
        return self


class ReturnVisitIn(Request):
    """A call-back: reached with a score of 1 to 5, or not reached with what was tried."""

    reached: bool
    score: Score | None = None
    remarks: LongText | None = None

    @model_validator(mode="after")
    def _told(self) -> Self:
        if self.reached != (self.score is not None):
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
    assignee: str | None
    waiting_since: datetime | None
    escalated_at: datetime | None
    breached_at: datetime | None
    late_reason: str | None
    is_unfounded: bool | None


class TicketOut(Answer):
    """A ticket in a list. Times in UTC; `desk` is for staff."""

    id: str
    ticket_no: str
    kind: str
    category: str
    severity: str
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
    closed_at: datetime | None
    reopened_count: int
    merged_into: str | None
    desk: DeskPart | None


class MessageOut(Answer):
    """A message of the thread."""

    audience: str
    author: str
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
    reason: str | None
    at: datetime


class VisitOut(Answer):
    """A return visit."""

    reached: bool
    score: int | None
    remarks: str | None
    at: datetime


class TicketFileOut(TicketOut):
    """A ticket with its thread; events and visits are for staff."""

    messages: list[MessageOut]
    compensations: list[CompensationOut]
    events: list[EventOut]
    visits: list[VisitOut]


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
        closed_at=ticket.closed_at,
        reopened_count=ticket.reopened_count,
        merged_into=pair("tkt", ticket.merged_into_id),
        desk=_desk_part(ticket, assignee) if for_desk else None,
    )


def _desk_part(ticket: Ticket, assignee: str | None) -> DeskPart:
    def single(prefix: str, row_id: UUID | None) -> str | None:
        return None if row_id is None else public_single(prefix, row_id)

    return DeskPart(
        station_id=single("stn", ticket.station_id),
        block_id=single("blk", ticket.block_id),
        deliverer_id=single("dlv", ticket.deliverer_id),
        assignee=assignee,
        waiting_since=ticket.waiting_since,
        escalated_at=ticket.escalated_at,
        breached_at=ticket.breached_at,
        late_reason=ticket.late_reason,
        is_unfounded=ticket.is_unfounded,
    )


def present_file(file: TicketFile, *, for_desk: bool) -> TicketFileOut:
    """A ticket with its thread as its reader may see it."""
    head = present_ticket(file.ticket, assignee=file.assignee, for_desk=for_desk)
    return TicketFileOut(
        **head.model_dump(exclude={"desk"}),
        desk=head.desk,
        messages=[_present_message(message) for message in file.messages],
        compensations=[present_compensation(granted) for granted in file.compensations],
        events=[_present_event(event) for event in file.events],
        visits=[_present_visit(visit) for visit in file.visits],
    )


def _present_message(message: Message) -> MessageOut:
    return MessageOut.model_validate(message)


def present_compensation(granted: Compensation) -> CompensationOut:
    """What was granted."""
    return CompensationOut.model_validate(granted)


def _present_event(event: TicketEvent) -> EventOut:
    return EventOut.model_validate(event)


def _present_visit(visit: Visit) -> VisitOut:
    return VisitOut(
        reached=visit.visit.reached, score=visit.score, remarks=visit.remarks, at=visit.visit.at
    )
