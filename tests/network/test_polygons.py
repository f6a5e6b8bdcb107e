"""Points in polygons, against an independent count of windings."""

from datetime import date, timedelta
from itertools import pairwise
from math import atan2

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from app.network.rules import Box, bounding_box, contains, crosses_itself, open_ring
from app.network.rules.periods import Period

COORDINATES = st.integers(-20, 20)
POINTS = st.tuples(COORDINATES, COORDINATES)


@st.composite
def stars(draw: st.DrawFn) -> list[tuple[float, float]]:
    """A ring around the origin that cannot cross itself: one corner in each direction."""
    corners = draw(st.lists(POINTS.filter(lambda point: point != (0, 0)), min_size=3, max_size=12))
    by_angle = {atan2(y, x): (float(x), float(y)) for x, y in corners}
    ring = [by_angle[angle] for angle in sorted(by_angle)]
    gaps = [right - left for left, right in pairwise(sorted(by_angle))]
    assume(len(ring) >= 3 and max(gaps) < 3 and max(by_angle) - min(by_angle) > 3.3)
    return ring


def winding(ring: list[tuple[float, float]], point: tuple[float, float]) -> int:
    """How often the ring goes around a point (Sunday's algorithm)."""
    number = 0
    px, py = point
    for (ax, ay), (bx, by) in zip(ring, ring[1:] + ring[:1], strict=True):
        left = (bx - ax) * (py - ay) - (px - ax) * (by - ay)
        if ay <= py < by and left > 0:
            number += 1
        if by <= py < ay and left < 0:
            number -= 1
    return number


def on_the_line(ring: list[tuple[float, float]], point: tuple[float, float]) -> bool:
    px, py = point
    for (ax, ay), (bx, by) in zip(ring, ring[1:] + ring[:1], strict=True):
        if (bx - ax) * (py - ay) == (by - ay) * (px - ax):
            dot = (px - ax) * (px - bx) + (py - ay) * (py - by)
            if dot <= 0:
                return True
    return False


@given(stars(), POINTS)
def test_inside_is_what_the_ring_winds_around(
    ring: list[tuple[float, float]], point: tuple[float, float]
) -> None:
    expected = winding(ring, point) != 0 or on_the_line(ring, point)
    assert contains(ring, point) is expected
    assert contains(ring[::-1], point) is expected, "the direction of the ring does not matter"
    assert contains([*ring, ring[0]], point) is expected, "nor whether it is closed"
    if expected:
        assert bounding_box(ring).holds(point)


@given(stars())
def test_a_star_does_not_cross_itself_and_a_twisted_one_does(
    ring: list[tuple[float, float]],
) -> None:
    assert not crosses_itself(open_ring([*ring, ring[0]]))


@pytest.mark.parametrize(
    "ring",
    [
        [(0, 0), (2, 2), (2, 0), (0, 2)],
        [(0, 0), (4, 0), (4, 4), (2, 0), (0, 4)],
        [(0, 0), (4, 0), (2, 0), (2, 2)],
        [(0, 0), (4, 0), (4, 4), (0, 4), (4, 0), (2, 2)],
    ],
    ids=["bow tie", "touches an edge", "folds back", "comes back to a corner"],
)
def test_rings_that_cross_themselves(ring: list[tuple[float, float]]) -> None:
    assert crosses_itself(ring)


def test_corners_and_edges_are_inside() -> None:
    square = [(0.0, 0.0), (2.0, 0.0), (2.0, 2.0), (0.0, 2.0)]
    assert contains(square, (0, 0))
    assert contains(square, (2, 1))
    assert not contains(square, (2.0001, 1))
    assert bounding_box(square) == Box(0, 0, 2, 2)
    assert open_ring([*square, square[0], square[0]]) == tuple(square)


DAYS = st.one_of(st.none(), st.integers(0, 30))


@given(DAYS, DAYS, DAYS, DAYS)
def test_what_a_period_keeps(
    first: int | None, until: int | None, taken_first: int | None, taken_until: int | None
) -> None:
    period, taken = Period(day(first), day(until)), Period(day(taken_first), day(taken_until))
    assume(not period.is_empty and not taken.is_empty)
    left = period.without(taken)
    for number in range(-1, 32):
        kept = sum(holds(piece, number) for piece in left)
        assert kept == (holds(period, number) and not holds(taken, number))
    assert all(not piece.is_empty for piece in left)


def day(number: int | None) -> date | None:
    return None if number is None else date(2026, 3, 1) + timedelta(days=number)


def holds(period: Period, number: int) -> bool:
    at = date(2026, 3, 1) + timedelta(days=number)
    return (period.first is None or period.first <= at) and (
        period.until is None or at < period.until
    )
