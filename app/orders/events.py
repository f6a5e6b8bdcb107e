"""Facts the orders package publishes."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from app.core.events import Event


@dataclass(frozen=True)
class OrderConfirmed(Event):
    """An order goes into delivery."""

    customer_id: UUID
    order_id: UUID
    at: datetime


@dataclass(frozen=True)
class OrderRejected(Event):
    """An order did not pass its review."""

    customer_id: UUID
    order_id: UUID
    at: datetime


@dataclass(frozen=True)
class OrderCancelled(Event):
    """An order ended before its time."""

    customer_id: UUID
    order_id: UUID
    at: datetime


@dataclass(frozen=True)
class SpentBottlesAsked(Event):
    """How many bottles of its own each line has had at the door; who knows fills `spent` in."""

    customer_id: UUID
    order_line_ids: Collection[UUID]
    spent: dict[UUID, int] = field(default_factory=dict)
