"""Bottles of a pattern over a span, against counting the days one by one."""

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from app.orders.book.patterns import (
    ByWeekday,
    EveryDay,
    EveryNDays,
    Pattern,
    bottles_between,
    bottles_without_pauses,
)

ANCHOR = date(2026, 3, 4)
quantities = st.integers(0, 5)
patterns = st.one_of(
    st.builds(EveryDay, st.integers(1, 9)),
    st.builds(EveryNDays, st.integers(2, 9), st.integers(1, 9)),
    st.builds(ByWeekday, st.tuples(*[quantities] * 7)),
)


def due_on(pattern: Pattern, day: date) -> int:
    if day < ANCHOR:
        return 0
    if isinstance(pattern, EveryDay):
        return pattern.quantity
    if isinstance(pattern, EveryNDays):
        return 0 if (day - ANCHOR).days % pattern.every_days else pattern.quantity
    return pattern.quantities[day.weekday()]


def counted(pattern: Pattern, first: date, last: date) -> int:
    days = (last - first).days + 1
    return sum(due_on(pattern, first + timedelta(days=offset)) for offset in range(days))


@given(patterns, st.integers(-30, 60), st.integers(-10, 90))
def test_bottles_between_is_the_sum_of_the_days(pattern: Pattern, offset: int, span: int) -> None:
    first = ANCHOR + timedelta(days=offset)
    last = first + timedelta(days=span)
    assert bottles_between(pattern, anchor=ANCHOR, first=first, last=last) == counted(
        pattern, first, last
    )


@given(patterns, st.integers(0, 20), st.integers(0, 10), st.integers(1, 10), st.booleans())
def test_days_within_pauses_are_left_out(
    pattern: Pattern, start: int, length: int, gap: int, open_ended: bool
) -> None:
    last = ANCHOR + timedelta(days=40)
    one = (ANCHOR + timedelta(days=start), ANCHOR + timedelta(days=start + length))
    two_first = one[1] + timedelta(days=gap)
    two_last = None if open_ended else two_first + timedelta(days=3)
    expected = sum(
        due_on(pattern, day)
        for day in (ANCHOR + timedelta(days=offset) for offset in range(41))
        if not one[0] <= day <= one[1] and not two_first <= day <= (two_last or last)
    )
    found = bottles_without_pauses(
        pattern, anchor=ANCHOR, first=ANCHOR, last=last, pauses=(one, (two_first, two_last))
    )
    assert found == expected
