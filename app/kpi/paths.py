"""The way down to a scope: operator, city, station, block or deliverer, with their names."""

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.errors import NotFound
from app.kpi.definitions import ScopeKind
from app.kpi.repository import names
from app.kpi.scopes import Scope
from app.kpi.service import require_scope


@dataclass(frozen=True, slots=True)
class Step:
    """One scope on the way, and what people call it."""

    scope: Scope
    title: str


async def read_path(session: AsyncSession, scope: Scope) -> list[Step]:
    """The scopes around a scope, the widest first, itself last; for a station manager from his
    station on.

    Raises NotFound for a scope that does not exist, or that the caller does not see.
    """
    await require_scope(session, scope)
    if scope.kind is ScopeKind.OPERATOR:
        return [Step(scope, "全部城市")]
    found = await names.find_place(session, scope)
    if found is None:
        raise NotFound
    held = scope.within_station_id
    steps = []
    if held is None:
        steps.append(Step(Scope(ScopeKind.OPERATOR), "全部城市"))
        if found.city_code is not None:
            steps.append(Step(Scope(ScopeKind.CITY, city_code=found.city_code), found.city or ""))
    if found.station_id is not None:
        station = Scope(ScopeKind.STATION, row_id=found.station_id, within_station_id=held)
        steps.append(Step(station, found.station or ""))
    if scope.kind in {ScopeKind.BLOCK, ScopeKind.DELIVERER}:
        steps.append(Step(scope, found.title))
    return steps


async def name_places(session: AsyncSession, public_ids: Collection[str]) -> dict[str, str]:
    """Names of stations, blocks, deliverers, vehicles and cold stores by public id; unknown left out."""
    return await names.list_names(session, public_ids)


async def name_actors(session: AsyncSession, actors: Collection[str]) -> dict[str, str]:
    """Names of members of staff as histories write them (`staff:…`); others are left out."""
    return await names.list_actors(session, actors)


async def list_stand_ins(
    session: AsyncSession, *, station_id: UUID, limit: int, words: str = ""
) -> list[names.StandIn]:
    """Deliverers of a station who may take a round, by name; `words` narrows by name or
    employee number."""
    return await names.list_stand_ins(session, station_id=station_id, limit=limit, words=words)
