"""What the files say; without the libraries that write them, which load slowly."""

from pathlib import Path

from app.core.errors import Unavailable
from app.kpi.rules import KpiStatus

XLSX_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
STATUS_LABELS = {
    KpiStatus.MET: "达标",
    KpiStatus.MISSED: "未达标",
    KpiStatus.NO_DATA: "无数据",
}
UNIT_LABELS = {"percent": "%", "hours": "小时", "per_100000": "每十万户次"}
DIRECTION_LABELS = {"at_least": "≥", "at_most": "≤"}
PDF_TYPE = "application/pdf"
_ROOT = Path(__file__).resolve().parents[3]
FONT = _ROOT / "app/web/static/NotoSansSC-Regular.ttf"
"""The font of reports; it comes with the built pages."""


class ReportFontMissing(Unavailable):
    """The font that Chinese reports are set in was not built."""

    code = "report_font_missing"
    title = "缺少报告字体，请运行资源构建后重试"


def find_font() -> Path:
    """The font of reports; raises ReportFontMissing."""
    if not FONT.is_file():
        raise ReportFontMissing
    return FONT
