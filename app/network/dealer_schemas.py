"""Shapes of the endpoints of dealers. Days are inclusive, amounts fen, shares basis points."""

from datetime import date, datetime
from typing import Annotated

from pydantic import Field

from app.core.ids import public_single
from app.core.schemas import Answer, Request, ShortText
from app.network.models import Dealer, DealerStation, DealerTerm, Station
from app.network.repository.dated import to_period
from app.network.schemas import CalendarDate, Code, PublicId


class DealerIn(Request):
    """A new dealer."""

    code: Code
    name: ShortText


class DealerChange(Request):
    """What may change on a dealer; what is absent stays."""

    name: ShortText | None = None
    is_active: bool | None = None


class DealerOut(Answer):
    """A dealer."""

    id: str
    code: str
    name: str
    is_active: bool
    settled_through: date | None

    @classmethod
    def of(cls, dealer: Dealer) -> "DealerOut":
        """Of a row."""
        return cls(
            id=public_single("dea", dealer.id),
            code=dealer.code,
            name=dealer.name,
            is_active=dealer.is_active,
            settled_through=dealer.settled_through,
        )


class AssignmentIn(Request):
    """Whose a station is from a day on; without a dealer the operator's own."""

    dealer: PublicId | None
    from_date: CalendarDate
    to_date: CalendarDate | None = None


class DealerStationOut(Answer):
    """A station of a dealer over a period."""

    station: str
    station_code: str
    station_name: str
    from_date: date | None
    to_date: date | None


class DealerStations(Answer):
    """Stations a dealer had, has and will have."""

    items: list[DealerStationOut]

    @classmethod
    def of(cls, found: list[tuple[DealerStation, Station]]) -> "DealerStations":
        """Of rows."""
        items = []
        for row, station in found:
            period = to_period(row.valid)
            items.append(
                DealerStationOut(
                    station=public_single("stn", station.id),
                    station_code=station.code,
                    station_name=station.name,
                    from_date=period.first,
                    to_date=period.last,
                )
            )
        return cls(items=items)


class TermIn(Request):
    """What a dealer gets from a date on."""

    valid_from: CalendarDate
    share_bp: Annotated[int, Field(ge=0, le=10_000, strict=True)] = 0
    fen_per_bottle: Annotated[int, Field(ge=0, le=100_000, strict=True)] = 0
    bears_compensation: bool = False
    note: ShortText


class TermOut(Answer):
    """What a dealer gets from a date on."""

    valid_from: date
    share_bp: int
    fen_per_bottle: int
    bears_compensation: bool
    note: str
    set_at: datetime


class DealerTerms(Answer):
    """A dealer's terms, oldest first."""

    items: list[TermOut]

    @classmethod
    def of(cls, terms: list[DealerTerm]) -> "DealerTerms":
        """Of rows."""
        return cls(items=[TermOut.model_validate(term) for term in terms])
