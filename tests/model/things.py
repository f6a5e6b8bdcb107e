"""The things of the model: doors, orders, deliveries, refunds, tickets."""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

from app.core.ids import read_pair
from tests.model.days import Calendar, Rhythm


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

    def __repr__(self) -> str:
        return f"<home {self.name}>"


@dataclass(eq=False)
class Money:
    """One attempt to pay: open, captured or closed; `paid` is what only the channel knows yet."""

    number: str
    state: str = "pending"
    paid: bool = False


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

    @property
    def row_id(self) -> UUID:
        """The order's own id."""
        return read_pair("ord", self.id)[1]

    def __repr__(self) -> str:
        return f"<{self.status} {self.id[-6:]}>"


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

    order: Order
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
