"""Opening a book: encodings, separators, headers, merged cells, sums, and files that are none."""

import csv
import io
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import openpyxl
import pytest
from openpyxl.utils.datetime import MAC_EPOCH

from app.orders.book.cells import FORMULA_WITHOUT_RESULT, MERGED, CellValue
from app.orders.book.columns import Column
from app.orders.book.errors import BookError
from app.orders.book.reader import Book, RawRow, SkippedRow, read_book

HEADER = [
    "订户编号",
    "姓名",
    "电话",
    "地址",
    "产品",
    "每日数量",
    "起送日期",
    "剩余数量",
    "单价",
    "楼管",
]
ONE = [
    "K1",
    "张三",
    "13800138000",
    "张杨路500弄3号201室",
    "鲜牛奶",
    "1",
    "2026-03-01",
    "30",
    "3.5",
    "王",
]
TWO = ["K2", "李四", "13900139000", "张杨路500弄3号202室", "酸奶", "2", "2026-03-02", "60", "4", ""]


def csv_bytes(
    lines: Sequence[Sequence[str]], *, separator: str = ",", encoding: str = "utf-8"
) -> bytes:
    text = io.StringIO()
    csv.writer(text, delimiter=separator).writerows(lines)
    return text.getvalue().encode(encoding)


def csv_file(folder: Path, lines: Sequence[Sequence[str]]) -> Path:
    path = folder / "名册.csv"
    path.write_bytes(csv_bytes(lines))
    return path


def xlsx_file(
    folder: Path, lines: Sequence[Sequence[object]], *, merged: Sequence[str] = ()
) -> Path:
    workbook = openpyxl.Workbook()
    sheet = workbook.worksheets[0]
    for line in lines:
        sheet.append(list(line))
    for reference in merged:
        sheet.merge_cells(reference)
    path = folder / "名册.xlsx"
    workbook.save(path)
    return path


def rows_of(book: Book) -> list[RawRow]:
    return [line for line in book if isinstance(line, RawRow)]


def column_of(book: Book, column: Column) -> list[CellValue]:
    return [row.cells[column] for row in rows_of(book)]


def why(path: Path, *, sheet: str | None = None) -> str:
    with pytest.raises(BookError) as refused:
        list(read_book(path, sheet=sheet))
    return str(refused.value)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize("separator", [",", "\t", ";"])
def test_encoding_and_separator_are_found(tmp_path: Path, encoding: str, separator: str) -> None:
    path = tmp_path / "名册.txt"
    path.write_bytes(csv_bytes([HEADER, ONE, TWO], separator=separator, encoding=encoding))
    book = read_book(path)
    assert book.encoding == encoding
    assert [row.row_no for row in rows_of(book)] == [2, 3]
    assert column_of(book, Column.NAME) == ["张三", "李四"]
    assert rows_of(book)[0].notes == {"楼管": "王"}
    assert rows_of(book)[1].notes == {}


def test_a_book_can_be_read_again(tmp_path: Path) -> None:
    for path in (csv_file(tmp_path, [HEADER, ONE, TWO]), xlsx_file(tmp_path, [HEADER, ONE, TWO])):
        book = read_book(path)
        assert rows_of(book) == rows_of(book) != []
        assert book.row_estimate == 2


def test_the_content_decides_not_the_name(tmp_path: Path) -> None:
    path = xlsx_file(tmp_path, [HEADER, ONE]).rename(tmp_path / "名册.csv")
    assert column_of(read_book(path), Column.CUSTOMER_NO) == ["K1"]


def test_titles_above_the_header_blank_lines_sums_and_repeated_headers(tmp_path: Path) -> None:
    lines: list[list[str]] = [
        ["一号奶站 2026年3月订户名册"],
        [],
        ["制表：王五", "", "2026-03-01"],
        HEADER,
        ONE,
        ["", " ", ""],
        ["小计", "", "", "", "", "1", "", "30"],
        HEADER,
        TWO,
        ["合 计：2户", "", "", "", "", "3", "", "90"],
    ]
    for path in (csv_file(tmp_path, lines), xlsx_file(tmp_path, lines)):
        book = read_book(path)
        assert book.header.first_row == 4
        assert [(line.row_no, type(line)) for line in book] == [
            (5, RawRow),
            (7, SkippedRow),
            (8, SkippedRow),
            (9, RawRow),
            (10, SkippedRow),
        ]
        assert [line.reason for line in book if isinstance(line, SkippedRow)] == [
            "合计行",
            "重复的表头",
            "合计行",
        ]


def test_a_subscriber_whose_name_looks_like_a_sum_is_kept(tmp_path: Path) -> None:
    lines = [HEADER, ["总计1号", *ONE[1:]]]
    assert column_of(read_book(csv_file(tmp_path, lines)), Column.CUSTOMER_NO) == ["总计1号"]


def test_titles_in_any_order_width_and_dress(tmp_path: Path) -> None:
    dressed = ["剩 余 数 量（瓶）", "*手机号", "Ｎｏ", "姓名 ：", "客户编号*", "送奶地址", "品名",
               "开始日期", "单价(元/瓶)", "周1", "星期日"]  # fmt: skip
    line = [
        "30",
        "13800138000",
        "x",
        "张三",
        "K1",
        "某路1号",
        "鲜牛奶",
        "2026-03-01",
        "3.5",
        "1",
        "2",
    ]
    book = read_book(csv_file(tmp_path, [dressed, line]))
    (row,) = rows_of(book)
    assert row.cells == {
        Column.REMAINING: "30",
        Column.PHONE: "13800138000",
        Column.NAME: "张三",
        Column.CUSTOMER_NO: "K1",
        Column.ADDRESS: "某路1号",
        Column.PRODUCT: "鲜牛奶",
        Column.START_DATE: "2026-03-01",
        Column.UNIT_PRICE: "3.5",
        Column.MONDAY: "1",
        Column.SUNDAY: "2",
    }
    assert row.notes == {"Ｎｏ": "x"}
    assert book.title_of(Column.PHONE) == "*手机号"
    assert book.title_of(Column.SOURCE) == "来源"


def test_a_header_of_two_lines(tmp_path: Path) -> None:
    upper = [
        "订户编号",
        "姓名",
        "电话",
        "地址",
        "产品",
        "每周数量",
        "",
        "",
        "",
        "",
        "",
        "",
        "日期",
        "",
        "剩余数量",
    ]
    lower = [
        "",
        "",
        "",
        "",
        "",
        "一",
        "二",
        "三",
        "四",
        "五",
        "六",
        "日",
        "起送日期",
        "止送日期",
        "",
    ]
    line = ["K1", "张三", "13800138000", "某路1号", "鲜牛奶", *"1100022", "2026-03-01", "", "30"]
    path = xlsx_file(tmp_path, [upper, lower, line], merged=["A1:A2", "F1:L1", "M1:N1"])
    (row,) = rows_of(read_book(path))
    assert row.row_no == 3
    assert row.cells[Column.SUNDAY] == "2"
    assert row.cells[Column.START_DATE] == "2026-03-01"
    assert row.notes == {}


def test_the_exact_title_wins_over_its_other_names(tmp_path: Path) -> None:
    lines = [["联系人", *HEADER], ["房东", *ONE]]
    (row,) = rows_of(read_book(csv_file(tmp_path, lines)))
    assert row.cells[Column.NAME] == "张三"
    assert row.notes["联系人"] == "房东"


def test_cells_outside_of_the_header_become_notes_by_their_letter(tmp_path: Path) -> None:
    (row,) = rows_of(read_book(csv_file(tmp_path, [HEADER, [*ONE, "放门口"]])))
    assert row.notes == {"楼管": "王", "K列": "放门口"}


@pytest.mark.parametrize(
    ("header", "says"),
    [
        (HEADER[:2] + HEADER[3:], "电话"),
        ([*HEADER[:7], "楼管"], "剩余数量"),
        (HEADER[:5] + HEADER[6:], "每日数量"),
        ([*HEADER, "电话"], "C 列和 K 列"),
        (["手机", "联系电话", *HEADER[:2], *HEADER[3:]], "A 列和 B 列"),
        ([*HEADER[:8], "单价（分）"], "不是元"),
        ([*HEADER[:7], "剩余数量(箱)"], "不是瓶"),
        (["甲", "乙", "丙"], "没有找到表头"),
    ],
)
def test_a_header_that_cannot_be_used_is_explained(
    tmp_path: Path, header: list[str], says: str
) -> None:
    for path in (csv_file(tmp_path, [header, ONE]), xlsx_file(tmp_path, [header, ONE])):
        assert says in why(path)


def test_merged_household_cells_are_carried_down(tmp_path: Path) -> None:
    second = ["", "", "", "", "酸奶", "2", "2026-03-02", "60", "4", ""]
    path = xlsx_file(
        tmp_path,
        [["名册"], HEADER, ONE, second, second, TWO],
        merged=["A1:J1", "A3:A5", "B3:B5", "C3:C5", "D3:D5"],
    )
    book = read_book(path)
    assert column_of(book, Column.CUSTOMER_NO) == ["K1", "K1", "K1", "K2"]
    assert column_of(book, Column.PHONE) == [ONE[2], ONE[2], ONE[2], TWO[2]]
    assert column_of(book, Column.PRODUCT) == ["鲜牛奶", "酸奶", "酸奶", "酸奶"]


def test_without_merging_nothing_is_carried_down(tmp_path: Path) -> None:
    second = ["", "", "", "", "酸奶", "2", "2026-03-02", "60", "4", ""]
    book = read_book(xlsx_file(tmp_path, [HEADER, ONE, second]))
    assert column_of(book, Column.CUSTOMER_NO) == ["K1", None]


def test_a_merged_quantity_is_not_guessed(tmp_path: Path) -> None:
    second = ["", "", "", "", "酸奶", "2", "2026-03-02", "", "4", ""]
    path = xlsx_file(tmp_path, [HEADER, ONE, second, TWO], merged=["A2:A3", "H2:H3"])
    assert column_of(read_book(path), Column.REMAINING) == [MERGED, MERGED, "60"]


def test_a_cell_merged_over_two_columns_is_not_guessed(tmp_path: Path) -> None:
    path = xlsx_file(tmp_path, [HEADER, ONE, TWO], merged=["G2:H2"])
    book = read_book(path)
    assert column_of(book, Column.REMAINING) == [MERGED, "60"]
    assert column_of(book, Column.START_DATE) == ["2026-03-01", "2026-03-02"]


def test_a_deposit_merged_with_its_household_is_counted_once(tmp_path: Path) -> None:
    header = [*HEADER[:9], "奶箱押金"]
    second = ["", "", "", "", "酸奶", "2", "2026-03-02", "60", "4", ""]
    lines = [header, [*ONE[:9], "20"], second, [*TWO[:9], "20"], [*TWO[:9], ""]]
    path = xlsx_file(tmp_path, lines, merged=["A2:A3", "J2:J3", "J4:J5"])
    assert column_of(read_book(path), Column.BOX_DEPOSIT) == ["20", None, MERGED, MERGED]


def test_cells_of_a_workbook_keep_their_kind(tmp_path: Path) -> None:
    day = datetime.fromisoformat("2026-03-01")
    path = xlsx_file(
        tmp_path, [HEADER, [1001, "张三", 13800138000, *ONE[3:5], 1, day, 30, 3.5, True]]
    )
    (row,) = rows_of(read_book(path))
    assert row.cells[Column.CUSTOMER_NO] == 1001
    assert row.cells[Column.PHONE] == 13800138000
    assert row.cells[Column.START_DATE] == day
    assert row.cells[Column.UNIT_PRICE] == 3.5
    assert row.notes == {"楼管": True}


def test_number_formats_of_zeros_and_chinese_dates_are_respected(tmp_path: Path) -> None:
    path = xlsx_file(tmp_path, [HEADER])
    workbook = openpyxl.load_workbook(path)
    sheet = workbook.worksheets[0]
    sheet.append([123, "张三", 13800138000, 46093, "鲜牛奶", 1, 46082, 30, 3.5, 0.5])
    sheet["A2"].number_format = "000000"
    sheet["D2"].number_format = "m-d"
    sheet["J2"].number_format = "h:mm"
    workbook.save(path)
    (row,) = rows_of(read_book(path))
    assert row.cells[Column.CUSTOMER_NO] == "000123"
    assert row.cells[Column.ADDRESS] == datetime.fromisoformat("2026-03-12")
    assert row.cells[Column.START_DATE] == 46082


def test_a_workbook_of_the_1904_system_says_so(tmp_path: Path) -> None:
    path = xlsx_file(tmp_path, [HEADER])
    workbook = openpyxl.load_workbook(path)
    workbook.epoch = MAC_EPOCH
    workbook.worksheets[0].append([*ONE[:6], datetime.fromisoformat("2026-03-01"), 30, 3.5, 44620])
    workbook.save(path)
    book = read_book(path)
    assert book.date1904
    assert column_of(book, Column.START_DATE) == [datetime.fromisoformat("2026-03-01")]


def test_a_formula_without_a_stored_result_is_not_taken_for_blank(tmp_path: Path) -> None:
    path = xlsx_file(tmp_path, [HEADER, [*ONE[:7], "=10*3", "", ""]])
    book = read_book(path)
    assert column_of(book, Column.REMAINING) == [FORMULA_WITHOUT_RESULT]
    assert column_of(book, Column.UNIT_PRICE) == [None]


def test_the_sheet_with_the_header_is_found_and_hidden_ones_are_left_alone(tmp_path: Path) -> None:
    workbook = openpyxl.Workbook()
    workbook.worksheets[0].append(["说明"])
    for title, line in (("订户", ONE), ("旧表", TWO)):
        sheet = workbook.create_sheet(title)
        sheet.append(HEADER)
        sheet.append(line)
    workbook["旧表"].sheet_state = "hidden"
    contacts = workbook.create_sheet("通讯录")
    contacts.append(["姓名", "电话", "电话", "地址"])
    path = tmp_path / "名册.xlsx"
    workbook.save(path)
    assert read_book(path).sheet == "订户"
    assert column_of(read_book(path, sheet="旧表"), Column.CUSTOMER_NO) == ["K2"]
    assert "没有名为“新表”" in why(path, sheet="新表")
    workbook["旧表"].sheet_state = "visible"
    workbook.save(path)
    assert "订户、旧表" in why(path)


def test_a_bad_byte_is_named_by_row_and_offset(tmp_path: Path) -> None:
    good = csv_bytes([HEADER, ONE])
    path = tmp_path / "名册.csv"
    path.write_bytes(good + b"K2,\xff\xfe" + csv_bytes([TWO[1:]]))
    assert "第 3 行" in why(path)
    assert f"第 {len(good) + 4} 个字节" in why(path)
    path.write_bytes(csv_bytes([HEADER, ONE], encoding="gb18030") + b"K2,\xff\n")
    assert "GB18030" in why(path)


def test_an_open_quote_does_not_swallow_the_rest_of_the_book(tmp_path: Path) -> None:
    path = tmp_path / "名册.csv"
    path.write_bytes(csv_bytes([HEADER, ONE]) + '"K2,李四\n'.encode() + csv_bytes([TWO]))
    assert "第 3 行" in why(path)


def test_a_line_break_within_quotes_counts_as_one_row(tmp_path: Path) -> None:
    book = read_book(csv_file(tmp_path, [HEADER, [*ONE[:3], "某路\n1号", *ONE[4:]], TWO]))
    assert [row.row_no for row in rows_of(book)] == [2, 3]
