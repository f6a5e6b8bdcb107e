"""Single cells: each spelling clerks use is read exactly, everything else is refused aloud."""

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.money import MAX_FEN, yuan_text
from app.orders.book.cells import (
    FORMULA_WITHOUT_RESULT,
    MERGED,
    CellValue,
    boolean_cell,
    bottles_cell,
    clean_text,
    code_cell,
    days_cell,
    fen_cell,
    interval_cell,
    is_blank,
    narrow_text,
    shown,
    text_cell,
)
from app.orders.book.errors import CellError

WIDE = str.maketrans({code: code + 0xFEE0 for code in range(0x21, 0x7F)} | {0x20: 0x3000})


def reason_of(parse: Callable[[CellValue], object], value: CellValue) -> str:
    with pytest.raises(CellError) as refused:
        parse(value)
    return refused.value.reason


def outcome(parse: Callable[[CellValue], object], value: CellValue) -> object:
    try:
        return parse(value)
    except CellError as refused:
        return refused


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("  张三 ", "张三"),
        ("张杨路５００弄３号Ａ座", "张杨路500弄3号A座"),
        ("张杨路500弄\n3号　201室", "张杨路500弄 3号 201室"),
        ("张杨路500弄_x000D_\n3号", "张杨路500弄 3号"),
        ("\u202d13800138000\u202c", "13800138000"),
        ("鲜牛奶（200ml）", "鲜牛奶（200ml）"),
        ("①号楼㎡Ⅱ", "①号楼㎡Ⅱ"),
        ("张\u3000\u00a0三", "张 三"),
        ("", ""),
    ],
)
def test_text_keeps_chinese_punctuation_and_folds_only_digits_and_letters(
    written: str, read: str
) -> None:
    assert clean_text(written) == read


@pytest.mark.parametrize("bad", ["张\x00三", "张\x1b三", "张_x0000_三", "\x85\x9f", "张\ud800"])
def test_control_characters_and_lone_surrogates_are_refused(bad: str) -> None:
    assert "控制字符" in reason_of(text_cell, bad)


@pytest.mark.parametrize("bad", ["#N/A", "#REF!", " #DIV/0!", MERGED, FORMULA_WITHOUT_RESULT])
@pytest.mark.parametrize(
    "parse", [text_cell, code_cell, bottles_cell, fen_cell, days_cell, interval_cell]
)
def test_error_values_merged_cells_and_formulas_without_result_are_named(
    parse: Callable[[CellValue], object], bad: str
) -> None:
    reason = reason_of(parse, bad)
    assert "公式" in reason or "合并单元格" in reason


def test_an_address_that_the_spreadsheet_made_a_date_is_refused() -> None:
    assert "变成了日期" in reason_of(text_cell, datetime.fromisoformat("2026-03-12"))


@pytest.mark.parametrize("value", [None, "", "  ", "-", " — ", "/", "无"])
def test_marks_for_nothing_count_as_blank(value: CellValue) -> None:
    assert is_blank(value)


@pytest.mark.parametrize("value", [0, 0.0, False, "0", "无锡路", "--1"])
def test_zero_and_words_are_not_blank(value: CellValue) -> None:
    assert not is_blank(value)


@pytest.mark.parametrize(
    ("written", "code"),
    [(1001, "1001"), (1001.0, "1001"), ("Ｋ００1 ", "K001"), ("K 001", "K001"), ("007", "007")],
)
def test_codes_are_the_same_however_they_are_typed(written: CellValue, code: str) -> None:
    assert code_cell(written) == code


@pytest.mark.parametrize("bad", [1.5, 1e20, True, "长" * 41, datetime.fromisoformat("2026-01-02")])
def test_codes_that_lost_something_are_refused(bad: CellValue) -> None:
    reason_of(code_cell, bad)


@pytest.mark.parametrize(
    ("written", "bottles"),
    [
        (2, 2),
        (2.0, 2),
        ("２", 2),
        ("1.0", 1),
        ("1瓶", 1),
        (" 1 瓶 ", 1),
        ("一瓶", 1),
        ("两瓶", 2),
        ("十", 10),
        ("1,200", 1200),
        ("0", 0),
        ("３０盒", 30),
    ],
)
def test_bottles(written: CellValue, bottles: int) -> None:
    assert bottles_cell(written) == bottles


@pytest.mark.parametrize(
    "bad",
    [1.5, "1.5", -1, "-1", "2箱", "半瓶", "一1瓶", "十二瓶", "1-2", True, "1,20", "", "100001", "9" * 5000, "１e3",
     "٣", date(2026, 3, 1), float("1e300")],
)  # fmt: skip
def test_bottles_never_guess(bad: CellValue) -> None:
    reason_of(bottles_cell, bad)


@pytest.mark.parametrize(
    ("written", "days"),
    [(1, 1), ("2天", 2), ("每2天", 2), ("每两天", 2), ("隔天", 2), ("隔一天", 2), ("每天", 1),
     ("每3天送一次", 3), ("7", 7)],
)  # fmt: skip
def test_interval_is_days_from_one_delivery_to_the_next(written: CellValue, days: int) -> None:
    assert interval_cell(written) == days


@pytest.mark.parametrize("bad", [0, "0", 32, "隔几天", "每周", "隔2天"])
def test_an_interval_that_could_mean_two_things_is_refused(bad: CellValue) -> None:
    reason_of(interval_cell, bad)


def test_days_take_their_unit() -> None:
    assert [days_cell(value) for value in ("15天", 15, "３日", "0")] == [15, 15, 3, 0]


@pytest.mark.parametrize(
    ("written", "fen"),
    [
        (3.5, 350),
        (3, 300),
        ("3.50", 350),
        ("3.500", 350),
        ("¥1,234.50", 123450),
        ("￥１，２３４．５０", 123450),
        ("1234.5元", 123450),
        ("1234元整", 123400),
        ("3.5元/瓶", 350),
        ("RMB 12", 1200),
        (" 0 ", 0),
        (0.1 + 0.2, 30),
        (1.1 * 3, 330),
        (8.2 * 3, 2460),
    ],
)
def test_yuan_become_exact_fen(written: CellValue, fen: int) -> None:
    assert fen_cell(written) == fen


@pytest.mark.parametrize(
    "bad",
    ["3.505", 3.505, -1, "-1", "(12.00)", "¥-3", "1万", "12,34", "1.2.3", "十元", True, "3元5角",
     "100000001", "inf", "NaN", "1e3", date(2026, 3, 1)],
)  # fmt: skip
def test_amounts_that_are_not_whole_fen_are_refused(bad: CellValue) -> None:
    reason_of(fen_cell, bad)


@given(
    st.integers(0, MAX_FEN),
    st.sampled_from(["{}", "¥{}", "￥{}", "{}元", " {} ", "RMB{}"]),
    st.booleans(),
    st.booleans(),
)
def test_every_amount_survives_every_way_of_writing_it(
    fen: int, frame: str, grouped: bool, wide: bool
) -> None:
    text = f"{Decimal(fen) / 100:,.2f}" if grouped else yuan_text(fen)
    written = frame.format(text)
    assert fen_cell(written.translate(WIDE) if wide else written) == fen


@given(st.integers(0, 10**10))
def test_every_amount_survives_a_binary_cell(fen: int) -> None:
    assert fen_cell(fen / 100) == fen


@given(st.integers(0, 100_000), st.sampled_from(["{}", "{}瓶", " {} ", "{}.0", "{:,}盒"]))
def test_every_quantity_survives_every_way_of_writing_it(bottles: int, frame: str) -> None:
    assert bottles_cell(frame.format(bottles)) == bottles
    assert bottles_cell(frame.format(bottles).translate(WIDE)) == bottles


@pytest.mark.parametrize(
    ("written", "read"),
    [("√", True), (True, True), ("是", True), (1, True), ("Y", True), ("×", False), ("否", False),
     (0.0, False), (False, False), ("Ｎ", False)],
)  # fmt: skip
def test_ticks(written: CellValue, read: bool) -> None:
    assert boolean_cell(written) is read


@pytest.mark.parametrize("bad", ["也许", 2, None, ""])
def test_a_tick_is_not_guessed(bad: CellValue) -> None:
    reason_of(boolean_cell, bad)


any_cell = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(),
    st.text(alphabet="0123456789０一两瓶元天每隔.,-+¥()eE#/ 　√"),
    st.datetimes(),
    st.dates(),
)


@given(any_cell)
def test_a_normaliser_answers_or_refuses_in_chinese_and_nothing_else(value: CellValue) -> None:
    for parse, kind in (
        (text_cell, str),
        (code_cell, str),
        (bottles_cell, int),
        (days_cell, int),
        (interval_cell, int),
        (fen_cell, int),
        (boolean_cell, bool),
    ):
        read = outcome(parse, value)
        if isinstance(read, CellError):
            assert not read.reason.isascii()
        else:
            assert type(read) is kind
    assert isinstance(shown(value), str)


@given(st.text())
def test_cleaning_twice_changes_nothing(text: str) -> None:
    try:
        once = narrow_text(text)
    except CellError:
        return
    assert clean_text(clean_text(text)) == clean_text(text)
    assert " " not in once
