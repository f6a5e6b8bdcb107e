"""When dated gifts come, as arithmetic: spread evenly, and none is lost when the days change."""

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.ids import new_id
from app.orders.gifts import Gift, coming_days, due_days, promised_days
from tests.factories.world import TODAY

DAY = timedelta(days=1)

counts = st.lists(st.tuples(st.integers(1, 4), st.integers(1, 5)), min_size=1, max_size=60)


def days_in(steps: list[tuple[int, int]]) -> list[tuple[date, int]]:
    """Delivery days, each some days behind the one before."""
    day, found = TODAY, []
    for step, bottles in steps:
        day += step * DAY
        found.append((day, bottles))
    return found


@given(steps=counts, gifts=st.integers(1, 300), every=st.integers(2, 20))
def test_gifts_are_spread_evenly_and_none_is_lost(
    steps: list[tuple[int, int]], gifts: int, every: int
) -> None:
    days = days_in(steps)
    promised = promised_days(days, gifts=gifts, every=every)
    assert sum(bottles for _, bottles in promised) == gifts
    assert all(1 <= bottles <= 99 for _, bottles in promised)
    slots = [day for day, _ in days[every - 1 :: every]] or [days[-1][0]]
    by_day = dict.fromkeys(slots, 0)
    for day, bottles in promised:
        by_day[day] += bottles
    assert max(by_day.values()) - min(by_day.values()) <= 1


@given(
    before=counts,
    after=counts,
    gifts=st.integers(1, 60),
    every=st.integers(2, 20),
    frozen=st.integers(0, 80),
    goes_on=st.booleans(),
)
def test_gifts_follow_the_days_of_their_line(
    before: list[tuple[int, int]],
    after: list[tuple[int, int]],
    gifts: int,
    every: int,
    frozen: int,
    goes_on: bool,
) -> None:
    days, since = days_in(before), TODAY + frozen * DAY
    promised = promised_days(days, gifts=gifts, every=every)
    assert due_days(promised, days, since=since) == [day for day, _ in promised]
    now = [one for one in days if one[0] < since] + [
        one for one in days_in(after) if one[0] >= since
    ]
    due = due_days(promised, now, since=since, goes_on=goes_on)
    assert due == sorted(due)
    known = dict(now)
    last = max(known, default=TODAY)
    for (wished, _), day in zip(promised, due, strict=True):
        assert day in known or (day == wished and (goes_on or last < since) and wished > last)
        assert day != wished or wished in known or wished > last
        assert day >= wished or last < wished or day >= since, "only the end brings one forward"
    given_ = [
        Gift(new_id(), bottles, wished, day)
        for (wished, bottles), day in zip(promised, due, strict=True)
    ]
    coming = coming_days(given_, now, since=since, goes_on=goes_on)
    assert set(coming) <= {day for day in known if day >= since}
    if not goes_on and last >= since:
        assert sum(coming.values()) == gifts


@pytest.mark.parametrize(
    ("days", "since", "due"),
    [
        # Thirty days as promised; the tenth has no milk; then twice a day, over after half.
        (range(1, 31), 1, [10, 20, 30]),
        ([*range(1, 10), *range(11, 32)], 1, [11, 20, 30]),
        (range(1, 16), 1, [10, 14, 15]),
        # Nothing is left behind the tenth: what was promised for later lapses with the milk.
        (range(1, 11), 11, [10, 20, 30]),
    ],
)
def test_gifts_behind_the_end_come_before_it(days: Any, since: int, due: list[int]) -> None:
    promised = [(TODAY + n * DAY, 1) for n in (10, 20, 30)]
    known = [(TODAY + n * DAY, 1) for n in days]
    found = due_days(promised, known, since=TODAY + since * DAY)
    assert found == [TODAY + n * DAY for n in due]
