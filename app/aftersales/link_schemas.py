"""Shapes of the link that asks a customer about a result."""

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
