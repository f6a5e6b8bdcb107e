"""Shapes of the network's endpoints. Days are inclusive, cut-offs in the operator's time."""

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from app.core.schemas import Answer, OptionalText, Request, ShortText
from app.network.models import CoverageKind, HouseParity, PlanDayState

CalendarDate = Annotated[date, Field(ge=date(2000, 1, 1), le=date(2199, 12, 31))]
CityCode = Annotated[str, StringConstraints(pattern=r"^[0-9]{6}$")]
Code = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$")]
PublicId = Annotated[str, Field(max_length=60)]
Plate = Annotated[ShortText, Field(max_length=20)]
Place = Annotated[OptionalText, Field(max_length=100)]
HouseNumber = Annotated[int, Field(ge=0, le=99_999, strict=True)]
StopNumber = Annotated[int, Field(ge=0, le=1_000_000, strict=True)]
Longitude = Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)]
Latitude = Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)]
Corner = tuple[Longitude, Latitude]


TimeOfDay = Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
"""Operator's time; JSON Schema's own `time` carries a zone."""


class CityIn(Request):
    """A city by its administrative code."""

    code: CityCode
    name: ShortText


class CityOut(Answer):
    """A city."""

    code: str
    name: str


class Cities(Answer):
    """All cities."""

    items: list[CityOut]


class StationIn(Request):
    """A new station; its cut-off holds from today."""

    code: Code
    name: ShortText
    city_code: CityCode
    cutoff_time: TimeOfDay = "16:00"


class StationChange(Request):
    """What may change on a station; what is absent stays."""

    name: ShortText | None = None
    is_active: bool | None = None


class StationOut(Answer):
    """A station."""

    id: str
    code: str
    name: str
    city_code: str
    is_active: bool


class CutoffIn(Request):
    """Until when, on the day before, changes for these service dates are taken."""

    cutoff_time: TimeOfDay
    from_date: CalendarDate
    to_date: CalendarDate | None = None


class CutoffOut(Answer):
    """A cut-off and the service dates it holds for."""

    cutoff_time: TimeOfDay
    from_date: date | None
    to_date: date | None


class Cutoffs(Answer):
    """Cut-offs of a station, oldest first."""

    items: list[CutoffOut]


class PlanDayOut(Answer):
    """A service date of a station."""

    service_date: date
    state: PlanDayState
    cutoff_at: datetime
    takes_changes: bool
    frozen_at: datetime | None
    planned_at: datetime | None
    """Since when it is known what comes to which door."""
    reason: str | None


class PlanDays(Answer):
    """Days of a station, in order."""

    items: list[PlanDayOut]


class BlockIn(Request):
    """A new block of a station."""

    code: Code
    name: ShortText
    station: PublicId


class BlockChange(Request):
    """What may change on a block; what is absent stays."""

    name: ShortText | None = None
    is_active: bool | None = None


class BlockOut(Answer):
    """A block and who serves it today."""

    id: str
    code: str
    name: str
    station: str
    is_active: bool
    deliverer: str | None
    deliverer_name: str | None


class HandOverIn(Request):
    """Who serves a block from a day on, or for some days."""

    deliverer: PublicId
    from_date: CalendarDate
    to_date: CalendarDate | None = None


class BlockDelivererOut(Answer):
    """Who serves a block over some days."""

    deliverer: str
    deliverer_name: str
    from_date: date | None
    to_date: date | None


class BlockDeliverers(Answer):
    """Who served, serves and will serve a block, oldest first."""

    items: list[BlockDelivererOut]


class VehicleIn(Request):
    """A new refrigerated van of a station."""

    plate: Plate
    station: PublicId


class VehicleChange(Request):
    """What may change on a vehicle; what is absent stays."""

    station: PublicId | None = None
    is_active: bool | None = None


class VehicleOut(Answer):
    """A refrigerated van."""

    id: str
    plate: str
    station: str
    is_active: bool


class RuleIn(Request):
    """Buildings a block serves: one of compound, street or polygon (`[[longitude, latitude], …]`)."""

    block: PublicId
    kind: CoverageKind
    district: Place = ""
    compound: Place = ""
    street: Place = ""
    house_from: HouseNumber | None = None
    house_to: HouseNumber | None = None
    parity: HouseParity = HouseParity.ALL
    polygon: Annotated[list[Corner], Field(max_length=200)] = Field(default_factory=list)
    first_stop_no: StopNumber = 0
    from_date: CalendarDate
    to_date: CalendarDate | None = None


class RuleChange(Request):
    """End a rule, or move it in the round; what is absent stays."""

    to_date: CalendarDate | None = None
    first_stop_no: StopNumber | None = None


class RuleOut(Answer):
    """A coverage rule; names as they are compared."""

    id: str
    block: str
    block_code: str
    city_code: str
    kind: CoverageKind
    district: str | None
    compound: str | None
    street: str | None
    house_from: int | None
    house_to: int | None
    parity: HouseParity
    polygon: list[tuple[float, float]] | None
    first_stop_no: int
    from_date: date | None
    to_date: date | None


class CoverageCheckIn(Request):
    """A building as a customer writes it: can it be served?"""

    city_code: CityCode
    district: Place = ""
    street: Place = ""
    house_no: Place = ""
    compound: Place = ""
    longitude: Longitude | None = None
    latitude: Latitude | None = None


class CoverageCheckOut(Answer):
    """By whom, from when; `message` is for the customer."""

    verdict: Literal["covered", "unclear", "uncovered"]
    station: str | None
    station_name: str | None
    block_code: str | None
    first_possible_date: date | None
    message: str


class StopOut(Answer):
    """A stop of a round: the building."""

    address: str
    stop_no: int
    district: str
    street: str
    house_no: str
    compound: str


class Stops(Answer):
    """Stops of a block on a day, in stop order."""

    service_date: date
    items: list[StopOut]


class StopOrderIn(Request):
    """All stops of the block on that day, in the wanted order."""

    service_date: CalendarDate | None = None
    addresses: Annotated[list[PublicId], Field(min_length=1, max_length=5000)]
