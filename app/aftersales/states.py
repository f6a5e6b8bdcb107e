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


class Handling(StrEnum):
    """How a ticket is worked (S2: 常见, 复杂, 紧急); a field beside the class."""

    COMMON = "common"
    COMPLEX = "complex"
    EMERGENCY = "emergency"


class Team(StrEnum):
    """Who works on tickets (S2 售后服务组织架构)."""

    RESPONSE = "response"
    TECHNICAL = "technical"
    QUALITY = "quality"
    TRAINING = "training"


TEAM_LABELS = {
    Team.RESPONSE: "响应小组",
    Team.TECHNICAL: "技术支持组",
    Team.QUALITY: "质检小组",
    Team.TRAINING: "培训小组",
}


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
    CLASSIFIED = "classified"
    ESCALATED = "escalated"
    BREACHED = "breached"
    RESCHEDULED = "rescheduled"
    CONFIRMED = "confirmed"
    COMPENSATED = "compensated"
    VISITED = "visited"


class TicketAct(StrEnum):
    """What somebody last did to a ticket, as the next one who acts is told."""

    FILED = "filed"
    REPLIED = "replied"
    NOTED = "noted"
    ASSIGNED = "assigned"
    CLASSIFIED = "classified"
    COMPENSATED = "compensated"
    RESOLVED = "resolved"
    REOPENED = "reopened"
    MERGED = "merged"
    TOOK_DUPLICATE = "took_duplicate"
    VISITED = "visited"
    CONFIRMED = "confirmed"


ACT_LABELS = {
    TicketAct.FILED: "登记",
    TicketAct.REPLIED: "答复",
    TicketAct.NOTED: "内部备注",
    TicketAct.ASSIGNED: "分派",
    TicketAct.CLASSIFIED: "调整分类",
    TicketAct.COMPENSATED: "补偿",
    TicketAct.RESOLVED: "处理完毕",
    TicketAct.REOPENED: "重新打开",
    TicketAct.MERGED: "并单",
    TicketAct.TOOK_DUPLICATE: "并入重复单",
    TicketAct.VISITED: "回访",
    TicketAct.CONFIRMED: "顾客确认",
}


class TemplatePurpose(StrEnum):
    """What a template of the catalogue is for (S1 5.2.9: 道歉和承诺)."""

    RECEIPT = "receipt"
    QUESTION = "question"
    APOLOGY = "apology"
    COMMITMENT = "commitment"
    ANSWER = "answer"
    RESULT = "result"


PURPOSE_LABELS = {
    TemplatePurpose.RECEIPT: "受理",
    TemplatePurpose.QUESTION: "核实",
    TemplatePurpose.APOLOGY: "致歉",
    TemplatePurpose.COMMITMENT: "承诺",
    TemplatePurpose.ANSWER: "答复",
    TemplatePurpose.RESULT: "处理结果",
}


class AppliesTo(StrEnum):
    """Whose tickets a service promise is for."""

    ALL = "all"
    HOUSEHOLD = "household"
    SCHOOL = "school"


class AnswerKind(StrEnum):
    """Where a satisfaction answer was given; KPIs never mix them."""

    RETURN_VISIT = "return_visit"
    SURVEY = "survey"
    RATING = "rating"
