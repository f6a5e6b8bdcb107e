"""Geometry of the charts: what is not known leaves a gap, and nothing leaves the field."""

from datetime import timedelta
from decimal import Decimal

import pytest

from app.core.clock import local_instant
from app.kpi.morning.rules import CurvePoint, limit_of
from app.web.manager.charts import day_curve, device_day, gauge_tick, trendline
from tests.factories.world import TODAY

TARGET = Decimal(95)
SEVEN = limit_of(TODAY)


def decimals(*values: float | None) -> list[Decimal | None]:
    return [None if value is None else Decimal(str(value)) for value in values]


def test_days_without_data_are_gaps_and_alone_a_dash() -> None:
    line = trendline(decimals(96, 97, None, 94, None), target=TARGET, most=100)
    assert line is not None
    assert len(line.lines) == 2
    assert len(line.areas) == 1
    assert line.lines[1].startswith("M744 ")
    assert "H756" in line.lines[1]
    assert [dot is None for dot in line.dots] == [False, False, True, False, True]
    assert line.last == line.dots[3]


def test_nothing_counted_is_no_line() -> None:
    assert trendline(decimals(None, None), target=TARGET) is None


@pytest.mark.parametrize("values", [(100, 100), (0, 0), (95,), (99.99, 0.01, 100)])
def test_a_share_stays_between_nothing_and_all(values: tuple[float, ...]) -> None:
    line = trendline(decimals(*values), target=TARGET, most=100)
    assert line is not None
    assert Decimal(0) <= line.bottom < line.top <= Decimal(100)
    for dot in line.dots:
        assert dot is not None
        assert 0 <= float(dot.x) <= 100
        assert 0 <= float(dot.y) <= 100
    assert 0 <= float(line.target_y) <= 100


def points(*shares: float) -> list[CurvePoint]:
    start = SEVEN - timedelta(minutes=10 * len(shares))
    return [
        CurvePoint(at=start + timedelta(minutes=10 * n), made=n, share=Decimal(str(share)))
        for n, share in enumerate(shares)
    ]


def test_before_seven_the_curve_heads_for_what_is_expected() -> None:
    now = SEVEN - timedelta(minutes=5)
    chart = day_curve(
        points(10, 20, 30), limit_at=SEVEN, now=now, target=TARGET, projected=Decimal(80)
    )
    assert chart.seven_x == "75"
    assert chart.projection.endswith("750 20")
    assert chart.end is not None
    assert (chart.end.x, chart.end.y) == ("75", "20")
    assert [hour.text for hour in chart.hours] == ["04:00", "05:00", "06:00", "07:00", "08:00"]
    assert len(chart.marks) == 3


def test_after_seven_nothing_is_expected_and_late_stops_fit() -> None:
    late = [CurvePoint(at=SEVEN + timedelta(hours=5), made=1, share=Decimal(100))]
    chart = day_curve(
        late, limit_at=SEVEN, now=SEVEN + timedelta(hours=6), target=TARGET, projected=Decimal(80)
    )
    assert chart.projection == ""
    assert chart.end is None
    assert float(chart.marks[0].x) <= 100
    assert len(chart.hours) <= 7


def test_a_morning_without_a_stop_has_its_axis() -> None:
    chart = day_curve([], limit_at=SEVEN, now=SEVEN, target=TARGET, projected=None)
    assert (chart.line, chart.area, chart.marks, chart.now) == ("", "", [], None)
    assert chart.target_y == "5"


def test_the_gauge_reads_from_left_to_right() -> None:
    ends = [gauge_tick(Decimal(share)) for share in (0, 50, 100, 150)]
    assert [tick.x2 for tick in ends] == ["8", "110", "212", "212"]
    assert ends[1].y2 == "8"


def test_a_thermometer_s_day_marks_what_is_out_of_range() -> None:
    start = local_instant(TODAY, SEVEN.time().replace(hour=0))
    readings = [
        (start, Decimal("4.0")),
        (start + timedelta(hours=6), Decimal("1.5")),
        (start + timedelta(hours=12), None),
        (start + timedelta(hours=18), Decimal("7.2")),
    ]
    chart = device_day(readings, day=TODAY, low=Decimal(2), high=Decimal(6))
    assert [dot.x for dot in chart.out] == ["25", "75"]
    assert len(chart.lines) == 2
    assert {text for _, text in chart.labels} >= {"2", "6"}
    assert chart.hours[0].text == "00:00"
