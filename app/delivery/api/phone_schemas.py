"""Shapes of what phones send: every event by itself, so that a bad one does not hinder the others."""

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import (
    UUID7,
    AwareDatetime,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    WithJsonSchema,
    model_validator,
)

from app.core.errors import NotFound
from app.core.ids import read_single
from app.core.schemas import MOST_FIELDS, Answer, Request, Strict
from app.delivery.rules import FailureReason
from app.delivery.service import (
    BroughtLine,
    Confirmation,
    DoorOrderTaken,
    Malformed,
    PhoneEvent,
    ShareTaken,
    TemperatureNote,
)
from app.orders.presenting import door_order
from app.orders.schemas import DoorOrderIn

MAX_EVENTS = 200


_DIGITS = str.maketrans("abcdefghijklmnopqrstuvwxyz234567", "0123456789abcdefghijklmnopqrstuv")
_HALF = (1 << 128) - 1


def read_owned_id(text: str) -> tuple[UUID, UUID]:
    """`(customer_id, id)` of a public id whose shape is checked; raises NotFound.

    The codec of `core.ids`, read as one number: a batch names hundreds, and this is five times as
    fast. A test holds the two equal.
    """
    value = int(text[4:].translate(_DIGITS), 32)
    if value & 15:
        raise NotFound
    return UUID(int=value >> 132), UUID(int=value >> 4 & _HALF)


AddressId = Annotated[str, StringConstraints(pattern=r"^adr_[a-z2-7]{52}$")]
LineId = Annotated[str, StringConstraints(pattern=r"^lin_[a-z2-7]{52}$")]
BlockId = Annotated[str, StringConstraints(pattern=r"^blk_[a-z2-7]{26}$")]
ProductId = Annotated[str, StringConstraints(pattern=r"^prd_[a-z2-7]{26}$")]
Celsius = Annotated[
    Decimal, Field(ge=-60, le=80, max_digits=4, decimal_places=1, allow_inf_nan=False)
]
ServiceDate = Annotated[date, Field(ge=date(2000, 1, 1), le=date(2199, 12, 31))]


class _EventIn(Strict):
    event_id: UUID7
    device_at: AwareDatetime


class BroughtLineIn(Request):
    """Bottles brought of one delivery of the stop."""

    line: LineId
    delivery_no: Annotated[int, Field(ge=0, le=99, strict=True)] = 0
    delivered_quantity: Annotated[int, Field(ge=0, le=9999, strict=True)]


class StopDoneIn(_EventIn):
    """A tap at a door. `deliveries` names the lines that were not brought in full.

    `bulk`: one tap covered several stops. `bottles`: all bottles left at the door, as a check.
    """

    kind: Literal["stop_done"]
    stop: AddressId
    service_date: ServiceDate
    outcome: Literal["delivered", "not_delivered"]
    reason: FailureReason | None = None
    deliveries: Annotated[list[BroughtLineIn], Field(default_factory=list, max_length=50)]
    bottles: Annotated[int, Field(ge=0, le=9999, strict=True)] | None = None
    celsius: Celsius | None = None
    bulk: Annotated[bool, Field(strict=True)] = False

    @model_validator(mode="after")
    def says_one_thing(self) -> Self:
        """A stop that was not made gives its reason and has no bottles."""
        if self.outcome == "not_delivered":
            if self.reason is None:
                raise ValueError("a stop that was not made gives its reason")
            if self.deliveries or self.bottles:
                raise ValueError("a stop that was not made has no bottles")
        named = {(line.line, line.delivery_no) for line in self.deliveries}
        if len(named) < len(self.deliveries):
            raise ValueError("a delivery is named twice")
        return self

    def confirmation(self, said: dict[str, Any], *, corrects: UUID | None = None) -> Confirmation:
        """The service's value; `said` is the event as it came."""
        customer_id, address_id = read_owned_id(self.stop)
        return Confirmation(
            event_id=self.event_id,
            device_at=self.device_at,
            customer_id=customer_id,
            address_id=address_id,
            service_date=self.service_date,
            outcome=self.outcome,
            reason=self.reason,
            lines=self._lines() if self.deliveries else (),
            bottles=self.bottles,
            celsius=self.celsius,
            bulk=self.bulk,
            corrects=corrects,
            content=said,
        )

    def _lines(self) -> tuple[BroughtLine, ...]:
        return tuple(
            BroughtLine(*read_owned_id(line.line), line.delivery_no, line.delivered_quantity)
            for line in self.deliveries
        )


class CorrectionIn(StopDoneIn):
    """The whole stop said anew; it replaces an earlier event when its device time is later."""

    kind: Literal["correction"]  # type: ignore[assignment]  # the discriminator of this kind
    corrects: UUID7


class TemperatureNoteIn(_EventIn):
    """°C measured at a door."""

    kind: Literal["temperature_note"]
    stop: AddressId
    service_date: ServiceDate
    celsius: Celsius


class OfflineOrderIn(_EventIn):
    """An order taken at a door, with the cash or POS slip for it; taken at the event's time."""

    kind: Literal["offline_order"]
    order: DoorOrderIn


class HandoverIn(_EventIn):
    """°C of the milk as the deliverer takes over a block's share at the station (S1 4.4.6)."""

    kind: Literal["handover"]
    block: BlockId
    service_date: ServiceDate
    celsius: Celsius
    product: ProductId | None = None


AnyEventIn = StopDoneIn | CorrectionIn | TemperatureNoteIn | OfflineOrderIn | HandoverIn
EventIn = Annotated[AnyEventIn, Field(discriminator="kind")]
_ONE = TypeAdapter[AnyEventIn](EventIn)
_ALL = TypeAdapter[list[AnyEventIn]](list[EventIn])
_ID = TypeAdapter[UUID](UUID7)

RawEvent = Annotated[
    dict[str, Any],
    WithJsonSchema(
        {
            "type": "object",
            "title": "PhoneEvent",
            "description": (
                "One event: `stop_done`, `correction`, `temperature_note`, `offline_order` or"
                " `handover` (see `x-kinds`). An event that does not fit is refused in its own answer with code"
                " `malformed_event`; the others of the batch are taken."
            ),
            "x-kinds": _ONE.json_schema(),
        }
    ),
]


class SyncIn(Request):
    """One batch. `sent_at` is the phone's clock when it sends, so that its error is known."""

    batch_id: UUID
    sent_at: AwareDatetime
    events: Annotated[list[RawEvent], Field(min_length=1, max_length=MAX_EVENTS)]


@dataclass(slots=True)
class EventAnswerOut:
    """The answer to one event.

    `duplicate`: accepted before, with the facts it got then. A repeated refusal is refused again,
    for the same reason. `repeated` marks both.
    """

    event_id: UUID | None
    status: Literal["accepted", "duplicate", "refused"]
    code: str | None = None
    title: str | None = None
    repeated: bool = False
    facts: dict[str, Any] = field(default_factory=dict)


class SyncOut(Answer):
    """Answers in the order of the batch; the offset is server time minus phone time."""

    batch_id: UUID
    clock_offset_ms: int
    answers: list[EventAnswerOut]


def read_events(raw: list[dict[str, Any]], *, deliverer_id: UUID) -> list[PhoneEvent | Malformed]:
    """The service's values of a batch."""
    if any(len(said) > MOST_FIELDS for said in raw):
        return [_read_one(said, deliverer_id) for said in raw]
    try:
        read = _ALL.validate_python(raw)
        return [_event(event, said, deliverer_id) for event, said in zip(read, raw, strict=True)]
    except (ValidationError, NotFound):
        return [_read_one(said, deliverer_id) for said in raw]


def _read_one(raw: dict[str, Any], deliverer_id: UUID) -> PhoneEvent | Malformed:
    if len(raw) > MOST_FIELDS:  # one complaint instead of one per field
        return _malformed(raw, ("event: too_many_fields",))
    try:
        return _event(_ONE.validate_python(raw), raw, deliverer_id)
    except ValidationError as error:
        problems = tuple(
            f"{_place(item['loc'][1:])}: {item['type']}"
            for item in error.errors(include_input=False, include_context=False)[:10]
        )
    except NotFound:
        problems = ("an id is not one of ours",)
    return _malformed(raw, problems)


def _malformed(raw: dict[str, Any], problems: tuple[str, ...]) -> Malformed:
    try:
        return Malformed(_ID.validate_python(raw.get("event_id")), problems)
    except ValidationError:
        return Malformed(None, problems)


def _place(parts: tuple[int | str, ...]) -> str:
    """Where in the event; names the phone made up are shown as plain ASCII."""
    named = ".".join(str(part) for part in parts) or "event"
    return named.encode("ascii", "backslashreplace").decode()[:100]


def _event(event: AnyEventIn, said: dict[str, Any], deliverer_id: UUID) -> PhoneEvent:
    match event:
        case CorrectionIn():
            return event.confirmation(said, corrects=event.corrects)
        case StopDoneIn():
            return event.confirmation(said)
        case TemperatureNoteIn():
            customer_id, address_id = read_owned_id(event.stop)
            return TemperatureNote(
                event_id=event.event_id,
                device_at=event.device_at,
                customer_id=customer_id,
                address_id=address_id,
                service_date=event.service_date,
                celsius=event.celsius,
                content=said,
            )
        case OfflineOrderIn():
            return DoorOrderTaken(
                event_id=event.event_id,
                device_at=event.device_at,
                order=door_order(event.order, deliverer_id=deliverer_id),
            )
        case HandoverIn():
            return ShareTaken(
                event_id=event.event_id,
                device_at=event.device_at,
                block_id=read_single("blk", event.block),
                service_date=event.service_date,
                celsius=event.celsius,
                product_id=None if event.product is None else read_single("prd", event.product),
                content=said,
            )
