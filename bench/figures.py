"""What a benchmark answers: a figure beside its limit, printed as one JSON line."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value. `limit` is the bare work's value in the same unit.

    `ratio` is limit's time / ours, or our rate / limit's: 1 means as fast as the bare work.
    """

    name: str
    value: float
    unit: str
    limit: float
    ratio: float


def against_time(name: str, *, ours: float, bare: float) -> Figure:
    """A figure of two durations in seconds."""
    return Figure(name, round(ours, 4), "s", round(bare, 4), round(bare / ours, 3))


def in_milliseconds(name: str, *, ours: float, bare: float) -> Figure:
    """A figure of two short durations, given in seconds."""
    return Figure(name, round(ours * 1000, 2), "ms", round(bare * 1000, 2), round(bare / ours, 3))


def against_rate(name: str, *, ours: float, bare: float, unit: str) -> Figure:
    """A figure of two rates."""
    return Figure(name, round(ours, 2), unit, round(bare, 2), round(ours / bare, 3))


def against_limit(name: str, *, ours: float, limit: float, unit: str) -> Figure:
    """A figure that is to stay below a limit."""
    return Figure(name, round(ours, 1), unit, limit, round(limit / ours, 3))


def print_figures(figures: Iterable[Figure]) -> None:
    """One JSON line per figure."""
    for figure in figures:
        print(json.dumps(asdict(figure), ensure_ascii=False), flush=True)
