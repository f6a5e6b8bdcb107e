"""Dates of a book: Chinese and ISO spellings, spreadsheet serials, lists of pauses."""

import re
from datetime import date, datetime, time, timedelta

from app.orders.book.cells import CellValue, folded_text
from app.orders.book.errors import CellError

LONGEST_SERIAL = 99_999
"""A serial beyond October 2173 is not a date of a running order."""

_EPOCH_1900 = datetime.combine(date(1899, 12, 30), time.min)
_EPOCH_1904 = datetime.combine(date(1904, 1, 1), time.min)
_FIRST_SERIAL = 10_000
_TIME = re.compile(r"(?:[T ]|(?<=[日号])) ?[0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?Z?")
_WRITTEN = re.compile(
    r"(?P<year>[0-9]{4})(?:年|(?P<mark>[-/.]))(?P<month>[0-9]{1,2})"
    r"(?(mark)(?P=mark)|月)(?P<day>[0-9]{1,2})[日号]?"
)
_SHORT_YEAR = re.compile(r"(?P<year>[0-9]{2})年(?P<month>[0-9]{1,2})月(?P<day>[0-9]{1,2})[日号]?")
_COMPACT = re.compile(r"(?P<year>(?:19|20)[0-9]{2})(?P<month>[0-9]{2})(?P<day>[0-9]{2})")
_SERIAL = re.compile(r"(?P<serial>[0-9]{5})(?:\.[0-9]+)?")
_TWO_DIGIT_YEAR = re.compile(r"[0-9]{1,2}[-/.][0-9]{1,2}[-/.][0-9]{1,2}")
_NO_YEAR = re.compile(r"[0-9]{1,2}(?:月|[-/.])[0-9]{1,2}[日号]?")
_NO_DAY = re.compile(r"[0-9]{4}(?:年|[-/.])[0-9]{1,2}月?")
_SEPARATORS = re.compile(r"[；;、，,\n]")


def serial_instant(serial: float, *, date1904: bool = False) -> datetime:
    """Day and time of a spreadsheet serial, to the second.

    The 1900 system counts a 29 February 1900 that never was. Raises ValueError outside 1..99999.
    """
    if not 0 < serial <= LONGEST_SERIAL:
        raise ValueError("not a date serial")
    epoch = _EPOCH_1904 if date1904 else _EPOCH_1900
    if not date1904 and serial < 60:
        serial += 1
    return epoch + timedelta(seconds=round(serial * 86_400))


def _calendar(found: re.Match[str], *, century: int = 0) -> date:
    try:
        return date(century + int(found["year"]), int(found["month"]), int(found["day"]))
    except ValueError:
        raise CellError("日历上没有这一天") from None


def _from_serial(number: float, *, date1904: bool) -> date:
    if not _FIRST_SERIAL <= number <= LONGEST_SERIAL:
        raise CellError("看不出是哪一天，请写成 2026-03-01 的样子")
    return serial_instant(int(number), date1904=date1904).date()


def _day_part(text: str) -> str:
    folded = folded_text(text)
    if ":" in folded and (time_of_day := _TIME.search(folded)) and time_of_day.end() == len(folded):
        folded = folded[: time_of_day.start()]
    return folded.replace(" ", "")


def _explain(text: str) -> CellError:
    if _TWO_DIGIT_YEAR.fullmatch(text):
        return CellError("年份请写四位，例如 2026-03-01")
    if _NO_YEAR.fullmatch(text):
        return CellError("缺少年份，例如 2026年3月1日")
    if _NO_DAY.fullmatch(text):
        return CellError("缺少日，例如 2026年3月1日")
    return CellError("看不出是哪一天，请写成 2026-03-01 的样子")


def date_cell(value: CellValue, *, date1904: bool = False) -> date:
    """One calendar day; a time of day beside it is dropped.

    2026年3月1日, 2026/3/1, 2026.3.1, 20260301, 26年3月1日, serials of the workbook's system.
    Raises CellError for impossible days and for two-digit years, which could be read two ways.
    """
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    if value is None or isinstance(value, bool):
        raise CellError("应是日期，例如 2026-03-01")
    text = _day_part(value) if isinstance(value, str) else ""
    if isinstance(value, int | float):
        if isinstance(value, float) and not value.is_integer():
            return _from_serial(value, date1904=date1904)
        text = str(int(value)) if abs(value) < 1e15 else ""
    for grammar, century in ((_WRITTEN, 0), (_COMPACT, 0), (_SHORT_YEAR, 2000)):
        if found := grammar.fullmatch(text):
            return _calendar(found, century=century)
    if found := _SERIAL.fullmatch(text):
        return _from_serial(int(found["serial"]), date1904=date1904)
    raise _explain(text)


def date_list(value: CellValue, *, date1904: bool = False) -> list[date]:
    """Several days of one cell, separated by ； ; 、 ， or a line break. Raises CellError."""
    if not isinstance(value, str):
        return [date_cell(value, date1904=date1904)]
    pieces = [piece.strip() for piece in _SEPARATORS.split(value)]
    while pieces and not pieces[-1]:
        pieces.pop()
    if not all(pieces):
        raise CellError("两个分隔符之间缺少日期")
    return [date_cell(piece, date1904=date1904) for piece in pieces]


Pause = tuple[date, date | None]
"""First and last day without milk; None is until further notice."""


def pair_pauses(starts: list[date], ends: list[date]) -> tuple[Pause, ...]:
    """Pauses in order; only the last may lack its end.

    Raises CellError when the numbers differ, an end precedes its start, or two overlap.
    """
    if len(ends) not in (len(starts), len(starts) - 1):
        raise CellError(f"停奶起有 {len(starts)} 个日期，停奶止有 {len(ends)} 个，对不上")
    missing: list[date | None] = [None] * (len(starts) - len(ends))
    pauses = sorted(zip(starts, [*ends, *missing], strict=True), key=lambda pause: pause[0])
    for number, (first, last) in enumerate(pauses):
        if last is None and number + 1 < len(pauses):
            raise CellError("只有最后一次停奶可以没有止日")
        if last is not None and last < first:
            raise CellError("停奶止早于停奶起")
        if last is not None and number + 1 < len(pauses) and pauses[number + 1][0] <= last:
            raise CellError("两次停奶的日期重叠")
    return tuple(pauses)
