"""One day otherwise: another quantity, or another product."""

from collections import Counter
from collections.abc import Collection
from datetime import date
from uuid import UUID

from app.core.ids import HOUSE
from app.network.errors import DayClosed
from app.orders.changes.purses import Move
from app.orders.changes.situation import LineOutcome, LineState, Outcome, Situation
from app.orders.changes.wanted import WantedChange
from app.orders.errors import NothingToChange, QuantityOutOfRange, SameProduct
from app.orders.rules import (
    MAX_QUANTITY,
    ONE_DAY,
    Pattern,
    Rebuilt,
    Stock,
    Term,
    rebuild,
    stock_from,
)

THIS_CHANGE = HOUSE
"""Stands in a term for the change that is being computed, until it is written."""


def require_quantity(quantity: int | None, *, most: int) -> int:
    """The quantity; raises QuantityOutOfRange unless it is 1 to `most`, 99 at most."""
    most = min(most, MAX_QUANTITY)
    if quantity is None or not 1 <= quantity <= most:
        raise QuantityOutOfRange(least=1, most=most)
    return quantity


def one_day_quantity(situation: Situation, wanted: WantedChange) -> Outcome:
    """Another quantity on one day; the line ends sooner or later for it.

    Raises ChangeTooEarly, DayClosed, QuantityOutOfRange.
    """
    state = situation.lines[0]
    day = _open_day(situation, wanted.first_date, products=state.product_ids)
    stock = stock_from(state.terms, day)
    product = _product_on(state, day) or state.course.at(day).product_id
    quantity = require_quantity(wanted.quantity, most=stock.get(product, 0))
    result = lay_with(situation, state, day, stock, {day: asked_day(state, day, quantity, product)})
    return Outcome(
        effective_date=day,
        first_possible_date=situation.first_possible(products=state.product_ids),
        lines=[LineOutcome(state, result)],
    )


def one_day_product(situation: Situation, wanted: WantedChange) -> Outcome:
    """Another product on one day, bottle for bottle, at its price of today.

    A cheaper one leaves a credit, a dearer one is paid. Raises ChangeTooEarly, DayClosed,
    NothingToChange (no milk that day), SameProduct.
    """
    state = situation.lines[0]
    wished = wanted.product_id or state.line.product_id
    day = _open_day(situation, wanted.first_date, products={wished})
    count = sum(term.on(day) for term in state.terms)
    product = _product_on(state, day)
    if product is None or not count:
        raise NothingToChange
    if product == wished:
        raise SameProduct
    left = state.left(day)
    out = state.purse().give_up("swapped_out", product, count, left=left[product])
    moves, pay_fen = exchange(out, wished, price_fen=situation.offers[wished].price_fen)
    stock = Counter(stock_from(state.terms, day))
    stock[product] -= count
    stock[wished] += count
    result = lay_with(situation, state, day, +stock, {day: asked_day(state, day, count, wished)})
    return Outcome(
        effective_date=day,
        first_possible_date=situation.first_possible(products={wished}),
        lines=[LineOutcome(state, result, tuple(moves))],
        pay_fen=pay_fen,
    )


def exchange(out: list[Move], product_id: UUID, *, price_fen: int) -> tuple[list[Move], int]:
    """What comes in bottle for bottle, and what must be paid for it in fen; gifts stay gifts."""
    came: list[Move] = []
    value, cost = sum(move.value_fen for move in out), 0
    for move in out:
        if not move.value_fen:
            came.append(Move("swapped_in", product_id, move.bottles, 0))
            continue
        cost += move.bottles * price_fen
        came.append(Move("swapped_in", product_id, move.bottles, move.bottles * price_fen))
    return [*out, *came], max(0, cost - value)


def asked_day(state: LineState, day: date, quantity: int, product_id: UUID) -> Term:
    """A day asked for by the change that is being computed."""
    placement = state.course.at(day)
    return Term(
        first=day,
        until=day + ONE_DAY,
        pattern=Pattern.every(1, quantity),
        anchor=day,
        product_id=product_id,
        address_id=placement.address_id,
        address_version_id=placement.address_version_id,
        change_id=THIS_CHANGE,
    )


def lay_with(
    situation: Situation,
    state: LineState,
    day: date,
    stock: Stock,
    asked: dict[date, Term],
    *,
    blocked: Collection[date] = (),
) -> Rebuilt:
    """The line from a day on with days asked for, and others without milk."""
    return rebuild(
        state.terms,
        state.course,
        from_date=day,
        stock=stock,
        blocked={*blocked, *state.without_milk(day), *situation.days.closed},
        asked=asked,
    )


def _open_day(situation: Situation, wished: date | None, *, products: set[UUID]) -> date:
    day = situation.first_day(wished, products=products)
    if day in situation.days.closed:
        raise DayClosed(service_date=day.isoformat())
    return day


def _product_on(state: LineState, day: date) -> UUID | None:
    return next((term.product_id for term in state.terms if term.on(day)), None)
