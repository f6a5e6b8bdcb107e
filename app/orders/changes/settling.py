"""What cancelling a line gives back, by the policy in force when the order was bought. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from app.orders.changes.purses import Move
from app.orders.models import OrderLine
from app.orders.states import CardArithmetic, Settlement


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

    def settlement(self, line: OrderLine) -> Settlement:
        """By which arithmetic a line is settled."""
        if (
            self.full_refund_days
            and self.paid_date is not None
            and self.today <= self.paid_date + timedelta(days=self.full_refund_days)
            and line.product_id not in self.had_before
        ):
            return Settlement.FULL_REFUND
        is_card = (line.cycle_days or 0) >= self.card_days
        if is_card and self.card_arithmetic is CardArithmetic.LIST_PRICE and line.unit_price_fen:
            return Settlement.LIST_PRICE
        return Settlement.PRICE_PAID


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
        }


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
    settlement = rule.settlement(line)
    refund = rest
    if settlement is Settlement.FULL_REFUND and left:
        refund = worth
    elif settlement is Settlement.LIST_PRICE:
        refund = min(rest, max(0, worth - kept * (line.unit_price_fen or 0)))
    moves = _valued(given_up, refund)
    return moves, Settled(
        settlement=settlement,
        worth_fen=worth,
        bottles_kept=kept,
        kept_fen=worth - refund,
        refund_fen=refund,
        unit_price_fen=line.unit_price_fen,
    )


def _valued(moves: Sequence[Move], refund_fen: int) -> list[Move]:
    """The same bottles, worth together what is refunded."""
    found, left = [], refund_fen
    for move in moves:
        value = min(move.value_fen, left)
        found.append(replace(move, value_fen=value))
        left -= value
    if left and found:
        found[0] = replace(found[0], value_fen=found[0].value_fen + left)
    return found
