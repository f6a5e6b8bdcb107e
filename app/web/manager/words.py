"""How figures and facts read in Chinese."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from app.kpi.definitions import Definition, KpiKey, Unit
from app.kpi.exporting.words import DIRECTION_LABELS, STATUS_LABELS
from app.kpi.morning.reading import BlockRow
from app.kpi.morning.rules import RISK_LABELS, Risk
from app.kpi.rules import KpiStatus
from app.web.common.filters import clock_time

UNITS: Mapping[Unit, str] = {
    Unit.PERCENT: "%",
    Unit.HOURS: "小时",
    Unit.PER_100K: "件/十万户次",
}
STATUSES: Mapping[KpiStatus, tuple[str, str]] = {
    KpiStatus.MET: (STATUS_LABELS[KpiStatus.MET], "ok"),
    KpiStatus.MISSED: (STATUS_LABELS[KpiStatus.MISSED], "bad"),
    KpiStatus.NO_DATA: (STATUS_LABELS[KpiStatus.NO_DATA], "idle"),
}
"""Words and kind of pill."""
FRACTIONS: Mapping[KpiKey, tuple[str, str]] = {
    KpiKey.ON_TIME_RATE: ("准时户次", "应送户次"),
    KpiKey.RESPONSE_TIME: ("24小时内答复", "售后单"),
    KpiKey.INTERNET_RATE: ("互联网订单", "家庭订单"),
    KpiKey.SATISFACTION: ("4、5分答复", "全部答复"),
    KpiKey.DELIVERY_TEMP_RATE: ("合格检查", "应做检查"),
    KpiKey.COLD_STORE_TEMP_RATE: ("合格时段", "应有时段"),
    KpiKey.COMPLAINT_RATE: ("投诉", "服务户次"),
    KpiKey.COMPLAINT_HANDLED_RATE: ("已处理", "应处理投诉"),
}
"""What numerator and denominator are, in a word or two."""
NOTHING_YET: Mapping[KpiKey, str] = {
    KpiKey.ON_TIME_RATE: "还没有过 7:00 的应送户次",
    KpiKey.RESPONSE_TIME: "期间内没有售后单",
    KpiKey.INTERNET_RATE: "期间内没有来源已知的家庭订单",
    KpiKey.SATISFACTION: "期间内没有回访和调查答复",
    KpiKey.DELIVERY_TEMP_RATE: "期间内没有应做的检查",
    KpiKey.COLD_STORE_TEMP_RATE: "期间内没有应有读数的时段",
    KpiKey.COMPLAINT_RATE: "期间内还没有送达的户次",
    KpiKey.COMPLAINT_HANDLED_RATE: "期间内没有应处理的投诉",
}
FORMULAS: Mapping[Unit, str] = {
    Unit.PERCENT: "分子 ÷ 分母 × 100%",
    Unit.HOURS: "期间内最长的一次响应时间（小时）",
    Unit.PER_100K: "分子 ÷ 分母 × 100 000",
}
_BESIDE = {
    "made": "已送齐",
    "short": "少送",
    "undelivered": "未送达",
    "unconfirmed": "未确认",
    "bulk_marked": "批量补录",
    "withdrawn": "停送",
    "rate_with_withdrawn": "停送计入后的比率（%）",
    "withdrawn_day_count": "停送天数",
    "within_24h": "24小时内",
    "within_24h_rate": "24小时内占比（%）",
    "median_hours": "中位数（小时）",
    "p95_hours": "95百分位（小时）",
    "unanswered": "未答复",
    "unknown_source": "来源不明",
    "answers": "答复数",
    "visits_tried": "回访次数",
    "visits_reached": "联系上",
    "response_rate": "回访联系率（%）",
    "missing": "漏做",
    "devices": "设备数",
    "silent": "无读数时段",
    "out_of_range": "超限时段",
    "complaints": "投诉",
    "stops_served": "服务户次",
    "merged": "已并单",
    "unfounded": "查无实据",
    "orders": "订单",
    "per_100000_orders": "每十万订单的投诉",
    "received": "受理",
    "reopened": "重新打开",
}


def value_text(value: Decimal | None) -> str:
    """A KPI's value without its unit."""
    return "—" if value is None else f"{value:,.2f}"


def plain_text(value: Decimal) -> str:
    """95.000 as 95, 4.500 as 4.5."""
    return f"{value.normalize():f}"


def target_text(definition: Definition, target: Decimal) -> str:
    """A target with its side and unit: "≥ 95 %"."""
    return f"{DIRECTION_LABELS[definition.direction]} {plain_text(target)} {UNITS[definition.unit]}"


def beside_facts(beside: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What is told beside a KPI, as label and number; nested tables are left to the rows."""
    facts = []
    for name, value in beside.items():
        if name in _BESIDE and value is not None and not isinstance(value, Mapping | list):
            facts.append((_BESIDE[name], f"{value:,}"))
    return facts


def reasons_of(row: BlockRow, *, limit_at: datetime, now: datetime) -> list[tuple[str, str, str]]:
    """Why a block is at risk: the reason's name, its kind of pill, and the same with its numbers."""
    return [
        (
            RISK_LABELS[risk],
            "warn" if risk is Risk.FAILED_STOPS else "bad",
            _reason(risk, row, past=now >= limit_at),
        )
        for risk in row.outlook.risks
    ]


def _reason(risk: Risk, row: BlockRow, *, past: bool) -> str:
    counts = row.counts
    match risk:
        case Risk.NOT_STARTED:
            return f"{counts.due:,} 户一户未送"
        case Risk.BEHIND_PACE if past:
            return f"7点前准时 {counts.on_time:,} / {counts.due:,} 户"
        case Risk.BEHIND_PACE:
            return f"照此进度，7点前只能准时 {row.outlook.projected or 0:,} / {counts.due:,} 户"
        case Risk.OFFLINE:
            since = clock_time(row.outlook.offline_since)
            return f"{since} 起没有消息，{counts.still_open:,} 户未确认"
        case Risk.FAILED_STOPS:
            told = [f"{counts.failed:,} 户未送达"] if counts.failed else []
            told += [f"{counts.partly:,} 户少送"] if counts.partly else []
            return "，".join(told)
