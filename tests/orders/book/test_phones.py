"""Telephone numbers in all the shapes a book has them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.orders.book.cells import CellValue
from app.orders.book.errors import CellError
from app.orders.book.phones import phones_cell

WIDE = str.maketrans("0123456789-+() ", "０１２３４５６７８９－＋（）　")


@pytest.mark.parametrize(
    ("written", "numbers"),
    [
        ("13800138000", ["13800138000"]),
        (13800138000, ["13800138000"]),
        (13800138000.0, ["13800138000"]),
        ("13800138000.0", ["13800138000"]),
        ("138 0013 8000", ["13800138000"]),
        ("138-0013-8000", ["13800138000"]),
        ("１３８００１３８０００", ["13800138000"]),
        ("+86 138 0013 8000", ["13800138000"]),
        ("0086-13800138000", ["13800138000"]),
        ("8613800138000", ["13800138000"]),
        ("\u202d13800138000\u202c", ["13800138000"]),
        ("021-62345678", ["021-62345678"]),
        ("(021)6234 5678", ["021-62345678"]),
        ("（０２１）６２３４５６７８", ["021-62345678"]),
        ("02162345678", ["021-62345678"]),
        ("+86 21 6234 5678", ["021-62345678"]),
        ("0512-6234567", ["0512-6234567"]),
        ("0512-62345678转8", ["0512-62345678-8"]),
        ("021-62345678-801", ["021-62345678-801"]),
        ("13800138000/13900139000", ["13800138000", "13900139000"]),
        ("13800138000、021-62345678", ["13800138000", "021-62345678"]),
        ("13800138000 13900139000", ["13800138000", "13900139000"]),
        ("1380013800013900139000", ["13800138000", "13900139000"]),
        ("021-62345678 13800138000", ["021-62345678", "13800138000"]),
        ("13800138000；13800138000", ["13800138000"]),
        ("13800138000或13900139000", ["13800138000", "13900139000"]),
    ],
)
def test_numbers(written: CellValue, numbers: list[str]) -> None:
    assert list(phones_cell(written)) == numbers


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        ("138****8000", "星号"),
        ("1.38E+10", "科学计数"),
        ("1.3800138E+10", "科学计数"),
        ("62345678", "区号"),
        (62345678, "区号"),
        ("1380013800", "11 位"),
        ("138001380001", "11 位"),
        ("12800138000", "11 位"),
        (2162345678, "不像"),
        ("021-6234567", "不像"),
        ("张三", "不像"),
        ("13800138000/123", "11 位"),
        ("/", "应是电话"),
        ("13800138000转8", "虚拟号码"),
        (True, "应是"),
        ("1" * 500, "超过"),
    ],
)
def test_a_number_that_cannot_be_dialled_is_refused_with_its_reason(
    bad: CellValue, why: str
) -> None:
    with pytest.raises(CellError) as refused:
        phones_cell(bad)
    assert why in refused.value.reason


def test_a_reason_never_repeats_the_number() -> None:
    with pytest.raises(CellError) as refused:
        phones_cell("1380013800")
    assert "1380013800" not in refused.value.reason


mobiles = st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True)
landlines = st.one_of(
    st.from_regex(r"0(?:10|2[0-9])-[2-9][0-9]{7}", fullmatch=True),
    st.from_regex(r"0[3-9][0-9]{2}-[2-9][0-9]{6,7}", fullmatch=True),
)
mobile_frames = st.sampled_from(["{}", "+86{}", "+86 {}", "0086{}", " {} ", "86-{}"])


@given(mobiles, mobile_frames, st.booleans(), st.booleans())
def test_every_mobile_survives_every_way_of_writing_it(
    number: str, frame: str, dashed: bool, wide: bool
) -> None:
    written = frame.format(f"{number[:3]}-{number[3:7]}-{number[7:]}" if dashed else number)
    assert phones_cell(written.translate(WIDE) if wide else written) == (number,)
    assert phones_cell(int(number)) == phones_cell(float(number)) == (number,)


@given(landlines, st.sampled_from(["{0}-{1}", "({0}){1}", "{0} {1}", "{0}{1}"]), st.booleans())
def test_every_landline_survives_every_way_of_writing_it(
    number: str, frame: str, wide: bool
) -> None:
    written = frame.format(*number.split("-"))
    assert phones_cell(written.translate(WIDE) if wide else written) == (number,)


@given(
    st.lists(st.one_of(mobiles, landlines), min_size=1, max_size=3, unique=True),
    st.sampled_from(["/", "、", "；", " / ", "\n", ", "]),
)
def test_several_numbers_come_back_in_their_order(numbers: list[str], mark: str) -> None:
    assert list(phones_cell(mark.join(numbers))) == numbers
    assert phones_cell(mark.join(phones_cell(mark.join(numbers)))) == tuple(numbers)


@given(st.one_of(st.text(), st.text(alphabet="0123456789 -+()/转.Ee*"), st.integers(), st.floats()))
def test_any_cell_is_numbers_or_refused(value: CellValue) -> None:
    read: tuple[str, ...] | CellError
    try:
        read = phones_cell(value)
    except CellError as refused:
        read = refused
    assert not read.reason.isascii() if isinstance(read, CellError) else all(read)
