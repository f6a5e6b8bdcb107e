"""What a longer period costs less, and what a shorter one would have cost. Pure; amounts in fen."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from app.catalog.promotions import LEAST_PRICE_FEN, Offered


@dataclass(frozen=True, slots=True)
class Tier:
    """A period discount: from so many days or bottles on, so many permille or fen less."""

    discount_id: UUID
    name: str
    min_days: int | None
    min_bottles: int | None
    off_permille: int | None
    off_fen: int | None

    def is_reached(self, *, days: int | None, bottles: int) -> bool:
        """Whether a paid period of so many days (None: not said) and bottles has it."""
        if self.min_bottles is not None:
            return bottles >= self.min_bottles
        return days is not None and self.min_days is not None and days >= self.min_days

    def off(self, full_fen: int) -> int:
        """What it takes from a price; something is left to pay."""
        if self.off_permille is not None:
            taken = full_fen * self.off_permille // 1000
        else:
            taken = self.off_fen or 0
        return max(0, min(taken, full_fen - LEAST_PRICE_FEN))


@dataclass(frozen=True, slots=True)
class Charged:
    """A full price and what is taken from it."""

    full_fen: int
    tier: Tier | None
    discount_fen: int
    promotion: Offered | None = None
    gift_bottles: int = 0

    def under(self, promotion: Offered, *, bottles: int) -> "Charged":
        """The same under a promotion, where that grants more than the period does."""
        gifts, off = promotion.gifts(bottles), promotion.off(self.full_fen)
        if off > self.discount_fen:
            return Charged(self.full_fen, None, off, promotion, gifts)
        if gifts:
            return Charged(self.full_fen, self.tier, self.discount_fen, promotion, gifts)
        return self

    @property
    def price_fen(self) -> int:
        """What is left to pay."""
        return self.full_fen - self.discount_fen


def charge(tiers: Iterable[Tier], *, full_fen: int, days: int | None, bottles: int) -> Charged:
    """The price of a period: of the tiers it reaches, the one that takes most; they do not add up."""
    reached = [tier for tier in tiers if tier.is_reached(days=days, bottles=bottles)]
    best = max(reached, key=lambda tier: (tier.off(full_fen), tier.discount_id), default=None)
    taken = 0 if best is None else best.off(full_fen)
    return Charged(full_fen, best if taken else None, taken)
