"""The parts of the simulated Alipay, joined."""

from pathlib import Path

import httpx

from simulators.channels.alipay.bills import Bills
from simulators.channels.alipay.gateway import AlipayApi
from simulators.channels.alipay.models import Refund, Trade
from simulators.channels.alipay.notifications import Notifier
from simulators.channels.alipay.store import Store
from simulators.channels.alipay.trades import Trades
from simulators.channels.clock import SimClock
from simulators.channels.credentials import AlipayApp
from simulators.channels.faults import FaultBox
from simulators.channels.scheduler import Scheduler


class AlipayDesk:
    """Trades, what is told of them, and the gateway before them."""

    def __init__(
        self,
        *,
        app: AlipayApp,
        path: Path | None,
        clock: SimClock,
        scheduler: Scheduler,
        faults: FaultBox,
        client: httpx.AsyncClient,
        base_url: str,
        stall_seconds: float,
    ) -> None:
        self.store = Store(path)
        self.notifier = Notifier(
            store=self.store,
            clock=clock,
            scheduler=scheduler,
            faults=faults,
            app=app,
            client=client,
        )
        self.trades = Trades(store=self.store, clock=clock, faults=faults, tell=self._tell)
        self.bills = Bills(
            store=self.store, clock=clock, seller_id=app.seller_id, base_url=base_url
        )
        self.api = AlipayApi(
            app=app,
            trades=self.trades,
            bills=self.bills,
            store=self.store,
            faults=faults,
            clock=clock,
            base_url=base_url,
            stall_seconds=stall_seconds,
        )

    def _tell(self, trade: Trade, refund: Refund | None) -> None:
        self.notifier.announce(trade, refund, refunded_fen=self.trades.refunded_fen(trade))
