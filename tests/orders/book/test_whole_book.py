"""Lines of a book against each other, and whole books of any content."""

import csv
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.orders.book.columns import Column
from app.orders.book.parse import ParsedRow, parse_book
from app.orders.book.patterns import ByWeekday, EveryDay
from app.orders.book.reader import read_book
from app.orders.book.rows import BookRow

TODAY = date(2026, 3, 20)
GOOD = {
    "订户编号": "K1",
    "姓名": "张三",
    "电话": "13800138000",
    "地址": "张杨路500弄3号201室",
    "产品": "鲜牛奶",
    "每日数量": "1",
    "起送日期": "2026-03-21",
    "剩余数量": "30",
}


def parsed(folder: Path, *lines: dict[str, str]) -> list[ParsedRow]:
    titles = list(dict.fromkeys(title for line in lines for title in line))
    path = folder / "名册.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, titles, restval="")
        writer.writeheader()
        writer.writerows(lines)
    return list(parse_book(read_book(path), today=TODAY))


def row_of(result: ParsedRow) -> BookRow:
    assert result.errors == ()
    assert result.row is not None
    return result.row


def columns(result: ParsedRow) -> list[str]:
    assert result.row is None
    return [error.column for error in result.errors]


def test_a_repeated_product_of_a_household_names_the_first_row(tmp_path: Path) -> None:
    first, other, again = parsed(
        tmp_path, GOOD, GOOD | {"产品": "酸奶"}, GOOD | {"产品": "鲜 牛奶", "每日数量": "2"}
    )
    assert row_of(first).row_no == 2
    assert row_of(other).product == "酸奶"
    assert columns(again) == ["产品"]
    assert "第 2 行" in again.errors[0].reason


def test_rows_of_one_household_must_agree_about_it(tmp_path: Path) -> None:
    first, same, different = parsed(
        tmp_path,
        GOOD,
        GOOD | {"产品": "酸奶", "电话": "+86 138-0013-8000", "地址": "张杨路５００弄3号 201室"},
        GOOD | {"产品": "奶酪", "姓名": "张四", "电话": "13900139000", "地址": "别处1号"},
    )
    assert row_of(first).row_no == 2
    assert row_of(same).row_no == 3
    assert columns(different) == ["姓名", "电话", "地址"]
    assert all("第 2 行" in error.reason for error in different.errors)


def test_the_name_of_a_station_between_the_rows_is_one_error_not_ten(tmp_path: Path) -> None:
    row, station = parsed(tmp_path, GOOD, {"订户编号": "二号站"})
    assert row_of(row).row_no == 2
    assert [(error.column, error.value_masked) for error in station.errors] == [
        ("订户编号", "二号站")
    ]


def test_a_sum_is_skipped_and_listed(tmp_path: Path) -> None:
    _, total = parsed(tmp_path, GOOD, {"订户编号": "合计", "剩余数量": "30"})
    assert (total.row, total.errors, total.skipped) == (None, (), "合计行：合计")


def excel(folder: Path, *lines: Sequence[object], merged: Sequence[str] = ()) -> list[ParsedRow]:
    workbook = openpyxl.Workbook()
    sheet = workbook.worksheets[0]
    for line in (list(GOOD), *lines):
        sheet.append(list(line))
    for reference in merged:
        sheet.merge_cells(reference)
    path = folder / "名册.xlsx"
    workbook.save(path)
    return list(parse_book(read_book(path), today=TODAY))


def test_a_spreadsheet_row_of_numbers_and_dates(tmp_path: Path) -> None:
    day = datetime.fromisoformat("2026-03-21")
    (result,) = excel(tmp_path, [1001.0, "张三", 13800138000.0, "某路1号", 20.0, 1.0, day, 30.0])
    row = row_of(result)
    assert (row.customer_no, row.phone, row.product) == ("1001", "13800138000", "20")
    assert (row.pattern, row.start_date, row.remaining_bottles) == (EveryDay(1), day.date(), 30)


def test_a_merged_household_is_read_and_its_merged_quantity_refused(tmp_path: Path) -> None:
    good = list(GOOD.values())
    first, second = excel(
        tmp_path,
        good,
        ["", "", "", "", "酸奶", "1", "2026-03-21", "30"],
        merged=["A2:A3", "B2:B3", "C2:C3", "D2:D3"],
    )
    assert row_of(first).customer_no == row_of(second).customer_no == "K1"
    first, second = excel(
        tmp_path, good, ["K1", *good[1:4], "酸奶", "1", "2026-03-21", ""], merged=["H2:H3"]
    )
    assert columns(first) == columns(second) == [Column.REMAINING]
    assert first.errors[0].value_masked == "（合并单元格）"


pieces = st.sampled_from(
    ["", "", "K1", "K2", "张三", "13800138000", "138001", "1", "2瓶", "0", "99", "100", "√", "×", "隔天",
     "2026-03-21", "2026年4月1日；2026年5月1日", "46102", "26-3-1", "3.5", "￥35.00", "3.555", "-1", "无",
     "小程序", "合计", "#N/A", "=1+1", "\0", "\u200b", "电话", "1e9", "9" * 20]
)  # fmt: skip
any_line = st.dictionaries(
    st.sampled_from([column.value for column in Column] + ["楼管"]),
    st.one_of(pieces, pieces, st.text(max_size=8)),
    max_size=12,
)


def _surrogate_free(line: dict[str, str]) -> dict[str, str]:
    return {title: cell.encode("utf-8", "replace").decode() for title, cell in line.items()}


@given(st.lists(any_line, min_size=1, max_size=4))
def test_whatever_stands_in_the_cells_each_line_becomes_exactly_one_thing(
    tmp_path_factory: pytest.TempPathFactory, changes: list[dict[str, str]]
) -> None:
    lines = [GOOD | _surrogate_free(change) for change in changes]
    for result in parsed(tmp_path_factory.getbasetemp(), *lines):
        outcomes = (result.row is not None, bool(result.errors), result.skipped is not None)
        assert sum(outcomes) == 1
        if result.row is not None:
            check_sound(result.row)


def check_sound(row: BookRow) -> None:
    assert all((row.customer_no, row.name, row.phone, row.address, row.product))
    quantities = (
        row.pattern.quantities if isinstance(row.pattern, ByWeekday) else (row.pattern.quantity,)
    )
    assert 0 < max(quantities) <= 99
    assert abs((row.start_date - TODAY).days) <= 3653
    assert row.end_date is None or row.end_date >= row.start_date
    assert row.remaining_bottles is not None or row.end_date is not None
    assert row.remaining_bottles is not None or row.remaining_fen is not None
    if row.unit_price_fen is not None and row.remaining_bottles is not None:
        assert row.remaining_fen == row.unit_price_fen * row.remaining_bottles
    for text in (row.customer_no, row.name, row.address, row.product, *row.notes.values()):
        assert text == text.strip()
        assert "\0" not in text
