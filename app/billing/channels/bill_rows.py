"""What reading bills has in common: sizes, cells, and rows that are set aside."""

import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from app.billing.channels.bill_source import Fault, LineFacts, ReadBill
from app.billing.errors import BillFileMalformed
from app.billing.states import BillEntry
from app.core.clock import OPERATOR_ZONE
from app.core.money import MAX_FEN, fen_from_yuan

MAX_BYTES: Final = 384 * 2**20
"""Some 1,100,000 rows; what is larger is not read."""
_MOST_MEMBERS: Final = 16
_GZIP: Final = b"\x1f\x8b"
_GZIP_WINDOW: Final = 16 + zlib.MAX_WBITS
_ZIP: Final = b"PK"
_AMOUNT: Final = re.compile(r"-?[0-9]{1,10}(\.[0-9]{1,6})?")
_WHOLE_FEN: Final = re.compile(r"(-?[0-9]{1,10})\.([0-9]{2})0{0,4}")
"""As amounts are written, so that all others may take the longer way."""
_NUMBER: Final = re.compile(r"[\x21-\x7e]{1,64}")
_TIME: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}")


class Unreadable(Exception):
    """A row that says nothing sensible, and why."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Gathered:
    """The rows of a bill as they are read: taken, or set aside with their line."""

    def __init__(self) -> None:
        self._lines: list[LineFacts] = []
        self._faults: list[Fault] = []
        self._seen: dict[BillEntry, set[str]] = {entry: set() for entry in BillEntry}

    @property
    def rows(self) -> int:
        """How many rows there were, good or bad."""
        return len(self._lines) + len(self._faults)

    @contextmanager
    def row(self, line_no: int) -> Iterator[None]:
        """Read a row inside: what is unreadable is set aside with its line."""
        try:
            yield
        except Unreadable as bad:
            self.set_aside(line_no, bad)

    def set_aside(self, line_no: int, bad: Unreadable) -> None:
        """Remember an unreadable row."""
        self._faults.append(Fault(line_no, bad.reason))

    def add(self, facts: LineFacts) -> None:
        """Take what a row says; raises Unreadable when its number was there before."""
        numbers = self._seen[facts.entry]
        if facts.number in numbers:
            raise Unreadable("duplicate")
        numbers.add(facts.number)
        self._lines.append(facts)

    def bill(self) -> ReadBill:
        """All of them."""
        return ReadBill(self._lines, self._faults)


def unpacked(content: bytes) -> bytes:
    """The text of a bill, gzipped or not; raises BillFileMalformed for a broken or too large one."""
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


def members(content: bytes) -> list[bytes]:
    """The files in a zip, or the one file that is no zip; raises BillFileMalformed."""
    if not content.startswith(_ZIP):
        return [unpacked(content)]
    found: list[bytes] = []
    room = MAX_BYTES
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            for entry in packed.infolist()[:_MOST_MEMBERS]:
                with packed.open(entry) as file:
                    found.append(file.read(room + 1))
                room -= len(found[-1])
                if room < 0:
                    raise BillFileMalformed("too_large")
    # a password or a method of packing nobody knows raises the last two
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError) as error:
        raise BillFileMalformed("zip_broken") from error
    return found


def decoded(content: bytes) -> str:
    """The text of a file in UTF-8, with a mark or without, or in GB18030, of which GBK is a part.

    Raises BillFileMalformed for any other encoding.
    """
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise BillFileMalformed("encoding")


def instant(text: str, form: str | None = None) -> datetime:
    """An instant written in the operator's time, as 2026-03-15 06:00:00 or in another form.

    Raises Unreadable.
    """
    try:
        if form is not None:
            return datetime.strptime(text, form).replace(tzinfo=OPERATOR_ZONE)
        if _TIME.fullmatch(text):
            return datetime.fromisoformat(text).replace(tzinfo=OPERATOR_ZONE)
    except ValueError as error:
        raise Unreadable("time") from error
    raise Unreadable("time")


def number(text: str) -> str:
    """A number of ours or the channel's; raises Unreadable."""
    if not _NUMBER.fullmatch(text):
        raise Unreadable("number")
    return text


def fen(text: str) -> int:
    """Yuan, not negative, as fen; raises Unreadable."""
    if whole := _WHOLE_FEN.fullmatch(text):
        found = int(whole[1] + whole[2])
    else:
        try:
            found = fen_from_yuan(text) if _AMOUNT.fullmatch(text) else -1
        except ValueError as error:
            raise Unreadable("amount") from error
    if not 0 <= found <= MAX_FEN:
        raise Unreadable("amount")
    return found


def fee(text: str) -> int:
    """A fee in yuan, of up to six decimals and either sign, as fen; raises Unreadable."""
    if whole := _WHOLE_FEN.fullmatch(text):
        return int(whole[1] + whole[2])
    if not _AMOUNT.fullmatch(text):
        raise Unreadable("fee")
    return int((Decimal(text) * 100).quantize(Decimal(1), ROUND_HALF_UP))
