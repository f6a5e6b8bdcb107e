"""How a household pays online: by which channels, and the channel's cashier as its device needs it."""

from dataclasses import dataclass
from typing import Annotated, Final, Literal
from urllib.parse import urlencode, urlsplit
from uuid import UUID

from fastapi import Form, Request
from markupsafe import Markup
from sqlalchemy.ext.asyncio import AsyncSession

from app.billing.models import Payment
from app.billing.service import list_online_channels, read_balance
from app.billing.states import PaymentChannel, PaymentMethod
from app.core.config import InstallationSettings
from app.web.common.qr import qr_svg

Channel = Annotated[Literal["wechat", "alipay"], Form()]
OwnChannel = Annotated[Literal["wechat", "alipay", "balance"], Form()]
"""From the own balance pays who is logged in, not who holds a link."""
_SCHEMES: Final = frozenset({"https", "http", "weixin", "alipays"})
_PAY_LABELS: Final = {
    PaymentChannel.WECHAT: "微信支付",
    PaymentChannel.ALIPAY: "支付宝",
    PaymentChannel.BALANCE: "余额支付",
}
_APPS: Final = {PaymentChannel.WECHAT: "微信", PaymentChannel.ALIPAY: "支付宝"}


@dataclass(frozen=True, slots=True)
class Cashier:
    """The way to pay an attempt: a code to scan, else an address to open; neither without an answer."""

    app: str
    code: Markup | None = None
    address: str = ""


def pay_ways(*, from_balance: bool = False) -> list[tuple[str, str]]:
    """Each channel that may be chosen, with its words; WeChat Pay where no account is configured.

    `from_balance` where the balance holds the whole amount.
    """
    found = list_online_channels() or [PaymentChannel.WECHAT]
    if from_balance:
        found = [*found, PaymentChannel.BALANCE]
    return [(channel.value, _PAY_LABELS[channel]) for channel in found]


async def own_pay_ways(
    session: AsyncSession, *, customer_id: UUID, amount_fen: int
) -> list[tuple[str, str]]:
    """The ways of a household that is logged in, its balance among them when it is enough."""
    balance_fen = await read_balance(session, customer_id=customer_id)
    return pay_ways(from_balance=balance_fen >= amount_fen)


def method_for(request: Request, channel: PaymentChannel) -> str:
    """How this browser meets the channel: a phone opens its app, a desktop shows a code or a page."""
    if channel is PaymentChannel.BALANCE:
        return PaymentMethod.BALANCE.value
    if "Mobi" in request.headers.get("user-agent", ""):
        return "h5"
    return "native" if channel is PaymentChannel.WECHAT else "page"


def cashier_of(request: Request, payment: Payment, *, back: str) -> Cashier:
    """Where an attempt is paid; WeChat's page leads back, Alipay's to the address it was given."""
    channel, handle = PaymentChannel(payment.channel), payment.handle or {}
    app = _APPS[channel]
    if code := str(handle.get("code_url", "")):
        return Cashier(app, code=qr_svg(code))
    if address := _safe(str(handle.get("pay_url", ""))):
        return Cashier(app, address=address)
    if address := _safe(str(handle.get("h5_url", ""))):
        installed: InstallationSettings = request.app.state.runtime.installation
        way_back = urlencode({"redirect_url": installed.base_url + back})
        return Cashier(app, address=f"{address}&{way_back}")
    return Cashier(app)


def _safe(address: str) -> str:
    """The address; "" for what no browser should open."""
    return address if urlsplit(address).scheme in _SCHEMES else ""
