"""Statuses of a ticket and the moves between them (S1 4.5.2-4.5.3, S2 四)."""

from enum import StrEnum

from app.core.states import StateTable


class TicketStatus(StrEnum):
    """Life of a ticket; it is closed only after the return visit."""

    OPEN = "open"
    ANSWERED = "answered"
    RESOLVED = "resolved"
    CLOSED = "closed"
    MERGED = "merged"


TICKET_MOVES: StateTable[TicketStatus] = StateTable(
    {
        TicketStatus.OPEN: frozenset(
            {TicketStatus.ANSWERED, TicketStatus.RESOLVED, TicketStatus.MERGED}
        ),
        TicketStatus.ANSWERED: frozenset({TicketStatus.RESOLVED, TicketStatus.MERGED}),
        TicketStatus.RESOLVED: frozenset({TicketStatus.CLOSED, TicketStatus.ANSWERED}),
        TicketStatus.CLOSED: frozenset({TicketStatus.ANSWERED}),
    }
)


class TicketKind(StrEnum):
    """What the customer wants."""

    COMPLAINT = "complaint"
    REQUEST = "request"
    CONSULTATION = "consultation"


class TicketClass(StrEnum):
    """Severity (S2: 一般, 重大, 紧急)."""

    GENERAL = "general"
    MAJOR = "major"
    URGENT = "urgent"


class AnswerKind(StrEnum):
    """Where a satisfaction answer was given; KPIs never mix them."""

    RETURN_VISIT = "return_visit"
    SURVEY = "survey"
    RATING = "rating"
