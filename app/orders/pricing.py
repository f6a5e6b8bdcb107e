"""What a line is bought for: list price, discount, what is left to pay. Pure; amounts in fen."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from app.catalog.discounts import Charged
from app.catalog.promotions import Offered
from app.catalog.service import Offer


@dataclass(frozen=True, slots=True)
class LinePrice:
    """The price of so many bottles of an offer on a day."""

    offer: Offer
    bottles: int
    charged: Charged
    priced_date: date

    @property
    def full_fen(self) -> int:
        """At the list price."""
        return self.charged.full_fen

    @property
    def discount_fen(self) -> int:
        """What the period or a promotion takes from it."""
        return self.charged.discount_fen

    @property
    def discount(self) -> str | None:
        """What that discount is called."""
        if self.charged.tier is not None:
            return self.charged.tier.name
        promotion = self.charged.promotion
        return promotion.name if promotion is not None and self.discount_fen else None

    @property
    def promotion(self) -> Offered | None:
        """The promotion it is bought under."""
        return self.charged.promotion

    @property
    def gift_bottles(self) -> int:
        """Bottles given on top, at value 0."""
        return self.charged.gift_bottles

    @property
    def gift_every(self) -> int | None:
        """With every so manieth delivery a share of the gifts comes; None: they come last."""
        promotion = self.promotion
        return promotion.gift_every if promotion is not None and self.gift_bottles else None

    @property
    def last_gifts(self) -> int:
        """Gifts that come after everything that was bought."""
        return 0 if self.gift_every else self.gift_bottles

    @property
    def dated_gifts(self) -> int:
        """Gifts that come on days of their own."""
        return self.gift_bottles - self.last_gifts

    @property
    def own_bottles(self) -> int:
        """Bottles on days of the line's own: bought, and gifts that come last."""
        return self.bottles + self.last_gifts

    @property
    def price_fen(self) -> int:
        """What is left to pay."""
        return self.charged.price_fen

    def columns(self) -> dict[str, Any]:
        """The columns of a line bought at it."""
        tier = self.charged.tier
        return {
            "paid_fen": self.price_fen,
            "unit_price_fen": self.offer.price_fen,
            "vat_permille": self.offer.vat_permille,
            "discount_fen": self.discount_fen,
            "discount_id": None if tier is None else tier.discount_id,
            "promotion_id": None if self.promotion is None else self.promotion.promotion_id,
            "gift_bottles": self.last_gifts,
            "dated_gifts": self.dated_gifts,
            "gift_every": self.gift_every,
            "priced_date": self.priced_date,
        }


def price_line(offer: Offer, *, bottles: int, days: int | None, on: date) -> LinePrice:
    """Price bottles bought on a day over a paid period (None: only the bottles were said)."""
    return LinePrice(offer, bottles, offer.charge(bottles=bottles, days=days), on)
