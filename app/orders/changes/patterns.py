"""Other days or another quantity from a day on."""

from dataclasses import replace
from datetime import date

from app.network.errors import DayClosed
from app.orders.changes.single_days import asked_day, lay_with, require_quantity
from app.orders.changes.situation import LineOutcome, LineState, Outcome, Situation
from app.orders.changes.wanted import WantedChange
from app.orders.errors import NothingToChange, PatternInvalid, QuantityOutOfRange
from app.orders.repository import Turn
from app.orders.rules import MAX_QUANTITY, ONE_DAY, Pattern, rebuild, stock_from

MOST_DATES = 62


def change_quantity(situation: Situation, wanted: WantedChange) -> Outcome:
    """Another quantity on every delivery day from a day on.

    Raises ChangeTooEarly, QuantityOutOfRange, NothingToChange.
    """
    quantity = require_quantity(wanted.quantity, most=MAX_QUANTITY)
    state = situation.lines[0]
    day = situation.first_day(wanted.first_date, products=state.product_ids)
    placement = state.course.at(day)
    weekdays = placement.pattern.weekday_quantities
    if weekdays is None:
        pattern = replace(placement.pattern, quantity=quantity)
    else:
        pattern = Pattern.weekly([quantity if count else 0 for count in weekdays])
    return _turned(situation, state, Turn(day, pattern, placement.anchor))


def change_pattern(situation: Situation, wanted: WantedChange) -> Outcome:
    """Every n days, by weekday, or single dates and then as before, from a day on.

    Raises ChangeTooEarly, DayClosed, PatternInvalid, QuantityOutOfRange, NothingToChange.
    """
    state = situation.lines[0]
    day = situation.first_day(wanted.first_date, products=state.product_ids)
    if wanted.dates:
        return _single_dates(situation, state, day, wanted.dates)
    if wanted.pattern is None:
        raise PatternInvalid
    return _turned(situation, state, Turn(day, wanted.pattern, day))


def _turned(situation: Situation, state: LineState, turn: Turn) -> Outcome:
    day = turn.from_date
    before = state.course.at(day)
    if turn.pattern == before.pattern and turn.anchor == before.anchor:
        raise NothingToChange
    result = rebuild(
        state.terms,
        state.turned(turn),
        from_date=day,
        stock=stock_from(state.terms, day),
        blocked={*state.without_milk(day), *situation.days.closed},
        before=state.course,
    )
    return Outcome(
        effective_date=day,
        first_possible_date=situation.first_possible(products=state.product_ids),
        lines=[LineOutcome(state, result, turn=turn)],
    )


def _single_dates(
    situation: Situation, state: LineState, day: date, dates: tuple[tuple[date, int], ...]
) -> Outcome:
    """Milk on these dates only until the last of them, and then as before."""
    listed = dict(dates)
    if len(listed) != len(dates) or len(dates) > MOST_DATES or min(listed) < day:
        raise PatternInvalid
    for at in listed:
        if at in situation.days.closed:
            raise DayClosed(service_date=at.isoformat())
    stock = stock_from(state.terms, day)
    for quantity in listed.values():
        require_quantity(quantity, most=MAX_QUANTITY)
    product = state.course.at(day).product_id
    if sum(listed.values()) > stock.get(product, 0):
        raise QuantityOutOfRange(least=1, most=stock.get(product, 0))
    last = max(listed)
    others = {day + ONE_DAY * step for step in range((last - day).days)} - listed.keys()
    asked = {at: asked_day(state, at, count, product) for at, count in listed.items()}
    result = lay_with(situation, state, day, stock, asked, blocked=others)
    return Outcome(
        effective_date=day,
        first_possible_date=situation.first_possible(products=state.product_ids),
        lines=[LineOutcome(state, result)],
    )
