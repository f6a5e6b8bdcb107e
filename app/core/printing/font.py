"""The font of documents; without the library that writes them, which loads slowly."""

from pathlib import Path

from app.core.errors import Unavailable

PDF_TYPE = "application/pdf"
_ROOT = Path(__file__).resolve().parents[3]
FONT = _ROOT / "app/web/static/NotoSansSC-Regular.ttf"
"""The font of documents; it comes with the built pages."""


class ReportFontMissing(Unavailable):
    """The font that Chinese documents are set in was not built."""

    code = "report_font_missing"
    title = "缺少报告字体，请运行资源构建后重试"


def find_font() -> Path:
    """The font of documents; raises ReportFontMissing."""
    if not FONT.is_file():
        raise ReportFontMissing
    return FONT
