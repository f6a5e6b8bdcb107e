"""The end of an order: what was brought keeps its price, the rest goes back (S1 4.2.2.3)."""

from collections import Counter

from app.orders.changes.purses import Move
from app.orders.changes.situation import LineOutcome, LineState, Outcome, Situation
from app.orders.changes.wanted import WantedChange


def cancel(situation: Situation, wanted: WantedChange) -> Outcome:
    """No milk from the first possible day on, whatever waits is given up."""
    del wanted
    first = situation.first_possible()

    def given_up(state: LineState) -> tuple[Move, ...]:
        left, purse = state.left(first), state.purse()
        return tuple(
            move
            for product, count in left.items()
            if count
            for move in purse.give_up("refunded", product, count, left=count)
        )

    return Outcome(
        effective_date=first,
        first_possible_date=first,
        lines=[
            LineOutcome(state, state.emptied(first), given_up(state), unscheduled=Counter())
            for state in situation.lines
        ],
    )
