"""One worksheet of an XLSX file as a stream of rows, and its merged ranges.

Read with expat rather than as openpyxl's read-only sheets: those know nothing of merged cells or
of formulas without a stored result, trust a wrong dimension, and take twice as long.
"""

import math
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum

from app.orders.book.cells import FORMULA_WITHOUT_RESULT, CellValue
from app.orders.book.dates import serial_instant
from app.orders.book.errors import BookError
from app.orders.book.workbook import (
    CHUNK,
    CellStyle,
    SheetPart,
    Workbook,
    damage_as_book_error,
    parse_chunks,
)

MAX_COLUMNS = 512
MAX_MERGES = 500_000

_MERGE = re.compile(
    rb"<(?:[\w.-]+:)?mergeCell\s[^>]*?ref\s*=\s*[\"']"
    rb"([A-Z]{1,3})([0-9]{1,7}):([A-Z]{1,3})([0-9]{1,7})[\"']"
)
_SIXTEEN_BITS = (b"\xff\xfe", b"\xfe\xff", b"<\0", b"\0<")
_LONGEST_MERGE_TAG = 200
_LONGEST_NUMBER = 40
_DIGITS = "0123456789"


@dataclass(frozen=True, slots=True)
class MergedRange:
    """Rows as a spreadsheet counts them; columns from 0; ends included."""

    first_row: int
    last_row: int
    first_column: int
    last_column: int


class _RawCell:
    """A cell as its element says; made a million times, hence no more than slots."""

    __slots__ = ("attrs", "formula", "text")

    def __init__(self, attrs: dict[str, str]) -> None:
        self.attrs = attrs
        self.text = ""
        self.formula = False


class _Tag(Enum):
    ROW = "row"
    CELL = "c"
    VALUE = "v"
    TEXT = "t"
    FORMULA = "f"
    PHONETIC = "rPh"


_RawRow = tuple[dict[str, str], list[_RawCell]]


def column_index(letters: str) -> int:
    """A -> 0, AA -> 26; anything else than capital letters is -1."""
    number = 0
    for letter in letters:
        if not "A" <= letter <= "Z":
            return -1
        number = number * 26 + ord(letter) - 64
    return number - 1


def survey(book: Workbook, sheet: SheetPart) -> tuple[int, list[MergedRange]]:
    """About how many rows a sheet has, and its merged ranges, which stand behind the rows.

    Reads the part to its end, so that a damaged one is known beforehand. Raises BookError.
    """
    rows = 0
    merges: list[MergedRange] = []
    tail = b""
    with book.open_part(sheet.part) as stream:
        while True:
            with damage_as_book_error():
                chunk = stream.read(CHUNK)
            if not chunk:
                return rows, merges
            if not tail and chunk.startswith(_SIXTEEN_BITS):
                raise BookError("工作表的编码不常见，请用表格软件另存为 .xlsx 后再试")
            rows += chunk.count(b"<row") + chunk.count(b":row")
            window = tail + chunk
            if b"mergeCell" in window:
                merges += [
                    _merged_range(found)
                    for found in _MERGE.finditer(window)
                    if found.end() > len(tail)
                ]
            if len(merges) > MAX_MERGES:
                raise BookError("合并单元格太多，请取消合并后再导入")
            tail = window[-_LONGEST_MERGE_TAG:]


def _merged_range(found: re.Match[bytes]) -> MergedRange:
    return MergedRange(
        first_row=int(found[2]),
        last_row=int(found[4]),
        first_column=column_index(found[1].decode()),
        last_column=column_index(found[3].decode()),
    )


def _collector(
    rows: list[_RawRow],
) -> tuple[Callable[[str, dict[str, str]], None], Callable[[str], None]]:
    """Expat handlers that gather rows; a row is complete once the next has begun."""
    tags = {tag.value: tag for tag in _Tag}
    row, a_cell, value, shown, formula, phonetic = _Tag
    cells: list[_RawCell] = []
    cell: _RawCell | None = None
    collecting = False

    def start(name: str, attrs: dict[str, str]) -> None:
        nonlocal cells, cell, collecting
        tag = tags.get(name)
        collecting = False
        if tag is a_cell:
            cell = _RawCell(attrs)
            cells.append(cell)
        elif tag is value or tag is shown:
            collecting = True
        elif tag is row:
            cells, cell = [], None
            rows.append((attrs, cells))
        elif tag is formula and cell is not None:
            cell.formula = True
        elif tag is phonetic:
            cell = None
        elif name.endswith(":worksheet"):
            prefix = name.removesuffix("worksheet")
            tags.update({prefix + tag.value: tag for tag in _Tag})

    def text(data: str) -> None:
        if collecting and cell is not None:
            cell.text += data

    return start, text


def _number(text: str, style: CellStyle, *, date1904: bool) -> CellValue:
    if len(text) > _LONGEST_NUMBER:
        return text
    try:
        value = float(text) if "." in text or "E" in text or "e" in text else int(text)
    except ValueError:
        return text
    if not math.isfinite(value):
        return text
    if style.is_date:
        with suppress(ValueError):
            return serial_instant(value, date1904=date1904)
    if style.padded_to and isinstance(value, int) and value >= 0:
        return str(value).zfill(style.padded_to)
    return value


def _indexed(text: str, strings: Sequence[str]) -> str:
    number = text.strip()
    if not (number.isascii() and number.isdecimal() and len(number) < 10):
        raise BookError("工作簿已损坏，文字表对不上；请用表格软件另存为 .xlsx 再试")
    try:
        return strings[int(number)]
    except IndexError:
        raise BookError("工作簿已损坏，文字表对不上；请用表格软件另存为 .xlsx 再试") from None


class _Reader:
    """Turns gathered cells into values."""

    def __init__(self, book: Workbook) -> None:
        self._book = book
        self._plain = CellStyle()
        self._styles = {str(number): style for number, style in enumerate(book.styles)}
        self._columns: dict[str, int] = {}

    def _column(self, reference: str | None, previous: int) -> int:
        if not reference:
            return previous + 1
        letters = reference.rstrip(_DIGITS)
        index = self._columns.get(letters)
        if index is None:
            index = self._columns[letters] = column_index(letters)
        return index

    def _value(self, cell: _RawCell) -> CellValue:
        text, kind = cell.text, cell.attrs.get("t", "n")
        if not text:
            return FORMULA_WITHOUT_RESULT if cell.formula and kind != "str" else None
        if kind == "n":
            style = self._styles.get(cell.attrs.get("s", "0"), self._plain)
            return _number(text, style, date1904=self._book.date1904)
        if kind == "s":
            return _indexed(text, self._book.strings)
        if kind == "b":
            return text.strip() in ("1", "true")
        return text

    def cells(self, raw: list[_RawCell]) -> list[CellValue]:
        """Values from column A on; columns beyond the limit are left out."""
        values: list[CellValue] = []
        column = -1
        for cell in raw:
            column = self._column(cell.attrs.get("r"), column)
            if not 0 <= column < MAX_COLUMNS:
                continue
            if column >= len(values):
                values.extend([None] * (column - len(values) + 1))
            values[column] = self._value(cell)
        return values


def read_rows(book: Workbook, sheet: SheetPart) -> Iterator[tuple[int, list[CellValue]]]:
    """Row number and cells from column A on, in the order of the file.

    Formulas give their stored result. Raises BookError for a damaged part.
    """
    pending: list[_RawRow] = []
    start, text = _collector(pending)
    reader = _Reader(book)
    row_no = 0
    with book.open_part(sheet.part) as stream:
        for _ in parse_chunks(stream, start=start, text=text):
            complete, pending[:-1] = pending[:-1], []
            for attrs, cells in complete:
                row_no = _row_number(attrs.get("r"), row_no)
                yield row_no, reader.cells(cells)
    for attrs, cells in pending:
        row_no = _row_number(attrs.get("r"), row_no)
        yield row_no, reader.cells(cells)


def _row_number(written: str | None, previous: int) -> int:
    if written and written.isascii() and written.isdecimal() and len(written) < 10:
        return int(written)
    return previous + 1
