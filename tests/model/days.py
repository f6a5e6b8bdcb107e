"""Service days and bottles in plain Python, written without looking at the product's own rules.

A calendar is a dict: service date -> bottles.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone

DAY = timedelta(days=1)
SHANGHAI = timezone(timedelta(hours=8))
CUTOFF_HOUR = 16
Calendar = dict[date, int]


@dataclass(frozen=True)
class Rhythm:
    """Bottles by weekday, or the same number every few days."""

    every: int = 1
    bottles: int = 1
    week: tuple[int, ...] = ()

    def on(self, day: date, begun: date) -> int:
        """Bottles on a day."""
        if self.week:
            return self.week[day.weekday()]
        return 0 if (day - begun).days % self.every else self.bottles

    def as_json(self) -> dict[str, object]:
        """As the API takes it."""
        if self.week:
            return {"kind": "weekdays", "quantities": list(self.week)}
        return {"kind": "every_days", "interval_days": self.every, "quantity": self.bottles}


def day_of(now: datetime) -> date:
    """The operator's date."""
    return now.astimezone(SHANGHAI).date()


def midnight(day: date) -> datetime:
    """When a service date begins."""
    return datetime.combine(day, time(), SHANGHAI).astimezone(UTC)


def cutoff_of(day: date) -> datetime:
    """Until when changes for a service date are taken: 16:00 of the day before."""
    return midnight(day - DAY) + timedelta(hours=CUTOFF_HOUR)


def is_over(day: date, now: datetime) -> bool:
    """Whether a service date's cut-off has passed."""
    return cutoff_of(day) <= now


Course = Callable[[date], int]
"""Bottles a line brings on a day when nothing stands against it."""


def lay(
    course: Course,
    *,
    start: date,
    bottles: int,
    shut: Collection[date],
    now: datetime,
    asked: Calendar | None = None,
) -> Calendar:
    """Bring `bottles` from `start` on, none on a day that is shut or past its cut-off."""
    days: Calendar = {}
    day = start
    while bottles:
        wanted = min((asked or {}).get(day) or course(day), bottles)
        if wanted and day not in shut and not is_over(day, now):
            days[day] = wanted
            bottles -= wanted
        day += DAY
    return days


def left_from(days: Calendar, day: date) -> int:
    """Bottles still to come from a day on."""
    return sum(count for at, count in days.items() if at >= day)


def gaps(days: Calendar, course: Course, *, start: date) -> set[date]:
    """Days of the course without milk, from `start` to the last day with milk: pauses and skips."""
    last = max(days, default=start)
    span = (start + DAY * ahead for ahead in range((last - start).days + 1))
    return {day for day in span if course(day) and day not in days}
