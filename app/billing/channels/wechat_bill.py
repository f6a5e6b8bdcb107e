"""Reading WeChat Pay's trade bill (bill_type ALL): UTF-8, yuan, a backtick before every cell.

Columns are known by title. A row that says nothing sensible is set aside, the others are taken;
the summary at the end says whether rows are missing.
"""

import re
import zlib
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from app.billing.channels.bill_source import Fault, LineFacts, ReadBill
from app.billing.errors import BillFileMalformed
from app.billing.states import BillEntry
from app.core.clock import OPERATOR_ZONE
from app.core.money import MAX_FEN, fen_from_yuan

MAX_BYTES: Final = 128 * 2**20
"""Some 350,000 rows; what is larger is not read."""

_GZIP: Final = b"\x1f\x8b"
_GZIP_WINDOW: Final = 16 + zlib.MAX_WBITS
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
_AMOUNT: Final = re.compile(r"-?[0-9]{1,10}(\.[0-9]{1,6})?")
_NUMBER: Final = re.compile(r"[\x21-\x7e]{1,64}")
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
    try:
        lines = text.decode("utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise BillFileMalformed("not_utf8") from error
    titles = [title.strip() for title in lines[0].split(",")]
    if not set(titles) >= _NEEDED or _ONLY_REFUNDS in titles:
        raise BillFileMalformed("columns")
    found: list[LineFacts] = []
    faults: list[Fault] = []
    seen: set[tuple[BillEntry, str]] = set()
    for line_no, line in enumerate(lines[1:], start=2):
        row = line.rstrip("\r")
        if row.startswith(_SUMMARY):
            _check_summary(lines[line_no:], rows=len(found) + len(faults))
            return ReadBill(found, faults)
        try:
            facts = _facts(_cells(row, titles), line_no=line_no, merchant=merchant, day=day)
        except _Unreadable as bad:
            faults.append(Fault(line_no, bad.reason))
            continue
        if (facts.entry, facts.number) in seen:
            faults.append(Fault(line_no, "duplicate"))
            continue
        seen.add((facts.entry, facts.number))
        found.append(facts)
    raise BillFileMalformed("no_summary")


class _Unreadable(Exception):
    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def _check_summary(rest: Sequence[str], *, rows: int) -> None:
    counted = rest[0].rstrip("\r").split(",")[0].lstrip("`") if rest else ""
    if not counted.isdecimal() or int(counted) != rows:
        raise BillFileMalformed("rows_missing")


def _cells(row: str, titles: Sequence[str]) -> Mapping[str, str]:
    # A description may hold a comma, so cells end at a comma before a backtick.
    cells = row[1:].split(",`")
    if not row.startswith("`") or len(cells) != len(titles):
        raise _Unreadable("cells")
    return dict(zip(titles, (cell.strip() for cell in cells), strict=True))


def _facts(said: Mapping[str, str], *, line_no: int, merchant: str, day: date) -> LineFacts:
    if said["商户号"] != merchant:
        raise _Unreadable("other_merchant")
    state = said["交易状态"]
    if state not in {"SUCCESS", "REFUND"}:
        raise _Unreadable("state")
    is_refund = state == "REFUND"
    happened_at = _instant(said["交易时间"])
    # Refund rows are counted to the bill they stand on.
    if not is_refund and happened_at.date() != day:
        raise _Unreadable("other_date")
    if is_refund:
        number, channel_no = said["商户退款单号"], said["微信退款单号"]
        amount = said.get("申请退款金额") or said["退款金额"]
    else:
        number, channel_no = said["商户订单号"], said["微信订单号"]
        amount = said.get("订单金额") or said["应结订单金额"]
    if not _NUMBER.fullmatch(number) or not _NUMBER.fullmatch(channel_no):
        raise _Unreadable("number")
    return LineFacts(
        line_no=line_no,
        entry=BillEntry.REFUND if is_refund else BillEntry.PAYMENT,
        number=number,
        channel_no=channel_no,
        happened_at=happened_at,
        amount_fen=_fen(amount),
        fee_fen=_fee(said["手续费"]),
        moves_money=not (is_refund and said["退款状态"] in _NO_MONEY),
    )


def _instant(text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=OPERATOR_ZONE)
    except ValueError as error:
        raise _Unreadable("time") from error


def _fen(text: str) -> int:
    try:
        fen = fen_from_yuan(text) if _AMOUNT.fullmatch(text) else -1
    except ValueError as error:
        raise _Unreadable("amount") from error
    if not 0 <= fen <= MAX_FEN:
        raise _Unreadable("amount")
    return fen


def _fee(text: str) -> int:
    """Written with five decimals; negative where the channel gives it back."""
    if not _AMOUNT.fullmatch(text):
        raise _Unreadable("fee")
    return int((Decimal(text) * 100).quantize(Decimal(1), ROUND_HALF_UP))
