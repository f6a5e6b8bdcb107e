"""What a KPI is narrowed to, and who may narrow it to what."""

from dataclasses import dataclass
from uuid import UUID

from app.core.errors import NotFound
from app.core.ids import public_single, read_single
from app.kpi.definitions import ScopeKind
from app.kpi.errors import BadScope

_PREFIXES = {
    ScopeKind.STATION: "stn",
    ScopeKind.BLOCK: "blk",
    ScopeKind.DELIVERER: "dlv",
}


@dataclass(frozen=True, slots=True)
class Scope:
    """The operator as a whole, or one city, station, block or deliverer.

    `within_station_id` holds a station manager to his own station, whatever else he asks for.
    """

    kind: ScopeKind
    city_code: str | None = None
    row_id: UUID | None = None
    within_station_id: UUID | None = None

    @property
    def text(self) -> str:
        """As it is written in the API."""
        if self.kind is ScopeKind.OPERATOR:
            return self.kind.value
        if self.kind is ScopeKind.CITY:
            return f"city:{self.city_code}"
        row_id = self.row_id or UUID(int=0)
        return f"{self.kind.value}:{public_single(_PREFIXES[self.kind], row_id)}"


OPERATOR = Scope(ScopeKind.OPERATOR)


def read_scope(text: str, *, within_station_id: UUID | None = None) -> Scope:
    """The scope a text names; raises BadScope for anything malformed."""
    head, _, name = text.partition(":")
    try:
        kind = ScopeKind(head)
    except ValueError as error:
        raise BadScope from error
    if kind is ScopeKind.OPERATOR:
        if text != kind.value:
            raise BadScope
        return Scope(kind, within_station_id=within_station_id)
    if kind is ScopeKind.CITY:
        if not (name.isascii() and name.isdigit() and len(name) <= 12):
            raise BadScope
        return Scope(kind, city_code=name, within_station_id=within_station_id)
    try:
        row_id = read_single(_PREFIXES[kind], name)
    except NotFound as error:
        raise BadScope from error
    return Scope(kind, row_id=row_id, within_station_id=within_station_id)
