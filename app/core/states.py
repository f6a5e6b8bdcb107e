"""State machines: one table of allowed moves per status."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

from app.core.errors import Conflict

S = TypeVar("S", bound=StrEnum)


class MoveNotAllowed(Conflict):
    """The status does not allow this move; facts carry both states."""

    code = "move_not_allowed"
    title = "当前状态不允许此操作"


@dataclass(frozen=True)
class StateTable(Generic[S]):
    """Allowed moves of one status enum. States without an entry are final."""

    moves: Mapping[S, frozenset[S]]

    def allows(self, current: S, wanted: S) -> bool:
        """Whether the move is in the table."""
        return wanted in self.moves.get(current, frozenset())

    def require(self, current: S, wanted: S) -> None:
        """Raise MoveNotAllowed unless the move is in the table."""
        if not self.allows(current, wanted):
            raise MoveNotAllowed(current=current.value, wanted=wanted.value)

    def is_final(self, state: S) -> bool:
        """Whether nothing can follow."""
        return not self.moves.get(state)


def values_of(enum: type[StrEnum]) -> str:
    """SQL list of an enum's values, for a CHECK constraint."""
    return ", ".join(f"'{member.value}'" for member in enum)
