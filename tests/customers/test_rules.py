"""Masks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.customers.rules import building_text, mask_name


@pytest.mark.parametrize(
    ("name", "masked"),
    [("王女士", "王**"), ("王", "王**"), ("欧阳 修", "欧**"), ("", "顾客"), (None, "顾客")],
)
def test_a_masked_name_shows_its_first_character(name: str | None, masked: str) -> None:
    assert mask_name(name) == masked


@given(st.text(min_size=1, max_size=30))
def test_a_masked_name_tells_nothing_about_its_length(name: str) -> None:
    assert len(mask_name(name)) in {2, 3}


def test_a_building_is_shown_without_its_door() -> None:
    shown = building_text(district="徐汇区", street="漕溪北路", house_no="18", compound="实业公寓")
    assert shown == "徐汇区漕溪北路18号实业公寓"
    shown = building_text(district="徐汇区", street="", house_no="5弄", compound="梅陇一村")
    assert shown == "徐汇区5弄梅陇一村"
