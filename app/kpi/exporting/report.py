"""A closed month as a PDF in Chinese (S1 5.2.1)."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from fpdf import FPDF
from fpdf.enums import XPos, YPos
from fpdf.fonts import FontFace

from app.core.clock import OPERATOR_ZONE
from app.kpi.definitions import DEFINITIONS, KpiKey
from app.kpi.exporting.words import DIRECTION_LABELS, STATUS_LABELS, UNIT_LABELS
from app.kpi.models import KpiFinding
from app.kpi.months import Figure, MonthFigure, MonthReport
from app.kpi.states import FINDING_LABELS

_FONT = "noto"
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
    pdf = _Sheet(format="A4")
    pdf.add_font(_FONT, fname=font)
    pdf.made_at = made_at.astimezone(OPERATOR_ZONE)
    pdf.set_title(f"随心订服务目标月报 {report.month:%Y-%m}")
    pdf.set_auto_page_break(auto=True, margin=18)
    pdf.add_page()
    pdf.set_font(_FONT, size=16)
    pdf.cell(text="随心订服务目标月报", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    pdf.set_font(_FONT, size=10)
    closed_at = report.closed_at.astimezone(OPERATOR_ZONE)
    for line in (
        f"月份：{report.month:%Y年%m月}　　范围：{scope_title}",
        f"关账时间：{closed_at:%Y-%m-%d %H:%M}　　依据：T/SCA 120014-2021 第5.2.1条",
        "上报值为关账时的数字，不再改动；现值包含此后补传的数据。",
    ):
        pdf.cell(text=line, h=6, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    pdf.ln(3)
    _figures(pdf, report.figures)
    _findings(pdf, findings)
    return bytes(pdf.output())


class _Sheet(FPDF):
    made_at: datetime | None = None

    def footer(self) -> None:
        """Page number and when it was made."""
        self.set_y(-12)
        self.set_font(_FONT, size=8)
        made = "" if self.made_at is None else f"打印时间 {self.made_at:%Y-%m-%d %H:%M}　"
        self.cell(text=f"{made}第 {self.page_no()} 页", align="C", w=self.epw)


def _figures(pdf: FPDF, figures: Sequence[MonthFigure]) -> None:
    pdf.set_font(_FONT, size=8)
    with pdf.table(col_widths=_WIDTHS, line_height=6, headings_style=_heading()) as table:
        head = table.row()
        for name in _HEAD:
            head.cell(name)
        for figure in figures:
            row = table.row()
            for text in _texts(figure):
                row.cell(text)


def _heading() -> FontFace:
    return FontFace(emphasis=None, fill_color=(232, 238, 245))


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


def _findings(pdf: FPDF, findings: list[KpiFinding]) -> None:
    pdf.ln(6)
    pdf.set_font(_FONT, size=12)
    pdf.cell(text="未达标原因及措施", h=8, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    pdf.set_font(_FONT, size=9)
    if not findings:
        pdf.cell(text="本月没有登记。", h=6)
    for number, finding in enumerate(findings, start=1):
        text = (
            f"{number}. {DEFINITIONS[KpiKey(finding.key)].title}　{finding.first_date} 至 {finding.last_date}　"
            f"结果 {finding.value:f}，目标 {finding.target.normalize():f}　"
            f"状态：{FINDING_LABELS[finding.state]}\n"
            f"原因：{finding.cause}\n措施：{finding.action}\n"
            f"责任人：{finding.responsible}　期限：{finding.due_date}"
        )
        pdf.multi_cell(w=0, h=5.5, text=text, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        pdf.ln(2)
