"""Move: an order's remaining milk goes to another address, once that is reviewed (S1 4.2.5).

Bottles, value and days stay as they are, unless a day is not open at the new station: its bottles
roll to the end, as on a withdrawn day.
"""

from collections.abc import Sequence
from datetime import date

from app.network.errors import NoOpenDay
from app.network.service import StationDays, first_date_of_move
from app.orders.changes.situation import LineOutcome, LineState, Outcome, Situation
from app.orders.changes.wanted import WantedChange
from app.orders.errors import AddressMissing, NothingToChange
from app.orders.repository import Door
from app.orders.rules import rebuild, stock_from


def move(situation: Situation, wanted: WantedChange) -> Outcome:
    """The order at its new address from the first possible day on, or a later one wished for.

    While nobody has said who brings there, only that day is worked out. A decision that comes after
    the wished day takes the first possible one. Raises ChangeTooEarly, NoOpenDay, NothingToChange.
    """
    there = situation.destination
    if there is None:
        raise AddressMissing
    products = {product for state in situation.lines for product in state.product_ids}
    lead = max((situation.lead_days[product] for product in products), default=0)
    possible = _first_day_there(situation, there.days, lead_days=lead)
    wished = wanted.first_date
    if wished is not None and not there.is_decided:
        situation.first_day(wished, products=products)
    first = _first_day_there(situation, there.days, lead_days=lead, wished=wished)
    if not any(
        state.line.unscheduled_bottles or stock_from(state.terms, first)
        for state in situation.lines
    ):
        raise NothingToChange
    if there.days is None:
        return Outcome(first, possible, [])
    return Outcome(first, possible, move_lines(situation.lines, there.door(first), days=there.days))


def _first_day_there(
    situation: Situation,
    days: StationDays | None,
    *,
    lead_days: int,
    wished: date | None = None,
) -> date:
    found = first_date_of_move(
        situation.days, days or situation.days, lead_days=lead_days, wished=wished
    )
    if found is None:
        raise NoOpenDay
    return found


def move_lines(states: Sequence[LineState], door: Door, *, days: StationDays) -> list[LineOutcome]:
    """Lines from a door's first day on brought to it, by a station with these days."""
    first = door.from_date
    return [
        LineOutcome(
            state,
            rebuild(
                state.terms,
                state.moved(door),
                from_date=first,
                stock=stock_from(state.terms, first),
                blocked={*state.without_milk(first), *days.closed},
                before=state.course,
            ),
        )
        for state in states
    ]
