"""When the dated gifts of a line come: arithmetic over its delivery days.

Nothing here knows a database. Days are delivery days with their bottles, in order.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from app.orders.rules import MAX_QUANTITY, Term, gifts_by_day

Days = Sequence[tuple[date, int]]


@dataclass(frozen=True, slots=True)
class Gift:
    """Bottles at value 0 beside a line's own, promised for one day and due on the same or another."""

    gift_id: UUID
    bottles: int
    promised_date: date
    due_date: date
    brought_date: date | None = None


def days_of(terms: Iterable[Term]) -> list[tuple[date, int]]:
    """The delivery days of a line's terms."""
    return sorted(day for term in terms for day in term.deliveries())


def promised_days(days: Days, *, gifts: int, every: int) -> list[tuple[date, int]]:
    """Spread gifts evenly over every n-th delivery day: (day, bottles), in order.

    All of them come with the last delivery of a line that has fewer than n. What is too much for
    one delivery is named as several of the same day.
    """
    if not days:
        return []
    slots = [day for day, _ in days[every - 1 :: every]] or [days[-1][0]]
    promised = []
    for number, day in enumerate(slots):
        left = gifts * (number + 1) // len(slots) - gifts * number // len(slots)
        while left:
            promised.append((day, min(left, MAX_QUANTITY)))
            left -= promised[-1][1]
    return promised


def first_promise(
    terms: Sequence[Term], *, last: int, dated: int, every: int | None
) -> dict[date, int]:
    """Gifts of a line that has not begun by day: those that come last, and those with dates."""
    found = gifts_by_day(terms, gifts=last)
    if every is not None:
        for day, count in promised_days(days_of(terms), gifts=dated, every=every):
            found[day] = found.get(day, 0) + count
    return dict(sorted(found.items()))


def due_days(promised: Days, days: Days, *, since: date, goes_on: bool = False) -> list[date]:
    """When promised gifts come after the delivery days have changed from `since` on, in order.

    On the promised day, or with the next delivery. Gifts promised for days behind the end come
    before it, on a day at most as many as there is milk if that is possible; where the line
    `goes_on` behind its last known day they wait.
    """
    known = [day for day, _ in days]
    ahead = bisect_left(known, since)
    at, load = len(days), 0
    due = []
    for wished, bottles in reversed(promised):
        index = bisect_left(known, wished)
        if index == len(days) and (goes_on or ahead == len(days)):
            due.append(wished)
            continue
        if index < ahead:
            due.append(known[index])
            continue
        index = min(index, len(days) - 1)
        if index < at:
            at, load = index, 0
        while at > ahead and load and load + bottles > days[at][1]:
            at, load = at - 1, 0
        load += bottles
        due.append(known[at])
    return due[::-1]


def coming_days(
    gifts: Iterable[Gift], days: Days, *, since: date, goes_on: bool = False
) -> dict[date, int]:
    """Gifts to come by day, from `since` on: as the plan will bring them.

    With the first delivery from the day they are due on; what is left comes with the last one,
    unless the line `goes_on`.
    """
    known = [day for day, _ in days]
    found: dict[date, int] = {}
    for gift in gifts:
        if gift.brought_date is not None:
            continue
        index = bisect_left(known, max(gift.due_date, since))
        if index == len(known):
            if goes_on or not known or known[-1] < since:
                continue
            index -= 1
        found[known[index]] = found.get(known[index], 0) + gift.bottles
    return dict(sorted(found.items()))
