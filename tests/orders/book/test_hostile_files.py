"""Files that are damaged, hostile, or written by unusual programs: read rightly or refused."""

import io
import zipfile
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.orders.book import reader, workbook
from app.orders.book.columns import Column
from app.orders.book.errors import BookError
from app.orders.book.parse import ParsedRow, parse_book
from app.orders.book.reader import RawRow, read_book

TODAY = date(2026, 3, 20)
HEADER = ["订户编号", "姓名", "电话", "地址", "产品", "每日数量", "起送日期", "剩余数量", "单价"]
LINE = [
    "K1",
    "张三",
    "13800138000",
    "张杨路500弄3号201室",
    "鲜牛奶",
    "1",
    "2026-03-21",
    "30",
    "3.5",
]
CSV = "\n".join(",".join(cells) for cells in (["名册"], HEADER, LINE, LINE, ["合计"])).encode()

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
ROOT_RELATIONS = (
    f'<Relationships><Relationship Id="r1" Type="{OFFICE}/officeDocument" Target="/xl/workbook.xml"/>'
    "</Relationships>"
)
RELATIONS = (
    f'<Relationships><Relationship Id="r1" Type="{OFFICE}/worksheet" Target="worksheets/sheet1.xml"/>'
    f'<Relationship Id="r2" Type="{OFFICE}/sharedStrings" Target="/xl/sharedStrings.xml"/>'
    f'<Relationship Id="r3" Type="{OFFICE}/styles" Target="styles.xml"/></Relationships>'
)
WORKBOOK = (
    f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><sheets><sheet name="订户" sheetId="1" r:id="r1"/>'
    "</sheets></workbook>"
)
STYLES = (
    '<styleSheet><numFmts><numFmt numFmtId="170" formatCode="yyyy-mm-dd"/></numFmts>'
    '<cellStyleXfs><xf numFmtId="0"/></cellStyleXfs>'
    '<cellXfs><xf numFmtId="0"/><xf numFmtId="170"/><xf numFmtId="31"/></cellXfs></styleSheet>'
)
STRINGS = (
    "<sst><si><t>张三</t></si><si><r><t>张杨路</t></r>\n<r><rPr><b/></rPr><t>500弄</t></r>"
    "<rPh><t>zhang</t></rPh></si></sst>"
)


def inline(cells: list[str]) -> str:
    return "".join(f'<c t="inlineStr"><is><t>{cell}</t></is></c>' for cell in cells)


SHEET = (
    f'<worksheet xmlns="{MAIN}"><dimension ref="A1"/><sheetData><row>{inline(HEADER)}</row>'
    f"<row>{inline(LINE)}</row></sheetData></worksheet>"
)
PARTS = {
    "_rels/.rels": ROOT_RELATIONS,
    "xl/workbook.xml": WORKBOOK,
    "xl/_rels/workbook.xml.rels": RELATIONS,
    "xl/styles.xml": STYLES,
    "xl/sharedStrings.xml": STRINGS,
    "xl/worksheets/sheet1.xml": SHEET,
}


def zipped(parts: Mapping[str, str | bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    return content.getvalue()


def saved(folder: Path, content: bytes) -> Path:
    path = folder / "名册.xlsx"
    path.write_bytes(content)
    return path


def why(path: Path) -> str:
    with pytest.raises(BookError) as refused:
        list(read_book(path))
    return str(refused.value)


def outcome(path: Path) -> list[ParsedRow] | BookError:
    try:
        return list(parse_book(read_book(path), today=TODAY))
    except BookError as refused:
        return refused


def check_told(result: list[ParsedRow] | BookError) -> None:
    """A sentence for people, or lines of which each became exactly one thing."""
    if isinstance(result, BookError):
        assert not str(result).isascii()
        return
    for line in result:
        assert (line.row is not None) + bool(line.errors) + (line.skipped is not None) == 1


def first_row(folder: Path, parts: Mapping[str, str | bytes]) -> RawRow:
    line = next(iter(read_book(saved(folder, zipped(parts)))))
    assert isinstance(line, RawRow)
    return line


def test_a_sheet_of_an_unusual_program_is_read(tmp_path: Path) -> None:
    row = first_row(tmp_path, PARTS)
    assert list(row.cells.values()) == LINE


def test_rich_text_dates_formulas_gaps_and_prefixes(tmp_path: Path) -> None:
    cells = (
        '<x:c r="A5"><x:v>1001</x:v></x:c><x:c r="B5" t="s"><x:v> 0 </x:v></x:c>'
        '<x:c r="C5"><x:f>A1*2</x:f><x:v>1.3800138E10</x:v></x:c><x:c r="D5" t="s"><x:v>1</x:v></x:c>'
        '<x:c r="E5" t="str"><x:f>"鲜"&amp;"牛奶"</x:f><x:v>鲜牛奶</x:v></x:c>'
        '<x:c r="F5" s="99"><x:v>2</x:v></x:c><x:c r="G5" s="1"><x:v>46102</x:v></x:c>'
        '<x:c r="I5" t="e"><x:v>#N/A</x:v></x:c><x:c r="ZZZ5"><x:v>9</x:v></x:c>'
    )
    head = inline(HEADER).replace("<", "<x:").replace("<x:/", "</x:")
    sheet = (
        f'<x:worksheet xmlns:x="{MAIN}"><x:sheetData><x:row r="2">{head}</x:row>'
        f'<x:row r="5">{cells}</x:row></x:sheetData><x:headerFooter><x:oddHeader>页眉</x:oddHeader>'
        "</x:headerFooter></x:worksheet>"
    )
    row = first_row(tmp_path, PARTS | {"xl/worksheets/sheet1.xml": sheet})
    assert row.row_no == 5
    assert row.cells[Column.NAME] == "张三"
    assert row.cells[Column.ADDRESS] == "张杨路500弄"
    assert row.cells[Column.PHONE] == 13800138000
    assert row.cells[Column.PRODUCT] == "鲜牛奶"
    assert row.cells[Column.DAILY_QUANTITY] == 2
    assert str(row.cells[Column.START_DATE]).startswith("2026-03-21")
    assert row.cells[Column.REMAINING] is None
    assert row.cells[Column.UNIT_PRICE] == "#N/A"
    assert row.notes == {}


LAUGHS = '<!DOCTYPE w [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>'


@pytest.mark.parametrize(
    "part", ["xl/workbook.xml", "xl/sharedStrings.xml", "xl/worksheets/sheet1.xml"]
)
def test_a_document_type_is_refused_before_anything_expands(tmp_path: Path, part: str) -> None:
    assert "文档类型" in why(saved(tmp_path, zipped(PARTS | {part: LAUGHS + PARTS[part]})))


def _bomb(folder: Path) -> bytes:
    path = folder / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, part in PARTS.items():
            if not name.endswith("sheet1.xml"):
                archive.writestr(name, part)
        with archive.open("xl/worksheets/sheet1.xml", "w") as part_file:
            block = b" " * 2**20
            for _ in range(workbook.MAX_SHEET_BYTES // 2**20 + 1):
                part_file.write(block)
    return path.read_bytes()


def test_a_bomb_is_refused_by_its_declared_size_and_a_lying_one_by_its_end(tmp_path: Path) -> None:
    bomb = _bomb(tmp_path)
    assert len(bomb) < 3 * 2**20
    assert "过大" in why(saved(tmp_path, bomb))
    size = (workbook.MAX_SHEET_BYTES // 2**20 + 1) * 2**20
    lying = bomb.replace(size.to_bytes(4, "little"), (1000).to_bytes(4, "little"))
    assert lying != bomb
    assert "已损坏" in why(saved(tmp_path, lying))


OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "空的"),
        (b"\xef\xbb\xbf", "没有找到表头"),
        (b"\0\0\r\n", "空的"),
        (OLE, ".xls"),
        (OLE + "EncryptedPackage".encode("utf-16-le"), "密码"),
        (b"PK\x03\x04 and no more", "已损坏"),
        (b"<html><table><tr><td>" + CSV, "网页"),
        (zipped({"word/document.xml": "<document/>"}), "不是 Excel"),
        (zipped({"mimetype": "application/vnd.oasis.opendocument.spreadsheet"}), "不是 Excel"),
        (zipped(PARTS | {"xl/workbook.bin": b""}), ".xlsb"),
        (zipped(PARTS | {"xl/workbook.xml": "<workbook/>"}), "不是 Excel"),
        (zipped(PARTS | {"xl/worksheets/sheet1.xml": SHEET[:-30]}), "已损坏"),
        (zipped(PARTS | {"xl/worksheets/sheet1.xml": "<worksheet/>"}), "没有找到表头"),
        (zipped(PARTS | {"xl/worksheets/sheet1.xml": SHEET.encode("utf-16")}), "编码"),
        (zipped({name: part for name, part in PARTS.items() if "sheet1" not in name}), "已损坏"),
        (zipped(PARTS)[:-40], "已损坏"),
    ],
)
def test_files_that_are_no_book_are_refused_in_one_sentence(
    tmp_path: Path, content: bytes, says: str
) -> None:
    sentence = why(saved(tmp_path, content))
    assert says in sentence
    assert "\n" not in sentence


def test_an_archive_with_a_password_is_named_as_such(tmp_path: Path) -> None:
    content = bytearray(zipped(PARTS))
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = content.find(mark)
        while at >= 0:
            content[at + offset] |= 1
            at = content.find(mark, at + 4)
    assert "密码" in why(saved(tmp_path, bytes(content)))


def test_a_missing_file_a_folder_and_a_file_that_goes_away(tmp_path: Path) -> None:
    assert "没有这个文件：名册.csv" in why(tmp_path / "名册.csv")
    assert "文件夹" in why(tmp_path)
    assert "不是文件" in why(Path("/dev/zero"))
    for content in (CSV, zipped(PARTS)):
        path = saved(tmp_path, content)
        book = read_book(path)
        path.unlink()
        with pytest.raises(BookError):
            list(book)


def test_more_rows_than_we_remember_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "MAX_ROWS", 2)
    assert "超过 2 行" in why(saved(tmp_path, CSV))


def test_a_nul_byte_spoils_its_row_only(tmp_path: Path) -> None:
    second = ["K2", *LINE[1:]]
    text = "\n".join(",".join(cells) for cells in (HEADER, LINE, second))
    path = saved(tmp_path, text.replace("张三", "张\0三", 1).encode())
    result = outcome(path)
    assert isinstance(result, list)
    assert [line.errors[0].column for line in result if line.errors] == ["姓名"]
    assert result[1].row is not None


FIRST_BYTES = st.sampled_from(
    [b"", b"PK\x03\x04", OLE[:8], b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf", b"<", CSV[:60], CSV]
)


@given(first=FIRST_BYTES, rest=st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, first: bytes, rest: bytes
) -> None:
    check_told(outcome(saved(tmp_path_factory.getbasetemp(), first + rest)))


def _real_workbook() -> bytes:
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    for line in (["名册"], HEADER, LINE, ["", "", "", "", "酸奶", "1", "2026-03-21", "30", "4"]):
        sheet.append(line)
    for reference in ("A1:I1", "A3:A4", "B3:B4", "C3:C4", "D3:D4"):
        sheet.merge_cells(reference)
    sheet["G3"].number_format = "yyyy-mm-dd"
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


REAL = _real_workbook()


def test_the_real_workbook_is_whole_before_we_break_it(tmp_path: Path) -> None:
    result = outcome(saved(tmp_path, REAL))
    assert isinstance(result, list)
    assert [line.row is not None for line in result] == [True, True]


edits = st.lists(
    st.tuples(st.floats(0, 1), st.integers(0, 12), st.binary(max_size=12)), min_size=1, max_size=4
)


def broken(content: bytes, changes: list[tuple[float, int, bytes]]) -> bytes:
    for where, cut, put in changes:
        at = int(where * len(content))
        content = content[:at] + put + content[at + cut :]
    return content


@given(
    content=st.sampled_from([REAL, zipped(PARTS), CSV, CSV.decode().encode("gb18030")]),
    changes=edits,
)
def test_any_damage_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory,
    content: bytes,
    changes: list[tuple[float, int, bytes]],
) -> None:
    check_told(outcome(saved(tmp_path_factory.getbasetemp(), broken(content, changes))))


def _parts_of(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


REAL_PARTS = {name: part for name, part in _parts_of(REAL).items() if "theme" not in name}
splinters = st.sampled_from(
    [b"<", b">", b'"', b"&", b"&#0;", b"-1", b"99999999999999999999", b"1e999", b"NaN", b"A1:ZZZ9999999",
     b'encoding="x"', b'encoding="idna"', b"\xff", b"\0", b"r:id", b"<v>", b"</row>", "\u0663".encode()]
)  # fmt: skip


@given(
    part=st.sampled_from(sorted(REAL_PARTS)),
    changes=st.lists(
        st.tuples(st.floats(0, 1), st.integers(0, 30), st.one_of(splinters, st.binary(max_size=6))),
        min_size=1,
        max_size=3,
    ),
)
@settings(max_examples=200)
def test_any_damage_inside_a_sound_archive_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, part: str, changes: list[tuple[float, int, bytes]]
) -> None:
    parts = REAL_PARTS | {part: broken(REAL_PARTS[part], changes)}
    check_told(outcome(saved(tmp_path_factory.getbasetemp(), zipped(parts))))


@pytest.mark.parametrize(
    "attack",
    [
        lambda xml: xml.replace('t="inlineStr"', 't="s"').replace("<is><t>", "<v>7"),
        lambda xml: xml.replace("<row>", '<row r="99999999999999999999999">'),
        lambda xml: xml.replace("<c ", '<c r="ZZZZZZZZ9" ', 9),
        lambda xml: xml.replace("<c ", f'<c s="{"9" * 5000}" '),
        lambda xml: f"<?xml version='1.0' encoding='no-such'?>{xml}",
        lambda xml: f"<?xml version='1.0' encoding='gb18030'?>{xml}",
        lambda xml: xml.replace("</worksheet>", '<mergeCell ref="A1:XFD9999999"/></worksheet>'),
    ],
)
def test_absurd_attributes_are_read_or_refused(
    tmp_path: Path, attack: Callable[[str], str]
) -> None:
    attacked = attack(SHEET)
    assert attacked != SHEET
    check_told(outcome(saved(tmp_path, zipped(PARTS | {"xl/worksheets/sheet1.xml": attacked}))))
