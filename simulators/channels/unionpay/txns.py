"""Payments and refunds at UnionPay: idempotent by the merchant's number and second."""

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from simulators.channels.clock import CHINA, SimClock
from simulators.channels.faults import FaultBox, FaultKind
from simulators.channels.scheduler import Scheduler
from simulators.channels.unionpay.models import PAY, REFUND, Txn, TxnState, UnionPayRefusal
from simulators.channels.unionpay.store import Store

REFUNDED_WITHIN: Final = timedelta(days=335)
_DONE: Final = frozenset({TxnState.SUCCEEDED, TxnState.FLAWED})


class NotPayable(Exception):
    """The payment cannot be paid (any more); the message says why, in Chinese."""


class Txns:
    """The merchant's transactions; `tell` hears of each that succeeded."""

    def __init__(
        self,
        *,
        store: Store,
        clock: SimClock,
        scheduler: Scheduler,
        faults: FaultBox,
        refund_seconds: float,
        tell: Callable[[Txn], None],
    ) -> None:
        self._store = store
        self._clock = clock
        self._scheduler = scheduler
        self._faults = faults
        self._refund_seconds = refund_seconds
        self._tell = tell

    def enter(
        self,
        *,
        order_id: str,
        txn_time: str,
        fen: int,
        expires_at: datetime,
        front_url: str,
        back_url: str,
    ) -> Txn:
        """A payer comes to the page: the payment, made or found; raises UnionPayRefusal 12."""
        key = f"{order_id}/{txn_time}"
        known = self._store.find_txn(key)
        if known is not None:
            if (known.kind, known.fen) != (PAY, fen) or known.state in _DONE:
                raise UnionPayRefusal("12", "重复交易")
            return known
        return self._save(
            Txn(
                key=key,
                order_id=order_id,
                txn_time=txn_time,
                kind=PAY,
                query_id=self._query_id(),
                fen=fen,
                state=TxnState.NEW,
                orig_query_id="",
                front_url=front_url,
                back_url=back_url,
                reserved="",
                created_at=self._clock.now(),
                expires_at=expires_at,
            )
        )

    def get(self, key: str) -> Txn:
        """A transaction that a query finds; raises UnionPayRefusal 34."""
        found = self._store.find_txn(key)
        if found is None or found.state == TxnState.NEW:
            raise UnionPayRefusal("34", "查无此交易")
        return found

    def pay(
        self,
        order_id: str,
        *,
        amount_fen: int | None = None,
        late: bool = False,
        flawed: bool = False,
    ) -> Txn:
        """The payer pays; `amount_fen` overrides what is booked, `late` pays after the end.

        Raises NotPayable.
        """
        txn = self._payable(order_id, late=late)
        paid = self._save(
            replace(
                txn,
                state=TxnState.FLAWED if flawed else TxnState.SUCCEEDED,
                paid_fen=txn.fen if amount_fen is None else amount_fen,
                finished_at=self._clock.now(),
            )
        )
        self._tell(paid)
        return paid

    def fail(self, order_id: str) -> Txn:
        """The card is refused; the payer may try again. Raises NotPayable."""
        return self._save(replace(self._payable(order_id), state=TxnState.FAILED))

    def hang(self, order_id: str) -> Txn:
        """The bank does not say how it went. Raises NotPayable."""
        return self._save(replace(self._payable(order_id), state=TxnState.OPEN))

    def refund(
        self,
        *,
        order_id: str,
        txn_time: str,
        fen: int,
        orig_query_id: str,
        back_url: str,
        reserved: str,
    ) -> Txn:
        """Accept a refund, which ends later; raises UnionPayRefusal 12, 34, 36, 39."""
        key = f"{order_id}/{txn_time}"
        if self._store.find_txn(key) is not None:
            raise UnionPayRefusal("12", "重复交易")
        paid = self._store.find_by_query(orig_query_id)
        if paid is None or paid.kind != PAY or paid.state not in _DONE:
            raise UnionPayRefusal("34", "查无此交易")
        if paid.finished_at is None or self._clock.now() - paid.finished_at > REFUNDED_WITHIN:
            raise UnionPayRefusal("39", "交易不在受理时间范围内")
        made = self._store.list_refunds(orig_query_id)
        back = sum(one.fen for one in made if one.state != TxnState.FAILED)
        if back + fen > (paid.paid_fen or 0):
            raise UnionPayRefusal("36", "交易金额超限")
        refund = self._save(
            Txn(
                key=key,
                order_id=order_id,
                txn_time=txn_time,
                kind=REFUND,
                query_id=self._query_id(),
                fen=fen,
                state=TxnState.OPEN,
                orig_query_id=orig_query_id,
                front_url="",
                back_url=back_url,
                reserved=reserved,
                created_at=self._clock.now(),
            )
        )
        if not self._faults.take(FaultKind.REFUND_STUCK, reference=order_id):
            self._schedule(refund, self._clock.after(self._refund_seconds))
        return refund

    def resume(self) -> None:
        """Take up the refunds that were under way when the simulator stopped."""
        for refund in self._store.list_open_refunds():
            self._schedule(refund, self._clock.now())

    def _schedule(self, refund: Txn, due: datetime) -> None:
        async def end() -> None:
            self.end_refund(refund.key)

        self._scheduler.at(due, end)

    def end_refund(self, key: str) -> None:
        """Let a refund under way succeed, or fail where that was ordered."""
        refund = self._store.find_txn(key)
        if refund is None or refund.state != TxnState.OPEN:
            return
        failed = self._faults.take(FaultKind.REFUND_CLOSED, reference=refund.order_id)
        state = TxnState.FAILED if failed else TxnState.SUCCEEDED
        ended = self._save(replace(refund, state=state, finished_at=self._clock.now()))
        if not failed:
            self._tell(ended)

    def _payable(self, order_id: str, *, late: bool = False) -> Txn:
        txn = self._store.find_by_order(order_id)
        if txn is None or txn.kind != PAY:
            raise NotPayable("没有这笔订单")
        if txn.state in _DONE:
            raise NotPayable("订单已支付")
        if not late and txn.expires_at is not None and self._clock.now() >= txn.expires_at:
            raise NotPayable("订单已超过支付时间")
        return txn

    def _query_id(self) -> str:
        now = self._clock.now().astimezone(CHINA)
        return f"{now:%Y%m%d%H%M%S}{random.randrange(10**7):07d}"

    def _save(self, txn: Txn) -> Txn:
        self._store.save_txn(txn)
        return txn
