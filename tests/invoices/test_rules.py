"""Tax numbers, VAT inside an amount, amounts over products."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.invoices.rules import credit_check, is_tax_number, split_amount, tax_within


@pytest.mark.parametrize(
    "number",
    [
        "91350100M000100Y43",  # the example of GB 32100-2015
        "913100006073784701",
        "310104123456789",
        "31010419900101123",
        "31010419900101123401",
        "31010419900101123X01",
    ],
)
def test_numbers_of_taxpayers(number: str) -> None:
    assert is_tax_number(number)


@pytest.mark.parametrize(
    "number",
    [
        "",
        "91350100M000100Y44",
        "91350100M000100Y4O",
        "19350100M000100Y43",
        "91350100m000100y43",
        "3101041234567890",
        "31010412345678９",
        "=CMD|' /C calc'",
    ],
)
def test_what_is_none(number: str) -> None:
    assert not is_tax_number(number)


@given(st.text(alphabet="0123456789ABCDEFGHJKLMNPQRTUWXY", min_size=17, max_size=17), st.data())
def test_a_check_character_sees_any_one_wrong_letter(first: str, data: st.DataObject) -> None:
    number = first + credit_check(first)
    assert is_tax_number(number)
    place = data.draw(st.integers(0, 17))
    other = data.draw(st.sampled_from(sorted(set("0123456789ABCDEFGH") - {number[place]})))
    assert not is_tax_number(number[:place] + other + number[place + 1 :])


@pytest.mark.parametrize(
    ("amount", "permille", "tax"),
    [(10_900, 90, 900), (10_500, 90, 867), (1, 130, 0), (5, 130, 1), (100, 0, 0), (2, 1000, 1)],
)
def test_vat_is_inside_the_price(amount: int, permille: int, tax: int) -> None:
    assert tax_within(amount, permille=permille) == tax


@given(
    st.integers(1, 10**9), st.dictionaries(st.integers(0, 20), st.integers(0, 10**7), min_size=1)
)
def test_parts_sum_up_to_the_amount(amount: int, weights: dict[int, int]) -> None:
    if not sum(weights.values()):
        with pytest.raises(ValueError, match="nothing to split"):
            split_amount(amount, weights)
        return
    parts = split_amount(amount, weights)
    assert sum(parts.values()) == amount
    whole = sum(weights.values())
    for key, part in parts.items():
        assert abs(part * whole - amount * weights[key]) < whole
