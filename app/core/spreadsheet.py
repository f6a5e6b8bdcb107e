"""Cells of .xlsx files that we write; nothing in a cell is ever a formula. openpyxl loads slowly:
import this where a file is written.
"""

import tempfile
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import IO, Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Font
from openpyxl.worksheet._write_only import WriteOnlyWorksheet

from app.core.clock import OPERATOR_ZONE
from app.core.exporting import Column, ColumnKind

FORMULA_STARTS = tuple("=+-@\t\r\n＝＋－＠")
"""What a spreadsheet may take for a formula when it, or the next one to read the file, opens it."""
LONGEST_TEXT = 32_000
_FORMATS = {ColumnKind.YUAN: "0.00", ColumnKind.PERCENT: "0.0%", ColumnKind.DATE: "yyyy-mm-dd"}


def make_cell(
    sheet: WriteOnlyWorksheet, value: Any, *, bold: bool = False, shown_as: str | None = None
) -> Any:
    """A cell: numbers and dates as such, instants in the operator's time, the rest as text."""
    if value is None:
        return None
    if isinstance(value, bool):
        value = "是" if value else "否"
    if isinstance(value, datetime):
        value = value.astimezone(OPERATOR_ZONE).strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, int | Decimal | date):
        number: Any = value
        cell = WriteOnlyCell(sheet, number)
        if shown_as is not None:
            cell.number_format = shown_as
    else:
        text = ILLEGAL_CHARACTERS_RE.sub("", str(value))[:LONGEST_TEXT]
        cell = WriteOnlyCell(sheet, text)
        cell.data_type = "s"
        if text.startswith(FORMULA_STARTS):
            cell.quotePrefix = True
    if bold:
        cell.font = Font(bold=True)
    return cell


class Table:
    """A workbook of one sheet under a head; rows go to the disk as they come."""

    def __init__(self, title: str, columns: Sequence[Column]) -> None:
        self._columns = columns
        self._book = Workbook(write_only=True)
        self._sheet: WriteOnlyWorksheet = self._book.create_sheet(title)
        for number, column in enumerate(columns):
            self._sheet.column_dimensions[_letter(number)].width = column.width
        self._sheet.freeze_panes = "A2"
        self._sheet.append([make_cell(self._sheet, one.title, bold=True) for one in columns])

    def add(self, rows: Iterable[Sequence[object]]) -> int:
        """Rows in the order of the columns, amounts in fen; answers how many."""
        count = 0
        for row in rows:
            cells = zip(row, self._columns, strict=True)
            self._sheet.append([self._cell(value, column) for value, column in cells])
            count += 1
        return count

    def _cell(self, value: Any, column: Column) -> Any:
        if value is None:
            return None
        if column.kind is ColumnKind.TEXT:
            value = str(value)
        elif column.kind is ColumnKind.YUAN:
            value = Decimal(value) / 100
        elif column.kind is ColumnKind.PERCENT:
            value = Decimal(value) / 1000
        return make_cell(self._sheet, value, shown_as=_FORMATS.get(column.kind))

    def save(self) -> IO[bytes]:
        """The file, without a name, at its beginning; whoever gets it closes it."""
        file = tempfile.TemporaryFile()  # noqa: SIM115  # the answer reads it later
        try:
            self._book.save(file)
            file.seek(0)
        except BaseException:
            file.close()
            raise
        return file


def _letter(number: int) -> str:
    first, second = divmod(number, 26)
    return (chr(64 + first) if first else "") + chr(65 + second)
