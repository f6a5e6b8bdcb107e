"""Coverage rules in SQL: the few that may fit one building, or all of a city."""

from collections.abc import Collection, Iterable, Mapping
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.db import fetch
from app.network.errors import CoverageRuleUnknown
from app.network.models import Block, CoverageKind, CoverageRule, HouseParity, Station
from app.network.rules import Box, Place, Rule, district_name

_COLUMNS = """
    r.id, r.block_id, b.station_id, r.city_code, r.kind, r.district, r.compound, r.street,
    r.house_from, r.house_to, r.parity, r.polygon, r.west, r.south, r.east, r.north,
    r.first_stop_no
"""
_SERVED = """
    JOIN blocks b ON b.id = r.block_id AND b.is_active
    JOIN stations s ON s.id = b.station_id AND s.is_active
"""
CANDIDATES = f"""
SELECT {_COLUMNS}
FROM (
    SELECT * FROM coverage_rules
    WHERE kind = 'compound' AND city_code = $1 AND compound = $2
    UNION ALL
    SELECT * FROM coverage_rules
    WHERE kind = 'street' AND city_code = $1 AND street = $3
    UNION ALL
    SELECT * FROM coverage_rules
    WHERE kind = 'polygon' AND city_code = $1
      AND box(point(west, south), point(east, north))
          @> box(point($4::float8, $5::float8), point($4::float8, $5::float8))
) r
{_SERVED}
WHERE r.valid @> $6::date
"""
"""Rules whose name equals, or whose box holds the point: each branch has its own index."""
ALL_OF_CITIES = f"""
SELECT {_COLUMNS} FROM coverage_rules r {_SERVED}
WHERE r.city_code = ANY($1::text[]) AND r.valid @> $2::date
"""


def candidate_arguments(place: Place, *, on: date) -> tuple[object, ...]:
    """What CANDIDATES asks for."""
    longitude, latitude = place.point or (None, None)
    return (place.city_code, place.compound, place.street, longitude, latitude, on)


async def list_candidates(session: AsyncSession, place: Place, *, on: date) -> list[Rule]:
    """Rules of active blocks that may fit a place on a day; one statement."""
    return _rules(await fetch(session, CANDIDATES, *candidate_arguments(place, on=on)))


async def list_rules_of_cities(
    session: AsyncSession, *, city_codes: Collection[str], on: date
) -> list[Rule]:
    """All rules of active blocks in these cities on a day."""
    return _rules(await fetch(session, ALL_OF_CITIES, list(city_codes), on))


def _rules(rows: Iterable[Mapping[str, Any]]) -> list[Rule]:
    return [
        Rule(
            id=row["id"],
            block_id=row["block_id"],
            station_id=row["station_id"],
            city_code=row["city_code"],
            kind=CoverageKind(row["kind"]),
            district=district_name(row["district"] or ""),
            compound=row["compound"] or "",
            street=row["street"] or "",
            house_from=row["house_from"],
            house_to=row["house_to"],
            parity=HouseParity(row["parity"]),
            ring=tuple((float(x), float(y)) for x, y in _corners(row["polygon"])),
            box=None
            if row["west"] is None
            else Box(row["west"], row["south"], row["east"], row["north"]),
            first_stop_no=row["first_stop_no"],
        )
        for row in rows
    ]


def _corners(polygon: Any) -> list[Any]:
    return polygon or []


def _listed() -> Select[CoverageRule, Block]:
    return select(CoverageRule, Block).join(Block, Block.id == CoverageRule.block_id)


async def list_rules(
    session: AsyncSession,
    *,
    station_id: UUID | None,
    block_id: UUID | None,
    kind: CoverageKind | None,
    limit: int,
    after_id: UUID | None,
) -> list[tuple[CoverageRule, Block]]:
    """Rules with their blocks, in the order they were made."""
    query = _listed().join(Station, Station.id == Block.station_id)
    query = query.order_by(CoverageRule.id).limit(limit)
    if station_id is not None:
        query = query.where(Station.id == station_id)
    if block_id is not None:
        query = query.where(Block.id == block_id)
    if kind is not None:
        query = query.where(CoverageRule.kind == kind)
    if after_id is not None:
        query = query.where(CoverageRule.id > after_id)
    return [(rule, block) for rule, block in await session.execute(query)]


async def lock_rule(session: AsyncSession, rule_id: UUID) -> tuple[CoverageRule, Block]:
    """One rule, locked, with its block; raises CoverageRuleUnknown."""
    found = (
        await session.execute(
            _listed().where(CoverageRule.id == rule_id).with_for_update(of=CoverageRule)
        )
    ).one_or_none()
    if found is None:
        raise CoverageRuleUnknown
    return found[0], found[1]
