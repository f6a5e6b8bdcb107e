"""What billing asks of a channel that makes bills, and a bill as we read it."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple, Protocol, runtime_checkable

from app.billing.channels.protocol import Refused
from app.billing.states import BillEntry


@dataclass(frozen=True, slots=True)
class NoBill:
    """Nothing moved that day: a normal answer."""


class LineFacts(NamedTuple):
    """One readable row. Amounts are fen; `number` is ours, `channel_no` the channel's.

    A plain tuple in the order of the table, for a bill may have a million of them.
    """

    entry: BillEntry
    number: str
    channel_no: str
    happened_at: datetime
    amount_fen: int
    fee_fen: int
    moves_money: bool
    line_no: int


@dataclass(frozen=True, slots=True)
class Fault:
    """A row that cannot be read, and why."""

    line_no: int
    reason: str


@dataclass(frozen=True, slots=True)
class ReadBill:
    """A whole bill: what can be read, and what was set aside."""

    lines: list[LineFacts]
    faults: list[Fault]


@runtime_checkable
class BillSource(Protocol):
    """A merchant account whose channel makes a bill of every day."""

    @property
    def merchant(self) -> str:
        """The account's number at the channel."""

    async def fetch_bill(self, day: date) -> bytes | NoBill | Refused:
        """The day's bill of payments and refunds as the channel makes it, its hash checked.

        Raises `httpx.HTTPError`, `OutcomeUnknown` or `TimeoutError` where nothing is known.
        """
