"""Reading WeChat Pay's trade bill (bill_type ALL): UTF-8, yuan, a backtick before every cell.

Columns are known by title. A row that says nothing sensible is set aside, the others are taken;
the summary at the end says whether rows are missing. A bill may have a million rows, so it is read
line by line, and only the cells that are needed.
"""

import io
from collections.abc import Callable, Iterator
from datetime import date
from operator import itemgetter
from typing import Final

from app.billing.channels.bill_rows import Gathered, Unreadable, fee, fen, instant, number, unpacked
from app.billing.channels.bill_source import LineFacts, ReadBill
from app.billing.errors import BillFileMalformed
from app.billing.states import BillEntry

_SUMMARY: Final = "总交易单数"
_ONLY_REFUNDS: Final = "退款申请时间"
_NEEDED: Final = (
    "商户号",
    "交易时间",
    "交易状态",
    "手续费",
    "商户订单号",
    "微信订单号",
    "应结订单金额",
    "商户退款单号",
    "微信退款单号",
    "退款金额",
    "退款状态",
)
_RATHER: Final = {"订单金额": "应结订单金额", "申请退款金额": "退款金额"}
"""What was asked for says more than what was settled; older bills have only that."""
_REFUND: Final = BillEntry.REFUND
_STATES: Final = {"SUCCESS": BillEntry.PAYMENT, "REFUND": _REFUND}
_NO_MONEY: Final = frozenset({"FAIL", "FAILED", "CLOSED"})


def read_bill(content: bytes, *, merchant: str, day: date) -> ReadBill:
    """The rows of a merchant's day, gzipped or not; raises BillFileMalformed for no whole bill."""
    lines = io.TextIOWrapper(io.BytesIO(unpacked(content)), "utf-8-sig", newline="\n")
    try:
        return _read(lines, merchant=merchant, day=day)
    except UnicodeDecodeError as error:
        raise BillFileMalformed("not_utf8") from error


def _read(lines: Iterator[str], *, merchant: str, day: date) -> ReadBill:
    rows = _Rows(next(lines, ""), merchant=merchant, day=day)
    gathered = Gathered()
    for line_no, line in enumerate(lines, start=2):
        if line.startswith(_SUMMARY):
            _check_summary(next(lines, ""), rows=gathered.rows)
            return gathered.bill()
        try:
            gathered.add(rows.read(line, line_no))
        except Unreadable as bad:
            gathered.set_aside(line_no, bad)
    raise BillFileMalformed("no_summary")


def _check_summary(line: str, *, rows: int) -> None:
    counted = line.rstrip("\r\n").split(",")[0].lstrip("`")
    if not counted.isdecimal() or int(counted) != rows:
        raise BillFileMalformed("rows_missing")


class _Rows:
    """Reads rows under a bill's titles, whose places are found once."""

    def __init__(self, head: str, *, merchant: str, day: date) -> None:
        titles = [title.strip() for title in head.split(",")]
        place = {title: at for at, title in enumerate(titles)}
        if not place.keys() >= set(_NEEDED) or _ONLY_REFUNDS in place:
            raise BillFileMalformed("columns")
        self._pick: Callable[[list[str]], tuple[str, ...]] = itemgetter(
            *(place[title] for title in _NEEDED),
            *(place.get(title, place[instead]) for title, instead in _RATHER.items()),
        )
        self._width = len(titles)
        self._merchant = merchant
        self._day = day

    def read(self, line: str, line_no: int) -> LineFacts:
        """What a row says; raises Unreadable."""
        # A description may hold a comma, so cells end at a comma before a backtick.
        cells = line[1:].split(",`")
        if line[0] != "`" or len(cells) != self._width:
            raise Unreadable("cells")
        (
            payee, time, state, kept, paid_no, paid_id, settled, back_no, back_id, given_back,
            back_state, ordered, asked_back,
        ) = map(str.strip, self._pick(cells))  # fmt: skip
        if payee != self._merchant:
            raise Unreadable("other_merchant")
        if state not in _STATES:
            raise Unreadable("state")
        entry, happened_at = _STATES[state], instant(time)
        if entry is _REFUND:
            ours, theirs, amount = back_no, back_id, asked_back or given_back
        else:
            # Refund rows are counted to the bill they stand on.
            if happened_at.date() != self._day:
                raise Unreadable("other_date")
            ours, theirs, amount = paid_no, paid_id, ordered or settled
        return LineFacts(
            entry,
            number(ours),
            number(theirs),
            happened_at,
            fen(amount),
            fee(kept),
            entry is not _REFUND or back_state not in _NO_MONEY,
            line_no,
        )
