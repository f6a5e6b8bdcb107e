"""Dated rows: a new row takes its days from those that stood there before."""

from dataclasses import dataclass
from datetime import date, timedelta

ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Period:
    """Days from `first` up to, but not including, `until`; None is without end."""

    first: date | None
    until: date | None

    @classmethod
    def of_days(cls, first: date, last: date | None) -> "Period":
        """From the first to the last day, both included."""
        return cls(first, None if last is None else last + ONE_DAY)

    @property
    def last(self) -> date | None:
        """The last day, None without end."""
        return None if self.until is None else self.until - ONE_DAY

    @property
    def is_empty(self) -> bool:
        """Whether no day lies in it."""
        return self.first is not None and self.until is not None and self.until <= self.first

    def without(self, taken: "Period") -> list["Period"]:
        """What is left when `taken` is cut out: none, one or two periods, in order."""
        pieces = []
        if taken.first is not None:
            until = taken.first if self.until is None else min(self.until, taken.first)
            pieces.append(Period(self.first, until))
        if taken.until is not None:
            first = taken.until if self.first is None else max(self.first, taken.until)
            pieces.append(Period(first, self.until))
        return [piece for piece in pieces if not piece.is_empty]
