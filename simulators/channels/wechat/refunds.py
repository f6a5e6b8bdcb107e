"""Refunds at the platform: accepted at once, ended later."""

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from simulators.channels.clock import CHINA, SimClock, china_seconds
from simulators.channels.credentials import MerchantAccount
from simulators.channels.faults import FaultBox, FaultKind
from simulators.channels.wechat.errors import WeChatError, invalid_request, param_error
from simulators.channels.wechat.models import Order, Refund, RefundStatus, TradeState
from simulators.channels.wechat.rules import AskRefund
from simulators.channels.wechat.store import Store

MAX_PARTIAL: Final = 50
MAX_AGE: Final = timedelta(days=365)
GAP_SECONDS: Final = 60.0

_OUTCOMES: Final = (
    (FaultKind.REFUND_STUCK, RefundStatus.PROCESSING),
    (FaultKind.REFUND_ABNORMAL, RefundStatus.ABNORMAL),
    (FaultKind.REFUND_CLOSED, RefundStatus.CLOSED),
)
_MOVES: Final = {
    RefundStatus.PROCESSING: {RefundStatus.SUCCESS, RefundStatus.CLOSED, RefundStatus.ABNORMAL},
    RefundStatus.ABNORMAL: {RefundStatus.SUCCESS, RefundStatus.CLOSED},
}


class RefundFinal(Exception):
    """The refund cannot move from where it stands to where it was sent."""


class Refunds:
    """The platform's refunds; `on_accepted` is told each new one so that it can be ended."""

    def __init__(
        self,
        *,
        store: Store,
        clock: SimClock,
        merchant: MerchantAccount,
        faults: FaultBox,
        seconds: float,
        on_accepted: Callable[[Refund], None],
    ) -> None:
        self._store = store
        self._clock = clock
        self._merchant = merchant
        self._faults = faults
        self._seconds = seconds
        self._on_accepted = on_accepted

    def ask(self, asked: AskRefund) -> Refund:
        """Accept a refund, or return the one already accepted under the same number.

        Raises WeChatError: 400 PARAM_ERROR, INVALID_REQUEST (amounts, unpaid, too old, too many),
        403 NOT_ENOUGH, 404 RESOURCE_NOT_EXISTS, 429 FREQUENCY_LIMITED (a minute between two).
        """
        order = self._paid_order(asked)
        known = self._store.find_refund(asked.out_refund_no)
        if known is not None:
            if (known.out_trade_no, known.refund_fen, known.total_fen) != (
                order.out_trade_no,
                asked.amount.refund,
                asked.amount.total,
            ):
                raise invalid_request("订单金额或退款金额与之前请求不一致，请核实后再试")
            return known
        self._check_amount(order, asked)
        if self._faults.take(FaultKind.REFUND_NOT_ENOUGH, reference=asked.out_refund_no):
            raise WeChatError(403, "NOT_ENOUGH", "基本账户余额不足，请充值后重新发起")
        refund = self._new_refund(order, asked)
        self._store.save_refund(refund)
        self._on_accepted(refund)
        return refund

    def get(self, out_refund_no: str) -> Refund:
        """A refund by the merchant's number; raises WeChatError 404 RESOURCE_NOT_EXISTS."""
        refund = self._store.find_refund(out_refund_no)
        if refund is None:
            raise WeChatError(404, "RESOURCE_NOT_EXISTS", "退款单不存在")
        return refund

    def move(self, out_refund_no: str, status: RefundStatus) -> Refund:
        """End a refund, or mend an abnormal one as in the merchant portal; raises RefundFinal."""
        refund = self.get(out_refund_no)
        if status not in _MOVES.get(RefundStatus(refund.status), ()):
            raise RefundFinal(f"{refund.status} → {status}")
        done = status is RefundStatus.SUCCESS
        moved = replace(refund, status=status, success_at=self._clock.now() if done else None)
        self._store.save_refund(moved)
        return moved

    def view(self, refund: Refund) -> dict[str, Any]:
        """The refund object of the create and query answers."""
        view: dict[str, Any] = {
            "refund_id": refund.refund_id,
            "out_refund_no": refund.out_refund_no,
            "transaction_id": refund.transaction_id,
            "out_trade_no": refund.out_trade_no,
            "channel": "ORIGINAL",
            "user_received_account": "支付用户零钱",
            "create_time": china_seconds(refund.created_at),
            "status": refund.status,
            "funds_account": refund.funds_account,
            "promotion_detail": [],
            "amount": {
                "total": refund.total_fen,
                "refund": refund.refund_fen,
                "from": [],
                "payer_total": refund.total_fen,
                "payer_refund": refund.refund_fen,
                "settlement_refund": refund.refund_fen,
                "settlement_total": refund.total_fen,
                "discount_refund": 0,
                "currency": "CNY",
                "refund_fee": 0,
            },
        }
        if refund.success_at is not None:
            view["success_time"] = china_seconds(refund.success_at)
        return view

    def notice_view(self, refund: Refund) -> dict[str, Any]:
        """The refund object of notifications."""
        view: dict[str, Any] = {
            "mchid": self._merchant.mchid,
            "out_trade_no": refund.out_trade_no,
            "transaction_id": refund.transaction_id,
            "out_refund_no": refund.out_refund_no,
            "refund_id": refund.refund_id,
            "refund_status": refund.status,
            "user_received_account": "支付用户零钱",
            "amount": {
                "total": refund.total_fen,
                "refund": refund.refund_fen,
                "payer_total": refund.total_fen,
                "payer_refund": refund.refund_fen,
            },
        }
        if refund.success_at is not None:
            view["success_time"] = china_seconds(refund.success_at)
        return view

    def _paid_order(self, asked: AskRefund) -> Order:
        if asked.transaction_id is None and asked.out_trade_no is None:
            raise param_error("/transaction_id", "transaction_id与out_trade_no必须二选一")
        if asked.transaction_id is not None:
            order = self._store.find_order_by_transaction(asked.transaction_id)
        else:
            order = self._store.find_order(asked.out_trade_no or "")
        if order is None:
            raise WeChatError(404, "RESOURCE_NOT_EXISTS", "订单不存在")
        if asked.out_trade_no is not None and asked.out_trade_no != order.out_trade_no:
            raise invalid_request("微信支付订单号与商户订单号不匹配")
        if order.state != TradeState.SUCCESS or order.paid_at is None:
            raise invalid_request("订单未支付，不能退款")
        return order

    def _check_amount(self, order: Order, asked: AskRefund) -> None:
        now = self._clock.now()
        if order.paid_at is None or now - order.paid_at > MAX_AGE:
            raise invalid_request("订单已超过可退款的最大期限")
        if asked.amount.total != order.paid_fen:
            raise invalid_request("原订单金额与支付金额不一致")
        counted = [
            refund
            for refund in self._store.list_refunds(order.out_trade_no)
            if refund.status != RefundStatus.CLOSED
        ]
        taken = sum(refund.refund_fen for refund in counted)
        if taken + asked.amount.refund > order.paid_fen:
            raise invalid_request("申请退款金额大于订单剩余可退金额")
        if len(counted) >= MAX_PARTIAL:
            raise invalid_request("部分退款次数超过50次")
        if counted and now - counted[-1].created_at < self._clock.delay(GAP_SECONDS):
            raise WeChatError(429, "FREQUENCY_LIMITED", "同一笔订单多次退款的请求需相隔1分钟")

    def _new_refund(self, order: Order, asked: AskRefund) -> Refund:
        now = self._clock.now()
        outcome = RefundStatus.SUCCESS
        for kind, end in _OUTCOMES:
            if self._faults.take(kind, reference=asked.out_refund_no):
                outcome = end
                break
        return Refund(
            out_refund_no=asked.out_refund_no,
            refund_id=_refund_id(now),
            out_trade_no=order.out_trade_no,
            transaction_id=order.transaction_id or "",
            refund_fen=asked.amount.refund,
            total_fen=asked.amount.total,
            reason=asked.reason,
            notify_url=asked.notify_url,
            funds_account=asked.funds_account or "UNSETTLED",
            status=RefundStatus.PROCESSING,
            outcome=outcome,
            created_at=now,
            due_at=self._clock.after(self._seconds),
        )


def _refund_id(now: datetime) -> str:
    day = now.astimezone(CHINA).strftime("%Y%m%d")
    return f"503{random.randrange(10**8):08d}{day}{random.randrange(10**10):010d}"
