"""House numbers and names, however they are written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.network.models import CoverageKind, HouseParity
from app.network.rules import (
    compound_name,
    district_name,
    house_numbers,
    read_place,
    split_house,
    street_name,
)
from app.network.rules.coverage import Fit, fit, stop_no
from tests.factories.network import Written, a_rule

WIDE = {ord(narrow): ord(narrow) + 0xFEE0 for narrow in map(chr, range(0x21, 0x7F))}
STREETS = st.sampled_from(["漕溪北路", "梅陇路", "田林十二村路", "312国道", "爱民弄路"])
GAPS = st.sampled_from(["", " ", "　", "\t"])


@pytest.mark.parametrize(
    ("written", "name", "house"),
    [
        ("漕溪北路12弄3号", "漕溪北路", "12弄3号"),
        ("漕溪北路１２号", "漕溪北路", "12号"),
        ("漕溪北路 12 弄", "漕溪北路", "12弄"),
        ("漕溪北路12", "漕溪北路", "12"),
        ("漕溪北路12-3", "漕溪北路", "12-3"),
        ("漕溪北路12甲号", "漕溪北路", "12甲号"),
        ("漕溪北路", "漕溪北路", ""),
        ("312国道", "312国道", ""),
        ("12号", "12号", ""),
        ("", "", ""),
    ],
)
def test_a_street_may_carry_its_house_number(written: str, name: str, house: str) -> None:
    assert split_house(written, bare_digits=True) == (name, house)


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("梅陇一村", "梅陇一村"),
        ("梅陇 一村（东区）", "梅陇一村东区"),
        ("梅陇一村12号", "梅陇一村"),
        ("梅陇一村12号楼301室", "梅陇一村"),
        ("田林12村", "田林12村"),
        ("上中西路18号院", "上中西路18号院"),
        ("万科城2", "万科城2"),
        ("ＶＡＮＫＥ城", "vanke城"),
    ],
)
def test_a_compound_keeps_the_digits_of_its_name(written: str, name: str) -> None:
    assert compound_name(written) == name
    assert compound_name(name) == name


@pytest.mark.parametrize(
    ("written", "numbers"),
    [
        ("12弄3号", (12, 3)),
        ("12号", (12, 12)),
        ("１２号", (12, 12)),
        ("12弄", (12, 12)),
        ("3号楼", (3, 3)),
        ("12-3号", (12, 12)),
        ("甲12号", (12, 12)),
        ("12弄3支弄5号", (12, 5)),
        ("", (None, None)),
        ("底楼", (None, None)),
        ("99999999999999号", (None, None)),
    ],
)
def test_house_and_building_numbers(written: str, numbers: tuple[int | None, int | None]) -> None:
    assert house_numbers(written) == numbers


def test_districts_are_known_by_their_short_name() -> None:
    assert district_name("徐汇区") == district_name("徐汇") == district_name(" 徐 汇 区") == "徐汇"
    assert district_name("浦东新区") == district_name("浦东") == "浦东"
    assert district_name("沛县") == "沛县", "a name of one character keeps its ending"


@given(STREETS, st.integers(1, 9999), GAPS, st.booleans())
def test_a_written_street_is_the_same_place_in_every_spelling(
    street: str, house: int, gap: str, wide: bool
) -> None:
    behind = f"{street}{gap}{house}{gap}号"
    if wide:
        behind = behind.translate(WIDE)
    together = read_place(Written(street=behind))
    apart = read_place(Written(street=street, house_no=str(house)))
    assert together == apart
    assert (together.street, together.house) == (street_name(street), house)
    with_district = read_place(Written(district="徐汇区", street="徐汇区" + behind))
    assert with_district.street == together.street


@given(st.text(max_size=60))
def test_names_are_settled_after_one_pass(text: str) -> None:
    for name in (street_name, compound_name, district_name):
        settled = name(text)
        assert not any(char.isspace() for char in settled)
        if not split_house(settled, bare_digits=True)[1]:
            assert name(settled) == settled or name is district_name


@pytest.mark.parametrize("text", ["1号" + "1" * 90 + "x村", "1甲" * 45 + "x村", "1一" * 48 + "x"])
def test_hostile_numbers_are_read_once(text: str) -> None:
    """Were they tried in every way they can be cut, this would not end."""
    assert split_house(text, bare_digits=True) == (text, "")


NUMBERS = st.one_of(st.none(), st.integers(0, 300))


@given(NUMBERS, NUMBERS, st.sampled_from(HouseParity), st.one_of(st.none(), st.integers(0, 300)))
def test_house_ranges_and_sides(
    low: int | None, high: int | None, parity: HouseParity, house: int | None
) -> None:
    rule = a_rule(house_from=low, house_to=high, parity=parity)
    place = read_place(
        Written(street="漕溪北路", house_no="" if house is None else f"{house}弄7号")
    )
    every = {
        number
        for number in range(301)
        if (low is None or number >= low)
        and (high is None or number <= high)
        and {HouseParity.ALL: True, HouseParity.ODD: number % 2, HouseParity.EVEN: not number % 2}[
            parity
        ]
    }
    if low is None and high is None and parity is HouseParity.ALL:
        assert fit(rule, place) is Fit.SURE
    elif house is None:
        assert fit(rule, place) is Fit.NEAR
    else:
        assert fit(rule, place) is (Fit.SURE if house in every else Fit.NONE)


@given(st.lists(st.integers(1, 300), min_size=2, max_size=2, unique=True))
def test_stops_follow_the_house_numbers(houses: list[int]) -> None:
    rule = a_rule(house_from=1, house_to=300)
    near, far = (
        stop_no(rule, read_place(Written(street="漕溪北路", house_no=f"{house}号")))
        for house in sorted(houses)
    )
    assert 100 <= near < far
    compound = a_rule(kind=CoverageKind.COMPOUND, street="", compound="梅陇一村")
    near, far = (
        stop_no(compound, read_place(Written(compound="梅陇一村", house_no=f"8弄{house}号")))
        for house in sorted(houses)
    )
    assert 100 < near < far, "in a compound the buildings count, not the lane they share"
