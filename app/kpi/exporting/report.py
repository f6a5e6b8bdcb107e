"""A closed month as a PDF in Chinese (S1 5.2.1)."""

from datetime import datetime
from decimal import Decimal
from pathlib import Path

from app.core.clock import OPERATOR_ZONE
from app.core.printing.sheet import Sheet
from app.kpi.definitions import DEFINITIONS, KpiKey
from app.kpi.exporting.words import DIRECTION_LABELS, STATUS_LABELS, UNIT_LABELS
from app.kpi.models import KpiFinding
from app.kpi.months import Figure, MonthFigure, MonthReport
from app.kpi.states import FINDING_LABELS

_WIDTHS = (44, 18, 18, 16, 22, 18, 18, 36)
_HEAD = ("指标", "目标", "上报值", "状态", "单位", "现值", "差异", "分子/分母")


def build_report(
    report: MonthReport,
    *,
    scope_title: str,
    findings: list[KpiFinding],
    made_at: datetime,
    font: Path,
) -> bytes:
    """The report: figures as reported beside what is known now, and what was done about misses."""
    sheet = Sheet(
        title=f"随心订服务目标月报 {report.month:%Y-%m}",
        foot=f"打印时间 {made_at.astimezone(OPERATOR_ZONE):%Y-%m-%d %H:%M}",
        dated=made_at,
        font=font,
    )
    closed_at = report.closed_at.astimezone(OPERATOR_ZONE)
    for line in (
        f"月份：{report.month:%Y年%m月}　　范围：{scope_title}",
        f"关账时间：{closed_at:%Y-%m-%d %H:%M}　　依据：T/SCA 120014-2021 第5.2.1条",
        "上报值为关账时的数字，不再改动；现值包含此后补传的数据。",
    ):
        sheet.say(line)
    sheet.ln(3)
    sheet.grid((_texts(figure) for figure in report.figures), widths=_WIDTHS, head=_HEAD)
    _findings(sheet, findings)
    return bytes(sheet.output())


def _texts(figure: MonthFigure) -> tuple[str, ...]:
    definition = figure.definition
    return (
        definition.title,
        f"{DIRECTION_LABELS[definition.direction]} {figure.target.normalize():f}",
        _value(figure.reported),
        STATUS_LABELS[figure.reported.verdict.status],
        UNIT_LABELS[definition.unit],
        _value(figure.now),
        _signed(figure.difference),
        f"{figure.reported.numerator}/{figure.reported.denominator}",
    )


def _value(figure: Figure) -> str:
    return "无数据" if figure.verdict.value is None else f"{figure.verdict.value:f}"


def _signed(difference: Decimal | None) -> str:
    return "－" if difference is None else f"{difference:+f}"


def _findings(sheet: Sheet, findings: list[KpiFinding]) -> None:
    sheet.head("未达标原因及措施")
    if not findings:
        sheet.tell("本月没有登记。")
    for number, finding in enumerate(findings, start=1):
        sheet.tell(
            f"{number}. {DEFINITIONS[KpiKey(finding.key)].title}　{finding.first_date} 至 {finding.last_date}　"
            f"结果 {finding.value:f}，目标 {finding.target.normalize():f}　"
            f"状态：{FINDING_LABELS[finding.state]}\n"
            f"原因：{finding.cause}\n措施：{finding.action}\n"
            f"责任人：{finding.responsible}　期限：{finding.due_date}"
        )
        sheet.ln(2)
