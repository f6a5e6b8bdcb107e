"""The cells of one line, read one by one while every error is noted."""

from collections.abc import Callable, Mapping
from typing import TypeVar

from app.orders.book.cells import FORMULA_WITHOUT_RESULT, MERGED, CellValue, is_blank, shown
from app.orders.book.columns import Column
from app.orders.book.errors import (
    CellError,
    RowError,
    RowWarning,
    masked_name,
    masked_phone,
    masked_text,
    shortened,
)
from app.orders.book.reader import Book, RawRow

T = TypeVar("T")
_MASKS: Mapping[Column, Callable[[str], str]] = {
    Column.NAME: masked_name,
    Column.PHONE: masked_phone,
    Column.ALT_PHONE: masked_phone,
    Column.ADDRESS: masked_text,
    Column.REMARKS: masked_text,
}
_MARKERS = {MERGED: "（合并单元格）", FORMULA_WITHOUT_RESULT: "（公式）"}


def masked_value(column: Column, value: CellValue) -> str:
    """A cell for an error line, without the name, number or address of anybody."""
    text = shown(value).strip()
    if text in _MARKERS:
        return _MARKERS[text]
    mask = _MASKS.get(column)
    return shortened(mask(text) if mask is not None else text)


class LineReader:
    """The cells of one line, and what was found wrong with them so far."""

    def __init__(self, book: Book, raw: RawRow) -> None:
        self.raw = raw
        self.date1904 = book.date1904
        self.errors: list[RowError] = []
        self.warnings: list[RowWarning] = []
        self.failed: set[Column] = set()
        self.facts: dict[str, str] = {}
        self._title_of = book.title_of

    def blank(self, column: Column) -> bool:
        """Whether the cell is missing or says nothing."""
        return is_blank(self.raw.cells.get(column))

    def fail(self, column: Column, reason: str) -> None:
        """Note an error of this column."""
        value = masked_value(column, self.raw.cells.get(column))
        self.failed.add(column)
        self.errors.append(RowError(self.raw.row_no, self._title_of(column), value, reason))

    def warn(self, column: Column, reason: str) -> None:
        """Note something to look at."""
        value = masked_value(column, self.raw.cells.get(column))
        self.warnings.append(RowWarning(self.raw.row_no, self._title_of(column), value, reason))

    def take(self, column: Column, parse: Callable[[CellValue], T]) -> T | None:
        """The parsed cell; None when blank or, with an error noted, when it cannot be read."""
        value = self.raw.cells.get(column)
        if value is None or is_blank(value):
            return None
        try:
            parsed = parse(value)
        except CellError as error:
            self.fail(column, error.reason)
            return None
        return None if parsed == "" else parsed

    def need(self, column: Column, parse: Callable[[CellValue], T]) -> T | None:
        """As `take`, but a blank cell is an error."""
        parsed = self.take(column, parse)
        if parsed is None and column not in self.failed:
            self.fail(column, "不能为空")
        return parsed

    def remember(self, **facts: str | None) -> None:
        """Keep the readable ones of the facts that rows of one household must share."""
        self.facts = {name: value for name, value in facts.items() if value is not None}
