"""Reading WeChat Pay's trade bill (bill_type ALL): UTF-8, yuan, a backtick before every cell.

Columns are known by title. A row that says nothing sensible is set aside, the others are taken;
the summary at the end says whether rows are missing. A bill may have a million rows, so it is read
line by line, and only the cells that are needed.
"""

import io
import re
import zlib
from collections.abc import Callable, Iterator
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from operator import itemgetter
from typing import Final

from app.billing.channels.bill_source import Fault, LineFacts, ReadBill
from app.billing.errors import BillFileMalformed
from app.billing.states import BillEntry
from app.core.clock import OPERATOR_ZONE
from app.core.money import MAX_FEN, fen_from_yuan

MAX_BYTES: Final = 384 * 2**20
"""Some 1,100,000 rows; what is larger is not read."""

_GZIP: Final = b"\x1f\x8b"
_GZIP_WINDOW: Final = 16 + zlib.MAX_WBITS
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
_AMOUNT: Final = re.compile(r"-?[0-9]{1,10}(\.[0-9]{1,6})?")
_WHOLE_FEN: Final = re.compile(r"(-?[0-9]{1,10})\.([0-9]{2})0{0,4}")
"""As amounts are written, so that all others may take the longer way."""
_NUMBER: Final = re.compile(r"[\x21-\x7e]{1,64}")
_TIME: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}")
_REFUND: Final = BillEntry.REFUND
_STATES: Final = {"SUCCESS": BillEntry.PAYMENT, "REFUND": _REFUND}
_NO_MONEY: Final = frozenset({"FAIL", "FAILED", "CLOSED"})


def unpacked(content: bytes) -> bytes:
    """The text of a bill, packed or not; raises BillFileMalformed for a broken or too large one."""
    if not content.startswith(_GZIP):
        if len(content) > MAX_BYTES:
            raise BillFileMalformed("too_large")
        return content
    packed = zlib.decompressobj(_GZIP_WINDOW)
    try:
        text = packed.decompress(content, MAX_BYTES)
    except zlib.error as error:
        raise BillFileMalformed("gzip_broken") from error
    if packed.unconsumed_tail:
        raise BillFileMalformed("too_large")
    if not packed.eof:
        raise BillFileMalformed("gzip_broken")
    return text


def read_bill(text: bytes, *, merchant: str, day: date) -> ReadBill:
    """The rows of a merchant's day; raises BillFileMalformed for what is no whole bill."""
    lines = io.TextIOWrapper(io.BytesIO(text), "utf-8-sig", newline="\n")
    try:
        return _read(lines, merchant=merchant, day=day)
    except UnicodeDecodeError as error:
        raise BillFileMalformed("not_utf8") from error


def _read(lines: Iterator[str], *, merchant: str, day: date) -> ReadBill:
    rows = _Rows(next(lines, ""), merchant=merchant, day=day)
    found: list[LineFacts] = []
    faults: list[Fault] = []
    seen: dict[BillEntry, set[str]] = {entry: set() for entry in BillEntry}
    for line_no, line in enumerate(lines, start=2):
        if line.startswith(_SUMMARY):
            _check_summary(next(lines, ""), rows=len(found) + len(faults))
            return ReadBill(found, faults)
        try:
            facts = rows.read(line, line_no)
        except _Unreadable as bad:
            faults.append(Fault(line_no, bad.reason))
            continue
        numbers = seen[facts.entry]
        if facts.number in numbers:
            faults.append(Fault(line_no, "duplicate"))
            continue
        numbers.add(facts.number)
        found.append(facts)
    raise BillFileMalformed("no_summary")


class _Unreadable(Exception):
    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


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
        """What a row says; raises _Unreadable."""
        # A description may hold a comma, so cells end at a comma before a backtick.
        cells = line[1:].split(",`")
        if line[0] != "`" or len(cells) != self._width:
            raise _Unreadable("cells")
        (
            payee, time, state, fee, paid_no, paid_id, settled, back_no, back_id, given_back,
            back_state, ordered, asked_back,
        ) = map(str.strip, self._pick(cells))  # fmt: skip
        if payee != self._merchant:
            raise _Unreadable("other_merchant")
        if state not in _STATES:
            raise _Unreadable("state")
        entry, happened_at = _STATES[state], _instant(time)
        if entry is _REFUND:
            number, channel_no, amount = back_no, back_id, asked_back or given_back
        else:
            # Refund rows are counted to the bill they stand on.
            if happened_at.date() != self._day:
                raise _Unreadable("other_date")
            number, channel_no, amount = paid_no, paid_id, ordered or settled
        if not _NUMBER.fullmatch(number) or not _NUMBER.fullmatch(channel_no):
            raise _Unreadable("number")
        return LineFacts(
            entry,
            number,
            channel_no,
            happened_at,
            _fen(amount),
            _fee(fee),
            entry is not _REFUND or back_state not in _NO_MONEY,
            line_no,
        )


def _instant(text: str) -> datetime:
    if not _TIME.fullmatch(text):
        raise _Unreadable("time")
    try:
        return datetime.fromisoformat(text).replace(tzinfo=OPERATOR_ZONE)
    except ValueError as error:
        raise _Unreadable("time") from error


def _fen(text: str) -> int:
    if whole := _WHOLE_FEN.fullmatch(text):
        fen = int(whole[1] + whole[2])
    else:
        try:
            fen = fen_from_yuan(text) if _AMOUNT.fullmatch(text) else -1
        except ValueError as error:
            raise _Unreadable("amount") from error
    if not 0 <= fen <= MAX_FEN:
        raise _Unreadable("amount")
    return fen


def _fee(text: str) -> int:
    """Written with five decimals; negative where the channel gives it back."""
    if whole := _WHOLE_FEN.fullmatch(text):
        return int(whole[1] + whole[2])
    if not _AMOUNT.fullmatch(text):
        raise _Unreadable("fee")
    return int((Decimal(text) * 100).quantize(Decimal(1), ROUND_HALF_UP))
