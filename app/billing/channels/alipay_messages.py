"""Messages of the Alipay gateway, checked like any other input: yuan outside, integer fen inside."""

from typing import Annotated, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from app.billing.channels.protocol import (
    CURRENCY,
    Notification,
    RefundFacts,
    RefundState,
    TradeState,
    Transaction,
)
from app.core.money import fen_from_yuan

MOST_FEN: Final = 10**13
REFUNDED: Final = "REFUND_SUCCESS"


def _fen_of(value: object) -> int:
    if not isinstance(value, str):
        raise ValueError("an amount is a text")  # noqa: TRY004 - pydantic takes ValueError only
    if not value.isascii():
        raise ValueError("digits that Alipay does not write")
    fen = fen_from_yuan(value)
    if not 0 <= fen <= MOST_FEN:
        raise ValueError("an amount out of bounds")
    return fen


_Fen = Annotated[int, BeforeValidator(_fen_of)]
_Name = Annotated[str, Field(min_length=1, max_length=64)]
_Status = Literal["WAIT_BUYER_PAY", "TRADE_SUCCESS", "TRADE_FINISHED", "TRADE_CLOSED"]


class _Message(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")


class PrecreatedIn(_Message):
    """The answer to precreate."""

    out_trade_no: _Name
    qr_code: Annotated[str, Field(min_length=1, max_length=1024)]


class TradeIn(_Message):
    """The answer to a query: it names no merchant, as the signed question did."""

    out_trade_no: _Name
    trade_no: _Name
    trade_status: _Status
    total_amount: _Fen
    send_pay_date: str | None = None

    def facts(self, *, merchant: str, appid: str) -> Transaction:
        """The channel's word about the account that asked."""
        return Transaction(
            merchant=merchant,
            appid=appid,
            number=self.out_trade_no,
            state=_state(self.trade_status, was_paid=bool(self.send_pay_date)),
            transaction_id=self.trade_no,
            amount_fen=self.total_amount,
            currency=CURRENCY,
        )


class RefundedIn(_Message):
    """The answer to a refund; `refund_fee` is the sum of all refunds of the trade so far."""

    out_trade_no: _Name
    trade_no: _Name
    refund_fee: _Fen
    fund_change: Literal["Y", "N"]


class RefundQueryIn(_Message):
    """The answer to a refund query; without `refund_status` nothing was refunded under it."""

    out_trade_no: _Name | None = None
    out_request_no: _Name | None = None
    trade_no: _Name | None = None
    total_amount: _Fen | None = None
    refund_amount: _Fen | None = None
    refund_status: str | None = None

    def facts(self, *, merchant: str) -> RefundFacts:
        """The channel's word; raises ValueError when a part of it is missing."""
        if (
            self.out_trade_no is None
            or self.out_request_no is None
            or self.trade_no is None
            or self.total_amount is None
            or self.refund_amount is None
        ):
            raise ValueError("a refund without its facts")
        return RefundFacts(
            number=self.out_request_no,
            refund_id=self.trade_no,
            payment_number=self.out_trade_no,
            state=RefundState.SUCCEEDED,
            amount_fen=self.refund_amount,
            total_fen=self.total_amount,
            merchant=merchant,
            currency=CURRENCY,
        )


class NoticeIn(_Message):
    """A notification about a trade; refunds are told to the payment's address as well."""

    notify_id: Annotated[str, Field(min_length=1, max_length=128)]
    notify_type: _Name
    app_id: _Name
    seller_id: _Name
    out_trade_no: _Name
    trade_no: _Name
    trade_status: _Status
    total_amount: _Fen
    out_biz_no: str | None = None
    """The number of the refund that is told of."""
    gmt_refund: str | None = None
    gmt_payment: str | None = None

    def opened(self) -> Notification:
        """What it says of the payment.

        How a refund ended is not taken from here: a notification tells the sum of all refunds and
        not this one's amount. The refund's own answer and its query say it.
        """
        was_paid = bool(self.gmt_payment or self.gmt_refund)
        return Notification(
            event_id=self.notify_id,
            kind=f"{self.notify_type}:{self.trade_status}",
            transaction=Transaction(
                merchant=self.seller_id,
                appid=self.app_id,
                number=self.out_trade_no,
                state=_state(self.trade_status, was_paid=was_paid),
                transaction_id=self.trade_no,
                amount_fen=self.total_amount,
                currency=CURRENCY,
            ),
            refund_number=(self.out_biz_no or None) if self.gmt_refund else None,
        )


def _state(status: str, *, was_paid: bool) -> TradeState:
    """TRADE_CLOSED is a trade that timed out, or one refunded in full: that one was paid."""
    if status == "WAIT_BUYER_PAY":
        return TradeState.NOT_PAID
    if status == "TRADE_CLOSED" and not was_paid:
        return TradeState.CLOSED
    return TradeState.PAID
