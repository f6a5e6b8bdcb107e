"""The control API of WeChat Pay: pay, fail, expire, end refunds, change keys."""

from collections.abc import Callable
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from starlette.requests import Request
from starlette.routing import Route

from simulators.channels.control import Action, ControlError, Json, control_route, plain, read_model
from simulators.channels.simulator import ChannelSimulator
from simulators.channels.wechat.errors import WeChatError
from simulators.channels.wechat.models import Notice, Order, RefundStatus
from simulators.channels.wechat.orders import NotPayable
from simulators.channels.wechat.platform import SigningMode
from simulators.channels.wechat.refunds import RefundFinal


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class PayOrder(_Body):
    """How the payer pays; `amount_fen` overrides what is booked, `late` pays after the end."""

    amount_fen: int | None = Field(default=None, ge=1)
    openid: str | None = Field(default=None, min_length=1, max_length=128)
    late: bool = False


class OpenCashier(_Body):
    """What a front end hands to WeChat to open the cashier (JSAPI, mini program)."""

    model_config = ConfigDict(alias_generator=to_camel)

    app_id: str
    time_stamp: str
    nonce_str: str
    package: str
    sign_type: str
    pay_sign: str


class EndRefund(_Body):
    """How a refund ends."""

    status: RefundStatus


class Rotate(_Body):
    """Which kind of key is renewed."""

    kind: SigningMode = SigningMode.CERTIFICATE


class Signing(_Body):
    """Which keys sign: answers that name none, and the certificate's share of notifications."""

    answers: SigningMode | None = None
    certificate_share: float | None = Field(default=None, ge=0, le=1)


class WeChatControl:
    """Everything a payer, the portal or the platform's staff would do."""

    def __init__(self, simulator: ChannelSimulator) -> None:
        self._simulator = simulator
        self._desk = simulator.desk

    def routes(self) -> list[Route]:
        """The routes under /control/wechat."""
        order, notice = "/control/wechat/orders", "/control/wechat/notifications"
        listed: list[tuple[str, str, Action]] = [
            ("GET", order, self._orders),
            ("GET", f"{order}/{{number}}", self._order),
            ("POST", f"{order}/{{number}}/pay", self._pay),
            ("POST", f"{order}/{{number}}/fail", self._fail),
            ("POST", f"{order}/{{number}}/expire", self._expire),
            ("POST", f"{order}/{{number}}/close", self._close),
            ("POST", "/control/wechat/cashier", self._open_cashier),
            ("POST", "/control/wechat/refunds/{number}/end", self._end_refund),
            ("GET", notice, self._notices),
            ("POST", f"{notice}/{{notice}}/resend", self._resend),
            ("POST", "/control/wechat/rotate", self._rotate),
            ("POST", "/control/wechat/signing", self._signing),
        ]
        base_url = self._simulator.config.base_url
        return [control_route(*entry, base_url=base_url) for entry in listed]

    async def _orders(self, _: Request) -> Json:
        return [self._view(order) for order in self._desk.store.list_orders()]

    async def _order(self, request: Request) -> Json:
        return self._view(_attempt(self._desk.orders.get, request.path_params["number"]))

    async def _pay(self, request: Request) -> Json:
        asked = await read_model(request, PayOrder)
        number = request.path_params["number"]
        return self._view(_attempt(self._desk.pay, number, **asked.model_dump()))

    async def _fail(self, request: Request) -> Json:
        return self._view(_attempt(self._desk.orders.fail, request.path_params["number"]))

    async def _expire(self, request: Request) -> Json:
        return self._view(_attempt(self._desk.orders.expire, request.path_params["number"]))

    async def _close(self, request: Request) -> Json:
        return self._view(_attempt(self._desk.orders.close, request.path_params["number"]))

    async def _open_cashier(self, request: Request) -> Json:
        asked = await read_model(request, OpenCashier)
        signed = asked.sign_type == "RSA" and self._simulator.gate.is_pay_sign(
            appid=asked.app_id,
            timestamp=asked.time_stamp,
            nonce=asked.nonce_str,
            package=asked.package,
            signature=asked.pay_sign,
        )
        if not signed or asked.app_id != self._simulator.credentials.merchant.appid:
            raise ControlError(400, "PAY_SIGN_ERROR", "支付验证签名失败")
        token = asked.package.removeprefix("prepay_id=")
        order: Order = _attempt(self._desk.orders.order_of_ticket, token)
        return self._view(_attempt(self._desk.pay, order.out_trade_no))

    async def _end_refund(self, request: Request) -> Json:
        asked = await read_model(request, EndRefund)
        number = request.path_params["number"]
        return plain(_attempt(self._desk.end_refund, number, asked.status))

    async def _notices(self, request: Request) -> Json:
        reference = request.query_params.get("reference") or None
        return [self._notice(notice) for notice in self._desk.store.list_notices(reference)]

    async def _resend(self, request: Request) -> Json:
        notice = self._desk.notifier.resend(request.path_params["notice"])
        if notice is None:
            raise ControlError(404, "UNKNOWN_NOTIFICATION", "通知不存在")
        return self._notice(notice)

    async def _rotate(self, request: Request) -> Json:
        asked = await read_model(request, Rotate)
        return {"serial": self._simulator.platform.rotate(asked.kind)}

    async def _signing(self, request: Request) -> Json:
        asked = await read_model(request, Signing)
        platform = self._simulator.platform
        if asked.answers is not None:
            platform.answers = asked.answers
        if asked.certificate_share is not None:
            platform.certificate_share = asked.certificate_share
        return {"answers": platform.answers, "certificate_share": platform.certificate_share}

    def _view(self, order: Order) -> dict[str, Any]:
        refunds = self._desk.store.list_refunds(order.out_trade_no)
        return plain(order) | {
            "trade_state": self._desk.orders.trade_state(order),
            "refunds": [plain(refund) for refund in refunds],
        }

    def _notice(self, notice: Notice) -> dict[str, Any]:
        attempts = self._desk.store.list_attempts(notice.id)
        return plain(notice) | {"log": [plain(attempt) for attempt in attempts]}


def _attempt(act: Callable[..., Any], *args: Any, **named: Any) -> Any:
    """Run an act of the desk; its refusals become control errors."""
    try:
        return act(*args, **named)
    except NotPayable as reason:
        raise ControlError(409, "NOT_PAYABLE", str(reason)) from reason
    except RefundFinal as reason:
        raise ControlError(409, "REFUND_FINAL", str(reason)) from reason
    except WeChatError as refusal:
        raise ControlError(refusal.status, refusal.code, refusal.message) from refusal
