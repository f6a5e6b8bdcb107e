"""Formulas of the KPIs: integers in, a verdict out; no database, no floating point."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from math import ceil, floor
from typing import Any

from app.core.clock import OPERATOR_ZONE, local_date, local_instant
from app.delivery.rules import ON_TIME_LIMIT
from app.kpi.definitions import Definition, Direction, Unit

ANSWER_LIMIT = timedelta(hours=24)
HANDLE_LIMIT = timedelta(hours=24)
GOOD_SCORE = 4

_PER = {Unit.PERCENT: 100, Unit.PER_100K: 100_000}
_CENT = Decimal("0.01")


class KpiStatus(StrEnum):
    """What a KPI says against its target."""

    MET = "met"
    MISSED = "missed"
    NO_DATA = "no_data"


@dataclass(frozen=True, slots=True)
class Period:
    """Business dates, both ends inclusive."""

    first: date
    last: date

    @property
    def starts_at(self) -> datetime:
        """First instant, UTC."""
        return local_instant(self.first, time())

    @property
    def ends_at(self) -> datetime:
        """First instant after the period, UTC."""
        return local_instant(self.last + timedelta(days=1), time())

    def until(self, last: date) -> "Period | None":
        """The part up to a date, if there is one."""
        last = min(self.last, last)
        return Period(self.first, last) if self.first <= last else None

    def after(self, day: date) -> "Period | None":
        """The part after a date, if there is one."""
        first = max(self.first, day + timedelta(days=1))
        return Period(first, self.last) if first <= self.last else None


@dataclass(frozen=True, slots=True)
class Measured:
    """What was counted; `longest` replaces the ratio where the value is a time."""

    numerator: int
    denominator: int
    beside: Mapping[str, Any] = field(default_factory=dict)
    longest: timedelta | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """Value in the KPI's unit, two decimals, rounded so that it never looks better than it is."""

    value: Decimal | None
    status: KpiStatus


def judge(definition: Definition, measured: Measured, *, target: Decimal) -> Verdict:
    """Hold what was counted against a target; an empty denominator is no data, never 0 or 100."""
    exact = _exact(definition, measured)
    if exact is None:
        return Verdict(value=None, status=KpiStatus.NO_DATA)
    if definition.direction is Direction.AT_LEAST:
        met = exact >= Fraction(target)
    else:
        met = exact <= Fraction(target)
    return Verdict(
        value=rounded(exact, definition.direction),
        status=KpiStatus.MET if met else KpiStatus.MISSED,
    )


def _exact(definition: Definition, measured: Measured) -> Fraction | None:
    if measured.denominator == 0:
        return None
    if definition.unit is Unit.HOURS:
        longest = measured.longest or timedelta()
        return Fraction(longest // timedelta(microseconds=1), 3_600_000_000)
    return Fraction(measured.numerator * _PER[definition.unit], measured.denominator)


def rounded(exact: Fraction, direction: Direction) -> Decimal:
    """Two decimals, away from the target's good side."""
    cents = exact * 100
    whole = floor(cents) if direction is Direction.AT_LEAST else ceil(cents)
    return Decimal(whole) * _CENT


def percent(part: int, whole: int) -> Decimal | None:
    """A share in percent, rounded down; None of nothing."""
    return rounded(Fraction(part * 100, whole), Direction.AT_LEAST) if whole else None


def per_100k(part: int, whole: int) -> Decimal | None:
    """A rate per 100,000, rounded up; None of nothing."""
    return rounded(Fraction(part * 100_000, whole), Direction.AT_MOST) if whole else None


def hours(span: timedelta | None) -> Decimal | None:
    """A time in hours, rounded up."""
    if span is None:
        return None
    exact = Fraction(span // timedelta(microseconds=1), 3_600_000_000)
    return rounded(exact, Direction.AT_MOST)


def last_due_date(now: datetime) -> date:
    """The last service date whose 07:00 has passed; at 07:00:00 sharp it has."""
    today = local_date(now)
    if local_instant(today, ON_TIME_LIMIT) <= now:
        return today
    return today - timedelta(days=1)


def local_shift(day: date) -> timedelta:
    """What added to a UTC instant turns "before 07:00 local" into "before that day's midnight".

    One value serves any period after 1991: since then the operator's zone has had one offset.
    """
    noon = datetime.combine(day, time(12), tzinfo=OPERATOR_ZONE)
    offset = noon.utcoffset() or timedelta()
    return offset - timedelta(hours=ON_TIME_LIMIT.hour, minutes=ON_TIME_LIMIT.minute)
