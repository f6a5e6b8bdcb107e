"""Reading UnionPay's settlement file (INN…ZM_…): fixed columns parted by one blank, GBK, fen.

Widths are those of the file interface; only the columns up to the merchant's number are needed,
and before it nothing but ASCII stands. A file belongs to a clearing day, which begins at 23:00.
"""

import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from itertools import accumulate
from typing import Final

from app.billing.channels.bill_rows import Gathered, Unreadable, decoded, instant, members, number
from app.billing.channels.bill_source import LineFacts, ReadBill
from app.billing.errors import BillFileMalformed
from app.billing.states import BillEntry
from app.core.clock import OPERATOR_ZONE
from app.core.money import MAX_FEN

WIDTHS: Final = (
    *(3, 11, 11, 6, 10, 19, 12, 4, 2, 21, 2, 32, 2, 6, 10, 13, 13, 4, 15, 2, 2),
    *(6, 2, 4, 32, 1, 21, 15),
)
"""Of the first 28 columns."""
SENT_WITHIN: Final = timedelta(days=7)

_STARTS: Final = tuple(accumulate((width + 1 for width in WIDTHS), initial=0))
_COLUMNS: Final = {
    "sent": 4,
    "amount": 6,
    "query_id": 9,
    "order_id": 11,
    "fee": 15,
    "kind": 19,
    "merchant": 27,
}
_KINDS: Final = {"01": BillEntry.PAYMENT, "04": BillEntry.REFUND, "31": BillEntry.REFUND}
_ROW: Final = re.compile(r"[A-Z][0-9A-Z]{2} ")
_DIGITS: Final = re.compile(r"[0-9]{12}")
_FEE: Final = re.compile(r"([CD ])([0-9]{12})")


def read_bill(content: bytes, *, merchant: str, day: date) -> ReadBill:
    """The rows of a merchant's clearing day, in a zip or not; raises BillFileMalformed."""
    found = members(content)
    if len(found) != 1:
        raise BillFileMalformed("no_details")
    gathered = Gathered()
    lines = decoded(found[0]).splitlines()
    if lines and not any(_ROW.match(line) for line in lines):
        raise BillFileMalformed("columns")
    for line_no, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        with gathered.row(line_no):
            gathered.add(_facts(_cells(line), line_no=line_no, merchant=merchant, day=day))
    return gathered.bill()


def _cells(line: str) -> Mapping[str, str]:
    if len(line) < _STARTS[-1] - 1:
        raise Unreadable("cells")
    # what lies between two columns is a blank, or the columns have moved
    if any(line[start - 1] != " " for start in _STARTS[1:-1]):
        raise Unreadable("cells")
    return {
        name: line[_STARTS[at] : _STARTS[at] + WIDTHS[at]].strip() for name, at in _COLUMNS.items()
    }


def _facts(said: Mapping[str, str], *, line_no: int, merchant: str, day: date) -> LineFacts:
    if said["merchant"] != merchant:
        raise Unreadable("other_merchant")
    entry = _KINDS.get(said["kind"])
    if entry is None:
        raise Unreadable("state")
    happened_at = _instant(said["sent"], day)
    if not day - SENT_WITHIN <= happened_at.date() <= day:
        raise Unreadable("other_date")
    if not _DIGITS.fullmatch(said["amount"]) or int(said["amount"]) > MAX_FEN:
        raise Unreadable("amount")
    return LineFacts(
        line_no=line_no,
        entry=entry,
        number=number(said["order_id"]),
        channel_no=number(said["query_id"]),
        happened_at=happened_at,
        amount_fen=int(said["amount"]),
        fee_fen=_fee(said["fee"]),
        moves_money=True,
    )


def _instant(sent: str, day: date) -> datetime:
    """MMDDhhmmss without a year: the newest such moment not after the day."""
    at = instant(f"{day.year}{sent}", "%Y%m%d%H%M%S")
    end = datetime(day.year, day.month, day.day, tzinfo=OPERATOR_ZONE) + timedelta(days=1)
    return at if at < end else instant(f"{day.year - 1}{sent}", "%Y%m%d%H%M%S")


def _fee(text: str) -> int:
    """D is what the merchant owes, C what it is given back."""
    found = _FEE.fullmatch(text.rjust(13))
    if found is None:
        raise Unreadable("fee")
    return -int(found[2]) if found[1] == "C" else int(found[2])
