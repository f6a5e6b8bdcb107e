"""CSV files: encoding, separator, records."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.orders.book.errors import BookError
from app.orders.book.header import SEARCHED_ROWS, Header, Line, find_header

MAX_BYTES = 200 * 2**20
SEPARATORS = (",", "\t", ";")

_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_UTF8_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class TextFormat:
    """How a text file is to be read."""

    encoding: str
    separator: str


@dataclass(frozen=True, slots=True)
class _BadByte:
    offset: int
    line_no: int


def _first_bad_byte(path: Path, encoding: str) -> _BadByte | None:
    """Line by line: no trail byte of UTF-8 or GB18030 is a line feed."""
    offset = 0
    with path.open("rb") as file:
        for line_no, line in enumerate(file, 1):
            try:
                line.decode(encoding)
            except UnicodeDecodeError as error:
                return _BadByte(offset + error.start, line_no)
            offset += len(line)
    return None


def _records(path: Path, form: TextFormat, *, errors: str = "strict") -> Iterator[list[str]]:
    with path.open(encoding=form.encoding, errors=errors, newline="") as file:
        yield from csv.reader(file, delimiter=form.separator, strict=True)


def _head(path: Path, form: TextFormat) -> list[Line]:
    lines: list[Line] = []
    try:
        for row_no, cells in enumerate(_records(path, form, errors="replace"), 1):
            lines.append((row_no, cells))
            if row_no > SEARCHED_ROWS:
                break
    except (csv.Error, UnicodeError):
        return lines
    return lines


def _encodings(path: Path) -> Sequence[str]:
    with path.open("rb") as file:
        head = file.read(4096)
    if not head.strip(b"\0\t\r\n "):
        raise BookError("文件是空的")
    if head.startswith(_UTF16_MARKS):
        return ("utf-16",)
    if head.startswith(_UTF8_MARK):
        return ("utf-8-sig",)
    if head.lstrip().startswith(b"<"):
        raise BookError("这是网页或 XML 文件，请用表格软件打开后另存为 .xlsx")
    return ("utf-8", "gb18030")


def _best(path: Path) -> tuple[TextFormat, Header] | None:
    best: tuple[TextFormat, Header] | None = None
    for encoding in _encodings(path):
        for separator in SEPARATORS:
            form = TextFormat(encoding, separator)
            header = find_header(_head(path, form))
            if header is not None and (best is None or header.score > best[1].score):
                best = (form, header)
    return best


def detect(path: Path) -> tuple[TextFormat, Header]:
    """The encoding and separator under which the header can be read.

    Raises BookError: too large, no header, or a byte that the encoding does not know.
    """
    if path.stat().st_size > MAX_BYTES:
        raise BookError("文件超过 200 MB，请拆成几个文件")
    best = _best(path)
    if best is None:
        raise BookError(
            f"前 {SEARCHED_ROWS} 行里没有找到表头；表头要有 订户编号、姓名、电话、地址、产品 等列名，"
            "文件应是 .xlsx，或 UTF-8、GB18030 编码的 CSV"
        )
    form, header = best
    if form.encoding != "utf-16" and (bad := _first_bad_byte(path, form.encoding)):
        raise BookError(
            f"第 {bad.line_no} 行（文件第 {bad.offset + 1} 个字节）不是有效的 "
            f"{form.encoding.removesuffix('-sig').upper()} 编码，请重新另存为 UTF-8 或改用 .xlsx"
        )
    header.require_complete("")
    return form, header


def read_records(path: Path, form: TextFormat) -> Iterator[tuple[int, list[str]]]:
    """Number and fields of each record, as a spreadsheet would number them.

    Raises BookError for quotes that do not pair, or when the file has gone.
    """
    row_no = 0
    try:
        for row_no, cells in enumerate(_records(path, form), 1):
            yield row_no, cells
    except OSError as error:
        raise BookError(f"打不开这个文件，请检查权限：{path.name}") from error
    except (csv.Error, UnicodeError) as error:
        raise BookError(
            f"第 {row_no + 1} 行的引号不成对或内容损坏，请改正这一行，或另存为 .xlsx 再导入"
        ) from error


def count_records(path: Path, form: TextFormat) -> int:
    """Number of records; raises BookError where the file cannot be read to its end."""
    return sum(1 for _ in read_records(path, form))
