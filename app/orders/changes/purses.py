"""What the bottles of a line are worth: the entitlement entries as lots. Pure; amounts in fen.

Bottles are brought from the front, so what is given up is taken from the back. Inside a lot the
first k of n bottles are worth `value * k // n`: rounding down cumulatively loses nothing. Gifts
are worth nothing and are brought after everything that was paid.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from app.core.money import value_of_first

TAKEN: Final = frozenset({"swapped_out", "transferred_out", "credited", "refunded", "forfeited"})
"""Kinds of entries by which a line gives bottles up."""

_GIFTS: Final = frozenset({"gift", "swapped_in"})
"""Kinds of entries by which a line gains gifts, when they are worth nothing."""


@dataclass(frozen=True, slots=True)
class Move:
    """Bottles of a product and their value that a line gains or gives up."""

    kind: str
    product_id: UUID
    bottles: int
    value_fen: int

    @property
    def signed_bottles(self) -> int:
        """Gained above 0, given up below."""
        return -self.bottles if self.kind in TAKEN else self.bottles

    @property
    def signed_fen(self) -> int:
        """Gained above 0, given up below."""
        return -self.value_fen if self.kind in TAKEN else self.value_fen


@dataclass(slots=True)
class _Lot:
    bottles: int
    value_fen: int
    left: int

    def take(self, count: int) -> int:
        before = value_of_first(self.left, paid_fen=self.value_fen, bottles_bought=self.bottles)
        self.left -= count
        return before - value_of_first(
            self.left, paid_fen=self.value_fen, bottles_bought=self.bottles
        )


class Purse:
    """Lots and gifts of one line, product by product; `spent` bottles have been at the door."""

    def __init__(self, moves: Iterable[Move], *, spent: int = 0) -> None:
        self._spare = -spent
        self._lots: dict[UUID, list[_Lot]] = defaultdict(list)
        self._gifts: dict[UUID, int] = defaultdict(int)
        for move in moves:
            self._replay(move)

    def _replay(self, move: Move) -> None:
        self._spare += move.signed_bottles
        if move.kind not in TAKEN:
            if move.value_fen or move.kind not in _GIFTS:
                lot = _Lot(move.bottles, move.value_fen, move.bottles)
                self._lots[move.product_id].append(lot)
            else:
                self._gifts[move.product_id] += move.bottles
        elif move.value_fen == 0 and self._gifts[move.product_id] >= move.bottles:
            self._gifts[move.product_id] -= move.bottles
        else:
            self._take(move.product_id, move.bottles)

    def _take(self, product_id: UUID, count: int) -> int:
        value, lots = 0, self._lots[product_id]
        while count and lots:
            taken = min(count, lots[-1].left)
            value += lots[-1].take(taken)
            count -= taken
            if not lots[-1].left:
                lots.pop()
        return value

    def paid_left(self, product_id: UUID, left: int) -> int:
        """How many of the `left` bottles still to come were paid for: gifts come last."""
        paid = sum(lot.left for lot in self._lots[product_id])
        return max(0, min(left - min(left, self._gifts[product_id]), paid, self._spare))

    def give_up(
        self, kind: str, product_id: UUID, bottles: int, *, left: int, gifts_as: str | None = None
    ) -> list[Move]:
        """Give up `bottles` of the `left` ones still to come: paid ones first, then gifts.

        Gifts are given up as the same kind, or as `gifts_as`.

        Bottles that came back by our fault beyond what the line is entitled to, or that were brought
        after all, are worth nothing and no entry; the purse is changed.
        """
        paid = min(bottles, self.paid_left(product_id, left))
        moves = []
        if paid:
            moves.append(Move(kind, product_id, paid, self._take(product_id, paid)))
        gifts = max(0, min(bottles - paid, self._gifts[product_id], self._spare - paid))
        self._spare -= paid + gifts
        if gifts:
            self._gifts[product_id] -= gifts
            moves.append(Move(gifts_as or kind, product_id, gifts, 0))
        return moves
