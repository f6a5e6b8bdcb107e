"""Which block serves a building (S1 4.3.1), and the rules that say so."""

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.ids import new_id
from app.network.errors import CoverageRuleInvalid, PeriodInvalid, PeriodOver, PolygonInvalid
from app.network.models import Block, CoverageKind, CoverageRule, HouseParity
from app.network.repository import coverage, dated, stations
from app.network.rules import (
    Box,
    BuildingText,
    Coverage,
    Period,
    Point,
    RuleBook,
    bounding_box,
    compound_name,
    crosses_itself,
    decide,
    open_ring,
    read_place,
    split_house,
)

WIDEST_DEGREES = 2.0
"""A polygon wider than that is no block of a city."""


async def check_coverage(session: AsyncSession, *, building: BuildingText, on: date) -> Coverage:
    """The verdict on a building on a day: covered, unclear (with candidate blocks) or uncovered."""
    place = read_place(building)
    if not place.is_usable:
        return Coverage("unclear")
    return decide(place, await coverage.list_candidates(session, place, on=on))


async def match_many(
    session: AsyncSession, *, buildings: Sequence[BuildingText], on: date
) -> list[Coverage]:
    """The verdict on each building, in the same order; the rules of their cities are read once."""
    cities = {building.city_code for building in buildings}
    rules = await coverage.list_rules_of_cities(session, city_codes=cities, on=on)
    book = RuleBook(rules)
    return [book.check(building) for building in buildings]


async def create_rule(
    session: AsyncSession,
    *,
    block_id: UUID,
    kind: CoverageKind,
    district: str,
    compound: str,
    street: str,
    house_from: int | None,
    house_to: int | None,
    parity: HouseParity,
    polygon: Sequence[Point],
    first_stop_no: int,
    from_date: date,
    to_date: date | None,
) -> tuple[CoverageRule, Block]:
    """Let a block serve a compound, a street (each whole or by numbers), or a polygon.

    Raises BlockUnknown, PeriodInvalid, CoverageRuleInvalid, PolygonInvalid.
    """
    if to_date is not None and to_date < from_date:
        raise PeriodInvalid
    _require_shape(kind, compound=compound, street=street, polygon=polygon)
    is_cut = house_from is not None or house_to is not None or parity is not HouseParity.ALL
    if kind is CoverageKind.POLYGON and is_cut:
        raise CoverageRuleInvalid("a polygon has no house numbers")
    if house_from is not None and house_to is not None and house_from > house_to:
        raise CoverageRuleInvalid("house_from lies above house_to")
    block = await stations.get_block(session, block_id)
    station = await stations.get_station(session, block.station_id)
    ring = open_ring(polygon)
    box = _checked_box(ring) if kind is CoverageKind.POLYGON else None
    rule = CoverageRule(
        id=new_id(),
        block_id=block_id,
        city_code=station.city_code,
        kind=kind,
        district=district or None,
        compound=compound_name(compound) or None,
        street=_whole_name(street) or None,
        house_from=house_from,
        house_to=house_to,
        parity=parity,
        polygon=[list(corner) for corner in ring] or None,
        west=box and box.west,
        south=box and box.south,
        east=box and box.east,
        north=box and box.north,
        first_stop_no=first_stop_no,
        valid=dated.to_range(Period.of_days(from_date, to_date)),
    )
    session.add(rule)
    await session.flush()
    return rule, block


def _require_shape(
    kind: CoverageKind, *, compound: str, street: str, polygon: Sequence[Point]
) -> None:
    given = {
        CoverageKind.COMPOUND: bool(compound_name(compound)),
        CoverageKind.STREET: bool(_whole_name(street)),
        CoverageKind.POLYGON: bool(polygon),
    }
    if not given[kind]:
        raise CoverageRuleInvalid(f"{kind.value} is missing")
    if sum(given.values()) > 1:
        raise CoverageRuleInvalid(f"a rule of kind {kind.value} names nothing else")


def _whole_name(street: str) -> str:
    name, house = split_house(street, bare_digits=True)
    if house:
        raise CoverageRuleInvalid("house numbers belong into house_from and house_to")
    return name


def _checked_box(ring: Sequence[Point]) -> Box:
    if len(set(ring)) < 3:
        raise PolygonInvalid("fewer than three corners")
    box = bounding_box(ring)
    if box.east - box.west > WIDEST_DEGREES or box.north - box.south > WIDEST_DEGREES:
        raise PolygonInvalid("wider than a city")
    if crosses_itself(ring):
        raise PolygonInvalid("the edges cross each other")
    return box


async def change_rule(
    session: AsyncSession,
    *,
    rule_id: UUID,
    today: date,
    to_date: date | None = None,
    first_stop_no: int | None = None,
) -> tuple[CoverageRule, Block]:
    """End a rule (today at the earliest) or move it in the round; assigned addresses stay.

    Raises CoverageRuleUnknown, PeriodInvalid, PeriodOver.
    """
    rule, block = await coverage.lock_rule(session, rule_id)
    if to_date is not None:
        period = dated.to_period(rule.valid)
        if to_date < today or (period.until is not None and period.until <= today):
            raise PeriodOver
        if period.first is not None and to_date < period.first:
            raise PeriodInvalid
        ended = Period(period.first, Period.of_days(to_date, to_date).until)
        rule.valid = dated.to_range(ended)
    if first_stop_no is not None:
        rule.first_stop_no = first_stop_no
    await session.flush()
    return rule, block


async def list_rules(
    session: AsyncSession,
    *,
    station_id: UUID | None = None,
    block_id: UUID | None = None,
    kind: CoverageKind | None = None,
    limit: int = 1000,
    after_id: UUID | None = None,
) -> list[tuple[CoverageRule, Block]]:
    """Rules with their blocks, in the order they were made."""
    return await coverage.list_rules(
        session,
        station_id=station_id,
        block_id=block_id,
        kind=kind,
        limit=limit,
        after_id=after_id,
    )
