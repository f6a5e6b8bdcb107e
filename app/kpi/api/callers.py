"""Who asks for figures, and about what."""

from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query

from app.core.errors import Forbidden
from app.identity.access import Allow, Principal
from app.identity.models import Role
from app.kpi.definitions import ScopeKind
from app.kpi.scopes import Scope, read_scope

SEES_ALL = (Role.MANAGER, Role.AUDITOR, Role.QUALITY, Role.ADMIN)
KpiReader = Annotated[Principal, Depends(Allow(*SEES_ALL, Role.STATION_MANAGER))]
Manager = Annotated[Principal, Depends(Allow(Role.MANAGER))]
Improver = Annotated[Principal, Depends(Allow(Role.MANAGER, Role.QUALITY, Role.STATION_MANAGER))]
ExportReader = Annotated[Principal, Depends(Allow(Role.MANAGER, Role.AUDITOR, Role.ADMIN))]
Admin = Annotated[Principal, Depends(Allow(Role.ADMIN))]
FirstDate = Annotated[date, Query(alias="from")]
LastDate = Annotated[date, Query(alias="to")]
ScopeText = Annotated[str | None, Query(max_length=60)]


def scope_of(caller: Principal, text: str | None) -> Scope:
    """The scope a caller names, held to his station; without a name the largest he sees."""
    held_to: UUID | None = None
    if not caller.has(*SEES_ALL):
        if caller.station_id is None:
            raise Forbidden
        held_to = caller.station_id
    if text is None and held_to is not None:
        return Scope(ScopeKind.STATION, row_id=held_to, within_station_id=held_to)
    named = ScopeKind.OPERATOR.value if text is None else text
    return read_scope(named, within_station_id=held_to)
