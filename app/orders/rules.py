"""Order terms as plain values: patterns, laying bottles out over days, value.

Nothing here knows a database. Dates are service dates; `until` is exclusive.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from uuid import UUID

MAX_QUANTITY = 99
MAX_INTERVAL_DAYS = 90
MAX_BOTTLES = 4000
MAX_HORIZON_DAYS = 366 * 12
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


class BeyondHorizon(ValueError):
    """The pattern would not bring the bottles within the years that are planned for."""


def lay_out(
    placement: Placement, *, start: date, bottles: int, blocked: Collection[date] = ()
) -> list[Term]:
    """Terms that bring exactly `bottles` of one placement from `start` on; as `lay_out_course`."""
    stock = {placement.product_id: bottles}
    return lay_out_course(Course.of(placement), start=start, stock=stock, blocked=blocked)


def lay_out_course(
    course: Course,
    *,
    start: date,
    stock: Stock,
    blocked: Collection[date] = (),
    fixed: Mapping[date, Term] | None = None,
) -> list[Term]:
    """Terms that bring exactly `stock` from `start` on, none on a blocked day.

    A blocked day rolls its bottles to the end; a `fixed` day keeps what was asked for, at the door
    of that day. A day whose
    product has run out brings another that is left. When fewer bottles are left than a day asks
    for, it becomes a term of its own. Raises BeyondHorizon.
    """
    even = None if fixed or len(course.phases) > 1 else _lay_out_even(course, start, stock, blocked)
    if even is not None:
        return even
    left = {product: count for product, count in stock.items() if count}
    terms: list[Term] = []
    run: tuple[date, Placement] | None = None
    day, horizon = start, start + timedelta(days=MAX_HORIZON_DAYS)
    while left:
        if day > horizon:
            raise BeyondHorizon("the bottles do not fit into the horizon")
        placement, wanted, alone = _wanted(course.at(day), fixed, day, left)
        brings = wanted > 0 and day not in blocked
        if run is not None and (run[1] != placement or (wanted > 0 and (alone or not brings))):
            terms.append(run[1].term(run[0], day))
            run = None
        if brings:
            if alone is not None:
                terms.append(alone)
            elif run is None:
                run = (day, placement)
            left[placement.product_id] -= wanted
            if not left[placement.product_id]:
                del left[placement.product_id]
        day += ONE_DAY
    if run is not None:
        terms.append(run[1].term(run[0], day))
    return terms


def _lay_out_even(
    course: Course, start: date, stock: Stock, blocked: Collection[date]
) -> list[Term] | None:
    """As `lay_out_course`, counted instead of walked: one placement every n days that nothing stands
    against, which most orders are; None for any other.
    """
    placement = course.phases[0][1]
    bottles = stock.get(placement.product_id, 0)
    quantity, step = placement.pattern.quantity, placement.pattern.interval_days
    if quantity is None or step is None or bottles <= 0 or len(stock) > 1:
        return None
    until_first = (placement.anchor - start).days % step
    full, rest = divmod(bottles, quantity)
    until_last = until_first + step * (full if rest else full - 1)
    if until_last > MAX_HORIZON_DAYS:
        return None
    first, last = start + timedelta(days=until_first), start + timedelta(days=until_last)
    if any(first <= day <= last for day in blocked):
        return None
    if not rest:
        return [placement.term(first, last + ONE_DAY)]
    alone = placement.term(last, last + ONE_DAY, Pattern.every(1, rest))
    return [placement.term(first, last), alone] if full else [alone]


def _wanted(
    placement: Placement, fixed: Mapping[date, Term] | None, day: date, left: Stock
) -> tuple[Placement, int, Term | None]:
    """What a day brings of what is left; a term when it stands alone."""
    asked = fixed.get(day) if fixed else None
    if asked is not None and left.get(asked.product_id):
        count = min(asked.on(day), left[asked.product_id])
        if count:
            alone = replace(
                asked,
                pattern=Pattern.every(1, count),
                anchor=day,
                address_id=placement.address_id,
                address_version_id=placement.address_version_id,
            )
            return replace(placement, product_id=asked.product_id), count, alone
    if placement.product_id not in left:
        placement = replace(placement, product_id=next(iter(left)))
    wanted = placement.pattern.on(day, anchor=placement.anchor)
    if wanted <= left[placement.product_id]:
        return placement, wanted, None
    count = left[placement.product_id]
    return placement, count, placement.term(day, day + ONE_DAY, Pattern.every(1, count))


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


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """A line's terms after a change: `kept` (the last may be shrunk) and `fresh` ones after it."""

    kept: tuple[Term, ...]
    fresh: tuple[Term, ...]

    @property
    def terms(self) -> list[Term]:
        """All of them in order."""
        return [*self.kept, *self.fresh]


def rebuild(
    terms: Sequence[Term],
    course: Course,
    *,
    from_date: date,
    stock: Stock,
    blocked: Collection[date] = (),
    before: Course | None = None,
    keeps_gaps: bool = True,
    asked: Mapping[date, Term] | None = None,
    freed: Collection[date] = (),
) -> Rebuilt:
    """Keep what is before `from_date`, lay out `stock` from there on.

    Earlier gaps stay (those of the course `before`, when it changes) unless `keeps_gaps` is false
    or the day is `freed`, and so do days asked for one by one; `asked` adds such days, gaps or not.
    """
    kept = []
    for term in terms:
        if term.until <= from_date:
            kept.append(term)
        elif term.first < from_date:
            kept.append(replace(term, until=from_date))
    gaps = gaps_from(terms, before or course, from_date) if keeps_gaps else frozenset()
    wished = asked or {}
    fresh = lay_out_course(
        course,
        start=from_date,
        stock=stock,
        blocked={*(gaps - set(freed)), *blocked} - wished.keys(),
        fixed={**fixed_from(terms, from_date), **wished},
    )
    return Rebuilt(tuple(kept), tuple(fresh))


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
