"""What happens at the platform's desk: payers pay, refunds end, merchants are told."""

from simulators.channels.faults import FaultBox, FaultKind
from simulators.channels.scheduler import Scheduler
from simulators.channels.wechat.models import Notice, NoticeState, Order, Refund, RefundStatus
from simulators.channels.wechat.notifications import News, Notifier
from simulators.channels.wechat.orders import NotPayable, Orders
from simulators.channels.wechat.refunds import Refunds
from simulators.channels.wechat.store import Store


class Desk:
    """Joins orders, refunds and notifications."""

    def __init__(
        self,
        *,
        orders: Orders,
        refunds: Refunds,
        notifier: Notifier,
        store: Store,
        scheduler: Scheduler,
        faults: FaultBox,
    ) -> None:
        self.orders = orders
        self.refunds = refunds
        self.notifier = notifier
        self.store = store
        self._scheduler = scheduler
        self._faults = faults

    def pay(
        self,
        out_trade_no: str,
        *,
        amount_fen: int | None = None,
        openid: str | None = None,
        late: bool = False,
    ) -> Order:
        """Pay an order and queue TRANSACTION.SUCCESS; raises NotPayable, WeChatError 404."""
        order = self.orders.pay(out_trade_no, amount_fen=amount_fen, openid=openid, late=late)
        self._tell_paid(order)
        return order

    def end_refund(self, out_refund_no: str, status: RefundStatus) -> Refund:
        """End or mend a refund and queue its notification; raises RefundFinal, WeChatError 404."""
        refund = self.refunds.move(out_refund_no, status)
        self._tell_refund(refund)
        return refund

    def watch_refund(self, refund: Refund) -> None:
        """Let a refund end by itself when it is due, unless it is meant to be stuck."""
        if refund.outcome != RefundStatus.PROCESSING:
            self._scheduler.at(refund.due_at, lambda: self._end_due(refund.out_refund_no))

    async def before_order_answer(self, out_trade_no: str) -> None:
        """Under the fault `notify_before_answer` the payer is faster than the answer."""
        if self._strikes_before_answer("create", out_trade_no):
            try:
                order = self.orders.pay(out_trade_no)
            except NotPayable:
                return
            await self._send_now(self._tell_paid(order))

    async def before_refund_answer(self, refund: Refund) -> None:
        """Under the fault `notify_before_answer` the refund ends before it is answered."""
        if refund.status != RefundStatus.PROCESSING:
            return
        if self._strikes_before_answer("refund", refund.out_refund_no):
            end = RefundStatus(refund.outcome)
            if end is not RefundStatus.PROCESSING:
                ended = self.refunds.move(refund.out_refund_no, end)
                await self._send_now(self._tell_refund(ended))

    def resume(self) -> None:
        """Take up what was under way when the simulator stopped."""
        for refund in self.store.list_refunds_open():
            self.watch_refund(refund)
        self.notifier.resume()

    def _strikes_before_answer(self, endpoint: str, reference: str) -> bool:
        return (
            self._faults.take(
                FaultKind.NOTIFY_BEFORE_ANSWER, endpoint=endpoint, reference=reference
            )
            is not None
        )

    async def _send_now(self, notice: Notice | None) -> None:
        if notice is not None and notice.state == NoticeState.PENDING:
            await self.notifier.send(notice.id)

    async def _end_due(self, out_refund_no: str) -> None:
        refund = self.refunds.get(out_refund_no)
        if refund.status == RefundStatus.PROCESSING:
            self.end_refund(out_refund_no, RefundStatus(refund.outcome))

    def _tell_paid(self, order: Order) -> Notice:
        return self.notifier.announce(
            News(
                event_type="TRANSACTION.SUCCESS",
                original_type="transaction",
                reference=order.out_trade_no,
                url=order.notify_url,
                resource=self.orders.view(order),
            )
        )

    def _tell_refund(self, refund: Refund) -> Notice | None:
        if refund.notify_url is None:
            return None
        return self.notifier.announce(
            News(
                event_type=f"REFUND.{RefundStatus(refund.status).value}",
                original_type="refund",
                reference=refund.out_refund_no,
                url=refund.notify_url,
                resource=self.refunds.notice_view(refund),
            )
        )
