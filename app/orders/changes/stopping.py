"""Skip and pause: no milk on some days, which roll to the end or become balance. And resume."""

from collections import Counter
from datetime import date
from uuid import UUID

from app.orders.changes.purses import Move
from app.orders.changes.situation import LineOutcome, LineState, Outcome, Situation
from app.orders.changes.wanted import MONEY, WantedChange
from app.orders.errors import NothingToChange, PauseNeedsEnd, PauseOverlaps
from app.orders.rules import ONE_DAY, rebuild, stock_from

MAX_PAUSE_DAYS = 366


def skip(situation: Situation, wanted: WantedChange) -> Outcome:
    """No milk on `first_date`; rolled or credited. Raises ChangeTooEarly."""
    first = situation.first_day(wanted.first_date)
    return _stop(situation, wanted, first, first)


def pause(situation: Situation, wanted: WantedChange) -> Outcome:
    """No milk from `first_date` to `last_date`; without one, until somebody resumes.

    Raises ChangeTooEarly, NothingToChange (an impossible span), PauseOverlaps, PauseNeedsEnd.
    """
    first, last = situation.first_day(wanted.first_date), wanted.last_date
    if last is not None and (last < first or (last - first).days > MAX_PAUSE_DAYS):
        raise NothingToChange
    for state in situation.lines:
        for spell in state.spells:
            if spell.is_pause and spell.meets(first, last):
                raise PauseOverlaps(
                    first_date=spell.first.isoformat(),
                    last_date=spell.last and spell.last.isoformat(),
                )
    if last is not None:
        return _stop(situation, wanted, first, last)
    if wanted.settle == MONEY:
        raise PauseNeedsEnd
    return Outcome(
        effective_date=first,
        first_possible_date=situation.first_possible(),
        lines=[
            LineOutcome(state, state.emptied(first), unscheduled=state.left(first))
            for state in situation.lines
        ],
        rule=wanted.settle,
    )


def _stop(situation: Situation, wanted: WantedChange, first: date, last: date) -> Outcome:
    days = frozenset(first + ONE_DAY * step for step in range((last - first).days + 1))
    lines = [_stop_line(situation, state, wanted, first, days) for state in situation.lines]
    resumes = min(
        (
            day
            for one in lines
            for term in one.result.fresh
            for day, _ in term.deliveries()
            if day > last
        ),
        default=None,
    )
    return Outcome(
        effective_date=first,
        first_possible_date=situation.first_possible(),
        lines=lines,
        rule=wanted.settle,
        resumes_date=resumes if wanted.kind == "pause" else None,
    )


def _stop_line(
    situation: Situation,
    state: LineState,
    wanted: WantedChange,
    first: date,
    days: frozenset[date],
) -> LineOutcome:
    moves = _credited(state, first, days) if wanted.settle == MONEY else []
    credited = Counter({move.product_id: move.bottles for move in moves})
    result = rebuild(
        state.terms,
        state.course,
        from_date=first,
        stock=Counter(stock_from(state.terms, first)) - credited,
        blocked={*days, *state.without_milk(first), *situation.days.closed},
    )
    return LineOutcome(state, result, tuple(moves))


def _credited(state: LineState, first: date, days: frozenset[date]) -> list[Move]:
    """What those days would have brought and is worth something; the rest rolls on."""
    left, purse = state.left(first), state.purse()
    wanted: Counter[UUID] = Counter()
    for term in state.terms:
        wanted[term.product_id] += sum(count for day, count in term.deliveries() if day in days)
    moves: list[Move] = []
    for product, count in wanted.items():
        paid = min(count, purse.paid_left(product, left[product]))
        moves += purse.give_up("credited", product, paid, left=left[product]) if paid else []
    return [move for move in moves if move.value_fen]


def resume(situation: Situation, wanted: WantedChange) -> Outcome:
    """Milk again from a day on: later pauses and skips fall away, days asked for stay.

    Raises ChangeTooEarly.
    """
    products = {product for state in situation.lines for product in state.product_ids}
    first = situation.first_day(wanted.first_date, products=products)
    lines = [
        LineOutcome(
            state,
            rebuild(
                state.terms,
                state.course,
                from_date=first,
                stock=state.left(first),
                blocked=situation.days.closed,
                keeps_gaps=False,
            ),
            unscheduled=Counter(),
        )
        for state in situation.lines
    ]
    return Outcome(
        effective_date=first,
        first_possible_date=situation.first_possible(products=products),
        lines=lines,
    )
