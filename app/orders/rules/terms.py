"""What terms add up to, and how they differ before and after a change."""

from collections.abc import Collection, Iterable
from datetime import date
from uuid import UUID

from app.orders.rules.patterns import ONE_DAY, Course, Term


def bottles_from(terms: Iterable[Term], day: date) -> int:
    """Bottles the terms bring on `day` and later."""
    return sum(term.bottles(day) for term in terms)


def end_date(terms: Collection[Term]) -> date | None:
    """Last day with bottles (止送日期); None without terms."""
    return max((day for term in terms if (day := term.last()) is not None), default=None)


def stock_from(terms: Iterable[Term], day: date) -> dict[UUID, int]:
    """Bottles the terms bring on `day` and later, by product."""
    stock: dict[UUID, int] = {}
    for term in terms:
        if count := term.bottles(day):
            stock[term.product_id] = stock.get(term.product_id, 0) + count
    return stock


def gaps_from(terms: Collection[Term], course: Course, day: date) -> frozenset[date]:
    """Days from `day` to the end on which the course would bring milk and the terms do not."""
    last = end_date(terms)
    if last is None or last < day:
        return frozenset()
    brought = {at for term in terms for at, _ in term.deliveries(day)}
    found = set()
    at = day
    while at <= last:
        if at not in brought:
            placement = course.at(at)
            if placement.pattern.on(at, anchor=placement.anchor):
                found.add(at)
        at += ONE_DAY
    return frozenset(found)


def fixed_from(terms: Iterable[Term], day: date) -> dict[date, Term]:
    """Days from `day` on that were asked for one by one."""
    return {term.first: term for term in terms if term.change_id is not None and term.first >= day}


def affected_days(
    before: Iterable[Term], after: Iterable[Term], *, from_date: date
) -> list[tuple[date, int, int]]:
    """Days from `from_date` on whose bottles change: (day, bottles before, bottles after)."""
    old = {at: count for term in before for at, count in term.deliveries(from_date)}
    new = {at: count for term in after for at, count in term.deliveries(from_date)}
    return [
        (at, old.get(at, 0), new.get(at, 0))
        for at in sorted({*old, *new})
        if old.get(at, 0) != new.get(at, 0)
    ]


def changed_products(
    before: Iterable[Term], after: Iterable[Term], *, from_date: date
) -> list[tuple[date, UUID, UUID]]:
    """Days with milk before and after whose product is another: (day, before, after)."""
    before, after = list(before), list(after)
    if len({term.product_id for term in (*before, *after)}) <= 1:
        return []
    old = {at: term.product_id for term in before for at, _ in term.deliveries(from_date)}
    new = {at: term.product_id for term in after for at, _ in term.deliveries(from_date)}
    return [(at, old[at], new[at]) for at in sorted(old.keys() & new.keys()) if old[at] != new[at]]


def gifts_by_day(terms: Iterable[Term], *, gifts: int, waiting: int = 0) -> dict[date, int]:
    """On which days the gifts of a line come: the last bottles of all, after those that wait."""
    days = sorted((day for term in terms for day in term.deliveries()), reverse=True)
    left, found = max(0, gifts - waiting), {}
    for day, count in days:
        if left <= 0:
            break
        found[day] = min(count, left)
        left -= count
    return found
