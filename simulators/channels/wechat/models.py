"""Rows of the platform's books. Instants are UTC, money is integer fen."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class TradeState(StrEnum):
    """Stored states of an order; REFUND is derived from its refunds."""

    NOTPAY = "NOTPAY"
    SUCCESS = "SUCCESS"
    CLOSED = "CLOSED"


class RefundStatus(StrEnum):
    """States of a refund; ABNORMAL is not final."""

    PROCESSING = "PROCESSING"
    SUCCESS = "SUCCESS"
    CLOSED = "CLOSED"
    ABNORMAL = "ABNORMAL"


class NoticeState(StrEnum):
    """What became of a notification."""

    PENDING = "pending"
    ACCEPTED = "accepted"
    LOST = "lost"
    GIVEN_UP = "given_up"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A merchant's order; `expires_at` ends the time to pay and closes nothing."""

    out_trade_no: str
    appid: str
    trade_type: str
    fingerprint: str
    description: str
    attach: str | None
    notify_url: str
    total_fen: int
    openid: str | None
    created_at: datetime
    expires_at: datetime
    state: str = TradeState.NOTPAY
    failures: int = 0
    transaction_id: str | None = None
    paid_fen: int | None = None
    paid_at: datetime | None = None
    bank_type: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepay:
    """A ticket to the cashier: a prepay_id, or the code inside a code_url."""

    token: str
    out_trade_no: str
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """A refund; `outcome` is how it will end at `due_at`, PROCESSING when it is stuck."""

    out_refund_no: str
    refund_id: str
    out_trade_no: str
    transaction_id: str
    refund_fen: int
    total_fen: int
    reason: str | None
    notify_url: str | None
    funds_account: str
    status: str
    outcome: str
    created_at: datetime
    due_at: datetime
    success_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A notification with its encrypted body, sent until accepted or given up."""

    id: str
    event_type: str
    reference: str
    url: str
    body: str
    state: str
    attempts: int
    created_at: datetime
    next_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One sending of a notification or a probe, and how the receiver answered."""

    notice_id: str
    number: int
    kind: str
    sent_at: datetime
    status: int | None
    answer: str
