"""Who reads and keeps the cold chain, and whose stations they see."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query
from sqlalchemy.ext.asyncio import AsyncSession

from app.coldchain.errors import DeviceUnknown, TripUnknown
from app.coldchain.ids import read_trip
from app.coldchain.repository import places
from app.coldchain.repository.trips import TripKey, get_trip
from app.core.errors import NotFound
from app.core.ids import read_single
from app.identity.access import Allow, Principal
from app.identity.models import Role
from app.network.errors import StationUnknown
from app.workforce.rules import require_station, station_scope

KEEPERS = (Role.ADMIN, Role.QUALITY)
WIDE = (*KEEPERS, Role.MANAGER, Role.AUDITOR)
"""Roles that see every station; a station manager sees the own one."""

Keeper = Annotated[Principal, Depends(Allow(*KEEPERS))]
Reader = Annotated[Principal, Depends(Allow(*WIDE, Role.STATION_MANAGER))]
Recorder = Annotated[Principal, Depends(Allow(*KEEPERS, Role.STATION_MANAGER))]
StationQuery = Annotated[str | None, Query(max_length=60)]


def wanted_station(caller: Principal, station: str | None) -> UUID | None:
    """The station a list is narrowed to, by right or by wish; raises StationUnknown."""
    scope = station_scope(caller, *WIDE)
    if station is None:
        return scope
    wanted = read_single("stn", station)
    require_station(scope, wanted, StationUnknown)
    return wanted


async def own_device(session: AsyncSession, device: str, caller: Principal) -> UUID:
    """The id of a device the caller may see; raises NotFound."""
    device_id = read_single("dev", device)
    _, station_id = await places.get_device(session, device_id)
    require_station(station_scope(caller, *WIDE), station_id, DeviceUnknown)
    return device_id


async def own_trip(session: AsyncSession, trip: str, caller: Principal) -> TripKey:
    """The key of a trip the caller may see; raises NotFound."""
    key = read_trip(trip)
    found = await get_trip(session, key)
    require_station(station_scope(caller, *WIDE), found.station_id, TripUnknown)
    return key


def require_own(caller: Principal, station_id: UUID | None, error: type[NotFound]) -> None:
    """Raise `error` unless the station is one the caller sees."""
    require_station(station_scope(caller, *WIDE), station_id, error)
