"""Words of the desk's pages for what the database calls by name."""

import re
from collections.abc import Mapping
from uuid import UUID

from app.aftersales.models import TicketEvent
from app.aftersales.states import (
    CATEGORY_LABELS,
    TEAM_LABELS,
    Handling,
    Team,
    TicketChannel,
    TicketClass,
    TicketEventKind,
    TicketStatus,
)
from app.delivery.models import DeliveryStatus
from app.identity.models import Role
from app.web.common.templating import ROLE_LABELS

STATUS_LABELS = {
    TicketStatus.OPEN: "待答复",
    TicketStatus.ANSWERED: "已答复",
    TicketStatus.RESOLVED: "已处理，待回访",
    TicketStatus.CLOSED: "已关闭",
    TicketStatus.MERGED: "已并单",
}
STATUS_KINDS = {
    TicketStatus.OPEN: "warn",
    TicketStatus.ANSWERED: "info",
    TicketStatus.RESOLVED: "ok",
    TicketStatus.CLOSED: "idle",
    TicketStatus.MERGED: "idle",
}
CLASS_LABELS = {
    TicketClass.GENERAL: "一般",
    TicketClass.MAJOR: "重大",
    TicketClass.URGENT: "紧急",
}
CLASS_KINDS = {TicketClass.GENERAL: "idle", TicketClass.MAJOR: "warn", TicketClass.URGENT: "bad"}
HANDLING_LABELS = {
    Handling.COMMON: "常见问题",
    Handling.COMPLEX: "复杂问题",
    Handling.EMERGENCY: "紧急处理",
}
CHANNEL_LABELS = {
    TicketChannel.PHONE: "电话",
    TicketChannel.WEB: "网站",
    TicketChannel.APP: "APP",
    TicketChannel.WECHAT: "微信",
    TicketChannel.WEIBO: "微博",
    TicketChannel.EMAIL: "邮件",
    TicketChannel.QQ: "QQ",
    TicketChannel.COUNTER: "柜台",
    TicketChannel.FAX: "传真",
    TicketChannel.POST: "信函",
}
EVENT_LABELS = {
    TicketEventKind.RECEIVED: "受理",
    TicketEventKind.ANSWERED: "答复",
    TicketEventKind.RESOLVED: "处理完毕",
    TicketEventKind.CLOSED: "关闭",
    TicketEventKind.REOPENED: "重新打开",
    TicketEventKind.MERGED: "并入他单",
    TicketEventKind.TOOK_DUPLICATE: "并入重复单",
    TicketEventKind.ASSIGNED: "分派",
    TicketEventKind.CLASSIFIED: "调整分类",
    TicketEventKind.ESCALATED: "升级",
    TicketEventKind.BREACHED: "超时",
    TicketEventKind.RESCHEDULED: "时限变更",
    TicketEventKind.CONFIRMED: "顾客确认已解决",
    TicketEventKind.COMPENSATED: "补偿",
    TicketEventKind.VISITED: "回访",
}
DELIVERY_LABELS = {
    DeliveryStatus.PLANNED: "应送",
    DeliveryStatus.DELIVERED: "已送达",
    DeliveryStatus.SHORT: "少送",
    DeliveryStatus.FAILED: "未送达",
    DeliveryStatus.CANCELLED: "已取消",
}
DELIVERY_KINDS = {
    DeliveryStatus.PLANNED: "info",
    DeliveryStatus.DELIVERED: "ok",
    DeliveryStatus.SHORT: "warn",
    DeliveryStatus.FAILED: "bad",
    DeliveryStatus.CANCELLED: "idle",
}
FAILURE_LABELS = {
    "no_box": "没有奶箱",
    "locked_gate": "门禁进不去",
    "customer_absent": "顾客不在",
    "address_not_found": "找不到地址",
    "milk_short": "奶不够",
    "milk_damaged": "奶破损",
    "vehicle_late": "车晚到",
    "refused_by_customer": "顾客拒收",
    "other": "其他",
}
_FIELDS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "severity": ("级别", {key.value: label for key, label in CLASS_LABELS.items()}),
    "handling": ("处理方式", {key.value: label for key, label in HANDLING_LABELS.items()}),
    "category": ("问题", {key.value: label for key, label in CATEGORY_LABELS.items()}),
    "food_safety": ("食品安全", {"true": "是", "false": "否"}),
}
_CHANGE = re.compile(r"(severity|handling|category|food_safety) (\S+?) -> ([a-z_]+)(?:, )?")
_MAKE_UP = re.compile(r"make_up (\d+) on (\S+)")
_UUID = re.compile(r"to ([0-9a-f-]{36})")
_TEAM = re.compile(r"team (\w+)")
_LEVEL = re.compile(r"level (\d+) to (\w+)")

_TOLD = {role.value: label for role, label in ROLE_LABELS.items()} | {
    team.value: label for team, label in TEAM_LABELS.items()
}


def assigned_ids(events: list[TicketEvent]) -> set[UUID]:
    """Accounts to whom a ticket was handed in its history."""
    found = (_UUID.search(event.reason or "") for event in events)
    return {UUID(match.group(1)) for match in found if match is not None}


def event_text(event: TicketEvent, names: Mapping[UUID, str]) -> str:
    """What a line of the history says, in Chinese; people's own words stay as they are."""
    said = event.reason or ""
    if event.kind == TicketEventKind.CLASSIFIED:
        return _classified(said)
    if event.kind == TicketEventKind.ASSIGNED:
        return _assigned(said, names)
    if event.kind == TicketEventKind.COMPENSATED:
        made = _MAKE_UP.fullmatch(said)
        if made is not None:
            return f"补送 {made.group(1)} 瓶，{made.group(2)}"
        return f"退款到余额 ¥{said.removeprefix('credit ')}"
    if event.kind == TicketEventKind.VISITED:
        return "已接通" if said == "reached" else "未接通"
    if event.kind == TicketEventKind.RESCHEDULED:
        return "处理时限随承诺调整"
    if event.kind == TicketEventKind.ESCALATED:
        level = _LEVEL.search(said)
        return "" if level is None else f"第 {level.group(1)} 级，通知{_TOLD[level.group(2)]}"
    return said


def _classified(said: str) -> str:
    parts, end = [], 0
    while (match := _CHANGE.match(said, end)) is not None:
        label, values = _FIELDS[match.group(1)]
        before, after = (values.get(match.group(at), match.group(at)) for at in (2, 3))
        parts.append(f"{label} {before} → {after}")
        end = match.end()
    reason = said[end:].removeprefix(": ")
    return "，".join(parts) + (f"。原因：{reason}" if reason else "")


def _assigned(said: str, names: Mapping[UUID, str]) -> str:
    team, person = _TEAM.search(said), _UUID.search(said)
    parts = []
    if team is not None:
        parts.append(TEAM_LABELS[Team(team.group(1))])
    if person is not None:
        parts.append(names.get(UUID(person.group(1)), "客服"))
    return " · ".join(parts)


def told(role: Role | None, team: Team | None) -> str:
    """To whom a level of escalation goes."""
    if role is not None:
        return ROLE_LABELS[role]
    return "" if team is None else TEAM_LABELS[team]
