"""What billing asks of a payment channel, and the typed answers. Amounts are integer fen.

A transport failure or an answer that means nothing is raised (`httpx.HTTPError`,
`OutcomeUnknown`, `TimeoutError`); everything else is one of the answers below.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

CURRENCY = "CNY"


class TradeState(StrEnum):
    """What the channel says about a payment."""

    PAID = "paid"
    NOT_PAID = "not_paid"
    CLOSED = "closed"


class RefundState(StrEnum):
    """What the channel says about a refund; `abnormal` waits for a person."""

    PROCESSING = "processing"
    SUCCEEDED = "succeeded"
    CLOSED = "closed"
    ABNORMAL = "abnormal"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRequest:
    """A payment to be placed; a retry repeats every field. `expires_at` is wall time (UTC)."""

    method: str
    number: str
    amount_fen: int
    description: str
    expires_at: datetime
    payer_openid: str | None = None
    payer_address: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundRequest:
    """A refund to be submitted; a retry repeats every field."""

    number: str
    payment_number: str
    amount_fen: int
    total_fen: int
    reason: str


@dataclass(frozen=True, slots=True)
class Placed:
    """The payment waits for its payer; `handle` is what the payer's client needs."""

    handle: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """A payment as the channel knows it."""

    merchant: str
    appid: str
    number: str
    state: TradeState
    transaction_id: str | None
    amount_fen: int | None
    currency: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundFacts:
    """A refund as the channel knows it."""

    number: str
    refund_id: str
    payment_number: str
    state: RefundState
    amount_fen: int
    total_fen: int
    merchant: str | None
    currency: str | None


@dataclass(frozen=True, slots=True)
class Missing:
    """The channel knows no such number."""


@dataclass(frozen=True, slots=True)
class Closed:
    """Nobody can pay this number any more."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The channel said no. Not every such answer is signed: nothing final follows."""

    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """A genuine message of the channel: one of `transaction` and `refund`, or neither.

    `refund_number` names the refund for which a message about a transaction came.
    """

    event_id: str
    kind: str
    transaction: Transaction | None = None
    refund: RefundFacts | None = None
    refund_number: str | None = None


class PaymentGateway(Protocol):
    """One merchant account at a payment channel."""

    @property
    def merchant(self) -> str:
        """The account's number at the channel."""

    @property
    def appid(self) -> str:
        """The app that asks for payments."""

    async def place_order(self, order: OrderRequest) -> Placed | Refused:
        """Ask for a payment; the same order may be placed again."""

    async def query_order(self, number: str) -> Transaction | Missing | Refused:
        """What became of a payment."""

    async def close_order(self, number: str) -> Closed | Missing | Refused:
        """Let nobody pay any more."""

    async def submit_refund(self, refund: RefundRequest) -> RefundFacts | Refused:
        """Ask for a refund; the same refund may be submitted again."""

    async def query_refund(self, refund: RefundRequest) -> RefundFacts | Missing | Refused:
        """What became of a refund, told by its own number and its payment's."""

    async def read_notification(self, headers: Mapping[str, str], body: bytes) -> Notification:
        """Verify and open a message.

        Raises NotificationMalformed, NotificationNotGenuine or SignatureProbe.
        """
