"""Who may do what with cash: a station manager at his station, finance and auditors at all."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends
from sqlalchemy.ext.asyncio import AsyncSession

from app.billing.cash_errors import StationMissing
from app.core.errors import AppError
from app.core.ids import read_single
from app.identity.access import Allow, Principal
from app.identity.models import Role
from app.network.errors import StationUnknown
from app.network.service import get_station
from app.workforce.rules import require_station, station_scope

WIDE = (Role.FINANCE, Role.AUDITOR)

Cashiers = Annotated[Principal, Depends(Allow(Role.STATION_MANAGER, Role.FINANCE))]
Confirmers = Annotated[
    Principal, Depends(Allow(Role.DELIVERER, Role.STATION_MANAGER, Role.FINANCE))
]
Finance = Annotated[Principal, Depends(Allow(Role.FINANCE))]
Readers = Annotated[Principal, Depends(Allow(Role.STATION_MANAGER, *WIDE))]
HandReaders = Annotated[Principal, Depends(Allow(Role.DELIVERER, Role.STATION_MANAGER, *WIDE))]
LimitReaders = Annotated[Principal, Depends(Allow(Role.STATION_MANAGER, Role.MANAGER, *WIDE))]
LimitSetters = Annotated[Principal, Depends(Allow(Role.MANAGER))]


def own_station(caller: Principal) -> UUID | None:
    """The station the caller is held to; None for finance and auditors."""
    return station_scope(caller, *WIDE)


def station_filter(caller: Principal, station: str | None) -> UUID | None:
    """The station a list is narrowed to, None for all; raises StationUnknown for a foreign one."""
    held_to = own_station(caller)
    if station is None:
        return held_to
    station_id = read_single("stn", station)
    require_station(held_to, station_id, StationUnknown)
    return station_id


def hand_filter(
    caller: Principal, *, station: str | None, deliverer: str | None, foreign: type[AppError]
) -> tuple[UUID | None, UUID | None]:
    """The station and deliverer a list of a hand's cash is narrowed to, None for all.

    A deliverer sees his own. Raises `foreign` for another's, StationUnknown.
    """
    station_id = None if station is None else read_single("stn", station)
    deliverer_id = None if deliverer is None else read_single("dlv", deliverer)
    if caller.has(Role.STATION_MANAGER, *WIDE):
        return station_filter(caller, station), deliverer_id
    if deliverer_id not in {None, caller.own_deliverer_id}:
        raise foreign
    return station_id, caller.own_deliverer_id


async def station_for(session: AsyncSession, caller: Principal, station: str | None) -> UUID:
    """The one station meant: a station manager's own without a word.

    Raises StationMissing, StationUnknown (also for a foreign one).
    """
    station_id = station_filter(caller, station)
    if station_id is None:
        raise StationMissing
    await get_station(session, station_id=station_id)
    return station_id
