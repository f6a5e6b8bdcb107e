"""What places and people are called."""

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Select, func, literal, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.coldchain.models import ColdStore
from app.core.errors import NotFound
from app.core.ids import public_single, read_single
from app.identity.models import StaffAccount
from app.kpi.definitions import ScopeKind
from app.kpi.scopes import Scope
from app.network.models import Block, City, Station, Vehicle
from app.workforce.models import Deliverer

_TABLES = {
    "stn": (Station.id, Station.name),
    "blk": (Block.id, Block.name),
    "dlv": (Deliverer.id, Deliverer.name),
    "veh": (Vehicle.id, Vehicle.plate),
    "sto": (ColdStore.id, ColdStore.name),
}


@dataclass(frozen=True, slots=True)
class Place:
    """A scope's name and what it lies in."""

    title: str
    city_code: str | None
    city: str | None
    station_id: UUID | None
    station: str | None


@dataclass(frozen=True, slots=True)
class StandIn:
    """A deliverer who may take a round."""

    id: UUID
    name: str
    employee_no: str


async def find_place(session: AsyncSession, scope: Scope) -> Place | None:
    """Name, city and station of a scope below the operator."""
    statement: Select[str, str | None, str | None, UUID | None, str | None]
    match scope.kind:
        case ScopeKind.CITY:
            statement = select(City.name, City.code, City.name, literal(None), literal(None)).where(
                City.code == scope.city_code
            )
        case ScopeKind.STATION:
            statement = (
                select(Station.name, City.code, City.name, Station.id, Station.name)
                .join(City, City.code == Station.city_code)
                .where(Station.id == scope.row_id)
            )
        case ScopeKind.BLOCK:
            statement = (
                select(Block.name, City.code, City.name, Station.id, Station.name)
                .join(Station, Station.id == Block.station_id)
                .join(City, City.code == Station.city_code)
                .where(Block.id == scope.row_id)
            )
        case _:
            statement = (
                select(Deliverer.name, City.code, City.name, Station.id, Station.name)
                .outerjoin(Station, Station.id == Deliverer.station_id)
                .outerjoin(City, City.code == Station.city_code)
                .where(Deliverer.id == scope.row_id)
            )
    row = (await session.execute(statement)).first()
    return None if row is None else Place(*row)


async def list_names(session: AsyncSession, public_ids: Collection[str]) -> dict[str, str]:
    """Names by public id, one statement a kind; ids of other kinds and unknown ones are left out."""
    asked: dict[str, list[UUID]] = {}
    for public_id in sorted(set(public_ids)):
        prefix = public_id.partition("_")[0]
        if prefix in _TABLES:
            try:
                asked.setdefault(prefix, []).append(read_single(prefix, public_id))
            except NotFound:
                continue
    found = {}
    for prefix, ids in asked.items():
        row_key, name = _TABLES[prefix]
        for row_id, title in await session.execute(select(row_key, name).where(row_key.in_(ids))):
            found[public_single(prefix, row_id)] = title
    return found


async def list_actors(session: AsyncSession, actors: Collection[str]) -> dict[str, str]:
    """Names of staff by actor; those of other kinds are left out."""
    asked = {}
    for actor in actors:
        kind, _, text = actor.partition(":")
        if kind == "staff":
            asked[UUID(text)] = actor
    rows = await session.execute(
        select(StaffAccount.id, StaffAccount.display_name).where(StaffAccount.id.in_(sorted(asked)))
    )
    return {asked[row_id]: name for row_id, name in rows}


async def list_stand_ins(
    session: AsyncSession, *, station_id: UUID, limit: int, words: str
) -> list[StandIn]:
    """Active deliverers of a station, by name; `words` narrows by name or employee number."""
    statement = (
        select(Deliverer.id, Deliverer.name, Deliverer.employee_no)
        .where(Deliverer.station_id == station_id, Deliverer.is_active)
        .order_by(Deliverer.name, Deliverer.employee_no)
        .limit(limit)
    )
    if words:
        statement = statement.where(
            or_(
                func.strpos(Deliverer.name, words) > 0,
                func.strpos(func.lower(Deliverer.employee_no), words.lower()) > 0,
            )
        )
    return [StandIn(*row) for row in await session.execute(statement)]
