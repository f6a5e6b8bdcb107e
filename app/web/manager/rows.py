"""A KPI's rows in words: what it is, what it adds, and where it leads to."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.aftersales.states import CATEGORY_LABELS, KIND_LABELS
from app.core.clock import local_date
from app.kpi.definitions import KpiKey
from app.kpi.repository.rows import KpiRow
from app.web.common.filters import clock_time, exact
from app.web.manager.asking import HOME
from app.web.manager.labels import (
    ANSWERS,
    CHECKS,
    HANDOVERS,
    SLOTS,
    SOURCES,
    STOPS,
    TICKET_STATUSES,
)

_PLACES = ("station_id", "store_id", "vehicle_id", "block_id", "deliverer_id")


@dataclass(frozen=True, slots=True)
class Link:
    """Where a row leads to."""

    text: str
    href: str


@dataclass(frozen=True, slots=True)
class ShownRow:
    """One row as the page shows it."""

    at: str
    title: str
    place: str
    facts: str
    verdict: str
    kind: str
    links: list[Link]


def places_in(rows: Iterable[KpiRow]) -> set[str]:
    """Public ids of everything in the rows that has a name."""
    return {row.facts[name] for row in rows for name in _PLACES if row.facts.get(name)}


def show_row(row: KpiRow, *, key: KpiKey, names: Mapping[str, str]) -> ShownRow:
    """A row in words."""
    title, facts, links = _SHOWN[row.kind](row)
    verdict, kind = _verdict(row, key)
    return ShownRow(
        at=exact(row.at) if isinstance(row.at, datetime) else row.at.isoformat(),
        title=title,
        place=" · ".join(
            names.get(row.facts[name], "—") for name in _PLACES if row.facts.get(name)
        ),
        facts="，".join(fact for fact in facts if fact),
        verdict=verdict,
        kind=kind,
        links=links,
    )


def _verdict(row: KpiRow, key: KpiKey) -> tuple[str, str]:
    if key is KpiKey.COMPLAINT_RATE:
        return ("计为投诉", "bad") if row.numerator else ("已服务", "ok")
    if row.denominator == 0:
        return "不计入", "idle"
    return ("合格", "ok") if row.numerator == row.denominator else ("不合格", "bad")


Shown = tuple[str, list[str], list[Link]]


def _order_link(order_id: str | None, text: str = "订单") -> list[Link]:
    return [] if order_id is None else [Link(text, f"{HOME}/orders/{order_id}")]


def _stop(row: KpiRow) -> Shown:
    said = row.facts
    address = row.id.partition("@")[0]
    made_at = said["made_at"]
    facts = [
        "" if made_at is None else f"{clock_time(datetime.fromisoformat(made_at))} 送齐",
        "批量补录" if said["bulk_marked"] else "",
    ]
    links = [Link("配送", f"{HOME}/stops/{address}/{row.at}")]
    orders = said["order_ids"]
    for number, order_id in enumerate(orders, start=1):
        links += _order_link(order_id, f"订单{number}" if len(orders) > 1 else "订单")
    return STOPS[said["state"]], facts, links


def _ticket(row: KpiRow) -> Shown:
    said = row.facts
    facts = [
        CATEGORY_LABELS[said["category"]],
        TICKET_STATUSES.get(said["status"], said["status"]),
        f"{'首次答复用时' if said['answered'] else '已等待'} {said['waited_hours']} 小时",
        "查无实据" if said["is_unfounded"] else "",
    ]
    links = [Link("售后单", f"{HOME}/tickets/{row.id}"), *_order_link(said["order_id"])]
    return f"{KIND_LABELS[said['kind']]} {said['ticket_no']}", facts, links


def _answer(row: KpiRow) -> Shown:
    ticket = row.facts["ticket_id"]
    links = [] if ticket is None else [Link("售后单", f"{HOME}/tickets/{ticket}")]
    return ANSWERS[row.facts["kind"]], [f"{row.facts['score']} 分"], links


def _order(row: KpiRow) -> Shown:
    source = row.facts["source"]
    return "订单", [SOURCES.get(source, "来源不明")], _order_link(row.id, "查看")


def _trip_check(row: KpiRow) -> Shown:
    said = row.facts
    subject = said["subject"]
    if subject.startswith("leg:"):
        title = f"{CHECKS['cabin_leg']}（第{subject[4:]}段）"
    elif subject in HANDOVERS:
        title = f"{CHECKS['handover']}（{HANDOVERS[subject]}）"
    else:
        title = CHECKS[said["check"]]
    facts = [_celsius(said["celsius"]), "漏做" if said["missing"] else ""]
    return title, facts, [Link("车次", f"{HOME}/trips/{said['trip_id']}")]


def _slot(row: KpiRow) -> Shown:
    said = row.facts
    day = local_date(row.at) if isinstance(row.at, datetime) else row.at
    return (
        SLOTS[said["state"]],
        [_celsius(said["celsius"])],
        [Link("温度曲线", f"{HOME}/devices/{said['device_id']}?day={day}")],
    )


def _celsius(text: str | None) -> str:
    return "" if text is None else f"{text} °C"


_SHOWN: Mapping[str, Any] = {
    "stop": _stop,
    "ticket": _ticket,
    "answer": _answer,
    "order": _order,
    "trip_check": _trip_check,
    "slot": _slot,
}
