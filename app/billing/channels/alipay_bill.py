"""Reading Alipay's trade bill (业务明细): GBK, yuan, lines of remarks under `#`, cells with a TAB.

It comes as a zip of two files; only the one of single trades is read. Refunds are negative, and so
is the fee of a payment.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final

from app.billing.channels.bill_rows import (
    Gathered,
    Unreadable,
    decoded,
    fee,
    fen,
    instant,
    members,
    number,
)
from app.billing.channels.bill_source import LineFacts, ReadBill
from app.billing.errors import BillFileMalformed
from app.billing.states import BillEntry

_END: Final = "业务明细列表结束"
_ACCOUNT: Final = re.compile(r"#账号：\[(\d+)\]")
_COUNTED: Final = re.compile(r"#(?:交易|退款)合计：(\d+)笔")
_SUBJECT: Final = "商品名称"
_ENTRIES: Final = {"交易": BillEntry.PAYMENT, "退款": BillEntry.REFUND}
_NEEDED: Final = frozenset(
    [
        "支付宝交易号",
        "商户订单号",
        "业务类型",
        _SUBJECT,
        "完成时间",
        "订单金额(元)",
        "退款批次号/请求号",
        "服务费(元)",
    ]
)


def read_bill(content: bytes, *, merchant: str, day: date) -> ReadBill:
    """The rows of a merchant's day, from the zip or its CSV; raises BillFileMalformed."""
    lines = _details(content).splitlines()
    titles: list[str] | None = None
    gathered = Gathered()
    for line_no, line in enumerate(lines, start=1):
        if line.startswith("#"):
            if (account := _ACCOUNT.match(line)) and not account[1].startswith(merchant):
                raise BillFileMalformed("other_merchant")
            if _END in line:
                if titles is None:
                    raise BillFileMalformed("columns")
                _check_counts(lines[line_no:], rows=gathered.rows)
                return gathered.bill()
        elif titles is None:
            titles = [title.strip().translate(_HALF_WIDTH) for title in line.split(",")]
            if not set(titles) >= _NEEDED:
                raise BillFileMalformed("columns")
        elif line.strip():
            with gathered.row(line_no):
                gathered.add(_facts(_cells(line, titles), line_no=line_no, day=day))
    raise BillFileMalformed("no_summary")


_HALF_WIDTH: Final = str.maketrans("（）", "()")


def _details(content: bytes) -> str:
    texts = [decoded(member) for member in members(content)]
    found = [text for text in texts if _END in text]
    if len(found) != 1:
        raise BillFileMalformed("no_details")
    return found[0]


def _check_counts(rest: Sequence[str], *, rows: int) -> None:
    counted = [int(found[1]) for line in rest if (found := _COUNTED.match(line))]
    if counted and sum(counted) != rows:
        raise BillFileMalformed("rows_missing")


def _cells(line: str, titles: Sequence[str]) -> Mapping[str, str]:
    cells = [cell.strip() for cell in line.split(",")]
    # the name of the goods may hold commas, and nothing is quoted
    more, at = len(cells) - len(titles), titles.index(_SUBJECT)
    if more > 0:
        cells[at : at + more + 1] = [",".join(cells[at : at + more + 1])]
    if len(cells) != len(titles):
        raise Unreadable("cells")
    return dict(zip(titles, cells, strict=True))


def _facts(said: Mapping[str, str], *, line_no: int, day: date) -> LineFacts:
    entry = _ENTRIES.get(said["业务类型"])
    if entry is None:
        raise Unreadable("state")
    happened_at = instant(said["完成时间"])
    if happened_at.date() != day:
        raise Unreadable("other_date")
    amount = said["订单金额(元)"]
    if entry is BillEntry.REFUND:
        if not amount.startswith("-"):
            raise Unreadable("amount")
        amount = amount.removeprefix("-")
    ours = "退款批次号/请求号" if entry is BillEntry.REFUND else "商户订单号"
    return LineFacts(
        line_no=line_no,
        entry=entry,
        number=number(said[ours]),
        channel_no=number(said["支付宝交易号"]),
        happened_at=happened_at,
        amount_fen=fen(amount),
        fee_fen=-fee(said["服务费(元)"]),
        moves_money=True,
    )
