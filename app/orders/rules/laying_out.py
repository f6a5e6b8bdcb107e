"""Laying bottles out over days, and laying what is left out anew."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from app.orders.rules.patterns import ONE_DAY, Course, Pattern, Placement, Stock, Term
from app.orders.rules.terms import fixed_from, gaps_from

MAX_HORIZON_DAYS = 366 * 12


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
