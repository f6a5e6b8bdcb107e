"""What a phone says, as plain values, and the answer each event gets."""

import json
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from app.core.errors import AppError
from app.delivery.repository.confirming import StopKey
from app.delivery.rules import TITLES, FailureReason, Refusal
from app.orders.service import DoorOrder


@dataclass(frozen=True, slots=True)
class BroughtLine:
    """Bottles brought of one delivery of a stop."""

    customer_id: UUID
    order_line_id: UUID
    delivery_no: int
    delivered: int


@dataclass(frozen=True, slots=True)
class Confirmation:
    """A tap at a door: the whole stop, made or not; `corrects` names the event it replaces."""

    event_id: UUID
    device_at: datetime
    customer_id: UUID
    address_id: UUID
    service_date: date
    outcome: Literal["delivered", "not_delivered"]
    reason: FailureReason | None = None
    lines: tuple[BroughtLine, ...] = ()
    bottles: int | None = None
    celsius: Decimal | None = None
    bulk: bool = False
    corrects: UUID | None = None
    content: dict[str, Any] = field(default_factory=dict)
    """What the phone said, as it is kept; nothing that names a person."""

    @property
    def kind(self) -> str:
        """As the phone names it."""
        return "stop_done" if self.corrects is None else "correction"

    @property
    def stop(self) -> StopKey:
        """The stop it speaks of."""
        return (self.customer_id, self.service_date, self.address_id)


@dataclass(frozen=True, slots=True)
class TemperatureNote:
    """°C measured at a door; kept, and no expected check."""

    event_id: UUID
    device_at: datetime
    customer_id: UUID
    address_id: UUID
    service_date: date
    celsius: Decimal
    content: dict[str, Any] = field(default_factory=dict)
    kind: str = "temperature_note"

    @property
    def stop(self) -> StopKey:
        """The stop it speaks of."""
        return (self.customer_id, self.service_date, self.address_id)


@dataclass(frozen=True, slots=True)
class DoorOrderTaken:
    """An order written down at a door, with the money for it."""

    event_id: UUID
    device_at: datetime
    order: DoorOrder = field(repr=False)
    kind: str = "offline_order"

    @property
    def content(self) -> dict[str, Any]:
        """What is kept of it: nothing that names the household."""
        return {
            "client_order_id": str(self.order.client_order_id),
            "product_id": str(self.order.product_id),
            "bottles": self.order.bottles,
            "amount_fen": self.order.amount_fen,
            "pay_channel": self.order.pay_channel.value,
            "receipt_no": self.order.receipt_no,
        }


@dataclass(frozen=True, slots=True)
class ShareTaken:
    """°C of the milk as the deliverer takes over the share of a block at the station."""

    event_id: UUID
    device_at: datetime
    block_id: UUID
    service_date: date
    celsius: Decimal
    product_id: UUID | None = None
    content: dict[str, Any] = field(default_factory=dict)
    kind: str = "handover"


@dataclass(frozen=True, slots=True)
class Malformed:
    """Something that is no event; not kept, so that a mended phone may send it again."""

    event_id: UUID | None
    problems: tuple[str, ...]


AtStop = Confirmation | TemperatureNote
ByItself = DoorOrderTaken | ShareTaken
"""What another package records: each stands in a savepoint."""
PhoneEvent = AtStop | ByItself


@dataclass(frozen=True, slots=True)
class EventAnswer:
    """The answer to one event. `repeated`: it was answered before, and this is that answer."""

    status: Literal["accepted", "refused"]
    code: str | None = None
    title: str | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    repeated: bool = False

    @classmethod
    def refused(cls, refusal: Refusal, **facts: Any) -> "EventAnswer":
        """A refusal of ours."""
        return cls("refused", refusal.value, TITLES[refusal], facts)

    @classmethod
    def refused_by(cls, error: AppError) -> "EventAnswer":
        """A refusal by the package that would have done it."""
        facts = {key: value for key, value in error.facts.items() if value is not None}
        return cls("refused", error.code, error.title, json.loads(json.dumps(facts, default=str)))

    def stored(self) -> dict[str, Any]:
        """What is kept of it."""
        kept = {"status": self.status, "code": self.code, "title": self.title, "facts": self.facts}
        return {key: value for key, value in kept.items() if value}

    @classmethod
    def read(cls, stored: dict[str, Any]) -> "EventAnswer":
        """The answer an event got before."""
        return cls(
            stored["status"],
            stored.get("code"),
            stored.get("title"),
            stored.get("facts", {}),
            repeated=True,
        )


ACCEPTED = EventAnswer("accepted")
