"""Which block serves a building (S1 4.3.1): compound before street before polygon."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from math import floor
from typing import Literal, Protocol
from uuid import UUID

from app.network.models import CoverageKind, HouseParity
from app.network.rules.names import district_name, house_numbers, split_house
from app.network.rules.polygons import Box, Point, contains

Verdict = Literal["covered", "unclear", "uncovered"]
RANKS = (CoverageKind.COMPOUND, CoverageKind.STREET, CoverageKind.POLYGON)
_CELL_DEGREES = 0.02


class BuildingText(Protocol):
    """A building as somebody wrote it; empty text and None are not known."""

    @property
    def city_code(self) -> str: ...
    @property
    def district(self) -> str: ...
    @property
    def street(self) -> str: ...
    @property
    def house_no(self) -> str: ...
    @property
    def compound(self) -> str: ...
    @property
    def longitude(self) -> float | None: ...
    @property
    def latitude(self) -> float | None: ...


@dataclass(frozen=True, slots=True)
class Place:
    """A building as rules are compared with it."""

    city_code: str
    district: str
    compound: str
    street: str
    house: int | None
    building: int | None
    point: Point | None

    @property
    def is_usable(self) -> bool:
        """Whether anything says where it is."""
        return bool(self.compound or self.street or self.point)


@dataclass(frozen=True, slots=True)
class Rule:
    """A coverage rule with its station; names as `names` writes them."""

    id: UUID
    block_id: UUID
    station_id: UUID
    city_code: str
    kind: CoverageKind
    district: str
    compound: str
    street: str
    house_from: int | None
    house_to: int | None
    parity: HouseParity
    ring: tuple[Point, ...]
    box: Box | None
    first_stop_no: int

    @property
    def is_cut_by_number(self) -> bool:
        """Whether only some houses of the street or compound belong to it."""
        return (
            self.house_from is not None
            or self.house_to is not None
            or self.parity is not HouseParity.ALL
        )

    def takes_number(self, number: int) -> bool:
        """Whether a house number is in the range and on the right side of the street."""
        if self.house_from is not None and number < self.house_from:
            return False
        if self.house_to is not None and number > self.house_to:
            return False
        return self.parity is HouseParity.ALL or (number % 2 == 1) is (
            self.parity is HouseParity.ODD
        )


@dataclass(frozen=True, slots=True)
class Coverage:
    """The verdict on a building; `candidates` are blocks a person may choose from."""

    verdict: Verdict
    station_id: UUID | None = None
    block_id: UUID | None = None
    stop_no: int | None = None
    candidates: tuple[UUID, ...] = ()


class Fit(IntEnum):
    """How well a rule fits a place; NEAR means that a person must look."""

    NONE = 0
    NEAR = 1
    SURE = 2


def read_place(building: BuildingText) -> Place:
    """What a written building says, in comparable form.

    A house number behind the street or compound counts when none stands in its own field.
    """
    district = district_name(building.district)
    street, behind_street = split_house(building.street, bare_digits=True)
    for prefix in (f"{district}新区", f"{district}区", f"{district}县", f"{district}市"):
        if district and street.startswith(prefix) and street != prefix:
            street = street.removeprefix(prefix)
            break
    compound, behind_compound = split_house(building.compound, bare_digits=False)
    house, number = house_numbers(building.house_no or behind_street)
    if behind_compound:
        number = house_numbers(behind_compound)[1]
    point = None
    if building.longitude is not None and building.latitude is not None:
        point = (building.longitude, building.latitude)
    return Place(
        city_code=building.city_code,
        district=district,
        compound=compound,
        street=street,
        house=house,
        building=number,
        point=point,
    )


def fit(rule: Rule, place: Place) -> Fit:
    """How well a rule fits: another district, or a number that is needed and missing, is NEAR."""
    if rule.kind is CoverageKind.POLYGON:
        found = _fit_polygon(rule, place)
    elif rule.kind is CoverageKind.COMPOUND:
        found = _fit_named(rule, rule.compound, place.compound, place.building)
    else:
        found = _fit_named(rule, rule.street, place.street, place.house)
    is_elsewhere = rule.district and place.district and rule.district != place.district
    return min(found, Fit.NEAR) if is_elsewhere else found


def _fit_named(rule: Rule, own: str, asked: str, number: int | None) -> Fit:
    if not asked or own != asked:
        return Fit.NONE
    if not rule.is_cut_by_number:
        return Fit.SURE
    if number is None:
        return Fit.NEAR
    return Fit.SURE if rule.takes_number(number) else Fit.NONE


def _fit_polygon(rule: Rule, place: Place) -> Fit:
    if place.point is None or rule.box is None or not rule.box.holds(place.point):
        return Fit.NONE
    return Fit.SURE if contains(rule.ring, place.point) else Fit.NONE


def stop_no(rule: Rule, place: Place) -> int:
    """Where in the round: the rule's first number, then by house (in a compound by building)."""
    number = place.building if rule.kind is CoverageKind.COMPOUND else place.house
    if number is None:
        return rule.first_stop_no
    return rule.first_stop_no + max(0, number - (rule.house_from or 0))


def decide(place: Place, rules: Iterable[Rule]) -> Coverage:
    """The verdict on a place from all rules that may fit it, in any order.

    The best kind of rule with a sure fit decides; several blocks there, or only near fits, are
    unclear. A place that says nothing usable is unclear too.
    """
    if not place.is_usable:
        return Coverage("unclear")
    fitting = [(rule, found) for rule in rules if (found := fit(rule, place)) is not Fit.NONE]
    for kind in RANKS:
        sure = [rule for rule, found in fitting if rule.kind is kind and found is Fit.SURE]
        if sure:
            return _of_equal_rank(place, sure)
    if fitting:
        return Coverage("unclear", candidates=_blocks(rule for rule, _ in fitting))
    return Coverage("uncovered")


def _of_equal_rank(place: Place, rules: Sequence[Rule]) -> Coverage:
    blocks = _blocks(rules)
    if len(blocks) > 1:
        return Coverage("unclear", candidates=blocks)
    rule = min(rules, key=lambda rule: (stop_no(rule, place), rule.id))
    return Coverage(
        "covered",
        station_id=rule.station_id,
        block_id=rule.block_id,
        stop_no=stop_no(rule, place),
    )


def _blocks(rules: Iterable[Rule]) -> tuple[UUID, ...]:
    return tuple(sorted({rule.block_id for rule in rules}))


class RuleBook:
    """Many rules in memory, for many buildings: found by name, or by cell of the map."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._named: dict[tuple[str, str, str], list[Rule]] = defaultdict(list)
        self._cells: dict[tuple[str, int, int], list[Rule]] = defaultdict(list)
        self._known: dict[Place, Coverage] = {}
        for rule in rules:
            if rule.kind is CoverageKind.POLYGON:
                for cell in _cells_of(rule):
                    self._cells[cell].append(rule)
            else:
                name = rule.compound if rule.kind is CoverageKind.COMPOUND else rule.street
                self._named[rule.city_code, rule.kind, name].append(rule)

    def check(self, building: BuildingText) -> Coverage:
        """The verdict on a building; the same place is decided once."""
        place = read_place(building)
        known = self._known.get(place)
        if known is None:
            known = self._known[place] = decide(place, self._candidates(place))
        return known

    def _candidates(self, place: Place) -> Iterator[Rule]:
        city = place.city_code
        yield from self._named.get((city, CoverageKind.COMPOUND, place.compound), ())
        yield from self._named.get((city, CoverageKind.STREET, place.street), ())
        if place.point is not None:
            yield from self._cells.get((city, *_cell(place.point)), ())


def _cell(point: Point) -> tuple[int, int]:
    return floor(point[0] / _CELL_DEGREES), floor(point[1] / _CELL_DEGREES)


def _cells_of(rule: Rule) -> Iterator[tuple[str, int, int]]:
    if rule.box is None:
        return
    west, south = _cell((rule.box.west, rule.box.south))
    east, north = _cell((rule.box.east, rule.box.north))
    for x in range(west, east + 1):
        for y in range(south, north + 1):
            yield rule.city_code, x, y
