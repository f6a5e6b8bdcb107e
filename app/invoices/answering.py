"""The provider's answer file: CSV or XLSX, columns known by title. Reading only; no database."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Final

from app.invoices.errors import AnswerFileUnreadable
from app.orders.book.cells import CellValue, shown
from app.orders.book.errors import BookError
from app.orders.book.textfile import TextFormat, read_records

MOST_ROWS: Final = 5000
SEARCHED_ROWS: Final = 10
_ZIP: Final = b"PK\x03\x04"
_DAYS: Final = ("%Y-%m-%d", "%Y/%m/%d", "%Y%m%d", "%Y年%m月%d日", "%Y-%m-%d %H:%M:%S")
TITLES: Final[Mapping[str, frozenset[str]]] = {
    "request": frozenset({"申请编号", "流水号", "开票流水号"}),
    "number": frozenset({"发票号码", "数电票号码", "数电发票号码"}),
    "on": frozenset({"开票日期", "开票时间"}),
    "url": frozenset({"下载地址", "PDF地址", "版式文件地址"}),
    "failure": frozenset({"失败原因", "驳回原因", "错误信息"}),
}


@dataclass(frozen=True, slots=True)
class AnswerRow:
    """A row as the file says it; `line_no` is the row's number in the file."""

    line_no: int
    request: str
    number: str
    on: str
    url: str
    failure: str

    def day(self) -> date | None:
        """The day it names, if it is one."""
        for form in _DAYS:
            try:
                return datetime.strptime(self.on, form).date()  # noqa: DTZ007  # only the day counts
            except ValueError:
                continue
        return None


def read_answers(body: bytes) -> list[AnswerRow]:
    """The rows of an answer file; raises AnswerFileUnreadable, also for more than 5,000 rows."""
    with tempfile.NamedTemporaryFile(suffix=".xlsx" if body.startswith(_ZIP) else ".csv") as file:
        file.write(body)
        file.flush()
        try:
            return _read(_lines(Path(file.name), is_workbook=body.startswith(_ZIP)))
        except BookError as error:
            raise AnswerFileUnreadable(error.detail) from error


def _lines(path: Path, *, is_workbook: bool) -> Iterator[tuple[int, Sequence[CellValue]]]:
    if is_workbook:
        from app.orders.book.sheet import read_rows  # noqa: PLC0415  # openpyxl loads slowly
        from app.orders.book.workbook import Workbook  # noqa: PLC0415

        with Workbook(path) as book:
            yield from read_rows(book, book.sheets[0])
        return
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            path.read_text(encoding=encoding)
        except UnicodeError:
            continue
        yield from read_records(path, TextFormat(encoding, ","))
        return
    raise BookError("文件不是 UTF-8 或 GB18030 编码，请另存为 .xlsx 或 UTF-8 编码的 CSV")


def _read(lines: Iterator[tuple[int, Sequence[CellValue]]]) -> list[AnswerRow]:
    places: dict[str, int] | None = None
    rows: list[AnswerRow] = []
    for seen, (line_no, cells) in enumerate(lines):
        texts = [shown(cell).strip() for cell in cells]
        if places is None:
            places = _places(texts)
            if places is None and seen >= SEARCHED_ROWS:
                break
        elif any(texts):
            said = {
                name: texts[place] if place < len(texts) else "" for name, place in places.items()
            }
            rows.append(AnswerRow(line_no, **{name: said.get(name, "") for name in TITLES}))
            if len(rows) > MOST_ROWS:
                raise AnswerFileUnreadable(f"超过 {MOST_ROWS} 行，请拆成几个文件")
    if places is None:
        raise AnswerFileUnreadable("没有找到表头，须有 申请编号、发票号码、开票日期 三列")
    return rows


def _places(texts: Sequence[str]) -> dict[str, int] | None:
    found = {
        name: place
        for name, titles in TITLES.items()
        for place, text in enumerate(texts)
        if text in titles
    }
    return found if {"request", "number", "on"} <= found.keys() else None
