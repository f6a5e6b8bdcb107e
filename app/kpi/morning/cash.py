"""Cash in: what deliverers took at doors on a morning, as the ledger has it. Amounts in fen."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from app.kpi.definitions import ScopeKind
from app.kpi.repository.cash import CashTaken
from app.kpi.scopes import Scope


@dataclass(frozen=True, slots=True)
class CashPart:
    """Cash of a part of a scope; `scope` None where the place is not known."""

    scope: Scope | None
    title: str | None
    amount_fen: int
    receipts: int


def total_fen(rows: Iterable[CashTaken]) -> int:
    """All of it."""
    return sum(row.amount_fen for row in rows)


def cash_parts(scope: Scope, rows: Iterable[CashTaken]) -> Sequence[CashPart]:
    """Who or where it came from, most first: cities or stations above a station, else deliverers.

    A deliverer's is told by block.
    """
    parts: dict[Scope | None, CashPart] = {}
    for row in rows:
        place, title = _place(scope.kind, row)
        before = parts.get(place)
        parts[place] = CashPart(
            scope=place,
            title=title,
            amount_fen=row.amount_fen + (0 if before is None else before.amount_fen),
            receipts=row.receipts + (0 if before is None else before.receipts),
        )
    return sorted(parts.values(), key=lambda part: (-part.amount_fen, part.title or ""))


def _place(kind: ScopeKind, row: CashTaken) -> tuple[Scope | None, str | None]:
    match kind:
        case ScopeKind.OPERATOR:
            if row.city_code is None:
                return None, None
            return Scope(ScopeKind.CITY, city_code=row.city_code), row.city_name
        case ScopeKind.CITY:
            return _named(ScopeKind.STATION, row.station_id, row.station_name)
        case ScopeKind.STATION | ScopeKind.BLOCK:
            return _named(ScopeKind.DELIVERER, row.deliverer_id, row.deliverer_name)
        case ScopeKind.DELIVERER:
            return _named(ScopeKind.BLOCK, row.block_id, row.block_name)


def _named(
    kind: ScopeKind, row_id: UUID | None, name: str | None
) -> tuple[Scope | None, str | None]:
    return (None if row_id is None else Scope(kind, row_id=row_id)), name
