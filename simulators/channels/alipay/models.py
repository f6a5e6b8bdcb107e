"""Rows of Alipay's books, and what it refuses. Instants are UTC, money is integer fen."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class TradeStatus(StrEnum):
    """States of a trade; NEW is a QR code nobody has scanned, which a query does not find."""

    NEW = "NEW"
    WAIT_BUYER_PAY = "WAIT_BUYER_PAY"
    TRADE_SUCCESS = "TRADE_SUCCESS"
    TRADE_FINISHED = "TRADE_FINISHED"
    TRADE_CLOSED = "TRADE_CLOSED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trade:
    """A trade; `expires_at` closes it by itself while it is unpaid."""

    out_trade_no: str
    trade_no: str
    token: str
    method: str
    subject: str
    total_fen: int
    notify_url: str
    return_url: str
    status: str
    created_at: datetime
    expires_at: datetime
    failures: int = 0
    buyer_id: str | None = None
    paid_fen: int | None = None
    paid_at: datetime | None = None
    closed_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """Money that went back: refunds are synchronous."""

    key: str
    """out_trade_no and out_request_no, which is unique within its trade."""
    out_trade_no: str
    out_request_no: str
    refund_fen: int
    reason: str
    refunded_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A notification as a form, sent until accepted or given up; `form` is JSON without `sign`."""

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


class AlipayRefusal(Exception):
    """A refusal of the gateway: code, and the finer sub-code that says why."""

    def __init__(self, code: str, sub_code: str, sub_msg: str, *, signed: bool = True) -> None:
        super().__init__(sub_msg)
        self.code = code
        self.sub_code = sub_code
        self.sub_msg = sub_msg
        self.signed = signed


def business(sub_code: str, sub_msg: str) -> AlipayRefusal:
    """40004: understood, and refused."""
    return AlipayRefusal("40004", sub_code, sub_msg)


def invalid(sub_code: str, sub_msg: str, *, signed: bool = False) -> AlipayRefusal:
    """40002: a parameter that cannot be; before the caller is known nothing is signed."""
    return AlipayRefusal("40002", sub_code, sub_msg, signed=signed)
