"""Formulas on paper: exact, and never rounded to the good side."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.kpi.definitions import DEFINITIONS, Direction, KpiKey, Unit
from app.kpi.rules import (
    KpiStatus,
    Measured,
    Period,
    hours,
    judge,
    last_due_date,
    local_shift,
    per_100k,
    percent,
)

STANDARD = {
    KpiKey.ON_TIME_RATE: ("95", Direction.AT_LEAST, Unit.PERCENT),
    KpiKey.RESPONSE_TIME: ("24", Direction.AT_MOST, Unit.HOURS),
    KpiKey.INTERNET_RATE: ("30", Direction.AT_LEAST, Unit.PERCENT),
    KpiKey.SATISFACTION: ("95", Direction.AT_LEAST, Unit.PERCENT),
    KpiKey.DELIVERY_TEMP_RATE: ("90", Direction.AT_LEAST, Unit.PERCENT),
    KpiKey.COLD_STORE_TEMP_RATE: ("95", Direction.AT_LEAST, Unit.PERCENT),
    KpiKey.COMPLAINT_RATE: ("4", Direction.AT_MOST, Unit.PER_100K),
    KpiKey.COMPLAINT_HANDLED_RATE: ("100", Direction.AT_LEAST, Unit.PERCENT),
}


def test_the_eight_of_the_standard() -> None:
    """S1 5.2.1, with its targets."""
    assert list(DEFINITIONS) == list(KpiKey) == list(STANDARD)
    for key, (target, direction, unit) in STANDARD.items():
        one = DEFINITIONS[key]
        assert (one.target, one.direction, one.unit) == (Decimal(target), direction, unit)
        assert one.clause == "S1 5.2.1"


def verdict(key: KpiKey, numerator: int, denominator: int) -> tuple[str | None, str]:
    """Value and status against the standard's target."""
    definition = DEFINITIONS[key]
    found = judge(definition, Measured(numerator, denominator), target=definition.target)
    return None if found.value is None else str(found.value), found.status


@pytest.mark.parametrize(
    ("numerator", "denominator", "expected"),
    [
        (95, 100, ("95.00", "met")),
        (94_999, 100_000, ("94.99", "missed")),
        (9_499_999, 10_000_000, ("94.99", "missed")),
        (0, 7, ("0.00", "missed")),
        (7, 7, ("100.00", "met")),
        (0, 0, (None, "no_data")),
    ],
)
def test_a_rate_just_below_its_target_never_looks_met(
    numerator: int, denominator: int, expected: tuple[str | None, str]
) -> None:
    assert verdict(KpiKey.ON_TIME_RATE, numerator, denominator) == expected


@pytest.mark.parametrize(
    ("numerator", "denominator", "expected"),
    [
        (4, 100_000, ("4.00", "met")),
        (4, 99_999, ("4.01", "missed")),
        (0, 1, ("0.00", "met")),
        (1, 0, (None, "no_data")),
    ],
)
def test_complaints_per_hundred_thousand(
    numerator: int, denominator: int, expected: tuple[str | None, str]
) -> None:
    assert verdict(KpiKey.COMPLAINT_RATE, numerator, denominator) == expected


@pytest.mark.parametrize(
    ("longest", "value", "status"),
    [
        (timedelta(hours=24), "24.00", KpiStatus.MET),
        (timedelta(hours=24, microseconds=1), "24.01", KpiStatus.MISSED),
        (timedelta(minutes=90), "1.50", KpiStatus.MET),
        (timedelta(), "0.00", KpiStatus.MET),
    ],
)
def test_the_longest_wait_decides(longest: timedelta, value: str, status: KpiStatus) -> None:
    definition = DEFINITIONS[KpiKey.RESPONSE_TIME]
    found = judge(definition, Measured(1, 1, longest=longest), target=definition.target)
    assert (str(found.value), found.status) == (value, status)


@given(st.integers(0, 10**7), st.integers(1, 10**7))
def test_shown_values_stand_within_a_cent_on_the_bad_side(part: int, whole: int) -> None:
    shown, rate = percent(part, whole), per_100k(part, whole)
    assert shown is not None
    assert rate is not None
    cent = Decimal("0.01")
    assert shown * whole <= part * 100 < (shown + cent) * whole
    assert (rate - cent) * whole < part * 100_000 <= rate * whole


def test_nothing_has_no_share() -> None:
    assert percent(0, 0) is None
    assert per_100k(3, 0) is None
    assert hours(None) is None


def test_seven_oclock_makes_a_day_due() -> None:
    seven = datetime(2026, 3, 14, 23, 0, tzinfo=UTC)
    assert last_due_date(seven) == date(2026, 3, 15)
    assert last_due_date(seven - timedelta(microseconds=1)) == date(2026, 3, 14)
    assert local_shift(date(2026, 3, 15)) == timedelta(hours=1)


def test_a_period_is_cut_where_due_days_end() -> None:
    period = Period(date(2026, 3, 1), date(2026, 3, 31))
    assert period.until(date(2026, 3, 15)) == Period(date(2026, 3, 1), date(2026, 3, 15))
    assert period.after(date(2026, 3, 15)) == Period(date(2026, 3, 16), date(2026, 3, 31))
    assert period.until(date(2026, 2, 28)) is None
    assert period.after(date(2026, 3, 31)) is None
    assert period.starts_at == datetime(2026, 2, 28, 16, tzinfo=UTC)
    assert period.ends_at == datetime(2026, 3, 31, 16, tzinfo=UTC)
