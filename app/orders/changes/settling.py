"""What cancelling a line gives back, by the policy in force when the order was bought. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from app.catalog.discounts import Charged, Tier, charge
from app.orders.changes.purses import Move
from app.orders.models import OrderLine
from app.orders.states import CardArithmetic, Fault, Settlement

_OTHERWISE = frozenset({"swapped_in", "swapped_out", "transferred_in", "transferred_out"})
"""Moves after which the list price of the line is not that of all its bottles."""


@dataclass(frozen=True)
class CancelRule:
    """The row in force when an order was bought, and what it depends on."""

    policy_id: str
    articles: str
    full_refund_days: int
    card_days: int
    card_arithmetic: CardArithmetic
    paid_date: date | None
    """None: not known, an imported order."""
    had_before: frozenset[UUID]
    """Products the household knew already: no full refund of those."""
    today: date
    tiers: Mapping[UUID, Sequence[Tier]] = field(default_factory=dict)
    """By line: the discounts of the day on which a line with a discount was bought."""
    fault: Fault = Fault.HOUSEHOLD

    def settlement(self, line: OrderLine, had: Sequence[Move] = ()) -> Settlement:
        """By which arithmetic a line that had these moves is settled.

        What ends by our fault, or was partly swapped for something of another price, keeps the price
        paid: the household loses no discount.
        """
        if (
            self.full_refund_days
            and self.paid_date is not None
            and self.today <= self.paid_date + timedelta(days=self.full_refund_days)
            and line.product_id not in self.had_before
        ):
            return Settlement.FULL_REFUND
        if self.fault is Fault.OPERATOR or not line.unit_price_fen:
            return Settlement.PRICE_PAID
        is_card = (line.cycle_days or 0) >= self.card_days
        if is_card and self.card_arithmetic is CardArithmetic.LIST_PRICE:
            return Settlement.LIST_PRICE
        if (
            self.card_arithmetic is CardArithmetic.TERM_PRICE
            and line.discount_id is not None
            and not any(move.kind in _OTHERWISE for move in had)
        ):
            return Settlement.TERM_PRICE
        return Settlement.PRICE_PAID


@dataclass(frozen=True)
class UsedTerm:
    """The term really used and its price. Amounts in fen."""

    days: int | None
    """None: the line was bought by bottles."""
    bottles: int
    charged: Charged

    def as_json(self) -> dict[str, Any]:
        """Part of the preview and of the receipt: how what is kept was worked out."""
        tier = self.charged.tier
        return {
            "used_days": self.days,
            "used_full_fen": self.charged.full_fen,
            "used_discount": None if tier is None else tier.name,
            "used_discount_fen": self.charged.discount_fen,
        }


@dataclass(frozen=True)
class Settled:
    """How a line is settled. Amounts in fen."""

    settlement: Settlement
    worth_fen: int
    """All the line was worth, delivered or not."""
    bottles_kept: int
    kept_fen: int
    refund_fen: int
    unit_price_fen: int | None
    used: UsedTerm | None = None
    """By which price of a shorter term, where that is the arithmetic."""

    def as_json(self, line_id: UUID) -> dict[str, Any]:
        """Part of the preview and of the receipt."""
        return {
            "order_line_id": str(line_id),
            "settlement": self.settlement.value,
            "worth_fen": self.worth_fen,
            "bottles_kept": self.bottles_kept,
            "kept_fen": self.kept_fen,
            "refund_fen": self.refund_fen,
            "unit_price_fen": self.unit_price_fen,
        } | ({} if self.used is None else self.used.as_json())


def used_term(line: OrderLine, tiers: Sequence[Tier], *, kept: int) -> UsedTerm:
    """What the first `kept` bottles of a line would have cost as a period of their own.

    Its days are those of the paid period in proportion to the bottles, rounded up in favour of the
    household: pauses and skips change nothing.
    """
    kept = min(kept, line.bottles_bought)
    days = None
    if line.cycle_days is not None:
        days = -(-kept * line.cycle_days // line.bottles_bought)
    full = kept * (line.unit_price_fen or 0)
    return UsedTerm(days, kept, charge(tiers, full_fen=full, days=days, bottles=kept))


def settle_line(
    rule: CancelRule, line: OrderLine, had: Sequence[Move], given_up: Sequence[Move]
) -> tuple[list[Move], Settled]:
    """What a line that had these moves gives up, valued by the rule.

    Never more than the line is worth and never below nothing: delivered bottles priced anew cannot
    cost more than was paid (法释〔2025〕4号).
    """
    worth = sum(move.signed_fen for move in had)
    rest = sum(move.value_fen for move in given_up)
    left = sum(move.bottles for move in given_up)
    kept = sum(move.signed_bottles for move in had) - left
    settlement = rule.settlement(line, had)
    refund, used = rest, None
    if settlement is Settlement.FULL_REFUND and left:
        refund = worth
    elif settlement is Settlement.LIST_PRICE:
        refund = min(rest, max(0, worth - kept * (line.unit_price_fen or 0)))
    elif settlement is Settlement.TERM_PRICE and left:
        used = used_term(line, rule.tiers.get(line.order_line_id, ()), kept=kept)
        refund = max(0, worth - used.charged.price_fen)
    moves = _valued(given_up, refund)
    return moves, Settled(
        settlement=settlement,
        worth_fen=worth,
        bottles_kept=kept,
        kept_fen=worth - refund,
        refund_fen=refund,
        unit_price_fen=line.unit_price_fen,
        used=used,
    )


def _valued(moves: Sequence[Move], refund_fen: int) -> list[Move]:
    """The same bottles, worth together what is refunded."""
    found, left = [], refund_fen
    for move in moves:
        value = min(move.value_fen, left)
        found.append(replace(move, value_fen=value))
        left -= value
    if left and found:
        found[0] = replace(found[0], kind="refunded", value_fen=found[0].value_fen + left)
    return found
