"""Rows of UnionPay's books, and what it refuses. Instants are UTC, money is integer fen."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

PAY: Final = "01"
REFUND: Final = "04"


class TxnState(StrEnum):
    """States of a transaction, by their response codes where they have one."""

    NEW = "new"
    """A payer has seen the page and not tried: a query finds nothing."""
    OPEN = "05"
    SUCCEEDED = "00"
    FLAWED = "A6"
    FAILED = "01"


@dataclass(frozen=True, slots=True, kw_only=True)
class Txn:
    """A payment or a refund: known by the merchant's number and second."""

    key: str
    order_id: str
    txn_time: str
    kind: str
    query_id: str
    fen: int
    state: str
    orig_query_id: str
    front_url: str
    back_url: str
    reserved: str
    created_at: datetime
    expires_at: datetime | None = None
    paid_fen: int | None = None
    finished_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A notification as a form, sent until accepted or given up; `form` is JSON without signature."""

    id: str
    reference: str
    url: str
    form: str
    state: str
    attempts: int
    created_at: datetime
    next_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One sending of a notification, and how the receiver answered."""

    notice_id: str
    number: int
    sent_at: datetime
    status: int | None
    answer: str


class UnionPayRefusal(Exception):
    """A refusal of the gateway: its code of two characters, and why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
