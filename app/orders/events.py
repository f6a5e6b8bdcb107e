"""Facts the orders package publishes."""

from dataclasses import dataclass
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
