"""The ASGI app of the channel simulators."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from simulators.channels.alipay.control import AlipayControl
from simulators.channels.alipay.pages import AlipayPages
from simulators.channels.aliyun_sms.pages import OutboxPage
from simulators.channels.config import SimulatorConfig
from simulators.channels.control import Control
from simulators.channels.guard import loopback_only
from simulators.channels.html import page
from simulators.channels.simulator import ChannelSimulator
from simulators.channels.taobao.control import TaobaoControl
from simulators.channels.unionpay.control import UnionPayControl
from simulators.channels.unionpay.pages import UnionPayPages
from simulators.channels.wechat.control import WeChatControl
from simulators.channels.wechat.pages import WeChatPages

_HOME = (
    "<p>这里模拟微信支付、支付宝、银联在线和短信通道，仅供演示和测试，不产生真实交易。</p>"
    '<ul><li><a href="/wechat/orders">微信支付订单</a>：代替顾客支付</li>'
    '<li><a href="/alipay/trades">支付宝交易</a>：代替顾客支付</li>'
    '<li><a href="/unionpay/payments">银联交易</a>：代替顾客支付</li>'
    '<li><a href="/outbox">短信发件箱</a>：查看登录验证码等短信</li></ul>'
)


def create_app(config: SimulatorConfig) -> Starlette:
    """The simulator as an ASGI app; `app.state.simulator` is the ChannelSimulator inside.

    The lifespan runs due jobs in the background and closes the simulator. Without a lifespan
    (httpx.ASGITransport) call `run_due`, `advance` and `aclose` of the simulator yourself.
    Raises ValueError for an SMS template the provider would refuse.
    """
    simulator = ChannelSimulator(config)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        runner = asyncio.create_task(simulator.scheduler.run_forever())
        try:
            yield
        finally:
            runner.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await runner
            await simulator.aclose()

    async def home(_: Request) -> Response:
        return page("模拟通道", _HOME)

    shown_home = loopback_only(home, base_url=config.base_url)

    async def root(request: Request) -> Response:
        # the SMS API lives at the bare address, and so does the entrance for people
        if request.method == "POST" or "x-acs-action" in request.headers:
            return await simulator.sms_api.serve(request)
        return await shown_home(request)

    app = Starlette(
        routes=[
            Route("/", root, methods=["GET", "POST"]),
            *simulator.wechat_api.routes(),
            *simulator.alipay.api.routes(),
            *AlipayPages(
                simulator.alipay.trades, simulator.alipay.store, base_url=config.base_url
            ).routes(),
            *simulator.unionpay.api.routes(),
            *UnionPayPages(
                simulator.unionpay.txns, simulator.unionpay.store, base_url=config.base_url
            ).routes(),
            *WeChatPages(simulator.desk, base_url=config.base_url).routes(),
            *OutboxPage(simulator.sms, base_url=config.base_url).routes(),
            *simulator.taobao_api.routes(),
            *Control(simulator).routes(),
            *TaobaoControl(simulator).routes(),
            *WeChatControl(simulator).routes(),
            *AlipayControl(simulator).routes(),
            *UnionPayControl(simulator).routes(),
        ],
        lifespan=lifespan,
    )
    app.state.simulator = simulator
    return app
