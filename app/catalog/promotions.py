"""What a promotion grants a line and which changes it rules out. Pure; amounts in fen."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

LEAST_PRICE_FEN = 1
"""Nothing is sold for nothing."""


class Ruled(StrEnum):
    """Changes that a promotion may rule out."""

    PAUSE = "pause"
    SKIP = "skip"
    CANCEL = "cancel"
    SWAP = "swap"
    QUANTITY = "quantity"


@dataclass(frozen=True, slots=True)
class Offered:
    """A promotion that holds: gifts for so many bottles bought, or less to pay."""

    promotion_id: UUID
    name: str
    rule: str
    """In the words of the offer."""
    buy_bottles: int | None
    gift_bottles: int | None
    off_permille: int | None
    off_fen: int | None
    forbids: frozenset[Ruled]
    gift_every: int | None = None
    """Gifts come with every so manieth delivery; None: after everything that was bought."""

    def gifts(self, bottles: int) -> int:
        """Bottles given for so many bought."""
        if not self.buy_bottles or not self.gift_bottles:
            return 0
        return bottles // self.buy_bottles * self.gift_bottles

    def off(self, full_fen: int) -> int:
        """What it takes from a price; something is left to pay."""
        if self.off_permille is not None:
            taken = full_fen * self.off_permille // 1000
        else:
            taken = self.off_fen or 0
        return max(0, min(taken, full_fen - LEAST_PRICE_FEN))
