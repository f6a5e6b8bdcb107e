"""Tables of aftersales, cut by noun."""

from app.aftersales.models.desk import AnswerTemplate, TeamMember
from app.aftersales.models.promises import (
    CalendarDay,
    CalendarHours,
    ServiceCalendar,
    SlaLevel,
    SlaRule,
    TicketEscalation,
)
from app.aftersales.models.tickets import (
    Compensation,
    ReturnVisit,
    SatisfactionAnswer,
    Ticket,
    TicketEvent,
    TicketMessage,
    TicketNumber,
)
from app.core.reseal import SealedTable

__all__ = [
    "RESEALABLE",
    "AnswerTemplate",
    "CalendarDay",
    "CalendarHours",
    "Compensation",
    "ReturnVisit",
    "SatisfactionAnswer",
    "ServiceCalendar",
    "SlaLevel",
    "SlaRule",
    "TeamMember",
    "Ticket",
    "TicketEscalation",
    "TicketEvent",
    "TicketMessage",
    "TicketNumber",
]

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
