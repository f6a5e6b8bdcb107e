"""Opening a book: the file, its sheet and header, and its lines as raw cells."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path

from app.orders.book.cells import MERGED, CellValue, is_blank, shown
from app.orders.book.columns import SHARED_WHEN_MERGED, Column, recognise
from app.orders.book.errors import BookError, shortened
from app.orders.book.header import (
    SEARCHED_ROWS,
    Header,
    Line,
    column_letters,
    find_header,
)
from app.orders.book.sheet import MergedRange, read_rows, survey
from app.orders.book.textfile import TextFormat, count_records, detect, read_records
from app.orders.book.workbook import SheetPart, Workbook

MAX_FILE_BYTES = 200 * 2**20
MAX_ROWS = 300_000
"""Filled lines of one file; what is remembered of each to find duplicates bounds the memory."""

_ZIP_MARK = b"PK\x03\x04"
_OLE_MARK = b"\xd0\xcf\x11\xe0"
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_SUM_WORDS = ("合计", "总计", "小计", "共计", "总合计", "本页合计", "本页小计", "累计")


@dataclass(frozen=True, slots=True)
class RawRow:
    """One line of a book: known columns, and all other filled cells as notes."""

    row_no: int
    cells: Mapping[Column, CellValue]
    notes: Mapping[str, CellValue]


@dataclass(frozen=True, slots=True)
class SkippedRow:
    """A line that is no subscriber: a sum or a repeated header."""

    row_no: int
    reason: str
    text: str


class _Covering(Enum):
    """What the lower cells of a merged range may be taken for."""

    SAME = auto()
    UNCLEAR = auto()
    OTHER_COLUMN = auto()


@dataclass(frozen=True, slots=True)
class _Merge:
    """One column of a merged range; `origin` is the position of the cell that holds the value."""

    column: Column
    last_row: int
    covering: _Covering
    origin: int


_Merges = Mapping[int, Sequence[_Merge]]
"""By the first row of the range."""


@dataclass(frozen=True, slots=True)
class Book:
    """An open book; iterate it for its lines, as often as wanted.

    `row_estimate` is about the number of lines, for a progress bar. Iterating raises BookError
    when the file turns out damaged half-way.
    """

    source: Path
    sheet: str | None
    encoding: str | None
    header: Header
    row_estimate: int
    date1904: bool = False
    _form: TextFormat | None = None
    _merges: _Merges = field(default_factory=dict, repr=False)

    def title_of(self, column: Column) -> str:
        """The title this book gives a column, else ours."""
        return self.header.titles.get(column, column.value)

    def __iter__(self) -> Iterator[RawRow | SkippedRow]:
        """Lines below the header; blank ones are left out."""
        filled = 0
        carried = _Carried(self._merges)
        for row_no, cells in self._lines():
            if row_no <= self.header.last_row or all(is_blank(value) for value in cells):
                continue
            filled += 1
            if filled > MAX_ROWS:
                raise BookError(f"超过 {MAX_ROWS} 行，请拆成几个文件")
            skipped = self._skipped(row_no, cells)
            yield skipped or self._raw_row(row_no, cells, carried)

    def _lines(self) -> Iterator[tuple[int, Sequence[CellValue]]]:
        if self._form is not None:
            yield from read_records(self.source, self._form)
            return
        with Workbook(self.source) as workbook:
            part = next((one for one in workbook.sheets if one.name == self.sheet), None)
            if part is None:
                raise BookError("文件在读取过程中被改动，请重新导入")
            yield from read_rows(workbook, part)

    def _skipped(self, row_no: int, cells: Sequence[CellValue]) -> SkippedRow | None:
        phone = self.header.positions[Column.PHONE]
        number = cells[phone] if phone < len(cells) else None
        if not is_blank(number) and not (isinstance(number, str) and recognise([(0, number)])):
            return None
        first = next(shown(value) for value in cells if not is_blank(value)).strip()
        if is_blank(number) and "".join(first.split()).startswith(_SUM_WORDS):
            return SkippedRow(row_no, "合计行", shortened(first))
        if self.header.repeated_by(cells):
            return SkippedRow(row_no, "重复的表头", shortened(first))
        return None

    def _raw_row(self, row_no: int, cells: Sequence[CellValue], carried: "_Carried") -> RawRow:
        known: dict[Column, CellValue] = {}
        for column, index in self.header.positions.items():
            known[column] = cells[index] if index < len(cells) else None
        carried.apply(row_no, cells, known)
        taken = set(self.header.positions.values())
        notes: dict[str, CellValue] = {}
        for index, value in enumerate(cells):
            if index not in taken and not is_blank(value):
                title = self.header.notes.get(index) or f"{column_letters(index)}列"
                notes[title if title not in notes else f"{title} {column_letters(index)}列"] = value
        return RawRow(row_no, known, notes)


class _Carried:
    """Fills the lower cells of merged ranges, or marks them where that would be a guess."""

    def __init__(self, merges: _Merges) -> None:
        self._merges = merges
        self._active: dict[Column, tuple[int, CellValue]] = {}

    def apply(self, row_no: int, line: Sequence[CellValue], known: dict[Column, CellValue]) -> None:
        """Complete one row; rows must come in order."""
        for column, (last_row, value) in list(self._active.items()):
            if row_no > last_row:
                del self._active[column]
            elif value == MERGED or is_blank(known[column]):
                known[column] = value
        for merge in self._merges.get(row_no, ()):
            if merge.origin >= len(line) or is_blank(line[merge.origin]):
                continue
            if merge.covering is not _Covering.SAME:
                known[merge.column] = MERGED
            self._active[merge.column] = (merge.last_row, known[merge.column])


def _merges_of(header: Header, ranges: Sequence[MergedRange]) -> _Merges:
    number = header.positions[Column.CUSTOMER_NO]
    households = {
        (one.first_row, one.last_row)
        for one in ranges
        if one.first_column <= number <= one.last_column
    }
    merges: dict[int, list[_Merge]] = {}
    for one in ranges:
        if one.first_row <= header.last_row:
            continue
        for column, index in header.positions.items():
            if not one.first_column <= index <= one.last_column:
                continue
            if index > one.first_column:
                covering = _Covering.OTHER_COLUMN
            elif column in SHARED_WHEN_MERGED:
                covering = _Covering.SAME
            elif (
                column is Column.BOX_DEPOSIT and (one.first_row, one.last_row) in households
            ) or one.first_row == one.last_row:
                continue
            else:
                covering = _Covering.UNCLEAR
            merges.setdefault(one.first_row, []).append(
                _Merge(column, one.last_row, covering, one.first_column)
            )
    return merges


def _head(workbook: Workbook, part: SheetPart) -> list[Line]:
    lines: list[Line] = []
    for row_no, cells in read_rows(workbook, part):
        if row_no > SEARCHED_ROWS or len(lines) == SEARCHED_ROWS:
            break
        lines.append((row_no, cells))
    return lines


def _sheet_with_header(workbook: Workbook, sheet: str | None) -> tuple[SheetPart, Header]:
    chosen = [
        part
        for part in workbook.sheets
        if (part.name == sheet if sheet is not None else not part.hidden)
    ]
    if sheet is not None and not chosen:
        raise BookError(f"工作簿里没有名为“{sheet}”的工作表")
    found = [(part, find_header(_head(workbook, part))) for part in chosen]
    headers = [(part, header) for part, header in found if header is not None]
    complete = [(part, header) for part, header in headers if not header.missing]
    if len(complete) > 1:
        names = "、".join(part.name for part, _ in complete)
        raise BookError(
            f"有 {len(complete)} 个工作表都像名册（{names}），请隐藏不导入的，或指明一个"
        )
    if not headers:
        raise BookError(
            f"工作表的前 {SEARCHED_ROWS} 行里没有找到表头；"
            "表头要有 订户编号、姓名、电话、地址、产品 等列名"
        )
    part, header = (complete or sorted(headers, key=lambda one: -one[1].score))[0]
    header.require_complete(f"工作表“{part.name}”")
    return part, header


def _open_workbook(path: Path, sheet: str | None) -> Book:
    with Workbook(path) as workbook:
        part, header = _sheet_with_header(workbook, sheet)
        rows, merges = survey(workbook, part)
        return Book(
            source=path,
            sheet=part.name,
            encoding=None,
            header=header,
            row_estimate=max(rows - header.last_row, 0),
            date1904=workbook.date1904,
            _merges=_merges_of(header, merges),
        )


def _open_text(path: Path) -> Book:
    form, header = detect(path)
    return Book(
        source=path,
        sheet=None,
        encoding=form.encoding,
        header=header,
        row_estimate=max(count_records(path, form) - header.last_row, 0),
        _form=form,
    )


def _refuse_old_excel(path: Path) -> None:
    with path.open("rb") as file:
        encrypted = _ENCRYPTED in file.read(2**20)
    if encrypted:
        raise BookError("工作簿设了密码，请取消密码后再导入")
    raise BookError("这是旧版 Excel 文件（.xls），请用表格软件另存为 .xlsx 后再导入")


def read_book(path: Path, *, sheet: str | None = None) -> Book:
    """Open a book and find its header; the content decides the format, not the file's name.

    `sheet` names a worksheet when several look like books. Raises BookError with one Chinese
    sentence when the file cannot be read as a book.
    """
    try:
        size = path.stat().st_size
        if not path.is_file():
            raise BookError(f"这不是文件，可能是文件夹：{path.name}")
        with path.open("rb") as file:
            mark = file.read(4)
        if size > MAX_FILE_BYTES:
            raise BookError("文件超过 200 MB，请拆成几个文件")
        if mark == _OLE_MARK:
            _refuse_old_excel(path)
        return _open_workbook(path, sheet) if mark == _ZIP_MARK else _open_text(path)
    except FileNotFoundError:
        raise BookError(f"没有这个文件：{path.name}") from None
    except OSError:
        raise BookError(f"打不开这个文件，请检查权限：{path.name}") from None
