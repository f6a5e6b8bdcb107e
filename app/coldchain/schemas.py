"""Shapes of the cold chain's endpoints. Temperatures are °C, instants carry a zone."""

from datetime import UTC, date, datetime
from typing import Annotated

from pydantic import AwareDatetime, Field, StringConstraints

from app.coldchain.models import HandoverKind
from app.coldchain.rules import DeviceState, Outcome, SlotState
from app.core.schemas import Answer, OptionalText, Request, ShortText

CalendarDate = Annotated[date, Field(ge=date(2000, 1, 1), le=date(2199, 12, 31))]
Instant = Annotated[
    AwareDatetime,
    Field(ge=datetime(2000, 1, 1, tzinfo=UTC), le=datetime(2199, 12, 31, tzinfo=UTC)),
]
Celsius = Annotated[float, Field(ge=-60, le=80, allow_inf_nan=False)]
DeviceCode = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$")]
PublicId = Annotated[str, Field(max_length=60)]
SlotSeconds = Annotated[int, Field(ge=10, le=86_400, strict=True)]
Reason = Annotated[OptionalText, Field(min_length=1)]
MOST_READINGS = 5_000


class StoreIn(Request):
    """A new cold store of a station."""

    station: PublicId
    name: ShortText


class StoreOut(Answer):
    """A cold store."""

    id: str
    station: str
    name: str


class DeviceIn(Request):
    """A new thermometer in a store or in a vehicle."""

    code: DeviceCode
    store: PublicId | None = None
    vehicle: PublicId | None = None
    min_celsius: Celsius | None = None
    max_celsius: Celsius
    slot_seconds: SlotSeconds
    in_service_from: Instant | None = None


class DeviceEnd(Request):
    """When a device's service ends."""

    in_service_until: Instant


class DeviceOut(Answer):
    """A thermometer, its last reading and what it says at present."""

    id: str
    code: str
    station: str
    store: str | None
    vehicle: str | None
    min_celsius: float | None
    max_celsius: float
    slot_seconds: int
    in_service_from: datetime
    in_service_until: datetime | None
    last_at: datetime | None
    last_celsius: float | None
    state: DeviceState


class OutageIn(Request):
    """When a device was out of service, and why."""

    from_at: Instant
    until: Instant
    reason: Reason


class OutageOut(Answer):
    """A recorded outage."""

    id: str
    from_at: datetime | None
    until: datetime | None
    reason: str
    recorded_at: datetime


class Outages(Answer):
    """Outages of a device, newest first."""

    items: list[OutageOut]


class ReadingIn(Request):
    """One reading: device by code or public id."""

    device: Annotated[str, Field(max_length=60)]
    at: AwareDatetime
    celsius: Annotated[float, Field(allow_inf_nan=False)]


class ReadingsIn(Request):
    """A batch of readings."""

    readings: Annotated[list[ReadingIn], Field(min_length=1, max_length=MOST_READINGS)]


class ReadingsOut(Answer):
    """What became of a batch; `results` stand in the order of the readings."""

    accepted: int
    duplicate: int
    refused: int
    results: list[Outcome]


class ReadingOut(Answer):
    """One kept reading."""

    at: datetime
    celsius: float


class SlotOut(Answer):
    """One slot of a device and its worst reading."""

    start_at: datetime
    state: SlotState
    celsius: float | None


class Slots(Answer):
    """Slots of an operator's day that are over, in order."""

    service_date: date
    items: list[SlotOut]


class TripIn(Request):
    """A vehicle's next trip for a service date."""

    vehicle: PublicId
    service_date: CalendarDate


class PrecoolIn(Request):
    """The cabin before loading."""

    celsius: Celsius
    cleaned: bool
    at: Instant | None = None


class StepIn(Request):
    """When a step was taken; now unless told."""

    at: Instant | None = None


class HandoverIn(Request):
    """Product temperature at a handover."""

    kind: HandoverKind
    celsius: Celsius
    product: PublicId | None = None
    block: PublicId | None = None
    at: Instant | None = None


class LegOut(Answer):
    """A leg of a trip."""

    leg_no: int
    started_at: datetime
    ended_at: datetime | None


class HandoverOut(Answer):
    """A product temperature at a handover, and the limit it was held to."""

    kind: HandoverKind
    block: str | None
    product: str | None
    celsius: float
    limit_celsius: float | None
    passed: bool
    checked_at: datetime


class TripOut(Answer):
    """A trip with its legs and handovers."""

    id: str
    vehicle: str
    service_date: date
    trip_no: int
    station: str
    precool_celsius: float | None
    precool_at: datetime | None
    precool_passed: bool | None
    cleaned: bool | None
    loaded_at: datetime | None
    departed_at: datetime | None
    arrived_at: datetime | None
    legs: list[LegOut]
    handovers: list[HandoverOut]
