"""Months as a grid of weeks, Monday first."""

from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

WEEK = 7
SHOWN_MONTHS = 3


@dataclass(frozen=True, slots=True)
class Month:
    """The days of a month and what stands on them."""

    first: date
    bottles: Mapping[date, int]

    @property
    def days(self) -> list[date]:
        """Its days."""
        count = monthrange(self.first.year, self.first.month)[1]
        return [self.first + timedelta(days=ahead) for ahead in range(count)]

    @property
    def weeks(self) -> list[list[date | None]]:
        """Its days by weeks; None where a week reaches into another month."""
        cells: list[date | None] = [None] * self.first.weekday() + list(self.days)
        cells += [None] * (-len(cells) % WEEK)
        return [cells[start : start + WEEK] for start in range(0, len(cells), WEEK)]

    @property
    def last(self) -> date:
        """Its last day."""
        return self.days[-1]

    @property
    def title(self) -> str:
        """As people say it."""
        return f"{self.first.year}年{self.first.month}月"

    @property
    def before(self) -> date:
        """First day of the month before."""
        return (self.first - timedelta(days=1)).replace(day=1)

    @property
    def after(self) -> date:
        """First day of the month after."""
        return self.last + timedelta(days=1)


def month_of(day: date) -> Month:
    """The month a day lies in."""
    return Month(day.replace(day=1), {})


def months_of(bottles: Mapping[date, int]) -> list[Month]:
    """The first months that hold any of these days."""
    firsts = sorted({day.replace(day=1) for day in bottles})
    return [Month(first, bottles) for first in firsts[:SHOWN_MONTHS]]
