"""The things of the model: doors, orders, deliveries, refunds, tickets."""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

from app.core.ids import read_pair
from tests.model.days import DAY, Calendar, Rhythm


class Named:
    """Shown in a failing history by what tells it from others."""

    def _repr_pretty_(self, printer: Any, _: bool) -> None:
        printer.text(repr(self))


@dataclass(eq=False)
class Home(Named):
    """A door and how its orders are reviewed."""

    name: str
    customer_id: UUID
    address_id: UUID
    verdict: str
    other: "Home | None" = None
    """Another door of its household, covered too."""
    served: date | None = None
    """From when on somebody goes there; none: nobody does, or always has."""

    def __repr__(self) -> str:
        return f"<home {self.name}>"


@dataclass(eq=False)
class Money:
    """One attempt to pay: open, captured or closed; `paid` is what only the channel knows yet."""

    number: str
    state: str = "pending"
    paid: bool = False


@dataclass(eq=False)
class Done(Named):
    """A change that was accepted: what it replaced and wrote."""

    id: str
    kind: str
    first: date
    before: "Standing"
    after: "Standing"
    credit: int = 0
    bottles: int = 0
    stands: bool = True

    def __repr__(self) -> str:
        return f"<{self.kind} from {self.first}>"


@dataclass(frozen=True)
class Standing:
    """How a line stands: its days, days asked for, patterns in turn, spells without milk."""

    days: Calendar
    asked: Calendar
    turns: tuple[tuple[date, Rhythm, date], ...]
    spells: tuple[tuple[date, date | None, bool], ...]
    waiting: int

    def from_day(self, day: date) -> tuple[Any, int]:
        """What an undo looks at."""
        coming = {at: (count, at in self.asked) for at, count in self.days.items() if at >= day}
        return coming, self.waiting


@dataclass(eq=False)
class Given:
    """Gift bottles for a day: when promised, when due, in whose plan."""

    promised: date
    bottles: int
    due: date
    came: date | None = None


@dataclass(eq=False)
class Order(Named):
    """An order with one line."""

    id: str
    home: Home
    line_id: UUID
    rhythm: Rhythm
    bottles: int
    price: int
    wished: date
    placed_at: datetime
    status: str = "pending_payment"
    door: str | None = None
    begun: date | None = None
    days: Calendar = field(default_factory=dict)
    payments: list[Money] = field(default_factory=list)
    given_up: int = 0
    asked: Calendar = field(default_factory=dict)
    """Days asked for one by one."""
    turns: list[tuple[date, Rhythm, date]] = field(default_factory=list)
    """From which day on which pattern, and a day it delivers on."""
    spells: list[tuple[date, date | None, bool]] = field(default_factory=list)
    """Skips and pauses (true), both days included."""
    waiting: int = 0
    """Bottles that wait for a resume."""
    worth: list[int] = field(default_factory=list)
    """Fen of every bottle not given up."""
    gone: tuple[int, int] = (0, 0)
    """Bottles and fen given up for money and not come back."""
    corrected: tuple[int, int] = (0, 0)
    """Bottles and fen of those that were brought all the same."""
    changes: list[Done] = field(default_factory=list)
    doors: list[tuple[date, Home]] = field(default_factory=list)
    """Where moves bring it, from which day on."""
    paid_on: date | None = None
    gifts: list[Given] = field(default_factory=list)
    before: "Order | None" = None
    """The order that it renews."""
    anchor: date | None = None
    """A day its pattern delivers on, where that is known before it begins."""

    @property
    def since(self) -> date:
        """A day its first pattern delivers on."""
        return self.anchor or self.begun or self.wished

    def rhythm_on(self, day: date) -> tuple[Rhythm, date]:
        """The pattern of a day, and a day it delivers on."""
        found = (self.rhythm, self.since)
        for first, turned, since in self.turns:
            if first <= day:
                found = (turned, since)
        return found

    @property
    def over(self) -> bool:
        """Whether nothing can follow."""
        return self.status in {"completed", "cancelled", "rejected", "expired"}

    def door_on(self, day: date) -> Home:
        """Where it is brought on a day."""
        reached = [home for first, home in self.doors if first <= day]
        return reached[-1] if reached else self.home

    def course(self, day: date) -> int:
        """Bottles on a day when nothing stands against it."""
        rhythm, since = self.rhythm_on(day)
        return rhythm.on(day, since)

    def unwanted(self) -> set[date]:
        """Days taken out by skips and pauses with an end, and not asked for after."""
        found = set()
        for first, last, _ in self.spells:
            if last is not None:
                found |= {first + DAY * step for step in range((last - first).days + 1)}
        return found - self.asked.keys()

    def standing(self) -> Standing:
        """How it stands now."""
        return Standing(
            dict(self.days), dict(self.asked), tuple(self.turns), tuple(self.spells), self.waiting
        )

    def stand(self, standing: Standing) -> None:
        """Let it stand otherwise."""
        self.days, self.asked = dict(standing.days), dict(standing.asked)
        self.turns, self.spells = list(standing.turns), list(standing.spells)
        self.waiting = standing.waiting

    @property
    def row_id(self) -> UUID:
        """The order's own id."""
        return read_pair("ord", self.id)[1]

    def __repr__(self) -> str:
        return f"<{self.status} {self.id[-6:]}>"


@dataclass(eq=False)
class Dearer(Named):
    """A change that costs money and was not paid while it could happen: whatever comes goes back."""

    id: str
    order: Order
    price: int
    until: datetime
    status: str = "awaiting_payment"
    payments: list[Money] = field(default_factory=list)
    door: None = None

    @property
    def row_id(self) -> UUID:
        """The change's own id."""
        return read_pair("chg", self.id)[1]

    def __repr__(self) -> str:
        return f"<{self.status} {self.price} for {self.order}>"


@dataclass(eq=False)
class Brought:
    """One delivery: what was due, what was brought."""

    order: Order
    day: date
    no: int
    due: int
    brought: int = 0
    status: str = "planned"
    owed: int = 0
    restored: int = 0
    said: tuple[datetime, UUID] | None = None


@dataclass(eq=False)
class Refund(Named):
    """Money on its way back."""

    order: Order | Dearer
    amount: int
    cause: str
    way: str
    status: str

    def __repr__(self) -> str:
        return f"<{self.status} {self.amount} of {self.order}>"


@dataclass(eq=False)
class Ticket(Named):
    """A complaint."""

    id: str
    order: Order
    due_at: datetime
    status: str = "open"
    breached: bool = False
    reopened: int = 0

    def __repr__(self) -> str:
        return f"<{self.status} {self.id[-6:]}>"
