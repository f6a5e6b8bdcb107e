"""Single cells of a book: text, codes, quantities, days, yuan, ticks.

Each function returns a value or raises `CellError` with a Chinese reason. Blank cells are the
caller's matter (`is_blank`).
"""

import re
import unicodedata
from datetime import date, datetime
from decimal import Decimal

from app.core.money import MAX_FEN
from app.orders.book.errors import CellError

CellValue = str | int | float | bool | date | None
"""What a file holds in one cell; dates come only from date-formatted XLSX cells."""

FORMULA_WITHOUT_RESULT = "#FORMULA!"
MERGED = "#MERGED!"

_BAD_CELLS = {
    FORMULA_WITHOUT_RESULT: "公式没有保存计算结果，请用表格软件打开并保存一次，或改成数值",
    MERGED: "是合并单元格，看不出每一行各是多少，请取消合并后逐行填写",
} | dict.fromkeys(
    ("#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NUM!", "#NULL!", "#SPILL!", "#CALC!"),
    "公式的结果是错误值，请改成数值",
)
_BLANK_MARKS = frozenset({"", "-", "--", "–", "—", "——", "/", "\\", "无", "暂无"})

_SPACES = "\t\n\r\x0b\x0c\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_INVISIBLE = "\xad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff"
_WIDE_ALNUM = "\uff10-\uff19\uff21-\uff3a\uff41-\uff5a"
_UNUSUAL = re.compile(
    rf"[\x00-\x1f\x7f-\x9f{_SPACES}{_INVISIBLE}{_WIDE_ALNUM}]|  |_x|[\ud800-\udfff]"
)
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_FORBIDDEN = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff]")
_DROPPED = re.compile(f"[{_INVISIBLE}]")
_RUN_OF_SPACES = re.compile(f"[ {_SPACES}]+")
_TO_HALF_WIDTH = {
    code: code - 0xFEE0
    for first, last in ((0xFF10, 0xFF19), (0xFF21, 0xFF3A), (0xFF41, 0xFF5A))
    for code in range(first, last + 1)
}

_NUMBER = r"(?P<whole>[0-9]{1,3}(?:,[0-9]{3})+|[0-9]{1,15})(?:\.(?P<part>[0-9]{1,20}))?"
_BOTTLES = re.compile(_NUMBER + "[瓶盒袋份杯包罐桶支]?")
_DAYS = re.compile(_NUMBER + "[天日]?")
_EVERY = re.compile(f"每?(?:{_NUMBER})(?:[天日](?:1次|送?一次)?)?")
_YUAN = re.compile(
    rf"(?:¥|RMB|CNY|人民币)?{_NUMBER}(?:元整?|圆整?|块)?(?:/[瓶盒袋份])?", re.IGNORECASE
)
_CHINESE_DIGITS = dict(
    zip("一二三四五六七八九十两", (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 2), strict=True)
)
_EVERY_OTHER_DAY = frozenset({"隔天", "隔日", "隔一天", "隔1天", "隔日送", "隔天送"})
_EVERY_DAY = frozenset({"每天", "每日", "天天"})
_TRUE = frozenset({"是", "有", "对", "送", "√", "✓", "✔", "☑", "y", "yes", "true"})
_FALSE = frozenset({"否", "没有", "错", "不送", "×", "✗", "✘", "x", "n", "no", "false"})


def shown(value: CellValue) -> str:
    """A cell as a spreadsheet would show it, for notes and error lines."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, datetime):
        return value.isoformat(sep=" ").removesuffix(" 00:00:00")
    if isinstance(value, date):
        return value.isoformat()
    return str(value) if isinstance(value, int) else number_text(value)


def is_blank(value: CellValue) -> bool:
    """Nothing, spaces, or a mark that clerks write for nothing: - — / 无."""
    if value is None:
        return True
    return isinstance(value, str) and (not value or value.strip() in _BLANK_MARKS)


def number_text(value: float) -> str:
    """A number as a spreadsheet shows it: 15 significant digits, no exponent."""
    if isinstance(value, int):
        return str(value)
    return f"{Decimal(f'{value:.15g}').normalize():f}"


def _no_error_value(text: str) -> str:
    if text[:1] == "#" and text in _BAD_CELLS:
        raise CellError(_BAD_CELLS[text])
    return text


def clean_text(text: str) -> str:
    """Trimmed text with ordinary spaces and half-width digits and letters; punctuation is kept.

    Raises CellError on control characters and lone surrogates.
    """
    if not _UNUSUAL.search(text):
        return _no_error_value(text.strip())
    decoded = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)
    if _FORBIDDEN.search(decoded):
        raise CellError("含有不可见的控制字符，请重新输入")
    narrow = _DROPPED.sub("", decoded).translate(_TO_HALF_WIDTH)
    return _no_error_value(_RUN_OF_SPACES.sub(" ", narrow).strip())


def text_cell(value: CellValue, *, longest: int = 100) -> str:
    """Free text. Raises CellError when too long, or when the spreadsheet made a date of it."""
    if isinstance(value, bool):
        raise CellError("应是文字，不是逻辑值")
    if isinstance(value, date):
        raise CellError("被表格软件变成了日期，请把单元格设为文本后重新输入")
    text = clean_text(value) if isinstance(value, str) else shown(value)
    if len(text) > longest:
        raise CellError(f"超过 {longest} 个字")
    return text


def code_cell(value: CellValue) -> str:
    """A number or code that is a key: no spaces, half width, 1001.0 -> "1001"."""
    if isinstance(value, float) and not value.is_integer():
        raise CellError("编号不应有小数")
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) >= 1e15:
        raise CellError("数字太长，表格软件已丢失尾数，请以文本格式填写")
    code = narrow_text(text_cell(value, longest=60))
    if len(code) > 40:
        raise CellError("超过 40 个字")
    return code


def folded_text(text: str) -> str:
    """Text with all width variants folded (NFKC), for reading numbers and dates from it.

    Raises CellError on control characters.
    """
    cleaned = clean_text(text)
    return cleaned if cleaned.isascii() else unicodedata.normalize("NFKC", cleaned)


def narrow_text(text: str) -> str:
    """As `folded_text`, without any space. Raises CellError on control characters."""
    return folded_text(text).replace(" ", "")


def _number_source(value: CellValue, what: str) -> str:
    if isinstance(value, bool):
        raise CellError(f"{what}应是数字")
    if isinstance(value, date):
        raise CellError(f"{what}应是数字，单元格却是日期格式")
    if isinstance(value, str):
        return narrow_text(value)
    return "" if value is None else number_text(value)


def _whole(found: re.Match[str], what: str) -> int:
    if (found["part"] or "").strip("0"):
        raise CellError(f"{what}应是整数")
    return int(found["whole"].replace(",", ""))


def _count(value: CellValue, *, grammar: re.Pattern[str], what: str, most: int) -> int:
    if type(value) is int and 0 <= value <= most:
        return value
    text = _number_source(value, what)
    if text[:1] in _CHINESE_DIGITS and not text[1:2].isdigit():
        text = str(_CHINESE_DIGITS[text[0]]) + text[1:]
    if text.startswith("-"):
        raise CellError(f"{what}不能是负数")
    found = grammar.fullmatch(text)
    if found is None:
        raise CellError(f"{what}应是整数，例如 2")
    number = _whole(found, what)
    if number > most:
        raise CellError(f"{what}不能大于 {most}")
    return number


def bottles_cell(value: CellValue, *, most: int = 100_000) -> int:
    """Bottles, 0 allowed: 2, "２", "1.0", "1瓶", "两瓶". Raises CellError."""
    return _count(value, grammar=_BOTTLES, what="数量", most=most)


def days_cell(value: CellValue, *, most: int = 3_660) -> int:
    """Days, 0 allowed: 15, "15天". Raises CellError."""
    return _count(value, grammar=_DAYS, what="天数", most=most)


def interval_cell(value: CellValue, *, most: int = 31) -> int:
    """Days from one delivery to the next: 2, "每2天", 隔天 -> 2, 每天 -> 1. Raises CellError."""
    if isinstance(value, str):
        text = narrow_text(value)
        if text in _EVERY_OTHER_DAY:
            return 2
        if text in _EVERY_DAY:
            return 1
        if len(text) > 1 and text[0] == "每" and text[1] in _CHINESE_DIGITS:
            value = text[1:]
    days = _count(value, grammar=_EVERY, what="间隔天数", most=most)
    if days == 0:
        raise CellError("间隔天数应从 1 开始：1 是每天，2 是隔天")
    return days


def fen_cell(value: CellValue) -> int:
    """Yuan as exact integer fen: 3.5, "¥1,234.50", "1234.5元", "３．５".

    Numbers are taken with the 15 digits a spreadsheet shows. Raises CellError on a third decimal,
    a negative amount or more than a hundred million yuan.
    """
    text = _number_source(value, "金额")
    if text.startswith(("-", "(", "¥-")):
        raise CellError("金额不能是负数；欠款请先结清或另行登记")
    found = _YUAN.fullmatch(text)
    if found is None:
        raise CellError("金额应以元为单位，例如 3.50")
    part = (found["part"] or "").rstrip("0")
    if len(part) > 2:
        raise CellError("金额超过两位小数，不足一分")
    fen = int(found["whole"].replace(",", "")) * 100 + int(part.ljust(2, "0"))
    if fen > MAX_FEN:
        raise CellError("金额超过一亿元")
    return fen


def boolean_cell(value: CellValue) -> bool:
    """A tick or a yes: √ 是 TRUE 1, × 否 FALSE 0. Raises CellError on anything else."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float) and value in (0, 1):
        return bool(value)
    if isinstance(value, str):
        text = narrow_text(value).casefold()
        if text in _TRUE or text == "1":
            return True
        if text in _FALSE or text == "0":
            return False
    raise CellError("应填 是 或 否")


def is_tick(value: CellValue) -> bool:
    """Whether a cell is a mark rather than a number, so that a quantity must come from elsewhere."""
    if isinstance(value, bool):
        return True
    return isinstance(value, str) and value.strip().casefold() in _TRUE | _FALSE
