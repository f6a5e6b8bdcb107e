"""The money columns of one row, held against each other.

Prepaid: total = unit price x (delivered + remaining), remaining amount = unit price x remaining.
A difference is a finding with both figures; nothing is adjusted to fit.
"""

from dataclasses import dataclass, replace

from app.core.money import yuan_text
from app.orders.book.columns import Column

Finding = tuple[Column, str]


@dataclass(frozen=True, slots=True)
class Amounts:
    """What a row says; amounts in fen, quantities in bottles, None where the cell is blank."""

    unit_price_fen: int | None = None
    total_fen: int | None = None
    delivered_bottles: int | None = None
    remaining_bottles: int | None = None
    remaining_fen: int | None = None


def _with_price_from_total(said: Amounts) -> Amounts:
    if (
        said.unit_price_fen is not None
        or said.total_fen is None
        or said.delivered_bottles is None
        or said.remaining_bottles is None
    ):
        return said
    bought = said.delivered_bottles + said.remaining_bottles
    if bought == 0 or said.total_fen % bought:
        return said
    return replace(said, unit_price_fen=said.total_fen // bought)


def _bottles_from_amount(unit_fen: int, amount_fen: int) -> tuple[int | None, list[Finding]]:
    if unit_fen == 0:
        return None, [(Column.REMAINING, "单价为 0，剩余金额算不出瓶数，请填写剩余数量")]
    bottles, rest = divmod(amount_fen, unit_fen)
    if rest:
        reason = (
            f"剩余金额 {yuan_text(amount_fen)} 元不是单价 {yuan_text(unit_fen)} 元的整数倍，"
            "算不出剩余瓶数"
        )
        return None, [(Column.REMAINING_AMOUNT, reason)]
    return bottles, []


def _check_total(said: Amounts) -> list[Finding]:
    total, unit = said.total_fen, said.unit_price_fen
    if total is None:
        return []
    if said.remaining_fen is not None and said.remaining_fen > total:
        reason = f"剩余金额 {yuan_text(said.remaining_fen)} 元大于总金额 {yuan_text(total)} 元"
        return [(Column.REMAINING_AMOUNT, reason)]
    if unit is None or said.delivered_bottles is None or said.remaining_bottles is None:
        return []
    expected = unit * (said.delivered_bottles + said.remaining_bottles)
    if expected == total:
        return []
    reason = (
        f"总金额 {yuan_text(total)} 元，而单价 {yuan_text(unit)} 元 ×（已送 "
        f"{said.delivered_bottles} + 剩余 {said.remaining_bottles}）= {yuan_text(expected)} 元"
    )
    return [(Column.TOTAL, reason)]


def settle(said: Amounts) -> tuple[Amounts, list[Finding]]:
    """Complete what follows exactly from the other figures, and report what contradicts them.

    The unit price follows from the total when it divides evenly; remaining bottles or amount
    follow from each other by the unit price.
    """
    if said.remaining_bottles is None and said.remaining_fen is None:
        return said, [(Column.REMAINING, "请填写剩余数量或剩余金额")]
    said = _with_price_from_total(said)
    unit = said.unit_price_fen
    if unit is None:
        if said.remaining_bottles == 0 and said.remaining_fen:
            reason = f"剩余数量为 0，剩余金额却是 {yuan_text(said.remaining_fen)} 元"
            return said, [(Column.REMAINING_AMOUNT, reason)]
        return said, _check_total(said)
    if said.remaining_bottles is None and said.remaining_fen is not None:
        bottles, findings = _bottles_from_amount(unit, said.remaining_fen)
        if findings:
            return said, findings
        said = replace(said, remaining_bottles=bottles)
    bottles = said.remaining_bottles or 0
    if said.remaining_fen is None:
        said = replace(said, remaining_fen=bottles * unit)
    elif said.remaining_fen != bottles * unit:
        reason = (
            f"剩余金额 {yuan_text(said.remaining_fen)} 元，而单价 {yuan_text(unit)} 元 × "
            f"剩余 {bottles} = {yuan_text(bottles * unit)} 元"
        )
        return said, [(Column.REMAINING_AMOUNT, reason), *_check_total(said)]
    return said, _check_total(said)
