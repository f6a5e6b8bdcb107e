"""Laying bottles out over days: by table and by Hypothesis."""

import itertools
from dataclasses import replace
from datetime import date, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.orders.rules import (
    ONE_DAY,
    Course,
    Pattern,
    Placement,
    Term,
    affected_days,
    bottles_between,
    end_date,
    gaps_from,
    lay_out,
    lay_out_course,
    rebuild,
    stock_from,
)

MONDAY = date(2026, 3, 16)
NIL = UUID(int=0)


def placed(pattern: Pattern, anchor: date = MONDAY) -> Placement:
    return Placement(pattern, anchor, NIL, NIL, NIL)


def days_of(placement: Placement, bottles: int, blocked: set[date] | None = None) -> list[str]:
    terms = lay_out(placement, start=MONDAY, bottles=bottles, blocked=blocked or set())
    return [f"{day:%m-%d}x{count}" for term in terms for day, count in term.deliveries()]


@pytest.mark.parametrize(
    ("pattern", "bottles", "blocked", "expected"),
    [
        (Pattern.every(1, 1), 3, set(), ["03-16x1", "03-17x1", "03-18x1"]),
        (Pattern.every(2, 2), 5, set(), ["03-16x2", "03-18x2", "03-20x1"]),
        (Pattern.every(1, 1), 3, {date(2026, 3, 17)}, ["03-16x1", "03-18x1", "03-19x1"]),
        (Pattern.weekly([2, 0, 0, 0, 1, 0, 0]), 4, set(), ["03-16x2", "03-20x1", "03-23x1"]),
        (Pattern.every(1, 3), 2, set(), ["03-16x2"]),
        (Pattern.every(1, 3), 2, {MONDAY}, ["03-17x2"]),
    ],
)
def test_bottles_fall_on_their_days(
    pattern: Pattern, bottles: int, blocked: set[date], expected: list[str]
) -> None:
    assert days_of(placed(pattern), bottles, blocked) == expected


@pytest.mark.parametrize(
    "make",
    [
        lambda: Pattern.every(0, 1),
        lambda: Pattern.every(1, 0),
        lambda: Pattern.every(1, 100),
        lambda: Pattern.every(91, 1),
        lambda: Pattern.weekly([0] * 7),
        lambda: Pattern.weekly([1] * 6),
        lambda: Pattern.weekly([-1, 1, 0, 0, 0, 0, 0]),
        Pattern,
        lambda: Pattern(quantity=1, interval_days=1, weekday_quantities=(1,) * 7),
    ],
)
def test_impossible_patterns_are_refused(make: object) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        make()  # type: ignore[operator]


patterns = st.one_of(
    st.builds(Pattern.every, st.integers(1, 9), st.integers(1, 9)),
    st.builds(Pattern.weekly, st.lists(st.integers(0, 3), min_size=7, max_size=7).filter(any)),
)
days = st.integers(0, 60).map(lambda offset: MONDAY + timedelta(days=offset))


@given(patterns, st.integers(1, 60), st.sets(days, max_size=20))
def test_every_bottle_is_laid_out_once_and_never_on_a_blocked_day(
    pattern: Pattern, bottles: int, blocked: set[date]
) -> None:
    terms = lay_out(placed(pattern), start=MONDAY, bottles=bottles, blocked=blocked)
    brought = [(day, count) for term in terms for day, count in term.deliveries()]
    assert sum(count for _, count in brought) == bottles
    assert not blocked & {day for day, _ in brought}
    assert all(first.until <= second.first for first, second in itertools.pairwise(terms))
    for day, count in brought[:-1]:
        assert count == pattern.on(day, anchor=MONDAY)
    assert brought[-1][1] <= pattern.on(brought[-1][0], anchor=MONDAY)


@given(patterns, st.integers(1, 60), st.sets(days, max_size=2), days)
def test_days_that_are_counted_are_those_that_are_walked(
    pattern: Pattern, bottles: int, blocked: set[date], anchor: date
) -> None:
    course = Course.of(placed(pattern, anchor))
    stock = {NIL: bottles}
    counted = lay_out_course(course, start=MONDAY, stock=stock, blocked=blocked)
    long_ago = MONDAY - ONE_DAY
    asked = course.at(long_ago).term(long_ago, MONDAY)
    assert counted == lay_out_course(
        course, start=MONDAY, stock=stock, blocked=blocked, fixed={long_ago: asked}
    )


@given(patterns, st.integers(0, 400), days)
def test_bottles_that_are_counted_are_those_that_are_walked(
    pattern: Pattern, length: int, anchor: date
) -> None:
    walked = sum(pattern.on(MONDAY + ONE_DAY * day, anchor=anchor) for day in range(length))
    assert bottles_between(pattern, start=MONDAY, days=length, anchor=anchor) == walked


@given(
    patterns, st.integers(1, 60), st.lists(st.tuples(days, st.sets(days, max_size=5)), max_size=6)
)
def test_changes_keep_every_bottle_and_every_earlier_gap(
    pattern: Pattern, bottles: int, changes: list[tuple[date, set[date]]]
) -> None:
    placement = placed(pattern)
    course = Course.of(placement)
    terms = lay_out(placement, start=MONDAY, bottles=bottles)
    for from_date, blocked in changes:
        before = {day: count for term in terms for day, count in term.deliveries()}
        gaps = gaps_from(terms, course, from_date)
        left = stock_from(terms, from_date)
        rebuilt = rebuild(terms, course, from_date=from_date, stock=left, blocked=blocked)
        after = {day: count for term in rebuilt.terms for day, count in term.deliveries()}
        assert sum(after.values()) == bottles
        assert {d: c for d, c in after.items() if d < from_date} == {
            d: c for d, c in before.items() if d < from_date
        }
        assert not (gaps | {day for day in blocked if day >= from_date}) & set(after)
        assert affected_days(terms, rebuilt.terms, from_date=from_date) == [
            (day, before.get(day, 0), after.get(day, 0))
            for day in sorted({*before, *after})
            if before.get(day, 0) != after.get(day, 0)
        ]
        terms = rebuilt.terms


def test_end_and_cycle() -> None:
    placement = placed(Pattern.every(2, 1))
    terms = lay_out(placement, start=MONDAY, bottles=3)
    assert end_date(terms) == date(2026, 3, 20)
    assert end_date([]) is None
    assert bottles_between(placement.pattern, start=MONDAY, days=30, anchor=MONDAY) == 15


OTHER = UUID(int=1)


@given(
    first=patterns,
    second=patterns,
    turn=days,
    stock=st.tuples(st.integers(0, 30), st.integers(0, 30)),
    blocked=st.sets(days, max_size=12),
    asked=st.dictionaries(days, st.tuples(st.sampled_from([NIL, OTHER]), st.integers(1, 4))),
)
def test_a_course_with_two_products_and_days_asked_for_loses_no_bottle(
    first: Pattern,
    second: Pattern,
    turn: date,
    stock: tuple[int, int],
    blocked: set[date],
    asked: dict[date, tuple[UUID, int]],
) -> None:
    before, after = placed(first), replace(placed(second), product_id=OTHER)
    course = Course(((date.min, before), (turn, after)))
    fixed = {
        day: Term(day, day + ONE_DAY, Pattern.every(1, count), day, product, NIL, NIL, OTHER)
        for day, (product, count) in asked.items()
    }
    bottles = {NIL: stock[0], OTHER: stock[1]}
    terms = lay_out_course(course, start=MONDAY, stock=bottles, blocked=blocked, fixed=fixed)
    assert stock_from(terms, MONDAY) == {key: count for key, count in bottles.items() if count}
    assert all(one.until <= two.first for one, two in itertools.pairwise(terms))
    brought = {day: (term, count) for term in terms for day, count in term.deliveries()}
    assert not blocked & brought.keys()
    for day, (term, count) in brought.items():
        wanted = course.at(day)
        if term.change_id is not None:
            assert (term.product_id, day) == (asked[day][0], day)
            assert count <= asked[day][1]
        else:
            assert count <= wanted.pattern.on(day, anchor=wanted.anchor)
            gone = {at for at, (other, _) in brought.items() if other.product_id != term.product_id}
            run_out = max(gone, default=MONDAY) < day
            assert (
                term.product_id == wanted.product_id
                or run_out
                or _used_up(brought, wanted.product_id, day)
            )


def _used_up(brought: dict[date, tuple[Term, int]], product: UUID, day: date) -> bool:
    """Whether nothing of a product comes after a day."""
    return not any(
        at > day and term.product_id == product and term.change_id is None
        for at, (term, _) in brought.items()
    )
