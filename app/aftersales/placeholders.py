"""Placeholders of answer templates: which there are, and how a text is filled (S1 5.2.9)."""

import re
from collections.abc import Mapping
from enum import StrEnum

from app.aftersales.errors import PlaceholderEmpty, PlaceholderUnknown

_MARK = re.compile(r"\{([^{}]*)\}")


class Placeholder(StrEnum):
    """What a template may ask for, as agents write it."""

    SALUTATION = "顾客称呼"
    TICKET_NO = "工单号"
    SUBJECT = "问题"
    ORDER_NO = "订单号"
    SERVICE_DATE = "配送日期"
    DELIVERED_AT = "送达时间"
    STATION = "奶站"
    AGENT = "客服姓名"
    DUE_AT = "处理时限"
    COMPENSATION = "补偿内容"


def placeholders_of(text: str) -> set[Placeholder]:
    """What a text asks for; raises PlaceholderUnknown for anything else in braces."""
    named = [name.strip() for name in _MARK.findall(text)]
    known = {member.value for member in Placeholder}
    unknown = [name for name in dict.fromkeys(named) if name not in known]
    if unknown or set("{}") & set(_MARK.sub("", text)):
        raise PlaceholderUnknown(unknown=unknown, known=[member.value for member in Placeholder])
    return {Placeholder(name) for name in named}


def fill(text: str, values: Mapping[Placeholder, str | None]) -> str:
    """The text with its placeholders filled; raises PlaceholderEmpty naming what is not known."""
    missing = [name.value for name in placeholders_of(text) if not values.get(name)]
    if missing:
        raise PlaceholderEmpty(missing=sorted(missing))
    return _MARK.sub(lambda found: values[Placeholder(found[1].strip())] or "", text)
