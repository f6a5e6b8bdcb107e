"""Geometry of the pages' charts: numbers in, places in an SVG out. Pure.

Plots are drawn on a field of 1000 by 100, which the page stretches; 0 is at the top.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from math import cos, pi, sin

from app.core.clock import OPERATOR_ZONE, local_instant
from app.kpi.definitions import Unit
from app.kpi.morning.rules import CurvePoint
from app.kpi.trends import Trend

WIDE = 1000
HOUR = timedelta(hours=1)
BEFORE_SEVEN = timedelta(hours=3)
AFTER_SEVEN = timedelta(hours=1)
_NARROWEST = 0.04
"""Least span of a trend as a part of its target: noise shall not look like a collapse."""


def _text(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


@dataclass(frozen=True, slots=True)
class Dot:
    """One point, in percent of width and height."""

    x: str
    y: str


@dataclass(frozen=True, slots=True)
class Trendline:
    """A trend: runs of days with data, each as line and area; the target's height; the last point."""

    lines: list[str]
    areas: list[str]
    dots: list[Dot | None]
    last: Dot | None
    target_y: str
    top: Decimal
    bottom: Decimal


def trendline(
    values: Sequence[Decimal | None], *, target: Decimal, most: int | None = None
) -> Trendline | None:
    """A trend of days, gaps where nothing was counted; None of nothing at all.

    `most` is the largest value there can be; the smallest is 0.
    """
    known = [float(value) for value in values if value is not None]
    if not known:
        return None
    low, high = min(*known, float(target)), max(*known, float(target))
    spare = max(high - low, abs(float(target)) * _NARROWEST, 0.01) * 0.12
    low, high = max(low - spare, 0.0), high + spare
    if most is not None:
        high = min(high, float(most))
    step = WIDE / max(len(values) - 1, 1)
    places = [
        None if value is None else (number * step, (high - float(value)) / (high - low) * 100)
        for number, value in enumerate(values)
    ]
    if len(values) == 1 and places[0] is not None:
        places = [(WIDE / 2, places[0][1])]
    runs = list(_runs(places))
    dots = [
        None if place is None else Dot(_text(place[0] / WIDE * 100), _text(place[1]))
        for place in places
    ]
    return Trendline(
        lines=[_line(run) for run in runs],
        areas=[_area(run) for run in runs if len(run) > 1],
        dots=dots,
        last=next((dot for dot in reversed(dots) if dot is not None), None),
        target_y=_text((high - float(target)) / (high - low) * 100),
        top=Decimal(str(round(high, 2))),
        bottom=Decimal(str(round(low, 2))),
    )


def line_of(trend: Trend) -> Trendline | None:
    """A KPI's days as a line."""
    return trendline(
        [point.verdict.value for point in trend.points],
        target=trend.target,
        most=100 if trend.definition.unit is Unit.PERCENT else None,
    )


Place = tuple[float, float]


def _runs(places: Iterable[Place | None]) -> Iterable[list[Place]]:
    run: list[Place] = []
    for place in places:
        if place is not None:
            run.append(place)
        elif run:
            yield run
            run = []
    if run:
        yield run


def _line(run: Sequence[Place]) -> str:
    if len(run) == 1:
        (x, y) = run[0]
        return f"M{_text(x - 6)} {_text(y)}H{_text(x + 6)}"
    return "M" + "L".join(f"{_text(x)} {_text(y)}" for x, y in run)


def _area(run: Sequence[Place]) -> str:
    return f"{_line(run)}L{_text(run[-1][0])} 100L{_text(run[0][0])} 100Z"


@dataclass(frozen=True, slots=True)
class Hour:
    """A full hour on the axis, in percent of the width."""

    x: str
    text: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A point of the day's curve with what it says."""

    x: str
    y: str
    left: str
    width: str
    text: str


@dataclass(frozen=True, slots=True)
class DayCurve:
    """The morning's curve, its projection, and where 07:00 and the target lie, in percent."""

    line: str
    area: str
    marks: list[Mark]
    hours: list[Hour]
    seven_x: str
    target_y: str
    projection: str
    now: Dot | None
    end: Dot | None


def day_curve(
    points: Sequence[CurvePoint],
    *,
    limit_at: datetime,
    now: datetime,
    target: Decimal,
    projected: Decimal | None,
) -> DayCurve:
    """Share of stops made by time of day, and where it is heading for 07:00."""
    start, end = limit_at - BEFORE_SEVEN, limit_at + AFTER_SEVEN
    if points:
        start = min(start, _whole_hour(points[0].at - timedelta(minutes=10)))
        end = max(end, _whole_hour(points[-1].at) + HOUR)

    def across(at: datetime) -> float:
        return (at - start) / (end - start) * WIDE

    known = [(point, across(point.at), 100 - float(point.share or 0)) for point in points]
    run = [(x, y) for _, x, y in known]
    if run:
        run.insert(0, (max(run[0][0] - across(start + timedelta(minutes=10)), 0), 100.0))
    here: Place | None = run[-1] if run else None
    if here is not None and start < now <= min(limit_at, end):
        here = (across(now), here[1])
        run.append(here)
    heading = here is not None and projected is not None and now < limit_at
    there = (across(limit_at), 100 - float(projected or 0))
    return DayCurve(
        line=_line(run) if run else "",
        area=_area(run) if run else "",
        marks=_marks(known),
        hours=_hours(start, end),
        seven_x=_text(across(limit_at) / WIDE * 100),
        target_y=_text(100 - float(target)),
        projection=_line([here, there]) if heading and here is not None else "",
        now=None if here is None else Dot(_text(here[0] / WIDE * 100), _text(here[1])),
        end=Dot(_text(there[0] / WIDE * 100), _text(there[1])) if heading else None,
    )


def _whole_hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)


def _hours(start: datetime, end: datetime) -> list[Hour]:
    count = round((end - start) / HOUR)
    every = max(1, -(-count // 6))
    return [
        Hour(
            x=_text(number / count * 100),
            text=(start + number * HOUR).astimezone(OPERATOR_ZONE).strftime("%H:%M"),
        )
        for number in range(0, count + 1, every)
    ]


def _marks(known: Sequence[tuple[CurvePoint, float, float]]) -> list[Mark]:
    width = WIDE / 100
    if len(known) > 1:
        width = max((known[-1][1] - known[0][1]) / (len(known) - 1), 1)
    return [
        Mark(
            x=_text(x / WIDE * 100),
            y=_text(y),
            left=_text((x - width / 2) / WIDE * 100),
            width=_text(width / WIDE * 100),
            text=f"{point.at.astimezone(OPERATOR_ZONE):%H:%M}　{point.share}%　{point.made:,} 户",
        )
        for point, x, y in known
    ]


@dataclass(frozen=True, slots=True)
class Tick:
    """A short stroke across the gauge."""

    x1: str
    y1: str
    x2: str
    y2: str


def gauge_tick(share: Decimal) -> Tick:
    """Where a share lies on the half circle around (110, 110) with radius 90."""
    angle = pi * (1 - float(min(max(share, Decimal(0)), Decimal(100))) / 100)
    inner, outer = 78, 102
    return Tick(
        x1=_text(110 + inner * cos(angle)),
        y1=_text(110 - inner * sin(angle)),
        x2=_text(110 + outer * cos(angle)),
        y2=_text(110 - outer * sin(angle)),
    )


@dataclass(frozen=True, slots=True)
class DeviceDay:
    """A thermometer's day: the curve, where its limits lie, its axis, and the readings out of them."""

    lines: list[str]
    band_top: str
    band_height: str
    out: list[Dot]
    labels: list[tuple[str, str]]
    hours: list[Hour]


def device_day(
    readings: Sequence[tuple[datetime, Decimal | None]],
    *,
    day: date,
    low: Decimal | None,
    high: Decimal,
) -> DeviceDay:
    """A day's slots, each with its worst reading in °C, over 24 hours."""
    start = local_instant(day, time())
    known = [float(celsius) for _, celsius in readings if celsius is not None]
    floor_, ceiling = float(low if low is not None else high - 6), float(high)
    bottom, top = min([*known, floor_]) - 1, max([*known, ceiling]) + 1

    def height(celsius: float) -> float:
        return (top - celsius) / (top - bottom) * 100

    places = [
        None
        if celsius is None
        else ((at - start) / timedelta(days=1) * WIDE, height(float(celsius)))
        for at, celsius in readings
    ]
    band_top = height(ceiling)
    band_bottom = 100.0 if low is None else height(floor_)
    return DeviceDay(
        lines=[_line(run) for run in _runs(places)],
        band_top=_text(band_top),
        band_height=_text(band_bottom - band_top),
        out=[
            Dot(_text(place[0] / WIDE * 100), _text(place[1]))
            for place, (_, celsius) in zip(places, readings, strict=True)
            if place is not None
            and celsius is not None
            and (celsius > high or (low is not None and celsius < low))
        ],
        labels=[
            (_text(height(value)), f"{value:.1f}".removesuffix(".0"))
            for value in sorted({0.0 if low is None else floor_, ceiling, float(round(top))})
            if bottom <= value <= top
        ],
        hours=_hours(start, start + timedelta(days=1)),
    )
