"""The money columns of a row are held against each other; nothing is adjusted to fit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.orders.book.amounts import Amounts, settle
from app.orders.book.columns import Column


def said(
    unit: int | None, total: int | None, delivered: int | None, bottles: int | None, fen: int | None
) -> Amounts:
    return Amounts(unit, total, delivered, bottles, fen)


@pytest.mark.parametrize(
    ("row", "complete"),
    [
        (said(350, None, None, 60, None), said(350, None, None, 60, 21000)),
        (said(350, None, None, None, 21000), said(350, None, None, 60, 21000)),
        (said(350, 35000, 40, 60, 21000), said(350, 35000, 40, 60, 21000)),
        (said(350, 35000, 40, None, 21000), said(350, 35000, 40, 60, 21000)),
        (said(None, 35000, 40, 60, None), said(350, 35000, 40, 60, 21000)),
        (said(None, 10000, 10, 20, None), said(None, 10000, 10, 20, None)),
        (said(None, 10000, 10, 20, 6667), said(None, 10000, 10, 20, 6667)),
        (said(None, None, None, 60, None), said(None, None, None, 60, None)),
        (said(None, None, None, None, 21000), said(None, None, None, None, 21000)),
        (said(0, None, None, 30, None), said(0, None, None, 30, 0)),
        (said(350, None, None, 0, None), said(350, None, None, 0, 0)),
    ],
)
def test_what_follows_exactly_is_completed(row: Amounts, complete: Amounts) -> None:
    assert settle(row) == (complete, [])


@pytest.mark.parametrize(
    ("row", "column", "figures"),
    [
        (said(350, 35100, 40, 60, None), Column.TOTAL, ("351.00", "350.00")),
        (said(350, None, None, 60, 20000), Column.REMAINING_AMOUNT, ("200.00", "210.00")),
        (said(350, None, None, None, 21001), Column.REMAINING_AMOUNT, ("210.01", "3.50")),
        (said(0, None, None, None, 21000), Column.REMAINING, ("单价为 0",)),
        (said(None, None, None, None, None), Column.REMAINING, ("剩余数量或剩余金额",)),
        (said(None, 10000, None, None, 10001), Column.REMAINING_AMOUNT, ("100.01", "100.00")),
        (said(None, None, None, 0, 500), Column.REMAINING_AMOUNT, ("5.00",)),
        (said(None, 35000, 40, 60, 20000), Column.REMAINING_AMOUNT, ("200.00", "210.00")),
    ],
)
def test_a_difference_is_reported_with_both_figures(
    row: Amounts, column: Column, figures: tuple[str, ...]
) -> None:
    _, findings = settle(row)
    assert [found for found, _ in findings] == [column]
    assert all(figure in findings[0][1] for figure in figures)


def test_two_differences_are_both_reported() -> None:
    _, findings = settle(said(350, 35100, 40, 60, 20000))
    assert [column for column, _ in findings] == [Column.REMAINING_AMOUNT, Column.TOTAL]


@given(st.integers(1, 10_000), st.integers(0, 999), st.integers(0, 999))
def test_a_true_row_is_completed_from_any_part_of_itself(
    unit: int, delivered: int, remaining: int
) -> None:
    total = unit * (delivered + remaining)
    whole = said(unit, total, delivered, remaining, unit * remaining)
    assert settle(whole) == (whole, [])
    assert settle(said(unit, total, delivered, None, unit * remaining)) == (whole, [])
    assert settle(said(unit, total, delivered, remaining, None)) == (whole, [])


@given(st.integers(1, 10_000), st.integers(0, 999), st.integers(0, 999), st.integers(1, 10**6))
def test_one_fen_of_difference_is_enough(
    unit: int, delivered: int, remaining: int, off: int
) -> None:
    total = unit * (delivered + remaining)
    _, findings = settle(said(unit, total + off, delivered, remaining, unit * remaining))
    assert [column for column, _ in findings] == [Column.TOTAL]
