"""The XLSX container: its parts, shared strings, cell styles and safety limits.

Parts are read as streams with expat. A DTD is refused, sizes are limited before anything is
unpacked, and what a damaged archive does surfaces as `BookError`.
"""

import lzma
import re
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from posixpath import join, normpath
from typing import IO, Self
from xml.parsers import expat
from zipfile import BadZipFile, ZipFile

from openpyxl.styles.numbers import BUILTIN_FORMATS, is_date_format

from app.orders.book.errors import BookError

MAX_SHEET_BYTES = 300 * 2**20
MAX_OTHER_BYTES = 100 * 2**20
"""Unpacked XML: one sheet, and all other parts together. 50,000 rows of 25 columns take 60 MB."""
MAX_PARTS = 10_000
CHUNK = 2**18

_CHINESE_DATE_FORMATS = frozenset({*range(27, 37), *range(50, 59)})
_ZEROS = re.compile("0{2,20}")
_UNREADABLE = (
    BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    LookupError,
    NotImplementedError,
    OSError,
    RuntimeError,
    ValueError,
)
"""What zipfile, its codecs and expat (unknown encodings) raise for broken or hostile input."""

StartHandler = Callable[[str, dict[str, str]], None]
TextHandler = Callable[[str], None]


def _damaged() -> BookError:
    return BookError("工作簿已损坏，读不出内容；请用表格软件打开后另存为 .xlsx 再试")


def _too_large() -> BookError:
    return BookError("工作簿展开后过大，请删除多余的空白行列和其他工作表，或拆成几个文件")


def _no_workbook() -> BookError:
    return BookError("这不是 Excel 工作簿（.xlsx），请另存为 .xlsx 或 CSV 后再导入")


def _refuse_doctype(*_: object) -> None:
    raise BookError("工作簿里有不该出现的文档类型声明，为安全起见不予读取")


@dataclass(frozen=True, slots=True)
class CellStyle:
    """What a number format says about a number: a date, or padded with zeros to a width."""

    is_date: bool = False
    padded_to: int = 0


@dataclass(frozen=True, slots=True)
class SheetPart:
    """One worksheet of the workbook."""

    name: str
    part: str
    hidden: bool


@contextmanager
def damage_as_book_error() -> Iterator[None]:
    """Turn everything that reading a broken archive or broken XML raises into BookError."""
    try:
        yield
    except (expat.ExpatError, *_UNREADABLE) as error:
        raise _damaged() from error


def parse_chunks(
    stream: IO[bytes],
    *,
    start: StartHandler,
    text: TextHandler | None = None,
    end: TextHandler | None = None,
) -> Iterator[None]:
    """Feed a part to expat, pausing after each chunk. Raises BookError for a DTD or broken XML."""
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse_doctype
    parser.StartElementHandler = start
    parser.CharacterDataHandler = text
    parser.EndElementHandler = end
    while True:
        with damage_as_book_error():
            chunk = stream.read(CHUNK)
            parser.Parse(chunk, not chunk)
        yield
        if not chunk:
            return


def local_name(name: str) -> str:
    """An element's name without its namespace prefix."""
    return name.rpartition(":")[2]


class Workbook:
    """An open XLSX file; use as a context manager.

    Raises BookError when it is no workbook, is encrypted, is damaged, or would unpack too large.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._zip = ZipFile(path)
        except _UNREADABLE as error:
            raise _damaged() from error
        try:
            self._parts = {
                info.filename.replace("\\", "/").lstrip("/").lower(): info
                for info in self._zip.infolist()
            }
            self._check_sizes()
            main = self._main_part()
            self._relations = self._relations_of(main)
            self.date1904 = False
            self.sheets = self._read_sheets(main)
            self.strings = self._read_strings()
            self.styles = self._read_styles()
        except BaseException:
            self._zip.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()

    @contextmanager
    def open_part(self, part: str, *, most: int = MAX_SHEET_BYTES) -> Iterator[IO[bytes]]:
        """A part as a stream. Raises BookError when it is missing, damaged or too large."""
        info = self._parts.get(part.lower())
        if info is None:
            raise _damaged()
        if info.file_size > most:
            raise _too_large()
        with damage_as_book_error():
            stream = self._zip.open(info)
        with stream:
            yield stream

    def _check_sizes(self) -> None:
        if any(info.flag_bits & 1 for info in self._parts.values()):
            raise BookError("工作簿设了密码，请取消密码后再导入")
        xml = [info for name, info in self._parts.items() if name.endswith((".xml", ".rels"))]
        sheets = [info for info in xml if "worksheets/" in info.filename.lower()]
        others = sum(info.file_size for info in xml) - sum(info.file_size for info in sheets)
        largest = max((info.file_size for info in sheets), default=0)
        if len(self._parts) > MAX_PARTS or largest > MAX_SHEET_BYTES or others > MAX_OTHER_BYTES:
            raise _too_large()

    def _walk(
        self,
        part: str,
        start: StartHandler,
        text: TextHandler | None = None,
        end: TextHandler | None = None,
    ) -> None:
        with self.open_part(part, most=MAX_OTHER_BYTES) as stream:
            for _ in parse_chunks(stream, start=start, text=text, end=end):
                pass

    def _main_part(self) -> str:
        if "xl/workbook.bin" in self._parts:
            raise BookError("这是 .xlsb 格式，请用表格软件另存为 .xlsx 后再导入")
        found: list[str] = []

        def start(_: str, attrs: dict[str, str]) -> None:
            if attrs.get("Type", "").endswith("/officeDocument"):
                found.append(normpath(attrs.get("Target", "").lstrip("/")))

        if "_rels/.rels" in self._parts:
            self._walk("_rels/.rels", start)
        main = found[0] if found else "xl/workbook.xml"
        if main.lower() not in self._parts:
            raise _no_workbook()
        return main

    def _relations_of(self, main: str) -> Mapping[str, tuple[str, str]]:
        folder, _, file = main.rpartition("/")
        relations: dict[str, tuple[str, str]] = {}

        def start(_: str, attrs: dict[str, str]) -> None:
            target = attrs.get("Target", "")
            part = target.lstrip("/") if target.startswith("/") else join(folder, target)
            kind = attrs.get("Type", "").rpartition("/")[2]
            relations[attrs.get("Id", "")] = (kind, normpath(part))

        self._walk(join(folder, "_rels", f"{file}.rels"), start)
        return relations

    def _read_sheets(self, main: str) -> tuple[SheetPart, ...]:
        sheets: list[SheetPart] = []

        def start(name: str, attrs: dict[str, str]) -> None:
            tag = local_name(name)
            if tag == "workbookPr":
                self.date1904 = attrs.get("date1904") in ("1", "true")
            elif tag == "sheet":
                ids = [value for key, value in attrs.items() if local_name(key) == "id"]
                kind, part = self._relations.get(ids[0] if ids else "", ("", ""))
                if kind == "worksheet":
                    hidden = attrs.get("state", "visible") != "visible"
                    sheets.append(SheetPart(attrs.get("name", ""), part, hidden))

        self._walk(main, start)
        if not sheets:
            raise _no_workbook()
        return tuple(sheets)

    def _part_of_kind(self, kind: str) -> str | None:
        parts = [part for found, part in self._relations.values() if found == kind]
        return parts[0] if parts and parts[0].lower() in self._parts else None

    def _read_strings(self) -> list[str]:
        part = self._part_of_kind("sharedStrings")
        strings: list[str] = []
        wanted = False
        phonetic = False

        def start(name: str, _: dict[str, str]) -> None:
            nonlocal wanted, phonetic
            tag = local_name(name)
            wanted = tag == "t" and not phonetic
            if tag == "si":
                strings.append("")
                phonetic = False
            elif tag == "rPh":
                phonetic = True

        def text(data: str) -> None:
            if wanted and strings:
                strings[-1] += data

        def end(_: str) -> None:
            nonlocal wanted
            wanted = False

        if part is not None:
            self._walk(part, start, text, end)
        return strings

    def _read_styles(self) -> list[CellStyle]:
        part = self._part_of_kind("styles")
        codes: dict[int, str] = dict(BUILTIN_FORMATS)
        styles: list[CellStyle] = []
        in_cell_formats = False

        def start(name: str, attrs: dict[str, str]) -> None:
            nonlocal in_cell_formats
            tag = local_name(name)
            number = attrs.get("numFmtId", "0")
            if tag == "numFmt" and number.isdecimal():
                codes[int(number)] = attrs.get("formatCode", "")
            elif tag in ("cellXfs", "cellStyleXfs", "cellStyles", "dxfs"):
                in_cell_formats = tag == "cellXfs"
            elif tag == "xf" and in_cell_formats:
                styles.append(_style(int(number) if number.isdecimal() else 0, codes))

        if part is not None:
            self._walk(part, start)
        return styles


def _style(number: int, codes: Mapping[int, str]) -> CellStyle:
    code = codes.get(number, "")
    if number in _CHINESE_DATE_FORMATS or is_date_format(code):
        return CellStyle(is_date=True)
    return CellStyle(padded_to=len(code) if _ZEROS.fullmatch(code) else 0)
