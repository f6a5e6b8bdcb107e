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


RUNNING = (TicketStatus.OPEN, TicketStatus.ANSWERED)
"""Statuses on which the handling clock runs."""

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


class TicketCategory(StrEnum):
    """What a ticket is about."""

    LEAKING = "leaking"
    LATE = "late"
    MISSING = "missing"
    TASTE = "taste"
    TEMPERATURE = "temperature"
    MANNER = "manner"
    BILLING = "billing"
    OTHER = "other"


CATEGORY_LABELS = {
    TicketCategory.LEAKING: "漏奶破损",
    TicketCategory.LATE: "送达晚",
    TicketCategory.MISSING: "漏送少送",
    TicketCategory.TASTE: "口味异常",
    TicketCategory.TEMPERATURE: "温度不合格",
    TicketCategory.MANNER: "服务态度",
    TicketCategory.BILLING: "费用",
    TicketCategory.OTHER: "其他",
}

KIND_LABELS = {
    TicketKind.COMPLAINT: "投诉",
    TicketKind.REQUEST: "服务请求",
    TicketKind.CONSULTATION: "咨询",
}


class TicketChannel(StrEnum):
    """How a ticket reached us (S1 4.5.1 names the first five, S2 the others)."""

    PHONE = "phone"
    WEB = "web"
    APP = "app"
    WECHAT = "wechat"
    WEIBO = "weibo"
    EMAIL = "email"
    QQ = "qq"
    COUNTER = "counter"
    FAX = "fax"
    POST = "post"


OWN_CHANNELS = frozenset({TicketChannel.WEB, TicketChannel.APP, TicketChannel.WECHAT})
"""Channels on which customers file tickets themselves."""


class TicketEventKind(StrEnum):
    """What can happen to a ticket besides a message."""

    RECEIVED = "received"
    ANSWERED = "answered"
    RESOLVED = "resolved"
    CLOSED = "closed"
    REOPENED = "reopened"
    MERGED = "merged"
    TOOK_DUPLICATE = "took_duplicate"
    ASSIGNED = "assigned"
    ESCALATED = "escalated"
    BREACHED = "breached"
    COMPENSATED = "compensated"
    VISITED = "visited"


class AnswerKind(StrEnum):
    """Where a satisfaction answer was given; KPIs never mix them."""

    RETURN_VISIT = "return_visit"
    SURVEY = "survey"
    RATING = "rating"
