"""The delivery pattern of a line and what it comes to over a span of days."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from app.orders.book.dates import Pause


@dataclass(frozen=True, slots=True)
class EveryDay:
    """`quantity` bottles each day."""

    quantity: int


@dataclass(frozen=True, slots=True)
class EveryNDays:
    """`quantity` bottles on the first day and each `every_days` (2 or more) after it."""

    every_days: int
    quantity: int


@dataclass(frozen=True, slots=True)
class ByWeekday:
    """Bottles for each weekday, Monday first; at least one is not 0."""

    quantities: tuple[int, int, int, int, int, int, int]


Pattern = EveryDay | EveryNDays | ByWeekday


def bottles_between(pattern: Pattern, *, anchor: date, first: date, last: date) -> int:
    """Bottles due from `first` to `last`, both included; `anchor` is the line's first day."""
    first = max(first, anchor)
    days = (last - first).days + 1
    if days <= 0:
        return 0
    match pattern:
        case EveryDay(quantity):
            return days * quantity
        case EveryNDays(every_days, quantity):
            before = -(-(first - anchor).days // every_days)
            until = (last - anchor).days // every_days + 1
            return (until - before) * quantity
        case ByWeekday(quantities):
            weeks, rest = divmod(days, 7)
            extra = sum(
                quantities[(first + timedelta(days=offset)).weekday()] for offset in range(rest)
            )
            return weeks * sum(quantities) + extra


def bottles_without_pauses(
    pattern: Pattern, *, anchor: date, first: date, last: date, pauses: Iterable[Pause]
) -> int:
    """As `bottles_between`, less what falls into pauses that do not overlap each other."""
    total = bottles_between(pattern, anchor=anchor, first=first, last=last)
    for pause_first, pause_last in pauses:
        total -= bottles_between(
            pattern,
            anchor=anchor,
            first=max(first, pause_first),
            last=last if pause_last is None else min(last, pause_last),
        )
    return total
