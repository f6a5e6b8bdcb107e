"""The control API of Alipay: pay, fail, expire, finish, hand an app's text over."""

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.routing import Route

from simulators.channels.alipay.models import AlipayRefusal, Notice, Trade
from simulators.channels.alipay.trades import NotPayable
from simulators.channels.control import Action, ControlError, Json, control_route, plain, read_model
from simulators.channels.simulator import ChannelSimulator


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class PayTrade(_Body):
    """How the buyer pays; `amount_fen` overrides what is booked, `late` pays after the end."""

    amount_fen: int | None = Field(default=None, ge=1)
    late: bool = False


class OpenApp(_Body):
    """What an app hands to Alipay's."""

    order_string: str = Field(max_length=8000)


class AlipayControl:
    """Routes under /control/alipay."""

    def __init__(self, simulator: ChannelSimulator) -> None:
        self._simulator = simulator
        self._alipay = simulator.alipay

    def routes(self) -> list[Route]:
        """What a buyer, the portal or Alipay's staff would do."""
        trade, notice = "/control/alipay/trades", "/control/alipay/notifications"
        listed: list[tuple[str, str, Action]] = [
            ("GET", trade, self._list),
            ("GET", f"{trade}/{{number}}", self._show),
            ("POST", f"{trade}/{{number}}/pay", self._pay),
            ("POST", f"{trade}/{{number}}/fail", self._fail),
            ("POST", f"{trade}/{{number}}/expire", self._expire),
            ("POST", f"{trade}/{{number}}/finish", self._finish),
            ("POST", "/control/alipay/app", self._open_app),
            ("POST", f"{notice}/{{notice}}/resend", self._resend),
        ]
        base_url = self._simulator.config.base_url
        return [control_route(*entry, base_url=base_url) for entry in listed]

    async def _list(self, _: Request) -> Json:
        return [self._view(trade) for trade in self._alipay.store.list_trades()]

    async def _show(self, request: Request) -> Json:
        trade = self._alipay.trades.show(request.path_params["number"])
        if trade is None:
            raise ControlError(404, "ACQ.TRADE_NOT_EXIST", "交易不存在")
        return self._view(trade)

    async def _pay(self, request: Request) -> Json:
        asked = await read_model(request, PayTrade)
        number = request.path_params["number"]
        return self._view(_attempt(self._alipay.trades.pay, number, **asked.model_dump()))

    async def _fail(self, request: Request) -> Json:
        return self._view(_attempt(self._alipay.trades.fail, request.path_params["number"]))

    async def _expire(self, request: Request) -> Json:
        return self._view(_attempt(self._alipay.trades.expire, request.path_params["number"]))

    async def _finish(self, request: Request) -> Json:
        return self._view(_attempt(self._alipay.trades.finish, request.path_params["number"]))

    async def _open_app(self, request: Request) -> Json:
        asked = await read_model(request, OpenApp)
        form = dict(parse_qsl(asked.order_string, keep_blank_values=True))
        trade: Trade = _attempt(self._alipay.api.enter_cashier, form)
        return self._view(_attempt(self._alipay.trades.open, trade.token))

    async def _resend(self, request: Request) -> Json:
        notice = self._alipay.notifier.resend(request.path_params["notice"])
        if notice is None:
            raise ControlError(404, "UNKNOWN_NOTIFICATION", "通知不存在")
        return self._notice(notice)

    def _view(self, trade: Trade) -> dict[str, Any]:
        store = self._alipay.store
        return plain(trade) | {
            "refunds": [plain(refund) for refund in store.list_refunds(trade.out_trade_no)],
            "notices": [self._notice(notice) for notice in store.list_notices(trade.out_trade_no)],
        }

    def _notice(self, notice: Notice) -> dict[str, Any]:
        attempts = self._alipay.store.list_attempts(notice.id)
        return plain(notice) | {"log": [plain(attempt) for attempt in attempts]}


def _attempt(act: Callable[..., Any], *args: Any, **named: Any) -> Any:
    """Run an act of a buyer; refusals become control errors."""
    try:
        return act(*args, **named)
    except NotPayable as reason:
        raise ControlError(409, "NOT_PAYABLE", str(reason)) from reason
    except AlipayRefusal as refusal:
        raise ControlError(400, refusal.sub_code, refusal.sub_msg) from refusal
