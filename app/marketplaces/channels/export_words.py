"""Lines of an exported file put together to orders, and what is wrong with the others."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from app.marketplaces.channels.exports import Field, FileLine, read_fen, read_instant
from app.marketplaces.intake import OutsideLine, OutsideOrder, OutsideRefund, Receiver
from app.orders.book.errors import RowError, masked_text

UNPAID: Final = ("等待买家付款", "未付款", "等待付款", "待付款")
"""Lines that are no order yet."""
CLOSED: Final = ("交易关闭", "已取消", "退款成功", "(删除)", "锁定", "取消")
"""Paid and given back, where a payment time stands beside; closed unpaid ones have none."""
_LONGEST_NUMBER: Final = 64


@dataclass
class FileWords:
    """What a file says: orders, refunds, rows that are wrong, rows without a payment."""

    orders: list[OutsideOrder] = field(default_factory=list)
    refunds: list[OutsideRefund] = field(default_factory=list)
    errors: list[RowError] = field(default_factory=list)
    skipped: int = 0


@dataclass(frozen=True, slots=True)
class _Good:
    line: FileLine
    position: OutsideLine
    paid_fen: int
    paid_at: datetime
    modified_at: datetime
    refund_fen: int


class _Wrong(ValueError):
    def __init__(self, column: Field, reason: str) -> None:
        super().__init__(reason)
        self.column = column
        self.reason = reason


def put_together(lines: Iterable[FileLine]) -> FileWords:
    """Orders of a file: lines of one number are one order, wrong ones keep it out whole."""
    words = FileWords()
    by_number: dict[str, list[FileLine]] = {}
    for line in lines:
        number = line.said.get(Field.NUMBER, "")
        if not number or len(number) > _LONGEST_NUMBER or not number.isascii():
            words.errors.append(_error(line, Field.NUMBER, "缺少订单编号或编号有误"))
        elif not line.said.get(Field.PAID_AT) or line.said.get(Field.STATUS, "") in UNPAID:
            words.skipped += 1
        else:
            by_number.setdefault(number, []).append(line)
    for number, found in by_number.items():
        _take(words, number, found)
    return words


def _take(words: FileWords, number: str, lines: Sequence[FileLine]) -> None:
    good, wrong = [], []
    for place, line in enumerate(lines, 1):
        try:
            good.append(_read(line, place, alone=len(lines) == 1))
        except _Wrong as error:
            wrong.append(_error(line, error.column, error.reason))
    if wrong:
        words.errors += wrong
        return
    positions = [one.position for one in good]
    if len({one.line_no for one in positions}) < len(positions):
        words.errors.append(_error(lines[0], Field.LINE_NO, "同一订单的子订单编号重复"))
        return
    words.orders.append(_order(number, good, positions))
    words.refunds += _refunds(number, good)


def _order(number: str, good: Sequence[_Good], positions: Sequence[OutsideLine]) -> OutsideOrder:
    first = good[0].line.said
    remarks = {one.line.said.get(name, "") for one in good for name in (Field.REMARK, Field.MEMO)}
    return OutsideOrder(
        number=number,
        # the order's amount stands on each of its lines, or on the first alone
        paid_fen=max(one.paid_fen for one in good),
        paid_at=good[0].paid_at,
        modified_at=max(one.modified_at for one in good),
        lines=positions,
        receiver=Receiver(
            name=first.get(Field.NAME, ""),
            phone=first.get(Field.PHONE, ""),
            address=first.get(Field.ADDRESS, ""),
        ),
        promotion_text=" ".join(sorted(remarks)),
        raw={"lines": [one.line.raw() for one in good]},
    )


def _refunds(number: str, good: Sequence[_Good]) -> list[OutsideRefund]:
    """What a file shows as given back: by line where it says so, whole where the order is closed.

    A file names no refund, so its number is made of the order's: the same file again is the same.
    """
    made = [
        OutsideRefund(
            refund_no=f"{number}-{one.position.line_no}-{one.refund_fen}",
            number=number,
            line_no=one.position.line_no,
            amount_fen=one.refund_fen,
            refunded_at=one.modified_at,
        )
        for one in good
        if one.refund_fen
    ]
    if made or not all(one.line.said.get(Field.STATUS, "").endswith(CLOSED) for one in good):
        return made
    return [
        OutsideRefund(
            refund_no=f"{number}-closed",
            number=number,
            line_no=None,
            amount_fen=max(one.paid_fen for one in good),
            refunded_at=max(one.modified_at for one in good),
        )
    ]


def _read(line: FileLine, place: int, *, alone: bool) -> _Good:
    said = line.said
    paid = _amount(said, Field.PAID)
    if paid == 0:
        raise _Wrong(Field.PAID, "实付金额应大于 0")
    paid_at = _instant(said, Field.PAID_AT)
    changed = _instant(said, Field.CHANGED_AT) if said.get(Field.CHANGED_AT) else paid_at
    sku = said.get(Field.SKU, "")
    if not sku:
        raise _Wrong(Field.SKU, "缺少商家编码，请在店铺里给商品填写商家编码")
    units = said.get(Field.UNITS, "").removesuffix(".0")
    if not (units.isascii() and units.isdecimal() and 1 <= int(units[:6]) <= 4000):
        raise _Wrong(Field.UNITS, "购买数量应为 1 到 4000 的整数")
    if said.get(Field.LINE_PAID):
        share = _amount(said, Field.LINE_PAID)
    elif alone:
        share = paid
    else:
        raise _Wrong(Field.LINE_PAID, "一个订单有多个商品时，每行都要有商品实付金额")
    position = OutsideLine(
        line_no=said.get(Field.LINE_NO) or str(place),
        sku=sku[:100],
        title=said.get(Field.TITLE, "")[:200] or sku[:100],
        units=int(units),
        paid_fen=share,
    )
    refund = _amount(said, Field.REFUND) if said.get(Field.REFUND) else 0
    return _Good(line, position, paid, paid_at, changed, refund)


def _amount(said: Mapping[Field, str], name: Field) -> int:
    text = said.get(name, "")
    try:
        amount = read_fen(text)
    except ValueError as error:
        raise _Wrong(name, "应为金额，例如 90.00") from error
    if amount < 0:
        raise _Wrong(name, "金额不能为负")
    return amount


def _instant(said: Mapping[Field, str], name: Field) -> datetime:
    text = said.get(name, "")
    try:
        return read_instant(text)
    except ValueError as error:
        raise _Wrong(name, "应为时间，例如 2026-03-14 20:00:00") from error


def _error(line: FileLine, column: Field, reason: str) -> RowError:
    return RowError(line.row_no, column.value, masked_text(line.said.get(column, "")), reason)
