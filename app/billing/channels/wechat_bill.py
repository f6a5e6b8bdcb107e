"""Reading WeChat Pay's trade bill (bill_type ALL): UTF-8, yuan, a backtick before every cell.

Columns are known by title. A row that says nothing sensible is set aside, the others are taken;
the summary at the end says whether rows are missing.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final

from app.billing.channels.bill_rows import Gathered, Unreadable, fee, fen, instant, number, unpacked
from app.billing.channels.bill_source import LineFacts, ReadBill
from app.billing.errors import BillFileMalformed
from app.billing.states import BillEntry

_SUMMARY: Final = "总交易单数"
_ONLY_REFUNDS: Final = "退款申请时间"
_NEEDED: Final = frozenset(
    [
        "交易时间",
        "商户号",
        "微信订单号",
        "商户订单号",
        "交易状态",
        "应结订单金额",
        "微信退款单号",
        "商户退款单号",
        "退款金额",
        "退款状态",
        "手续费",
    ]
)
_NO_MONEY: Final = frozenset({"FAIL", "FAILED", "CLOSED"})


def read_bill(content: bytes, *, merchant: str, day: date) -> ReadBill:
    """The rows of a merchant's day, gzipped or not; raises BillFileMalformed for no whole bill."""
    try:
        lines = unpacked(content).decode("utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise BillFileMalformed("not_utf8") from error
    titles = [title.strip() for title in lines[0].split(",")]
    if not set(titles) >= _NEEDED or _ONLY_REFUNDS in titles:
        raise BillFileMalformed("columns")
    gathered = Gathered()
    for line_no, line in enumerate(lines[1:], start=2):
        row = line.rstrip("\r")
        if row.startswith(_SUMMARY):
            _check_summary(lines[line_no:], rows=gathered.rows)
            return gathered.bill()
        with gathered.row(line_no):
            said = _cells(row, titles)
            gathered.add(_facts(said, line_no=line_no, merchant=merchant, day=day))
    raise BillFileMalformed("no_summary")


def _check_summary(rest: Sequence[str], *, rows: int) -> None:
    counted = rest[0].rstrip("\r").split(",")[0].lstrip("`") if rest else ""
    if not counted.isdecimal() or int(counted) != rows:
        raise BillFileMalformed("rows_missing")


def _cells(row: str, titles: Sequence[str]) -> Mapping[str, str]:
    # A description may hold a comma, so cells end at a comma before a backtick.
    cells = row[1:].split(",`")
    if not row.startswith("`") or len(cells) != len(titles):
        raise Unreadable("cells")
    return dict(zip(titles, (cell.strip() for cell in cells), strict=True))


def _facts(said: Mapping[str, str], *, line_no: int, merchant: str, day: date) -> LineFacts:
    if said["商户号"] != merchant:
        raise Unreadable("other_merchant")
    state = said["交易状态"]
    if state not in {"SUCCESS", "REFUND"}:
        raise Unreadable("state")
    is_refund = state == "REFUND"
    happened_at = instant(said["交易时间"])
    # Refund rows are counted to the bill they stand on.
    if not is_refund and happened_at.date() != day:
        raise Unreadable("other_date")
    if is_refund:
        ours, theirs = said["商户退款单号"], said["微信退款单号"]
        amount = said.get("申请退款金额") or said["退款金额"]
    else:
        ours, theirs = said["商户订单号"], said["微信订单号"]
        amount = said.get("订单金额") or said["应结订单金额"]
    return LineFacts(
        line_no=line_no,
        entry=BillEntry.REFUND if is_refund else BillEntry.PAYMENT,
        number=number(ours),
        channel_no=number(theirs),
        happened_at=happened_at,
        amount_fen=fen(amount),
        fee_fen=fee(said["手续费"]),
        moves_money=not (is_refund and said["退款状态"] in _NO_MONEY),
    )
