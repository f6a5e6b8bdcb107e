"""Where a move goes: the new address, the verdict on it, and who will bring there (S1 4.2.5)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import local_date
from app.customers.service import Building, get_address
from app.network.service import (
    Coverage,
    StationDays,
    check_coverage,
    find_serving,
    read_station_days,
)
from app.orders import repository
from app.orders.changes.stays import LOOK_AHEAD
from app.orders.changes.wanted import WantedChange
from app.orders.errors import AddressMissing, MoveAhead, MoveWaits, OtherCity, SameAddress
from app.orders.models import Order
from app.orders.repository import Door

DEFAULT_STOP_NO = 9999
COVERED, UNCLEAR = "covered", "unclear"


@dataclass(frozen=True, slots=True)
class ServedBy:
    """Who will bring it."""

    station_id: UUID
    block_id: UUID
    stop_no: int

    @classmethod
    def of(cls, coverage: Coverage) -> "ServedBy | None":
        """The block that a verdict names."""
        if coverage.verdict != COVERED or not coverage.station_id or not coverage.block_id:
            return None
        stop_no = DEFAULT_STOP_NO if coverage.stop_no is None else coverage.stop_no
        return cls(coverage.station_id, coverage.block_id, stop_no)


@dataclass(frozen=True)
class Destination:
    """An address that an order moves to."""

    building: Building
    verdict: str
    served_by: ServedBy | None = None
    """None: nobody has said yet."""
    days: StationDays | None = None
    """Of the new station."""
    is_decided: bool = False
    """By a reviewer: a wished day that has passed meanwhile is no hindrance."""

    def door(self, first: date) -> Door:
        """As a door of the order."""
        return Door(first, self.building.address_id, self.building.address_version_id)


async def read_destination(
    session: AsyncSession,
    order: Order,
    wanted: WantedChange,
    *,
    now: datetime,
    served_by: ServedBy | None = None,
) -> Destination:
    """The address a move goes to; a reviewer's word on who brings there comes before coverage.

    Raises AddressMissing, AddressUnknown, SameAddress, OtherCity, MoveWaits, MoveAhead.
    """
    if wanted.address_id is None:
        raise AddressMissing
    key = (order.customer_id, order.order_id)
    building = await get_address(
        session, customer_id=order.customer_id, address_id=wanted.address_id
    )
    if served_by is None and await repository.find_waiting_move(session, *key) is not None:
        raise MoveWaits
    doors = (await repository.list_doors(session, [key]))[order.order_id]
    await _require_other(session, order, building, doors, today=local_date(now))
    verdict, is_decided = COVERED, served_by is not None
    if served_by is None:
        verdict, served_by = await _who_serves(session, order, building, today=local_date(now))
    days = None
    if served_by is not None:
        days = await read_station_days(session, station_id=served_by.station_id, now=now)
    return Destination(building, verdict, served_by, days, is_decided)


async def _require_other(
    session: AsyncSession,
    order: Order,
    building: Building,
    doors: Sequence[Door],
    *,
    today: date,
) -> None:
    last = doors[-1]
    if last.from_date > today:
        raise MoveAhead(from_date=last.from_date.isoformat())
    if last.address_id == building.address_id:
        raise SameAddress
    before = await get_address(
        session,
        customer_id=order.customer_id,
        address_id=last.address_id,
        include_removed=True,
    )
    if building.city_code != before.city_code:
        raise OtherCity(city_code=before.city_code)


async def _who_serves(
    session: AsyncSession, order: Order, building: Building, *, today: date
) -> tuple[str, ServedBy | None]:
    """The verdict on an address; one that milk is brought to already goes on with who comes."""
    standing = await find_standing(
        session, customer_id=order.customer_id, address_id=building.address_id, today=today
    )
    if standing is not None:
        return COVERED, standing
    coverage = await check_coverage(session, building=building, on=today)
    served_by = ServedBy.of(coverage)
    if served_by is None and coverage.verdict == COVERED:
        return UNCLEAR, None
    return coverage.verdict, served_by


async def find_standing(
    session: AsyncSession, *, customer_id: UUID, address_id: UUID, today: date
) -> ServedBy | None:
    """Who comes to an address already, or will."""
    for on in (today, today + LOOK_AHEAD):
        standing = await find_serving(
            session, customer_id=customer_id, address_id=address_id, on=on
        )
        if standing is not None:
            return ServedBy(standing.station_id, standing.block_id, standing.stop_no)
    return None
