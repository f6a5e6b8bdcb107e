"""Trades and refunds at Alipay: idempotent by the merchant's numbers."""

import random
import secrets
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from simulators.channels.alipay.models import Refund, Trade, TradeStatus, business
from simulators.channels.alipay.store import Store
from simulators.channels.clock import CHINA, SimClock
from simulators.channels.faults import FaultBox, FaultKind

QR_VALID: Final = timedelta(hours=2)
SHORTEST: Final = timedelta(minutes=1)
_PAID: Final = frozenset({TradeStatus.TRADE_SUCCESS, TradeStatus.TRADE_FINISHED})


class NotPayable(Exception):
    """The trade cannot be paid (any more); the message says why, in Chinese."""


class Trades:
    """The merchant's trades; `tell` hears of each payment, and of each refund with its number."""

    def __init__(
        self,
        *,
        store: Store,
        clock: SimClock,
        faults: FaultBox,
        tell: Callable[[Trade, Refund | None], None],
    ) -> None:
        self._store = store
        self._clock = clock
        self._faults = faults
        self._tell = tell

    def place(
        self,
        method: str,
        *,
        out_trade_no: str,
        total_fen: int,
        subject: str,
        expires_at: datetime | None,
        notify_url: str,
        return_url: str = "",
    ) -> Trade:
        """Make a trade, or find the one of the same number, amount and subject.

        Raises AlipayRefusal 40004: CONTEXT_INCONSISTENT, TRADE_HAS_SUCCESS, TRADE_HAS_CLOSE.
        """
        now = self._clock.now()
        known = self._find(out_trade_no)
        if known is not None:
            if known.status in _PAID:
                raise business("ACQ.TRADE_HAS_SUCCESS", "交易已被支付")
            if known.status == TradeStatus.TRADE_CLOSED:
                raise business("ACQ.TRADE_HAS_CLOSE", "交易已经关闭")
            if (known.total_fen, known.subject) != (total_fen, subject):
                raise business("ACQ.CONTEXT_INCONSISTENT", "交易信息被篡改")
            return known
        trade = Trade(
            out_trade_no=out_trade_no,
            trade_no=_trade_no(now),
            token=secrets.token_hex(12),
            method=method,
            subject=subject,
            total_fen=total_fen,
            notify_url=notify_url,
            return_url=return_url,
            status=TradeStatus.NEW,
            created_at=now,
            expires_at=max(expires_at or now + QR_VALID, now + SHORTEST),
        )
        self._store.save_trade(trade)
        return trade

    def get(self, *, out_trade_no: str = "", trade_no: str = "") -> Trade:
        """A trade its buyer has seen; raises AlipayRefusal ACQ.TRADE_NOT_EXIST."""
        found = (
            self._store.find_trade_by_trade_no(trade_no) if trade_no else self._find(out_trade_no)
        )
        trade = None if found is None else self._timed(found)
        if trade is None or trade.status == TradeStatus.NEW:
            raise business("ACQ.TRADE_NOT_EXIST", "交易不存在")
        return trade

    def open(self, token: str) -> Trade:
        """The buyer scans the code or comes to the cashier; raises NotPayable."""
        found = self._store.find_trade_by_token(token)
        if found is None:
            raise NotPayable("二维码或支付链接无效")
        return self._opened(self._timed(found))

    def show(self, out_trade_no: str) -> Trade | None:
        """A trade as it stands, for those who look over the shoulder."""
        return self._find(out_trade_no)

    def pay(self, out_trade_no: str, *, amount_fen: int | None = None, late: bool = False) -> Trade:
        """The buyer pays, having opened the cashier; `amount_fen` overrides what is booked.

        `late`: the password is entered after the time to pay. Raises NotPayable, AlipayRefusal.
        """
        found = self._store.find_trade(out_trade_no)
        if found is None:
            raise business("ACQ.TRADE_NOT_EXIST", "交易不存在")
        trade = self._opened(found, late=True) if late else self._opened(self._timed(found))
        if trade.status != TradeStatus.WAIT_BUYER_PAY and not (
            late and trade.status == TradeStatus.TRADE_CLOSED
        ):
            raise NotPayable(f"交易状态为{trade.status}")
        paid = self._save(
            replace(
                trade,
                status=TradeStatus.TRADE_SUCCESS,
                buyer_id=f"2088{random.randrange(10**12):012d}",
                paid_fen=trade.total_fen if amount_fen is None else amount_fen,
                paid_at=self._clock.now(),
                closed_at=None,
            )
        )
        self._tell(paid, None)
        return paid

    def fail(self, out_trade_no: str) -> Trade:
        """The buyer tries and fails; the trade stays unpaid. Raises NotPayable, AlipayRefusal."""
        trade = self._waiting(out_trade_no)
        return self._save(replace(trade, failures=trade.failures + 1))

    def expire(self, out_trade_no: str) -> Trade:
        """End the time to pay now: the trade closes. Raises NotPayable, AlipayRefusal."""
        trade = self._waiting(out_trade_no)
        now = self._clock.now()
        return self._save(
            replace(trade, status=TradeStatus.TRADE_CLOSED, expires_at=now, closed_at=now)
        )

    def finish(self, out_trade_no: str) -> Trade:
        """End the time for refunds: TRADE_FINISHED. Raises NotPayable, AlipayRefusal."""
        trade = self.get(out_trade_no=out_trade_no)
        if trade.status != TradeStatus.TRADE_SUCCESS:
            raise NotPayable(f"交易状态为{trade.status}")
        return self._save(replace(trade, status=TradeStatus.TRADE_FINISHED))

    def close(self, *, out_trade_no: str = "", trade_no: str = "") -> Trade:
        """The merchant closes an unpaid trade; raises AlipayRefusal."""
        trade = self.get(out_trade_no=out_trade_no, trade_no=trade_no)
        if trade.status != TradeStatus.WAIT_BUYER_PAY:
            raise business("ACQ.REASON_TRADE_STATUS_INVALID", "交易状态不合法")
        return self._save(
            replace(trade, status=TradeStatus.TRADE_CLOSED, closed_at=self._clock.now())
        )

    def refund(
        self, trade: Trade, *, out_request_no: str, refund_fen: int, reason: str
    ) -> tuple[Trade, bool]:
        """Give money back; false when this number did so before.

        Raises AlipayRefusal 40004: REFUND_AMT_NOT_EQUAL_TOTAL, DISCORDANT_REPEAT_REQUEST,
        TRADE_HAS_FINISHED, TRADE_STATUS_ERROR, SELLER_BALANCE_NOT_ENOUGH.
        """
        number = out_request_no or trade.out_trade_no
        key = f"{trade.out_trade_no}/{number}"
        known = self._store.find_refund(key)
        if known is not None:
            if known.refund_fen != refund_fen:
                raise business("ACQ.DISCORDANT_REPEAT_REQUEST", "请求信息不一致")
            return trade, False
        if trade.status == TradeStatus.TRADE_FINISHED:
            raise business("ACQ.TRADE_HAS_FINISHED", "交易已完结")
        if trade.paid_fen is None or trade.status != TradeStatus.TRADE_SUCCESS:
            raise business("ACQ.TRADE_STATUS_ERROR", "交易状态不合法")
        if not out_request_no and refund_fen != trade.paid_fen:
            raise business("ACQ.REFUND_AMT_NOT_EQUAL_TOTAL", "退款金额与订单金额不一致")
        if self.refunded_fen(trade) + refund_fen > trade.paid_fen:
            raise business("ACQ.REASON_TRADE_REFUND_FEE_ERR", "退款金额无效")
        if self._faults.take(FaultKind.REFUND_NOT_ENOUGH, reference=number):
            raise business("ACQ.SELLER_BALANCE_NOT_ENOUGH", "卖家余额不足")
        now = self._clock.now()
        refund = Refund(
            key=key,
            out_trade_no=trade.out_trade_no,
            out_request_no=number,
            refund_fen=refund_fen,
            reason=reason,
            refunded_at=now,
        )
        self._store.add_refund(refund)
        if self.refunded_fen(trade) == trade.paid_fen:
            trade = self._save(replace(trade, status=TradeStatus.TRADE_CLOSED, closed_at=now))
        self._tell(trade, refund)
        return trade, True

    def refunded_fen(self, trade: Trade) -> int:
        """The sum of a trade's refunds so far."""
        return sum(refund.refund_fen for refund in self._store.list_refunds(trade.out_trade_no))

    def _find(self, out_trade_no: str) -> Trade | None:
        found = self._store.find_trade(out_trade_no)
        return None if found is None else self._timed(found)

    def _waiting(self, out_trade_no: str) -> Trade:
        found = self._find(out_trade_no)
        if found is None:
            raise business("ACQ.TRADE_NOT_EXIST", "交易不存在")
        trade = self._opened(found)
        if trade.status != TradeStatus.WAIT_BUYER_PAY:
            raise NotPayable(f"交易状态为{trade.status}")
        return trade

    def _opened(self, trade: Trade, *, late: bool = False) -> Trade:
        if trade.status != TradeStatus.NEW:
            return trade
        if not late and self._clock.now() >= trade.expires_at:
            raise NotPayable("二维码或支付链接已过期")
        return self._save(replace(trade, status=TradeStatus.WAIT_BUYER_PAY))

    def _timed(self, trade: Trade) -> Trade:
        """Close a trade whose time to pay is over; a code never scanned ends without a trade."""
        if trade.status == TradeStatus.WAIT_BUYER_PAY and self._clock.now() >= trade.expires_at:
            return self._save(
                replace(trade, status=TradeStatus.TRADE_CLOSED, closed_at=trade.expires_at)
            )
        return trade

    def _save(self, trade: Trade) -> Trade:
        self._store.save_trade(trade)
        return trade


def _trade_no(now: datetime) -> str:
    day = now.astimezone(CHINA).strftime("%Y%m%d")
    return f"{day}22001{random.randrange(10**15):015d}"
