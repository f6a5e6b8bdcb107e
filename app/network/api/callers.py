"""Who may read and keep the network, and how its lists are paged."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query

from app.core.ids import read_single
from app.core.pagination import BadCursor, PageRequest
from app.identity.access import Allow, Principal
from app.identity.models import Role
from app.network.errors import StationUnknown
from app.workforce.rules import require_station, station_scope

WIDE = (
    Role.ADMIN,
    Role.MANAGER,
    Role.REVIEWER,
    Role.SERVICE_AGENT,
    Role.FINANCE,
    Role.QUALITY,
    Role.AUDITOR,
)
"""Roles that read every station; a station manager reads the own one."""

Keeper = Annotated[Principal, Depends(Allow(Role.ADMIN, Role.MANAGER))]
Reader = Annotated[Principal, Depends(Allow(*WIDE, Role.STATION_MANAGER))]
StationQuery = Annotated[str | None, Query(max_length=60)]


def wanted_station(caller: Principal, station: str | None) -> UUID | None:
    """The station a list is narrowed to, by right or by wish; raises StationUnknown."""
    scope = station_scope(caller, *WIDE)
    if station is None:
        return scope
    wanted = read_single("stn", station)
    require_station(scope, wanted, StationUnknown)
    return wanted


def after_text(page: PageRequest) -> str | None:
    """The last row's sort text in the cursor; raises BadCursor."""
    match page.after:
        case None:
            return None
        case [str() as key]:
            return key
    raise BadCursor
