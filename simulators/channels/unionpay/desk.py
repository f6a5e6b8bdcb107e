"""The parts of the simulated UnionPay, joined."""

from pathlib import Path

import httpx

from simulators.channels.clock import SimClock
from simulators.channels.faults import FaultBox
from simulators.channels.scheduler import Scheduler
from simulators.channels.unionpay.answers import Signer
from simulators.channels.unionpay.gateway import UnionPayApi
from simulators.channels.unionpay.merchant import UnionPayMerchant
from simulators.channels.unionpay.notifications import Notifier
from simulators.channels.unionpay.store import Store
from simulators.channels.unionpay.txns import Txns


class UnionPayDesk:
    """Transactions, what is told of them, and the gateway before them."""

    def __init__(
        self,
        *,
        merchant: UnionPayMerchant,
        path: Path | None,
        clock: SimClock,
        scheduler: Scheduler,
        faults: FaultBox,
        client: httpx.AsyncClient,
        refund_seconds: float,
        stall_seconds: float,
    ) -> None:
        self.store = Store(path)
        self.signer = Signer(merchant)
        self.notifier = Notifier(
            store=self.store,
            clock=clock,
            scheduler=scheduler,
            faults=faults,
            merchant=merchant,
            signer=self.signer,
            client=client,
        )
        self.txns = Txns(
            store=self.store,
            clock=clock,
            scheduler=scheduler,
            faults=faults,
            refund_seconds=refund_seconds,
            tell=self.notifier.announce,
        )
        self.api = UnionPayApi(
            merchant=merchant,
            txns=self.txns,
            signer=self.signer,
            faults=faults,
            stall_seconds=stall_seconds,
        )
