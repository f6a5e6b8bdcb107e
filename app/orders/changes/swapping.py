"""Another product for all that is still to come (随心换)."""

from collections import Counter
from uuid import UUID

from app.orders.changes.purses import Move
from app.orders.changes.single_days import exchange
from app.orders.changes.situation import LineOutcome, LineState, Outcome, Situation
from app.orders.changes.wanted import MONEY, WantedChange
from app.orders.errors import AmountTooLarge, NothingToChange, PauseOverlaps, SameProduct
from app.orders.repository import Turn
from app.orders.rules import MAX_BOTTLES, rebuild, stock_from


def swap(situation: Situation, wanted: WantedChange) -> Outcome:
    """Another product from a day on, at its price of today.

    Settled by money, the bottles stay as many: a dearer product is paid, a cheaper one leaves a
    credit. Settled by the period, the value stays: a dearer product ends sooner, a cheaper one
    later, and what does not make a bottle is credited. Gifts are swapped bottle for bottle.
    Raises ChangeTooEarly, SameProduct, NothingToChange, AmountTooLarge, PauseOverlaps (a pause
    without an end begins later).
    """
    state = situation.lines[0]
    wished = wanted.product_id or state.line.product_id
    day = situation.first_day(wanted.first_date, products={wished})
    if state.course.at(day).product_id == wished:
        raise SameProduct
    scheduled = Counter(stock_from(state.terms, day))
    waiting = state.left(day) - scheduled
    if scheduled and waiting:
        spell = next(one for one in state.spells if one.last is None)
        raise PauseOverlaps(first_date=spell.first.isoformat(), last_date=None)
    going = scheduled + waiting
    out = _given_up(state, going, wished)
    price = situation.offers[wished].price_fen
    if wanted.settle == MONEY:
        moves, pay_fen = exchange(out, wished, price_fen=price)
    else:
        moves, pay_fen = _for_its_value(out, wished, price_fen=price), 0
    became = _became(going, out, moves, wished)
    if not became or became.total() > MAX_BOTTLES:
        raise (
            AmountTooLarge(bottles=became.total(), most=MAX_BOTTLES) if became else NothingToChange
        )
    turn = Turn(day, product_id=wished)
    result = rebuild(
        state.terms,
        state.turned(turn),
        from_date=day,
        stock=Counter() if waiting else became,
        blocked={*state.without_milk(day), *situation.days.closed},
        before=state.course,
    )
    return Outcome(
        effective_date=day,
        first_possible_date=situation.first_possible(products={wished}),
        lines=[
            LineOutcome(
                state, result, tuple(moves), turn=turn, unscheduled=became if waiting else None
            )
        ],
        pay_fen=pay_fen,
        rule=wanted.settle,
    )


def _given_up(state: LineState, going: Counter[UUID], wished: UUID) -> list[Move]:
    purse = state.purse()
    return [
        move
        for product, count in going.items()
        if product != wished
        for move in purse.give_up("swapped_out", product, count, left=count)
    ]


def _for_its_value(out: list[Move], product_id: UUID, *, price_fen: int) -> list[Move]:
    """As many bottles as the value buys; gifts stay gifts."""
    value = sum(move.value_fen for move in out)
    gifts = sum(move.bottles for move in out if not move.value_fen)
    moves = list(out)
    if bottles := value // price_fen:
        moves.append(Move("swapped_in", product_id, bottles, bottles * price_fen))
    if gifts:
        moves.append(Move("swapped_in", product_id, gifts, 0))
    return moves


def _became(
    going: Counter[UUID], out: list[Move], moves: list[Move], wished: UUID
) -> Counter[UUID]:
    """Bottles still to come; those that came back by our fault are swapped as they are."""
    gained = sum(move.bottles for move in moves if move.kind != "swapped_out")
    given = sum(move.bottles for move in out)
    others = going.total() - going[wished]
    return +Counter({wished: going[wished] + gained + others - given})
