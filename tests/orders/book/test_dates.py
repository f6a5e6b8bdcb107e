"""Dates as clerks and spreadsheets write them."""

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.orders.book.cells import CellValue
from app.orders.book.dates import date_cell, date_list, pair_pauses, serial_instant
from app.orders.book.errors import CellError

MARCH = date(2026, 3, 1)
WIDE = str.maketrans("0123456789-/.:", "０１２３４５６７８９－／．：")


@pytest.mark.parametrize(
    "written",
    [
        "2026年3月1日",
        "2026年03月01日",
        "2026 年 3 月 1 日",
        "2026年3月1号",
        "2026年3月1",
        "26年3月1日",
        "2026/3/1",
        "2026.3.1",
        "2026-03-01",
        "2026-3-1",
        "２０２６－３－１",
        "20260301",
        20260301,
        "2026-03-01 00:00:00",
        "2026-3-1 0:00",
        "2026-03-01T00:00:00",
        "2026/3/1 00:00:00.000",
        "2026年3月1日 08:30",
        "2026年3月1日08:30:00",
        " 2026-03-01 ",
        46082,
        46082.0,
        46082.354,
        "46082",
        datetime.fromisoformat("2026-03-01T08:30:00"),
        MARCH,
    ],
)
def test_the_first_of_march(written: CellValue) -> None:
    assert date_cell(written) == MARCH


def test_a_workbook_of_the_1904_system_counts_1462_days_less() -> None:
    assert date_cell(46082 - 1462, date1904=True) == MARCH
    assert date_cell("44620", date1904=True) == MARCH


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        ("2026-02-30", "没有这一天"),
        ("2026年13月1日", "没有这一天"),
        ("26-3-1", "四位"),
        ("01/03/26", "四位"),
        ("3月1日", "缺少年份"),
        ("3-1", "缺少年份"),
        ("2026年3月", "缺少日"),
        ("3/1/2026", "2026-03-01"),
        ("2026-3/1", "2026-03-01"),
        ("2026-3-1-5", "2026-03-01"),
        ("明天", "2026-03-01"),
        ("2026", "2026-03-01"),
        (2026, "2026-03-01"),
        (-5, "2026-03-01"),
        (1e300, "2026-03-01"),
        (True, "应是日期"),
        ("#N/A", "公式"),
        ("0000-01-01", "没有这一天"),
    ],
)
def test_a_date_is_never_guessed(bad: CellValue, why: str) -> None:
    with pytest.raises(CellError) as refused:
        date_cell(bad)
    assert why in refused.value.reason


days = st.dates(date(1990, 1, 1), date(2099, 12, 31))


@given(
    days,
    st.sampled_from(
        ["{0.year}年{0.month}月{0.day}日", "{0.year}/{0.month}/{0.day}", "{0.year}.{0.month}.{0.day}",
         "{0:%Y-%m-%d}", "{0:%Y%m%d}", "{0:%Y-%m-%d} 00:00:00", "{0.year}-{0.month}-{0.day} 7:05"]
    ),
    st.booleans(),
)  # fmt: skip
def test_every_day_survives_every_way_of_writing_it(day: date, frame: str, wide: bool) -> None:
    written = frame.format(day)
    assert date_cell(written.translate(WIDE) if wide else written) == day


@given(days, st.booleans(), st.floats(0, 0.999))
def test_every_day_survives_the_serial_of_either_system(
    day: date, date1904: bool, time_of_day: float
) -> None:
    epoch = date(1904, 1, 1) if date1904 else date(1899, 12, 30)
    serial = (day - epoch).days
    assert date_cell(serial, date1904=date1904) == day
    assert date_cell(serial + time_of_day, date1904=date1904) == day
    assert serial_instant(serial, date1904=date1904).date() == day


def test_serials_before_the_day_that_never_was() -> None:
    assert serial_instant(1).date() == date(1900, 1, 1)
    assert serial_instant(61).date() == date(1900, 3, 1)


@given(
    st.one_of(st.text(), st.text(alphabet="0123456789年月日号-/. :T"), st.floats(), st.integers())
)
def test_any_cell_is_a_date_or_refused(value: CellValue) -> None:
    read: date | CellError
    try:
        read = date_cell(value)
    except CellError as refused:
        read = refused
    assert type(read) is date or (isinstance(read, CellError) and not read.reason.isascii())


@pytest.mark.parametrize("mark", ["；", ";", "、", "，", "\n", " ； "])
def test_several_days_in_one_cell(mark: str) -> None:
    assert date_list(f"2026-3-1{mark}2026年5月1日{mark}") == [MARCH, date(2026, 5, 1)]


def test_a_missing_day_between_two_marks_is_refused() -> None:
    with pytest.raises(CellError):
        date_list("2026-3-1；；2026-5-1")


def _d(day: int) -> date:
    return MARCH + timedelta(days=day)


def test_pauses_are_paired_sorted_and_the_last_may_stay_open() -> None:
    assert pair_pauses([_d(20), _d(0)], [_d(25), _d(3)]) == ((_d(0), _d(3)), (_d(20), _d(25)))
    assert pair_pauses([_d(0), _d(20)], [_d(3)]) == ((_d(0), _d(3)), (_d(20), None))
    assert pair_pauses([_d(0)], []) == ((_d(0), None),)
    assert pair_pauses([_d(0)], [_d(0)]) == ((_d(0), _d(0)),)


@pytest.mark.parametrize(
    ("starts", "ends", "why"),
    [
        ([0, 10, 20], [3], "对不上"),
        ([0], [3, 5], "对不上"),
        ([5], [3], "早于"),
        ([0, 3], [3, 5], "重叠"),
        ([20, 0], [25], "只有最后一次"),
    ],
)
def test_pauses_that_make_no_sense_are_refused(
    starts: list[int], ends: list[int], why: str
) -> None:
    with pytest.raises(CellError) as refused:
        pair_pauses([_d(day) for day in starts], [_d(day) for day in ends])
    assert why in refused.value.reason
