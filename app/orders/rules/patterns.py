"""What a line brings on which days: patterns, terms, courses. Plain values.

Dates are service dates; `until` is exclusive.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

MAX_QUANTITY = 99
MAX_INTERVAL_DAYS = 90
MAX_BOTTLES = 4000
ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Pattern:
    """Which days bring how many bottles (配送模式): every n days, or by weekday.

    Raises ValueError unless exactly one of the two is well-formed.
    """

    quantity: int | None = None
    interval_days: int | None = None
    weekday_quantities: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        """Refuse what the table would refuse."""
        if self.weekday_quantities is None:
            if not (self.quantity and 1 <= self.quantity <= MAX_QUANTITY):
                raise ValueError("quantity must be 1 to 99")
            if not (self.interval_days and 1 <= self.interval_days <= MAX_INTERVAL_DAYS):
                raise ValueError("interval must be 1 to 90 days")
            return
        if self.quantity is not None or self.interval_days is not None:
            raise ValueError("a weekday pattern has no interval")
        if len(self.weekday_quantities) != 7 or not any(self.weekday_quantities):
            raise ValueError("seven weekday quantities, at least one above 0")
        if any(not 0 <= count <= MAX_QUANTITY for count in self.weekday_quantities):
            raise ValueError("weekday quantities are 0 to 99")

    @classmethod
    def every(cls, days: int, quantity: int) -> "Pattern":
        """Every n days."""
        return cls(quantity=quantity, interval_days=days)

    @classmethod
    def weekly(cls, quantities: Sequence[int]) -> "Pattern":
        """Bottles on Monday … Sunday."""
        return cls(weekday_quantities=tuple(quantities))

    def on(self, day: date, *, anchor: date) -> int:
        """Bottles on a day; `anchor` is a day on which an interval pattern delivers."""
        if self.weekday_quantities is not None:
            return self.weekday_quantities[day.weekday()]
        if self.interval_days is None or self.quantity is None:
            return 0
        return self.quantity if (day - anchor).days % self.interval_days == 0 else 0


@dataclass(frozen=True, slots=True)
class Term:
    """What a line brings over [first, until): one row of `order_terms`."""

    first: date
    until: date
    pattern: Pattern
    anchor: date
    product_id: UUID
    address_id: UUID
    address_version_id: UUID
    change_id: UUID | None = None
    """The change that asked for exactly this day; it stays there when the line is laid out anew."""

    def on(self, day: date) -> int:
        """Bottles on a day; 0 outside of the term."""
        if not self.first <= day < self.until:
            return 0
        return self.pattern.on(day, anchor=self.anchor)

    def bottles(self, since: date) -> int:
        """How many bottles it brings from a day on."""
        first = max(self.first, since)
        days = (self.until - first).days
        return bottles_between(self.pattern, start=first, days=days, anchor=self.anchor)

    def deliveries(self, since: date | None = None) -> list[tuple[date, int]]:
        """Its days with bottles, from `since` on if said."""
        start = self.first if since is None or since < self.first else since
        first, end = start.toordinal(), self.until.toordinal()
        weekly, step = self.pattern.weekday_quantities, self.pattern.interval_days
        if weekly is not None:  # day 1 of the calendar is a Monday
            days = ((day, weekly[(day - 1) % 7]) for day in range(first, end))
            return [(date.fromordinal(day), count) for day, count in days if count]
        if step is None or self.pattern.quantity is None:
            return []
        first += (self.anchor.toordinal() - first) % step
        return [(date.fromordinal(day), self.pattern.quantity) for day in range(first, end, step)]

    def last(self) -> date | None:
        """Its last day with bottles."""
        day = self.until - ONE_DAY
        while day >= self.first:
            if self.on(day):
                return day
            day -= ONE_DAY
        return None


@dataclass(frozen=True, slots=True)
class Placement:
    """What new terms of a line carry besides their days."""

    pattern: Pattern
    anchor: date
    product_id: UUID
    address_id: UUID
    address_version_id: UUID

    def term(self, first: date, until: date, pattern: Pattern | None = None) -> Term:
        """A term over [first, until)."""
        return Term(
            first=first,
            until=until,
            pattern=pattern or self.pattern,
            anchor=first if pattern else self.anchor,
            product_id=self.product_id,
            address_id=self.address_id,
            address_version_id=self.address_version_id,
        )


def bottles_between(pattern: Pattern, *, start: date, days: int, anchor: date) -> int:
    """Bottles of a pattern over `days` days from `start`."""
    if pattern.weekday_quantities is not None:
        weeks, rest = divmod(max(0, days), 7)
        some = sum(pattern.on(start + ONE_DAY * offset, anchor=anchor) for offset in range(rest))
        return weeks * sum(pattern.weekday_quantities) + some
    if pattern.interval_days is None or pattern.quantity is None:
        return 0
    first = (anchor - start).days % pattern.interval_days
    return pattern.quantity * len(range(first, days, pattern.interval_days))


@dataclass(frozen=True, slots=True)
class Course:
    """What a line brings when nothing stands against it: placements, each from a day on."""

    phases: tuple[tuple[date, Placement], ...]
    """In order of days; the first one also holds before its day."""

    @classmethod
    def of(cls, placement: Placement) -> "Course":
        """The same for ever."""
        return cls(((date.min, placement),))

    def at(self, day: date) -> Placement:
        """The placement of a day."""
        found = self.phases[0][1]
        for first, placement in self.phases[1:]:
            if first > day:
                break
            found = placement
        return found


Stock = Mapping[UUID, int]
"""Bottles by product."""
