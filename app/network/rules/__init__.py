"""Pure rules of the network: names of buildings, polygons, coverage, dated rows, promised dates."""

from app.network.rules.coverage import (
    BuildingText,
    Coverage,
    Place,
    Rule,
    RuleBook,
    Verdict,
    decide,
    read_place,
)
from app.network.rules.names import (
    compound_name,
    district_name,
    house_numbers,
    split_house,
    street_name,
)
from app.network.rules.periods import ONE_DAY, Period
from app.network.rules.polygons import (
    Box,
    Point,
    bounding_box,
    contains,
    crosses_itself,
    open_ring,
)
from app.network.rules.promise import (
    StationDay,
    StationDays,
    find_year_without_festivals,
    first_date_of_move,
    is_festival,
    joined_days,
)

__all__ = [
    "ONE_DAY",
    "Box",
    "BuildingText",
    "Coverage",
    "Period",
    "Place",
    "Point",
    "Rule",
    "RuleBook",
    "StationDay",
    "StationDays",
    "Verdict",
    "bounding_box",
    "compound_name",
    "contains",
    "crosses_itself",
    "decide",
    "district_name",
    "find_year_without_festivals",
    "first_date_of_move",
    "house_numbers",
    "is_festival",
    "joined_days",
    "open_ring",
    "read_place",
    "split_house",
    "street_name",
]
