"""Shapes of the links that ask a customer about a result, and for a rating."""

from datetime import datetime
from typing import Self

from app.aftersales.models import Ticket
from app.aftersales.schemas import Score
from app.core.schemas import Answer, LongText, Request


class TicketAsked(Answer):
    """What `GET /links/{token}` tells `about` a result; `asks_score`: confirming closes."""

    ticket_no: str
    subject: str
    status: str
    result: str | None
    resolved_at: datetime | None
    can_answer: bool
    asks_score: bool


class RatingAskedOut(Answer):
    """What `GET /links/{token}` tells `about` a closed ticket."""

    ticket_no: str
    subject: str
    closed_at: datetime | None
    can_answer: bool


class RateIn(Request):
    """How the ticket was handled, 1 to 5."""

    score: Score


class RatedOut(Answer):
    """The rating as it was kept."""

    ticket_no: str
    score: int


class ConfirmIn(Request):
    """It is solved; with a score of 1 to 5 where the link asks for one."""

    score: Score | None = None


class NotSolvedIn(Request):
    """It is not solved, and why."""

    reason: LongText | None = None


class ResultAnswered(Answer):
    """What the answer did."""

    ticket_no: str
    status: str
    confirmed_at: datetime | None
    visit_due_at: datetime | None

    @classmethod
    def of(cls, ticket: Ticket) -> Self:
        """From the ticket."""
        return cls.model_validate(ticket)
