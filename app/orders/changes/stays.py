"""Where an order is brought and by which station, from a day on: its stays, present and to come."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import local_date
from app.network.errors import NoOpenDay
from app.network.service import (
    Serving,
    StationDays,
    find_serving,
    hold_open_days,
    read_days_of_stations,
)
from app.orders import repository
from app.orders.errors import OrderNotChangeable
from app.orders.models import Order
from app.orders.repository import Door

LOOK_AHEAD = timedelta(days=366)
Holds = tuple[tuple[UUID, date], ...]
"""Days that a change keeps open: (station, service date)."""


@dataclass(frozen=True, slots=True)
class Stay:
    """A door from a day on, and the station that serves it."""

    from_date: date
    address_id: UUID
    station_id: UUID


@dataclass(frozen=True)
class Stays:
    """The stays of an order from today on, in order, and the days of their stations as one."""

    stays: tuple[Stay, ...]
    days: StationDays

    def holds(self, day: date) -> Holds:
        """One open day of each station that brings on a day or later: its first one.

        A change lays lines out over days of all of them. Raises NoOpenDay.
        """
        found: dict[UUID, date] = {}
        for number, stay in enumerate(self.stays):
            is_last = number + 1 == len(self.stays)
            until = date.max if is_last else self.stays[number + 1].from_date
            if until <= day:
                continue
            first = self.days.first_effective_date(lead_days=0, wished=max(day, stay.from_date))
            if first is None:
                raise NoOpenDay
            if first < until:
                found.setdefault(stay.station_id, first)
        return tuple(sorted(found.items()))

    def first_open(self) -> date:
        """The first day that takes changes; raises NoOpenDay."""
        found = self.days.first_effective_date(lead_days=0)
        if found is None:
            raise NoOpenDay
        return found

    def station_on(self, day: date) -> UUID:
        """Who brings on a day."""
        begun = [stay for stay in self.stays if stay.from_date <= day]
        return (begun or self.stays)[-1 if begun else 0].station_id


async def read_stays(
    session: AsyncSession,
    order: Order,
    doors: Sequence[Door],
    *,
    now: datetime,
    then: Stay | None = None,
) -> Stays:
    """Stays by doors, and one that is to follow; raises OrderNotChangeable (nobody serves one)."""
    today = local_date(now)
    past = [door for door in doors if door.from_date <= today]
    found = []
    for door in [*past[-1:], *doors[len(past) :]]:
        serving = await _find(session, order.customer_id, door, today=today)
        if serving is None:
            raise OrderNotChangeable(status=order.status.value)
        found.append(Stay(door.from_date, door.address_id, serving.station_id))
    if then is not None:
        found.append(then)
    days = await read_days_of_stations(
        session, parts=[(stay.from_date, stay.station_id) for stay in found], now=now
    )
    return Stays(tuple(found), days)


async def _find(
    session: AsyncSession, customer_id: UUID, door: Door, *, today: date
) -> Serving | None:
    """Who serves a door when it is reached or, for an order that has not begun, will."""
    for on in (max(door.from_date, today), today + LOOK_AHEAD):
        serving = await find_serving(
            session, customer_id=customer_id, address_id=door.address_id, on=on
        )
        if serving is not None:
            return serving
    return None


async def stays_of(session: AsyncSession, order: Order, *, now: datetime) -> Stays:
    """Stays of an order as it stands; raises OrderNotChangeable."""
    doors = await repository.list_doors(session, [(order.customer_id, order.order_id)])
    return await read_stays(session, order, doors[order.order_id], now=now)


async def hold_from(session: AsyncSession, order: Order, day: date, *, now: datetime) -> None:
    """Keep open what a change of an order from a day on touches; to be called before its lock.

    Raises OrderNotChangeable, NoOpenDay, DayClosed.
    """
    stays = await stays_of(session, order, now=now)
    await hold_open_days(session, holds=stays.holds(day), now=now)
