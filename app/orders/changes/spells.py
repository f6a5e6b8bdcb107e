"""Days on which a household wants no milk: skips and pauses, less what resuming cut off. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from uuid import UUID

from app.orders.rules import MAX_HORIZON_DAYS, ONE_DAY, Term, fixed_from


@dataclass(frozen=True, slots=True)
class Stop:
    """A skip, a pause or a resume that has been accepted; `line_id` None: the whole order."""

    kind: str
    line_id: UUID | None
    first: date
    last: date | None


@dataclass(frozen=True, slots=True)
class Spell:
    """No milk from `first` to `last`, both included; None: until somebody resumes."""

    first: date
    last: date | None
    is_pause: bool

    def meets(self, first: date, last: date | None) -> bool:
        """Whether it has a day in common with another."""
        return (self.last is None or first <= self.last) and (last is None or self.first <= last)


def spells_of(stops: Iterable[Stop], line_id: UUID) -> list[Spell]:
    """Spells of a line; `stops` in the order they were accepted."""
    spells: list[Spell] = []
    for stop in stops:
        if stop.line_id not in {None, line_id}:
            continue
        if stop.kind == "resume":
            spells = [
                replace(spell, last=_earlier(spell.last, stop.first - ONE_DAY))
                for spell in spells
                if spell.first < stop.first
            ]
        else:
            spells.append(Spell(stop.first, stop.last, is_pause=stop.kind == "pause"))
    return spells


def _earlier(last: date | None, other: date) -> date:
    return other if last is None else min(last, other)


def unwanted_days(
    spells: Iterable[Spell], terms: Iterable[Term], from_date: date
) -> frozenset[date]:
    """Days from a date on that spells with an end take out, less days asked for one by one."""
    found: set[date] = set()
    for spell in spells:
        if spell.last is not None:
            first = max(spell.first, from_date)
            span = min((spell.last - first).days + 1, MAX_HORIZON_DAYS)
            found.update(first + ONE_DAY * step for step in range(span))
    return frozenset(found - fixed_from(terms, from_date).keys())
