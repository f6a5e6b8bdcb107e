"""Messages of the UnionPay gateway, checked like any other input. Amounts are fen."""

import re
from typing import Annotated, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from app.billing.channels.protocol import (
    CURRENCY,
    Notification,
    RefundFacts,
    RefundRequest,
    RefundState,
    TradeState,
    Transaction,
)

DONE: Final = frozenset({"00", "A6"})
"""Accepted, and succeeded with a flaw."""
OPEN: Final = frozenset({"03", "04", "05"})
"""Not decided yet."""
YUAN: Final = "156"
PAY: Final = "01"
REFUND: Final = "04"
_RESERVED: Final = re.compile(r"([0-9A-Za-z]{8,40})-([0-9]{1,13})")


def _fen_of(value: object) -> int:
    if not isinstance(value, str) or not re.fullmatch(r"[0-9]{1,13}", value):
        raise ValueError("an amount is up to 13 digits")
    return int(value)


_Fen = Annotated[int, BeforeValidator(_fen_of)]
_Name = Annotated[str, Field(min_length=1, max_length=40)]
_Code = Annotated[str, Field(pattern=r"^[0-9A-Z]{2}$")]


def reserved_of(refund: RefundRequest) -> str:
    """What a refund carries along, and UnionPay says again: whose refund it is, out of how much."""
    return f"{refund.payment_number}-{refund.total_fen}"


class _Transaction(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="ignore", populate_by_name=True)

    order_id: _Name = Field(alias="orderId")
    merchant: _Name = Field(alias="merId")
    kind: _Name = Field(alias="txnType")
    query_id: _Name = Field(alias="queryId")
    amount_fen: _Fen = Field(alias="txnAmt")
    currency: str = Field(default="", alias="currencyCode")
    reserved: str = Field(default="", alias="reqReserved")

    def paid(self, state: TradeState) -> Transaction:
        """As a payment."""
        return Transaction(
            merchant=self.merchant,
            appid=self.merchant,
            number=self.order_id,
            state=state,
            transaction_id=self.query_id,
            amount_fen=self.amount_fen,
            currency=CURRENCY if self.currency == YUAN else self.currency,
        )

    def refunded(self, state: RefundState) -> RefundFacts:
        """As a refund; raises ValueError when it does not say whose."""
        said = _RESERVED.fullmatch(self.reserved)
        if said is None:
            raise ValueError("a refund of nobody's payment")
        return RefundFacts(
            number=self.order_id,
            refund_id=self.query_id,
            payment_number=said[1],
            state=state,
            amount_fen=self.amount_fen,
            total_fen=int(said[2]),
            merchant=self.merchant,
            currency=CURRENCY if self.currency == YUAN else self.currency or None,
        )


class QueriedIn(_Transaction):
    """The answer to a query that found something."""

    state: _Code = Field(alias="origRespCode")

    def payment(self) -> Transaction:
        """A payment that failed may be tried again until its time is over."""
        return self.paid(TradeState.PAID if self.state in DONE else TradeState.NOT_PAID)

    def refund(self) -> RefundFacts:
        """A refund that failed is final: another one needs another number. Raises ValueError."""
        if self.state in DONE:
            return self.refunded(RefundState.SUCCEEDED)
        is_open = self.state in OPEN
        return self.refunded(RefundState.PROCESSING if is_open else RefundState.CLOSED)


class NoticeIn(_Transaction):
    """A notification: it comes for what was accepted only."""

    state: _Code = Field(alias="respCode")

    def opened(self) -> Notification:
        """As the channel's word; of a refund only that it is under way, for the query decides.

        Raises ValueError for a refund that does not say whose it is.
        """
        event_id = f"{self.kind}:{self.query_id}"
        if self.kind == PAY and self.state in DONE:
            paid = self.paid(TradeState.PAID)
            return Notification(event_id=event_id, kind="pay", transaction=paid)
        if self.kind == REFUND:
            refund = self.refunded(RefundState.PROCESSING)
            return Notification(event_id=event_id, kind="refund", refund=refund)
        return Notification(event_id=event_id, kind=f"unionpay.{self.kind}.{self.state}")
