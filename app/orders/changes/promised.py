"""What the promotions of an order's lines do not allow."""

from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from app.catalog.promoting import find_promotions
from app.catalog.promotions import Ruled
from app.orders.changes.settling import CancelRule
from app.orders.changes.situation import Situation
from app.orders.changes.wanted import WantedChange
from app.orders.errors import PromotionForbids
from app.orders.models import OrderLine
from app.orders.states import Fault, Settlement

_RULED: Final[Mapping[str, Ruled]] = {
    "pause": Ruled.PAUSE,
    "skip": Ruled.SKIP,
    "cancel": Ruled.CANCEL,
    "swap": Ruled.SWAP,
    "one_day_product": Ruled.SWAP,
    "change_quantity": Ruled.QUANTITY,
    "one_day_quantity": Ruled.QUANTITY,
    "change_pattern": Ruled.QUANTITY,
}


async def require_allowed(
    session: AsyncSession, situation: Situation, wanted: WantedChange
) -> None:
    """Raise PromotionForbids, with the rule's words, for a change that a line's promotion rules out.

    The law's full refund, and an end by our own fault, no rule takes away (法释〔2025〕4号).
    """
    ruled = _RULED.get(wanted.kind)
    lines = [state.line for state in situation.lines if state.line.promotion_id is not None]
    if ruled is None or not lines:
        return
    if ruled is Ruled.CANCEL and _is_due(situation.cancel_rule, lines):
        return
    found = await find_promotions(
        session, {line.promotion_id for line in lines if line.promotion_id is not None}
    )
    for promotion in found.values():
        if ruled in promotion.forbids:
            raise PromotionForbids(
                f"促销“{promotion.name}”不支持此项变更：{promotion.rule}",
                promotion=promotion.name,
                rule=promotion.rule,
            )


def _is_due(rule: CancelRule | None, lines: Sequence[OrderLine]) -> bool:
    if rule is None:
        return False
    return rule.fault is Fault.OPERATOR or all(
        rule.settlement(line) is Settlement.FULL_REFUND for line in lines
    )
