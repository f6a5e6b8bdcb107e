"""One more product on a running order, paid by itself."""

from app.core.clock import local_date
from app.core.money import MAX_FEN
from app.network.errors import DayClosed
from app.orders.changes.situation import NewLine, Outcome, Situation
from app.orders.changes.wanted import WantedChange
from app.orders.errors import AmountTooLarge, PatternInvalid, StartTooLate
from app.orders.pricing import price_line
from app.orders.rules import (
    MAX_BOTTLES,
    ONE_DAY,
    Course,
    Placement,
    bottles_between,
    lay_out_course,
)

MAX_START_AHEAD = ONE_DAY * 180


def add_product(situation: Situation, wanted: WantedChange) -> Outcome:
    """A new line to the same doors, from a day on, at today's price, its period's discount taken.

    Raises ChangeTooEarly, StartTooLate, DayClosed, PatternInvalid, AmountTooLarge.
    """
    if wanted.pattern is None or wanted.product_id is None:
        raise PatternInvalid
    offer = situation.offers[wanted.product_id]
    day = situation.first_day(wanted.first_date, products={offer.product_id})
    latest = situation.first_possible() + MAX_START_AHEAD
    if day > latest:
        raise StartTooLate(last_possible_date=latest.isoformat())
    if day in situation.days.closed:
        raise DayClosed(service_date=day.isoformat())
    bottles = wanted.bottles or bottles_between(
        wanted.pattern, start=day, days=wanted.cycle_days or 0, anchor=day
    )
    price = price_line(offer, bottles=bottles, days=wanted.cycle_days, on=local_date(situation.now))
    if not 0 < bottles <= MAX_BOTTLES or price.full_fen > MAX_FEN:
        raise AmountTooLarge(bottles=bottles, most=MAX_BOTTLES)
    course = Course(
        tuple(
            (
                first,
                Placement(
                    wanted.pattern, day, offer.product_id, door.address_id, door.address_version_id
                ),
            )
            for first, door in situation.lines[0].course.phases
        )
    )
    terms = lay_out_course(
        course,
        start=day,
        stock={offer.product_id: price.own_bottles},
        blocked=situation.days.closed,
    )
    return Outcome(
        effective_date=day,
        first_possible_date=situation.first_possible(products={offer.product_id}),
        lines=[],
        pay_fen=price.price_fen,
        new_line=NewLine(
            price=price,
            pattern=wanted.pattern,
            start_date=day,
            cycle_days=wanted.cycle_days,
            terms=tuple(terms),
        ),
    )
