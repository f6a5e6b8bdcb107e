"""Reading a POS acquirer's file of card payments: a table with titles, in UTF-8 or GBK.

Every acquirer names and orders its columns in its own way, so they are known by any of their usual
titles; cells are parted by comma, TAB, semicolon or `|`. A payment is known by what is unique on
its slip: merchant, terminal, batch and trace number. The card number is not kept.
"""

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Final

from app.billing.channels.bill_rows import (
    Gathered,
    Unreadable,
    decoded,
    fee,
    fen,
    instant,
    number,
    unpacked,
)
from app.billing.channels.bill_source import LineFacts, ReadBill
from app.billing.errors import BillFileMalformed, PosSlipInvalid
from app.billing.rules import PosSlip
from app.billing.states import BillEntry

SETTLED_WITHIN: Final = timedelta(days=7)
"""A terminal settles its batch late at times: so much older a payment may be than its file."""

_TITLES: Final = {
    "merchant": ("商户编号", "商户号", "商户代码"),
    "terminal": ("终端编号", "终端号", "终端代码"),
    "batch": ("批次号", "交易批次号"),
    "trace": ("凭证号", "流水号", "终端流水号", "POS流水号"),
    "reference": ("参考号", "检索参考号", "系统参考号"),
    "kind": ("交易类型", "交易名称"),
    "amount": ("交易金额", "交易金额(元)"),
    "fee": ("手续费", "手续费(元)", "商户手续费"),
    "at": ("交易日期时间", "交易时间"),
    "on": ("交易日期",),
}
_OPTIONAL: Final = frozenset({"fee", "on"})
_KINDS: Final = {
    "消费": BillEntry.PAYMENT,
    "消费撤销": BillEntry.REFUND,
    "撤销": BillEntry.REFUND,
    "退货": BillEntry.REFUND,
    "退款": BillEntry.REFUND,
}
_SUMS: Final = ("合计", "总计", "小计")
_NOT_DIGITS: Final = re.compile(r"[^0-9]")
_HALF_WIDTH: Final = str.maketrans("（）", "()")
_BEFORE_TITLES: Final = 20
"""So many lines of remarks may stand above the titles."""


def read_bill(content: bytes, *, merchant: str, day: date) -> ReadBill:
    """The rows of a merchant's settlement day; raises BillFileMalformed for what has no titles."""
    lines = decoded(unpacked(content)).splitlines()
    head, columns, delimiter = _titles(lines)
    gathered = Gathered()
    rows = csv.reader(lines[head + 1 :], delimiter=delimiter)
    try:
        for row in rows:
            cells = [cell.strip().strip("'`") for cell in row]
            if not any(cells) or cells[0].startswith(_SUMS):
                continue
            line_no = head + 1 + rows.line_num
            with gathered.row(line_no):
                said = _said(cells, columns)
                gathered.add(_facts(said, line_no=line_no, merchant=merchant, day=day))
    except csv.Error as error:
        raise BillFileMalformed("cells") from error
    return gathered.bill()


def _titles(lines: Sequence[str]) -> tuple[int, Mapping[str, int], str]:
    """Which line holds the titles, where each column is, and what parts cells."""
    for at, line in enumerate(lines[:_BEFORE_TITLES]):
        for delimiter in ",\t|;":
            titles = [
                title.strip().translate(_HALF_WIDTH)
                for title in next(csv.reader([line], delimiter=delimiter), [])
            ]
            found = {name: _place(titles, names) for name, names in _TITLES.items()}
            columns = {name: place for name, place in found.items() if place is not None}
            if columns.keys() >= _TITLES.keys() - _OPTIONAL:
                return at, columns, delimiter
    raise BillFileMalformed("columns")


def _place(titles: Sequence[str], names: Iterable[str]) -> int | None:
    return next((titles.index(name) for name in names if name in titles), None)


def _said(cells: Sequence[str], columns: Mapping[str, int]) -> Mapping[str, str]:
    if max(columns.values()) >= len(cells):
        raise Unreadable("cells")
    return {name: cells[place] for name, place in columns.items()}


def _facts(said: Mapping[str, str], *, line_no: int, merchant: str, day: date) -> LineFacts:
    if said["merchant"] != merchant:
        raise Unreadable("other_merchant")
    entry = _KINDS.get(said["kind"])
    if entry is None:
        raise Unreadable("state")
    happened_at = instant(_moment(said), "%Y%m%d%H%M%S")
    if not day - SETTLED_WITHIN <= happened_at.date() <= day:
        raise Unreadable("other_date")
    amount = said["amount"].replace(",", "")
    return LineFacts(
        line_no=line_no,
        entry=entry,
        number=_slip(said).registry_number,
        channel_no=number(said["reference"]),
        happened_at=happened_at,
        # what goes back is written with a minus by some, without by others
        amount_fen=fen(amount.removeprefix("-") if entry is BillEntry.REFUND else amount),
        fee_fen=fee(said["fee"]) if said.get("fee") else 0,
        moves_money=True,
    )


def _moment(said: Mapping[str, str]) -> str:
    at = _NOT_DIGITS.sub("", said["at"])
    return at if "on" not in said else _NOT_DIGITS.sub("", said["on"])[:8] + at[-6:]


def _slip(said: Mapping[str, str]) -> PosSlip:
    try:
        return PosSlip(
            merchant_no=said["merchant"],
            terminal_no=said["terminal"],
            # a table programme drops leading noughts
            batch_no=said["batch"].zfill(6),
            trace_no=said["trace"].zfill(6),
            reference_no=said["reference"].zfill(12),
        )
    except PosSlipInvalid as error:
        raise Unreadable("number") from error
