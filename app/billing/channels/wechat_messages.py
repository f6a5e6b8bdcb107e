"""Messages of WeChat Pay API v3, checked like any other input. Amounts are integer fen."""

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.billing.channels.protocol import (
    Notification,
    RefundFacts,
    RefundState,
    TradeState,
    Transaction,
)

_TRADE_STATES: Final = {
    "SUCCESS": TradeState.PAID,
    "REFUND": TradeState.PAID,
    "NOTPAY": TradeState.NOT_PAID,
    "USERPAYING": TradeState.NOT_PAID,
    "PAYERROR": TradeState.NOT_PAID,
    "CLOSED": TradeState.CLOSED,
    "REVOKED": TradeState.CLOSED,
}
_REFUND_STATES: Final = {
    "PROCESSING": RefundState.PROCESSING,
    "SUCCESS": RefundState.SUCCEEDED,
    "CLOSED": RefundState.CLOSED,
    "ABNORMAL": RefundState.ABNORMAL,
}
PAID_EVENT: Final = "TRANSACTION.SUCCESS"
REFUND_EVENTS: Final = {
    "REFUND.SUCCESS": RefundState.SUCCEEDED,
    "REFUND.ABNORMAL": RefundState.ABNORMAL,
    "REFUND.CLOSED": RefundState.CLOSED,
}

_Fen = Annotated[int, Field(ge=0, le=10**13)]
_Name = Annotated[str, Field(min_length=1, max_length=64)]
_TradeState = Literal["SUCCESS", "REFUND", "NOTPAY", "USERPAYING", "PAYERROR", "CLOSED", "REVOKED"]
_RefundState = Literal["PROCESSING", "SUCCESS", "CLOSED", "ABNORMAL"]


class _Message(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")


class _TransactionAmount(_Message):
    total: _Fen
    currency: _Name = "CNY"


class TransactionIn(_Message):
    """A transaction of the query answer and of notifications."""

    mchid: _Name
    appid: _Name
    out_trade_no: _Name
    trade_state: _TradeState
    transaction_id: _Name | None = None
    amount: _TransactionAmount | None = None

    def facts(self) -> Transaction:
        """The channel's word, in our terms."""
        return Transaction(
            merchant=self.mchid,
            appid=self.appid,
            number=self.out_trade_no,
            state=_TRADE_STATES[self.trade_state],
            transaction_id=self.transaction_id,
            amount_fen=self.amount.total if self.amount else None,
            currency=self.amount.currency if self.amount else None,
        )


class _RefundAmount(_Message):
    total: _Fen
    refund: _Fen
    currency: _Name | None = None


class RefundIn(_Message):
    """A refund of the create and query answers."""

    refund_id: _Name
    out_refund_no: _Name
    out_trade_no: _Name
    status: _RefundState
    amount: _RefundAmount

    def facts(self) -> RefundFacts:
        """The channel's word, in our terms."""
        return RefundFacts(
            number=self.out_refund_no,
            refund_id=self.refund_id,
            payment_number=self.out_trade_no,
            state=_REFUND_STATES[self.status],
            amount_fen=self.amount.refund,
            total_fen=self.amount.total,
            merchant=None,
            currency=self.amount.currency,
        )


class RefundNoticeIn(_Message):
    """A refund of notifications."""

    mchid: _Name
    refund_id: _Name
    out_refund_no: _Name
    out_trade_no: _Name
    refund_status: _RefundState
    amount: _RefundAmount

    def facts(self) -> RefundFacts:
        """The channel's word, in our terms."""
        return RefundFacts(
            number=self.out_refund_no,
            refund_id=self.refund_id,
            payment_number=self.out_trade_no,
            state=_REFUND_STATES[self.refund_status],
            amount_fen=self.amount.refund,
            total_fen=self.amount.total,
            merchant=self.mchid,
            currency=self.amount.currency,
        )


class NotificationIn(_Message):
    """The envelope: who it is about stands encrypted in its resource."""

    id: Annotated[str, Field(min_length=1, max_length=36)]
    event_type: _Name
    resource_type: Literal["encrypt-resource"]

    def opened(self, plain: dict[str, Any]) -> Notification:
        """The message with its decrypted content; raises ValueError for what does not fit."""
        if self.event_type == PAID_EVENT:
            transaction = TransactionIn.model_validate(plain).facts()
            if transaction.state is not TradeState.PAID:
                raise ValueError("a payment that is not paid")
            return Notification(event_id=self.id, kind=self.event_type, transaction=transaction)
        if (state := REFUND_EVENTS.get(self.event_type)) is not None:
            refund = RefundNoticeIn.model_validate(plain).facts()
            if refund.state is not state:
                raise ValueError("event and state differ")
            return Notification(event_id=self.id, kind=self.event_type, refund=refund)
        return Notification(event_id=self.id, kind=self.event_type)
