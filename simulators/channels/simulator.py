"""The parts of one channel simulator, joined."""

from collections.abc import Callable

import httpx

from simulators.channels.alipay.desk import AlipayDesk
from simulators.channels.aliyun_sms.acs3 import Acs3Gate
from simulators.channels.aliyun_sms.api import SmsApi
from simulators.channels.aliyun_sms.limits import NumberLimits
from simulators.channels.aliyun_sms.outbox import Outbox
from simulators.channels.aliyun_sms.receipts import Receipts
from simulators.channels.aliyun_sms.replies import Replies
from simulators.channels.aliyun_sms.service import SmsService
from simulators.channels.aliyun_sms.templates import Templates
from simulators.channels.clock import SimClock
from simulators.channels.config import SimulatorConfig
from simulators.channels.credentials import (
    ChannelCredentials,
    ensure_credentials,
    generate_credentials,
    load_credentials,
    save_credentials,
)
from simulators.channels.faults import FaultBox
from simulators.channels.scheduler import Scheduler
from simulators.channels.taobao.api import TaobaoApi
from simulators.channels.taobao.demo import open_demo_shop
from simulators.channels.taobao.shop import TaobaoShop
from simulators.channels.unionpay.desk import UnionPayDesk
from simulators.channels.wechat.api import WeChatApi
from simulators.channels.wechat.bills import Bills
from simulators.channels.wechat.desk import Desk
from simulators.channels.wechat.gate import RequestGate
from simulators.channels.wechat.models import Refund
from simulators.channels.wechat.notifications import Notifier
from simulators.channels.wechat.orders import Orders
from simulators.channels.wechat.platform import PlatformKeys
from simulators.channels.wechat.refunds import Refunds
from simulators.channels.wechat.store import Store

POST_SECONDS = 5.0
"""How long a receiver of notifications may take to answer (real time)."""


class ChannelSimulator:
    """The channels with their shared clock, scheduler and faults.

    Nothing runs by itself until `scheduler.run_forever` does: tests move `clock` and call
    `run_due`. Close it with `aclose`.
    """

    def __init__(self, config: SimulatorConfig) -> None:
        self.config = config
        self.clock = SimClock(scale=config.time_scale)
        self.scheduler = Scheduler(self.clock)
        self.faults = FaultBox()
        credentials = _credentials(config)
        self.platform = PlatformKeys(credentials, on_change=_saver(config))
        self._client = _client(config.transport)
        self._store = Store(config.var / "demo" / "channels.sqlite" if config.var else None)
        self._build_wechat(credentials)
        self.alipay = AlipayDesk(
            app=credentials.alipay,
            path=config.var / "demo" / "alipay.sqlite" if config.var else None,
            clock=self.clock,
            scheduler=self.scheduler,
            faults=self.faults,
            client=self._client,
            base_url=config.base_url,
            stall_seconds=config.stall_seconds,
        )
        self.unionpay = UnionPayDesk(
            merchant=credentials.unionpay,
            path=config.var / "demo" / "unionpay.sqlite" if config.var else None,
            clock=self.clock,
            scheduler=self.scheduler,
            faults=self.faults,
            client=self._client,
            refund_seconds=config.refund_seconds,
            stall_seconds=config.stall_seconds,
        )
        self._build_sms(credentials)
        self._build_taobao(credentials)
        self.desk.resume()
        self.alipay.notifier.resume()
        self.unionpay.notifier.resume()
        self.unionpay.txns.resume()

    @property
    def credentials(self) -> ChannelCredentials:
        """Accounts and keys as they stand."""
        return self.platform.credentials

    async def use_transport(self, transport: httpx.AsyncBaseTransport) -> None:
        """Post notifications and receipts through another transport from now on."""
        old, self._client = self._client, _client(transport)
        self.desk.notifier.use_client(self._client)
        self.alipay.notifier.use_client(self._client)
        self.unionpay.notifier.use_client(self._client)
        self.receipts.use_client(self._client)
        self.replies.use_client(self._client)
        await old.aclose()

    async def run_due(self) -> int:
        """Run everything due now and return how many jobs ran."""
        return await self.scheduler.run_due()

    async def advance(self, seconds: float) -> int:
        """Move the clock forward and run what became due."""
        self.clock.advance(seconds)
        self.scheduler.wake()
        return await self.scheduler.run_due()

    async def aclose(self) -> None:
        """Stop jobs under way and let go of connections and files."""
        await self.scheduler.aclose()
        await self._client.aclose()
        self._store.close()
        self.alipay.store.close()
        self.unionpay.store.close()

    def _build_wechat(self, credentials: ChannelCredentials) -> None:
        config, clock, merchant = self.config, self.clock, credentials.merchant
        notifier = Notifier(
            store=self._store,
            clock=clock,
            scheduler=self.scheduler,
            platform=self.platform,
            faults=self.faults,
            client=self._client,
            signtest_every=config.signtest_every,
        )
        self.gate = RequestGate(merchant=merchant, clock=clock)
        self.desk = Desk(
            orders=Orders(
                store=self._store, clock=clock, merchant=merchant, base_url=config.base_url
            ),
            refunds=Refunds(
                store=self._store,
                clock=clock,
                merchant=merchant,
                faults=self.faults,
                seconds=config.refund_seconds,
                on_accepted=self._watch_refund,
            ),
            notifier=notifier,
            store=self._store,
            scheduler=self.scheduler,
            faults=self.faults,
        )
        self.wechat_api = WeChatApi(
            desk=self.desk,
            bills=Bills(
                store=self._store, clock=clock, merchant=merchant, base_url=config.base_url
            ),
            gate=self.gate,
            platform=self.platform,
            faults=self.faults,
            clock=clock,
            stall_seconds=config.stall_seconds,
        )

    def _build_taobao(self, credentials: ChannelCredentials) -> None:
        self.taobao_shop = TaobaoShop(self.clock)
        if self.config.demo_shop:
            open_demo_shop(self.taobao_shop, self.clock, self.config.var)
        self.taobao_api = TaobaoApi(
            app=credentials.taobao, shop=self.taobao_shop, clock=self.clock, faults=self.faults
        )

    def _watch_refund(self, refund: Refund) -> None:
        self.desk.watch_refund(refund)

    def _build_sms(self, credentials: ChannelCredentials) -> None:
        config, clock = self.config, self.clock
        outbox = Outbox()
        self.limits = NumberLimits(enabled=config.sms_limits)
        self.receipts = Receipts(
            outbox=outbox,
            clock=clock,
            scheduler=self.scheduler,
            faults=self.faults,
            client=self._client,
            url=config.receipt_url,
            seconds=config.receipt_seconds,
        )
        self.replies = Replies(
            clock=clock,
            scheduler=self.scheduler,
            client=self._client,
            url=config.reply_url,
            sign_name=credentials.sms.sign_name,
        )
        accounts = {"primary": credentials.sms, "backup": credentials.sms_backup}
        self.sms = SmsService(
            accounts=accounts,
            clock=clock,
            templates=Templates(config.templates),
            limits=self.limits,
            outbox=outbox,
            receipts=self.receipts,
        )
        self.sms_api = SmsApi(
            service=self.sms,
            gate=Acs3Gate(accounts=accounts, clock=clock),
            faults=self.faults,
            stall_seconds=config.stall_seconds,
        )


def _credentials(config: SimulatorConfig) -> ChannelCredentials:
    if config.credentials is not None:
        return config.credentials
    if config.var is None:
        return generate_credentials()
    ensure_credentials(config.var, config.base_url)
    loaded = load_credentials(config.var)
    if loaded is None:
        raise RuntimeError("channel keys vanished while the simulator was starting")
    return loaded


def _saver(config: SimulatorConfig) -> Callable[[ChannelCredentials], None] | None:
    var, base_url = config.var, config.base_url
    if var is None:
        return None

    def save(credentials: ChannelCredentials) -> None:
        # the settings then name the new public key, as after a fresh download in the portal
        save_credentials(credentials, var=var, base_url=base_url)

    return save


def _client(transport: httpx.AsyncBaseTransport | None) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        transport=transport, timeout=POST_SECONDS, trust_env=False, follow_redirects=False
    )
