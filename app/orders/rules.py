"""Order terms as plain values: patterns, laying bottles out over days, value.

Nothing here knows a database. Dates are service dates; `until` is exclusive.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from uuid import UUID

from app.core.money import value_of_first

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

    def on(self, day: date) -> int:
        """Bottles on a day; 0 outside of the term."""
        if not self.first <= day < self.until:
            return 0
        return self.pattern.on(day, anchor=self.anchor)

    def deliveries(self) -> Iterator[tuple[date, int]]:
        """Its days with bottles."""
        day = self.first
        while day < self.until:
            if count := self.on(day):
                yield day, count
            day += ONE_DAY


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
    return sum(pattern.on(start + ONE_DAY * offset, anchor=anchor) for offset in range(days))


def lay_out(
    placement: Placement, *, start: date, bottles: int, blocked: Collection[date] = ()
) -> list[Term]:
    """Terms that bring exactly `bottles` from `start` on, none on a blocked day.

    A blocked day rolls its bottles to the end. When the last day has fewer bottles left than the
    pattern asks for, it becomes a term of its own. Raises ValueError beyond the horizon.
    """
    terms: list[Term] = []
    run_first: date | None = None
    left, day = bottles, start
    while left > 0:
        if (day - start).days > MAX_HORIZON_DAYS:
            raise ValueError("the bottles do not fit into the horizon")
        wanted = placement.pattern.on(day, anchor=placement.anchor)
        cut = bool(wanted) and (day in blocked or wanted > left)
        if cut and run_first is not None:
            terms.append(placement.term(run_first, day))
            run_first = None
        if wanted and day not in blocked:
            if wanted > left:
                terms.append(placement.term(day, day + ONE_DAY, Pattern.every(1, left)))
                left = 0
            else:
                run_first = run_first or day
                left -= wanted
        day += ONE_DAY
    if run_first is not None:
        terms.append(placement.term(run_first, day))
    return terms


def bottles_from(terms: Iterable[Term], day: date) -> int:
    """Bottles the terms bring on `day` and later."""
    return sum(count for term in terms for at, count in term.deliveries() if at >= day)


def end_date(terms: Collection[Term]) -> date | None:
    """Last day with bottles (止送日期); None without terms."""
    last = [at for term in terms for at, _ in term.deliveries()]
    return max(last, default=None)


def gaps_from(terms: Collection[Term], placement: Placement, day: date) -> frozenset[date]:
    """Days from `day` to the end on which the pattern would bring milk and the terms do not."""
    last = end_date(terms)
    if last is None or last < day:
        return frozenset()
    brought = {at for term in terms for at, _ in term.deliveries()}
    span = (day + ONE_DAY * offset for offset in range((last - day).days + 1))
    return frozenset(
        at for at in span if at not in brought and placement.pattern.on(at, anchor=placement.anchor)
    )


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
    placement: Placement,
    *,
    from_date: date,
    bottles: int,
    blocked: Collection[date] = (),
) -> Rebuilt:
    """Keep what is before `from_date`, lay out `bottles` from there on, keeping earlier gaps."""
    kept = []
    for term in terms:
        if term.until <= from_date:
            kept.append(term)
        elif term.first < from_date:
            kept.append(replace(term, until=from_date))
    gaps = gaps_from(terms, placement, from_date)
    fresh = lay_out(placement, start=from_date, bottles=bottles, blocked={*gaps, *blocked})
    return Rebuilt(tuple(kept), tuple(fresh))


def affected_days(
    before: Iterable[Term], after: Iterable[Term], *, from_date: date
) -> list[tuple[date, int, int]]:
    """Days from `from_date` on whose bottles change: (day, bottles before, bottles after)."""
    old = {at: count for term in before for at, count in term.deliveries() if at >= from_date}
    new = {at: count for term in after for at, count in term.deliveries() if at >= from_date}
    return [
        (at, old.get(at, 0), new.get(at, 0))
        for at in sorted({*old, *new})
        if old.get(at, 0) != new.get(at, 0)
    ]


def refund_of_rest(*, paid_fen: int, bottles_bought: int, bottles_used: int) -> int:
    """Fen to give back when `bottles_used` were brought: the delivered part keeps its price.

    Gifts come last and are worth nothing, so use beyond what was bought refunds 0.
    """
    used = min(bottles_used, bottles_bought)
    return paid_fen - value_of_first(used, paid_fen=paid_fen, bottles_bought=bottles_bought)


def bottles_worth(
    refund_fen: int, *, paid_fen: int, bottles_bought: int, used: int, kept: int
) -> tuple[int, int]:
    """How many of the last bottles a refund pays for, and what they are worth in fen.

    `kept` of the bought ones are not given up yet, `used` of them brought or due: those between
    may go. Bottles of value 0 go only with the last of them.
    """
    rest = value_of_first(kept, paid_fen=paid_fen, bottles_bought=bottles_bought)

    def worth(bottles: int) -> int:
        first = kept - bottles
        return rest - value_of_first(first, paid_fen=paid_fen, bottles_bought=bottles_bought)

    most = kept - used
    if most <= 0 or refund_fen <= 0:
        return 0, 0
    if refund_fen >= worth(most):
        return most, worth(most)
    bottles = next(count for count in range(most, -1, -1) if worth(count) <= refund_fen)
    return bottles, worth(bottles)
