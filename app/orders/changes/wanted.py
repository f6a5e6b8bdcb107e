"""A change as it is asked for, in the canonical form that a token signs."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import date
from typing import Any
from uuid import UUID

from app.orders.rules import Pattern

PERIOD, MONEY = "period", "money"
"""How what is not brought is settled: by more or fewer days, or by money."""


@dataclass(frozen=True)
class WantedChange:
    """A change as asked for; each kind says which of the fields it reads."""

    kind: str
    first_date: date | None = None
    last_date: date | None = None
    reason: str | None = None
    line_id: UUID | None = None
    """None: every line, or the only one."""
    quantity: int | None = None
    product_id: UUID | None = None
    pattern: Pattern | None = None
    dates: tuple[tuple[date, int], ...] = ()
    settle: str = PERIOD
    bottles: int | None = None
    cycle_days: int | None = None
    agreement_version: str | None = None
    source: str | None = None
    fault: str | None = None
    """Because of whom an order ends; None: the household wishes it."""
    address_id: UUID | None = None

    def as_json(self) -> dict[str, Any]:
        """What is said and not left to the default, part of the token."""
        said = {field.name: getattr(self, field.name) for field in fields(self)}
        return {
            name: _plain(value)
            for name, value in said.items()
            if name == "kind" or value not in (None, (), PERIOD)
        }

    @classmethod
    def from_json(cls, said: dict[str, Any]) -> "WantedChange":
        """The change a token names."""
        read: dict[str, Callable[[Any], Any]] = {
            "first_date": date.fromisoformat,
            "last_date": date.fromisoformat,
            "line_id": UUID,
            "product_id": UUID,
            "address_id": UUID,
            "pattern": pattern_from_json,
            "dates": lambda days: tuple((date.fromisoformat(day), count) for day, count in days),
        }
        return cls(**{name: read.get(name, _as_it_is)(value) for name, value in said.items()})


def _as_it_is(value: Any) -> Any:
    return value


def _plain(value: Any) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, Pattern):
        return pattern_as_json(value)
    if isinstance(value, tuple):
        return [[day.isoformat(), count] for day, count in value]
    return value


def pattern_as_json(pattern: Pattern) -> dict[str, Any]:
    """A pattern as the API writes it."""
    if pattern.weekday_quantities is not None:
        return {"kind": "weekdays", "quantities": list(pattern.weekday_quantities)}
    return {
        "kind": "every_days",
        "interval_days": pattern.interval_days,
        "quantity": pattern.quantity,
    }


def pattern_from_json(said: dict[str, Any]) -> Pattern:
    """A pattern as `pattern_as_json` writes it."""
    if said["kind"] == "weekdays":
        return Pattern.weekly(said["quantities"])
    return Pattern.every(said["interval_days"], said["quantity"])
