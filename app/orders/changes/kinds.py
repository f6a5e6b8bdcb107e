"""The kinds of changes: what each is called, computes, and may touch."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from app.orders.changes.adding import add_product
from app.orders.changes.cancelling import cancel
from app.orders.changes.moving import move
from app.orders.changes.patterns import change_pattern, change_quantity
from app.orders.changes.single_days import one_day_product, one_day_quantity
from app.orders.changes.situation import Outcome, Situation
from app.orders.changes.stopping import pause, resume, skip
from app.orders.changes.swapping import swap
from app.orders.changes.wanted import WantedChange


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of change."""

    label: str
    """In the SMS."""
    compute: Callable[[Situation, WantedChange], Outcome]
    one_line: bool = False
    """It speaks of one line; the others speak of the whole order unless they name one."""
    undoable: bool = True


KINDS: Final[Mapping[str, Kind]] = {
    "skip": Kind("跳过一天", skip),
    "pause": Kind("停奶", pause),
    "resume": Kind("恢复出奶", resume),
    "one_day_quantity": Kind("单日改数量", one_day_quantity, one_line=True),
    "one_day_product": Kind("单日换产品", one_day_product, one_line=True),
    "change_quantity": Kind("改每次数量", change_quantity, one_line=True),
    "change_pattern": Kind("改配送模式", change_pattern, one_line=True),
    "swap": Kind("换产品", swap, one_line=True),
    "add_product": Kind("加订产品", add_product),
    "move": Kind("搬家换地址", move),
    "cancel": Kind("退订", cancel, undoable=False),
}
