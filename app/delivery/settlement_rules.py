"""What a dealer's statement adds up to: pure calculation, integer fen.

The share is rounded once per station and term, on the sum of what was delivered and corrected,
towards zero; the rest below one fen stays with whoever would have paid it.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from app.delivery.settlement_states import LineKind

WHOLE_BP = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a dealer gets from a date on."""

    valid_from: date
    share_bp: int
    fen_per_bottle: int
    bears_compensation: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StationDay:
    """What happened at one station on one date, as a statement counts it."""

    station_id: UUID
    day: date
    bottles: int = 0
    bottles_corrected: int = 0
    delivered_fen: int = 0
    corrected_fen: int = 0
    compensation_fen: int = 0
    cash_kept_fen: int = 0
    """Cash taken at doors, less what was paid out again and what reached the bank."""

    @property
    def needs_terms(self) -> bool:
        """Whether something of it is shared."""
        return any((self.bottles, self.bottles_corrected, self.delivered_fen, self.corrected_fen))


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementLine:
    """One line; `amount_fen` above zero is for the dealer."""

    kind: LineKind
    station_id: UUID
    amount_fen: int
    term_from: date | None = None
    share_bp: int = 0
    fen_per_bottle: int = 0
    bottles: int = 0
    bottles_corrected: int = 0
    delivered_fen: int = 0
    corrected_fen: int = 0


def share_of(value_fen: int, bottles: int, *, share_bp: int, fen_per_bottle: int) -> int:
    """A dealer's share of delivered value and bottles, in fen, rounded towards zero."""
    part = abs(value_fen) * share_bp // WHOLE_BP
    return (part if value_fen >= 0 else -part) + bottles * fen_per_bottle


def terms_on(day: date, terms: Sequence[Terms]) -> Terms | None:
    """The terms in force on a date; None before the first."""
    begun = [one for one in terms if one.valid_from <= day]
    return max(begun, key=lambda one: one.valid_from, default=None)


def find_day_without_terms(days: Iterable[StationDay], terms: Sequence[Terms]) -> date | None:
    """The first date on which something is to be shared and nothing is agreed."""
    open_days = (one.day for one in days if one.needs_terms and terms_on(one.day, terms) is None)
    return min(open_days, default=None)


def statement_lines(
    days: Iterable[StationDay], terms: Sequence[Terms], *, order: Mapping[UUID, str]
) -> list[StatementLine]:
    """The lines of a statement, station by station in `order`; days without terms share nothing."""
    by_station: dict[UUID, list[StationDay]] = defaultdict(list)
    for one in days:
        by_station[one.station_id].append(one)
    return [
        line
        for station_id in sorted(by_station, key=lambda one: (order.get(one, ""), one))
        for line in _lines_of_station(station_id, by_station[station_id], terms)
    ]


def _lines_of_station(
    station_id: UUID, days: Sequence[StationDay], terms: Sequence[Terms]
) -> Iterator[StatementLine]:
    by_term: dict[date, list[StationDay]] = defaultdict(list)
    agreed = {one.valid_from: one for one in terms}
    for day in days:
        term = terms_on(day.day, terms)
        if term is not None:
            by_term[term.valid_from].append(day)
    for valid_from in sorted(by_term):
        term, some = agreed[valid_from], by_term[valid_from]
        if any(day.needs_terms for day in some):
            yield _share(station_id, some, term)
        compensation_fen = sum(day.compensation_fen for day in some)
        if term.bears_compensation and compensation_fen:
            yield StatementLine(
                kind=LineKind.COMPENSATION,
                station_id=station_id,
                term_from=valid_from,
                amount_fen=-compensation_fen,
            )
    cash_fen = sum(day.cash_kept_fen for day in days)
    if cash_fen:
        yield StatementLine(kind=LineKind.CASH, station_id=station_id, amount_fen=-cash_fen)


def _share(station_id: UUID, days: Sequence[StationDay], term: Terms) -> StatementLine:
    bottles = sum(day.bottles for day in days)
    bottles_corrected = sum(day.bottles_corrected for day in days)
    delivered_fen = sum(day.delivered_fen for day in days)
    corrected_fen = sum(day.corrected_fen for day in days)
    return StatementLine(
        kind=LineKind.SHARE,
        station_id=station_id,
        term_from=term.valid_from,
        share_bp=term.share_bp,
        fen_per_bottle=term.fen_per_bottle,
        bottles=bottles,
        bottles_corrected=bottles_corrected,
        delivered_fen=delivered_fen,
        corrected_fen=corrected_fen,
        amount_fen=share_of(
            delivered_fen + corrected_fen,
            bottles + bottles_corrected,
            share_bp=term.share_bp,
            fen_per_bottle=term.fen_per_bottle,
        ),
    )
