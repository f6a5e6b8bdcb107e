"""One line of a book: read completely, or refused with everything that is wrong with it."""

import csv
from datetime import date
from pathlib import Path

import pytest

from app.orders.book.parse import ParsedRow, parse_book
from app.orders.book.patterns import ByWeekday, EveryDay, EveryNDays, Pattern
from app.orders.book.reader import read_book
from app.orders.book.rows import BookRow
from app.orders.book.sources import BookSource

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


def one(folder: Path, **changes: str) -> ParsedRow:
    (row,) = parsed(folder, GOOD | changes)
    return row


def row_of(result: ParsedRow) -> BookRow:
    assert result.errors == ()
    assert result.row is not None
    return result.row


def columns(result: ParsedRow) -> list[str]:
    assert result.row is None
    return [error.column for error in result.errors]


def test_the_least_a_row_needs(tmp_path: Path) -> None:
    result = one(tmp_path)
    assert result.warnings == ()
    assert row_of(result) == BookRow(
        row_no=2,
        customer_no="K1",
        name="张三",
        phone="13800138000",
        alt_phone=None,
        address="张杨路500弄3号201室",
        station=None,
        deliverer=None,
        product="鲜牛奶",
        spec=None,
        pattern=EveryDay(1),
        start_date=date(2026, 3, 21),
        end_date=None,
        remaining_bottles=30,
        gift_days=0,
        pauses=(),
        unit_price_fen=None,
        total_fen=None,
        delivered_bottles=None,
        remaining_fen=None,
        box_deposit_fen=0,
        payment_method=None,
        source=None,
        remarks=None,
    )


def test_everything_a_row_can_say_in_the_words_of_a_clerk(tmp_path: Path) -> None:
    result = one(
        tmp_path,
        订户编号="Ｋ００１ ",
        电话="138 0013 8000 / 021-62345678 / 13900139000",
        备用电话="",
        奶站="一号站",
        送奶员="王五",
        规格="200ml",
        每日数量="２瓶",
        起送日期="2026年3月1日",
        赠送天数="3天",
        停奶起="2026.3.25；2026.5.1",
        停奶止="2026.3.27",
        单价="¥3.50",
        总金额="350元",
        已送数量="40",
        剩余数量="60瓶",
        剩余金额="２１０",
        奶箱押金="20",
        付款方式="微信",
        来源="微信小程序",
        备注="放门口",
        楼管="老王",
    )
    row = row_of(result)
    assert (row.customer_no, row.phone, row.alt_phone) == ("K001", "13800138000", "021-62345678")
    assert (row.station, row.deliverer, row.spec) == ("一号站", "王五", "200ml")
    assert row.pattern == EveryDay(2)
    assert (row.start_date, row.gift_days) == (date(2026, 3, 1), 3)
    assert row.pauses == (
        (date(2026, 3, 25), date(2026, 3, 27)),
        (date(2026, 5, 1), None),
    )
    assert (row.unit_price_fen, row.total_fen, row.delivered_bottles) == (350, 35000, 40)
    assert (row.remaining_bottles, row.remaining_fen, row.box_deposit_fen) == (60, 21000, 2000)
    assert (row.payment_method, row.source, row.remarks) == (
        "微信",
        BookSource.MINI_PROGRAM,
        "放门口",
    )
    assert row.notes == {"楼管": "老王", "其他电话": "13900139000"}
    assert [warning.column for warning in result.warnings] == ["电话"]


@pytest.mark.parametrize(
    "title", ["订户编号", "姓名", "电话", "地址", "产品", "起送日期", "剩余数量"]
)
@pytest.mark.parametrize("nothing", ["", "  ", "无", "\u200b"])
def test_required_cells_may_not_be_blank(tmp_path: Path, title: str, nothing: str) -> None:
    result = one(tmp_path, **{title: nothing})
    assert columns(result) == [title]


def test_all_errors_of_a_row_are_told_at_once(tmp_path: Path) -> None:
    result = one(
        tmp_path,
        姓名="",
        电话="1380013800",
        每日数量="0",
        起送日期="2026-02-30",
        单价="3.505",
        来源="微信群",
    )
    assert sorted(columns(result)) == sorted(["姓名", "电话", "每日数量", "起送日期", "单价"])
    assert [warning.column for warning in result.warnings] == ["来源"]
    assert {error.row_no for error in result.errors} == {2}


def test_error_lines_show_no_name_number_or_address(tmp_path: Path) -> None:
    result = one(
        tmp_path,
        姓名="张" * 51,
        电话="13800138",
        地址="张杨路500弄" * 40,
        每日数量="半瓶",
        备用电话="139001390001",
    )
    shown = {error.column: error.value_masked for error in result.errors}
    assert shown == {
        "姓名": "张***",
        "电话": "13****",
        "地址": "张杨路500****",
        "每日数量": "半瓶",
        "备用电话": "139****0001",
    }


WEEK = ("周一", "周二", "周三", "周四", "周五", "周六", "周日")


@pytest.mark.parametrize(
    ("cells", "pattern"),
    [
        ({"每日数量": "3"}, EveryDay(3)),
        ({"每日数量": "", "间隔天数": "2", "每次数量": "1"}, EveryNDays(2, 1)),
        ({"每日数量": "", "间隔天数": "隔天", "每次数量": "1瓶"}, EveryNDays(2, 1)),
        ({"每日数量": "", "间隔天数": "1", "每次数量": "2"}, EveryDay(2)),
        ({"每日数量": "2", "间隔天数": "1", "每次数量": "2"}, EveryDay(2)),
        (dict(zip(WEEK, "1111100", strict=True)), ByWeekday((1, 1, 1, 1, 1, 0, 0))),
        ({"周一": "2", "周三": "２瓶", "周日": "-"}, ByWeekday((2, 0, 2, 0, 0, 0, 0))),
        (
            {"周一": "√", "周二": "×", "周三": "是", "每次数量": "2"},
            ByWeekday((2, 0, 2, 0, 0, 0, 0)),
        ),
        ({"周六": "√", "每日数量": "3"}, ByWeekday((0, 0, 0, 0, 0, 3, 0))),
        ({"每日数量": "乱写", "周一": "1"}, ByWeekday((1, 0, 0, 0, 0, 0, 0))),
    ],
)
def test_patterns(tmp_path: Path, cells: dict[str, str], pattern: Pattern) -> None:
    assert row_of(one(tmp_path, **cells)).pattern == pattern


@pytest.mark.parametrize(
    ("cells", "column"),
    [
        ({"每日数量": "0"}, "每日数量"),
        ({"每日数量": "100"}, "每日数量"),
        ({"每日数量": ""}, "每日数量"),
        ({"每日数量": "", "间隔天数": "2", "每次数量": ""}, "每次数量"),
        ({"每日数量": "", "间隔天数": "", "每次数量": "2"}, "间隔天数"),
        ({"每日数量": "1", "间隔天数": "2", "每次数量": "1"}, "间隔天数"),
        ({"每日数量": "", "间隔天数": "0", "每次数量": "1"}, "间隔天数"),
        ({"每日数量": "", "周一": "√", "周二": "0"}, "周一"),
        ({"周一": "0", "周二": "0"}, "周一"),
        ({"周一": "1", "周二": "100"}, "周二"),
    ],
)
def test_patterns_that_say_nothing_or_two_things(
    tmp_path: Path, cells: dict[str, str], column: str
) -> None:
    assert columns(one(tmp_path, **cells)) == [column]


@pytest.mark.parametrize(
    ("cells", "column"),
    [
        ({"止送日期": "2026-03-20"}, "止送日期"),
        ({"起送日期": "2036-04-01"}, "起送日期"),
        ({"起送日期": "2016-03-01"}, "起送日期"),
        ({"止送日期": "2099-01-01"}, "止送日期"),
        ({"停奶起": "2026-4-1；2026-4-5", "停奶止": "2026-4-6；2026-4-8"}, "停奶起"),
        ({"停奶止": "2026-4-6"}, "停奶止"),
        ({"停奶起": "4月1日"}, "停奶起"),
        ({"赠送天数": "400"}, "赠送天数"),
        ({"剩余金额": "100"}, "剩余数量"),
        ({"单价": "3", "剩余金额": "91"}, "剩余金额"),
        ({"总金额": "100", "单价": "3", "已送数量": "10"}, "总金额"),
        ({"奶箱押金": "-20"}, "奶箱押金"),
        ({"订户编号": "长" * 41}, "订户编号"),
        ({"备注": "长" * 501}, "备注"),
    ],
)
def test_facts_that_contradict_each_other(
    tmp_path: Path, cells: dict[str, str], column: str
) -> None:
    blank = {"剩余数量": ""} if cells == {"剩余金额": "100"} else {}
    assert columns(one(tmp_path, **(cells | blank))) == [column]


def test_remaining_bottles_follow_from_the_amount_or_stay_open_until_the_end_date(
    tmp_path: Path,
) -> None:
    by_price = row_of(one(tmp_path, 剩余数量="", 剩余金额="105", 单价="3.5"))
    assert (by_price.remaining_bottles, by_price.remaining_fen) == (30, 10500)
    by_date = row_of(one(tmp_path, 剩余数量="", 剩余金额="105", 止送日期="2026-04-19"))
    assert (by_date.remaining_bottles, by_date.remaining_fen) == (None, 10500)


@pytest.mark.parametrize(
    ("cells", "agrees"),
    [
        ({"止送日期": "2026-04-19"}, True),
        ({"止送日期": "2026-04-20"}, False),
        ({"止送日期": "2026-04-18"}, False),
        ({"止送日期": "2026-04-22", "赠送天数": "3"}, True),
        ({"止送日期": "2026-04-22", "停奶起": "2026-4-1", "停奶止": "2026-4-3"}, True),
        ({"止送日期": "2026-04-22", "停奶起": "2026-4-1"}, True),
        ({"止送日期": "2026-04-04", "每日数量": "2"}, True),
        ({"止送日期": "2026-04-04", "每日数量": "2", "剩余数量": "29"}, True),
        ({"止送日期": "2026-04-04", "每日数量": "2", "剩余数量": "28"}, False),
        ({"起送日期": "2026-03-01", "止送日期": "2026-04-18"}, True),
        ({"起送日期": "2026-03-01", "止送日期": "2026-04-19"}, True),
        ({"起送日期": "2026-03-01", "止送日期": "2026-04-09", "已送数量": "10"}, True),
        ({"起送日期": "2026-03-01", "止送日期": "2026-03-05"}, False),
    ],
)
def test_an_end_date_beside_remaining_bottles_is_only_a_warning(
    tmp_path: Path, cells: dict[str, str], agrees: bool
) -> None:
    result = one(tmp_path, **cells)
    assert row_of(result).remaining_bottles == int(cells.get("剩余数量", "30"))
    assert [warning.column for warning in result.warnings] == ([] if agrees else ["止送日期"])


def test_nothing_left_to_deliver_is_worth_a_look(tmp_path: Path) -> None:
    assert [warning.column for warning in one(tmp_path, 剩余数量="0").warnings] == ["剩余数量"]
    assert one(tmp_path, 剩余数量="0", 赠送天数="2").warnings == ()


@pytest.mark.parametrize(
    ("written", "source"),
    [("电话", "phone"), ("上门", "door"), ("送奶员", "door"), ("小程序", "mini_program"), ("APP", "app"),
     ("ａｐｐ", "app"), ("官网", "web"), ("天猫", "tmall"), ("京东", "jd"), ("JD", "jd"), ("门店", "shop"),
     ("mini_program", "mini_program")],
)  # fmt: skip
def test_known_sources(tmp_path: Path, written: str, source: str) -> None:
    result = one(tmp_path, 来源=written)
    assert row_of(result).source == source
    assert result.warnings == ()


def test_an_unknown_source_is_no_source_and_a_warning(tmp_path: Path) -> None:
    result = one(tmp_path, 来源="熟人介绍")
    assert row_of(result).source is None
    assert [warning.column for warning in result.warnings] == ["来源"]


def test_a_note_that_cannot_be_kept_does_not_cost_the_row(tmp_path: Path) -> None:
    result = one(tmp_path, 楼管="#N/A", 单元门="1号门")
    assert row_of(result).notes == {"单元门": "1号门"}
    assert [warning.column for warning in result.warnings] == ["楼管"]


def test_errors_name_the_title_of_the_file(tmp_path: Path) -> None:
    line = {("手机号" if title == "电话" else title): cell for title, cell in GOOD.items()}
    (result,) = parsed(tmp_path, line | {"手机号": "123"})
    assert columns(result) == ["手机号"]
