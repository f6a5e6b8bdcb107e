"""The end of an order: what was brought is kept, the rest goes back by the policy (S1 4.2.2.3)."""

from collections import Counter

from app.orders.changes.settling import settle_line
from app.orders.changes.situation import LineOutcome, Outcome, Situation
from app.orders.changes.wanted import WantedChange


def cancel(situation: Situation, wanted: WantedChange) -> Outcome:
    """No milk from the first possible day on, whatever waits is given up; gifts to come lapse."""
    del wanted
    first, rule = situation.first_possible(), situation.cancel_rule
    if rule is None:
        raise LookupError("cancelling needs its policy")
    outcomes, settled = [], []
    for state in situation.lines:
        left, purse = state.left(first), state.purse()
        given_up = [
            move
            for product, count in left.items()
            if count
            for move in purse.give_up("refunded", product, count, left=count, gifts_as="forfeited")
        ]
        moves, shown = settle_line(rule, state.line, state.moves, given_up)
        outcomes.append(
            LineOutcome(state, state.emptied(first), tuple(moves), unscheduled=Counter())
        )
        settled.append(shown.as_json(state.line.order_line_id))
    return Outcome(
        effective_date=first,
        first_possible_date=first,
        lines=outcomes,
        rule=rule.policy_id,
        settlement={"articles": rule.articles, "lines": settled},
    )
