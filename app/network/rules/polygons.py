"""Polygons on the map as rings of (longitude, latitude) in degrees.

A city is small: straight lines between degrees are exact enough.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Box:
    """The smallest box around a ring, edges included."""

    west: float
    south: float
    east: float
    north: float

    def holds(self, point: Point) -> bool:
        """Whether the point lies in the box or on its edge."""
        return self.west <= point[0] <= self.east and self.south <= point[1] <= self.north


def open_ring(ring: Sequence[Point]) -> tuple[Point, ...]:
    """The ring without the repeated first point at its end and without doubled corners."""
    corners = [
        corner for number, corner in enumerate(ring) if number == 0 or corner != ring[number - 1]
    ]
    while len(corners) > 1 and corners[0] == corners[-1]:
        corners.pop()
    return tuple(corners)


def bounding_box(ring: Sequence[Point]) -> Box:
    """The box of a ring; raises ValueError for an empty one."""
    return Box(
        west=min(x for x, _ in ring),
        south=min(y for _, y in ring),
        east=max(x for x, _ in ring),
        north=max(y for _, y in ring),
    )


def _turn(a: Point, b: Point, c: Point) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def _on_edge(a: Point, b: Point, point: Point) -> bool:
    return (
        _turn(a, b, point) == 0
        and min(a[0], b[0]) <= point[0] <= max(a[0], b[0])
        and min(a[1], b[1]) <= point[1] <= max(a[1], b[1])
    )


def contains(ring: Sequence[Point], point: Point) -> bool:
    """Whether a point lies in the ring or on its edge, by casting a ray to the east."""
    inside = False
    for a, b in zip(ring, (*ring[1:], ring[0]), strict=True):
        if _on_edge(a, b, point):
            return True
        low, high = (a, b) if a[1] <= b[1] else (b, a)
        if low[1] <= point[1] < high[1] and _turn(low, high, point) > 0:
            inside = not inside
    return inside


def crosses_itself(ring: Sequence[Point]) -> bool:
    """Whether two edges of the ring meet elsewhere than in a shared corner."""
    count = len(ring)
    edges = [(ring[i], ring[(i + 1) % count]) for i in range(count)]
    for i, j in combinations(range(count), 2):
        (a, b), (c, d) = edges[i], edges[j]
        if j == i + 1:
            if _folds_back(a, b, d):
                return True
        elif i == 0 and j == count - 1:
            if _folds_back(b, a, c):
                return True
        elif _edges_meet(a, b, c, d):
            return True
    return False


def _folds_back(a: Point, corner: Point, c: Point) -> bool:
    """Whether the edges a-corner and corner-c lie on each other."""
    along = (corner[0] - a[0]) * (c[0] - corner[0]) + (corner[1] - a[1]) * (c[1] - corner[1])
    return _turn(a, corner, c) == 0 and along < 0


def _edges_meet(a: Point, b: Point, c: Point, d: Point) -> bool:
    if _on_edge(a, b, c) or _on_edge(a, b, d) or _on_edge(c, d, a) or _on_edge(c, d, b):
        return True
    return (_turn(a, b, c) > 0) != (_turn(a, b, d) > 0) and (_turn(c, d, a) > 0) != (
        _turn(c, d, b) > 0
    )
