"""What a change is computed from, and what computing it says. Plain values over loaded rows."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from app.catalog.service import Offer
from app.network.errors import NoOpenDay
from app.network.service import StationDays
from app.orders.changes.destinations import Destination
from app.orders.changes.purses import Move, Purse
from app.orders.changes.settling import CancelRule
from app.orders.changes.spells import Spell, unwanted_days
from app.orders.changes.stays import Stays
from app.orders.errors import ChangeTooEarly, DayFrozen
from app.orders.models import Order, OrderLine
from app.orders.pricing import LinePrice
from app.orders.repository import Door, Turn, course_of, unscheduled_of
from app.orders.rules import Course, Pattern, Rebuilt, Term, rebuild, stock_from


@dataclass(frozen=True)
class LineState:
    """A line as it stands."""

    line: OrderLine
    terms: list[Term]
    course: Course
    turns: list[Turn]
    doors: tuple[Door, ...]
    """Those of its order after the first one, which the course begins with."""
    spells: list[Spell]
    moves: list[Move]
    spent: int
    """Bottles of its own that have been at the door, or are in a frozen plan."""

    @property
    def product_ids(self) -> set[UUID]:
        """What it brings or has brought."""
        return {placement.product_id for _, placement in self.course.phases}

    def turned(self, turn: Turn) -> Course:
        """Its course with one more turn; of those that begin on the same day it is the last word."""
        turns = sorted([*self.turns, turn], key=lambda one: one.from_date)
        return course_of(self.course.phases[0][1], turns, self.doors)

    def moved(self, door: Door) -> Course:
        """Its course with one more door."""
        return course_of(self.course.phases[0][1], self.turns, [*self.doors, door])

    def left(self, day: date) -> Counter[UUID]:
        """Bottles to come from a day on or waiting for a resume, by product."""
        return Counter(stock_from(self.terms, day)) + unscheduled_of(self.line)

    def purse(self) -> Purse:
        """What its bottles are worth; a fresh one, since giving up changes it."""
        return Purse(self.moves, spent=self.spent)

    def without_milk(self, day: date) -> frozenset[date]:
        """Days from a day on that its household took out, and did not ask for one by one after."""
        return unwanted_days(self.spells, self.terms, day)

    def emptied(self, day: date) -> Rebuilt:
        """The line without anything from a day on."""
        return rebuild(self.terms, self.course, from_date=day, stock={})


@dataclass(frozen=True)
class Situation:
    """An order as a change finds it: the lines it speaks of, and its stations' days."""

    order: Order
    lines: list[LineState]
    stays: Stays
    lead_days: Mapping[UUID, int]
    offers: Mapping[UUID, Offer]
    now: datetime
    cancel_rule: CancelRule | None = None
    """Read for a cancelling only."""
    destination: Destination | None = None
    """Read for a move only."""

    @property
    def days(self) -> StationDays:
        """The days of the stations that bring it, one after the other."""
        return self.stays.days

    def first_possible(self, *, products: Collection[UUID] = ()) -> date:
        """From when a change can take effect that brings more of these; raises NoOpenDay."""
        lead = max((self.lead_days[product] for product in products), default=0)
        found = self.days.first_effective_date(lead_days=lead)
        if found is None:
            raise NoOpenDay
        return found

    def first_day(self, wished: date | None, *, products: Collection[UUID] = ()) -> date:
        """The wished day, or the first possible one; raises ChangeTooEarly, NoOpenDay."""
        possible = self.first_possible(products=products)
        if wished is not None and wished < possible:
            frozen = self.days.first_ahead is None or wished < self.days.first_ahead
            raise (DayFrozen if frozen else ChangeTooEarly)(
                first_possible_date=possible.isoformat()
            )
        return wished or possible


@dataclass(frozen=True)
class LineOutcome:
    """What becomes of a line: its terms, bottles and value it gains or gives up."""

    state: LineState
    result: Rebuilt
    moves: tuple[Move, ...] = ()
    turn: Turn | None = None
    unscheduled: Counter[UUID] | None = None
    """None: what waits goes on waiting."""


@dataclass(frozen=True)
class NewLine:
    """A line that a change adds."""

    price: LinePrice
    pattern: Pattern
    start_date: date
    cycle_days: int | None
    terms: tuple[Term, ...]


@dataclass(frozen=True)
class Outcome:
    """What becomes of an order. Amounts are fen."""

    effective_date: date
    first_possible_date: date
    lines: list[LineOutcome]
    pay_fen: int = 0
    rule: str | None = None
    resumes_date: date | None = None
    new_line: NewLine | None = None
    settlement: dict[str, Any] | None = None
    """How a cancelling was worked out."""

    @property
    def credit_fen(self) -> int:
        """What the lines give up and nothing replaces, cancelling aside: it becomes balance."""
        gone = -sum(
            move.signed_fen for line in self.lines for move in line.moves if move.kind != "refunded"
        )
        return max(0, gone)
