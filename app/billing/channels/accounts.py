"""Which merchant accounts this process uses, and whether they are whole."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from app.billing.channels.alipay_account import (
    build_alipay,
    check_alipay_settings,
    load_alipay_settings,
)
from app.billing.channels.bill_readers import DOWNLOADED
from app.billing.channels.bill_source import BillSource
from app.billing.channels.protocol import PaymentGateway
from app.billing.channels.real_money import check_real_money, key_file_text
from app.billing.channels.unionpay_account import (
    build_unionpay,
    check_unionpay_settings,
    load_unionpay_settings,
)
from app.billing.channels.wechat import WeChatGateway
from app.billing.errors import ChannelNotConfigured
from app.billing.states import PaymentChannel
from app.core.config import (
    AlipaySettings,
    InstallationSettings,
    UnionPaySettings,
    WeChatPaySettings,
)
from app.core.demo_channels import demo_channel
from app.core.errors import SetupError
from app.core.runtime import Runtime, runtime

NOTIFICATIONS_PATH: Final = "/api/v1/channels/wechat/notifications"
_NEEDED: Final = ("mchid", "appid", "serial_no", "private_key_path", "apiv3_key")
_APIV3_KEY_BYTES: Final = 32

_chosen: dict[PaymentChannel, PaymentGateway] = {}
_made: dict[PaymentChannel, tuple[Runtime, PaymentGateway]] = {}


def gateway(channel: PaymentChannel) -> PaymentGateway:
    """The process's merchant account at a channel; raises ChannelNotConfigured without one."""
    if channel in _chosen:
        return _chosen[channel]
    current = runtime()
    known = _made.get(channel)
    if known is None or known[0] is not current:
        known = _made[channel] = (current, _build(channel, current))
    return known[1]


def list_online_channels() -> list[PaymentChannel]:
    """The channels with an account, in the order in which a payer chooses."""
    found = []
    for channel in (PaymentChannel.WECHAT, PaymentChannel.ALIPAY):
        try:
            gateway(channel)
        except ChannelNotConfigured:
            continue
        found.append(channel)
    return found


def bill_sources() -> Mapping[PaymentChannel, BillSource]:
    """The accounts whose channels make bills to be downloaded; channels without one are absent."""
    found: dict[PaymentChannel, BillSource] = {}
    for channel in DOWNLOADED:
        try:
            account = gateway(channel)
        except ChannelNotConfigured:
            continue
        if isinstance(account, BillSource):
            found[channel] = account
    return found


def use_gateway(channel: PaymentChannel, chosen: PaymentGateway | None) -> None:
    """Use this account from now on instead of the settings'; None goes back to the settings."""
    if chosen is None:
        _chosen.pop(channel, None)
    else:
        _chosen[channel] = chosen


def _build(channel: PaymentChannel, current: Runtime) -> PaymentGateway:
    if channel is PaymentChannel.WECHAT and (wechat := load_settings(current.installation)).mchid:
        return build_gateway(current, wechat)
    if channel is PaymentChannel.ALIPAY:
        alipay = load_alipay_settings(current.installation)
        if alipay.app_id:
            return build_alipay(current, alipay)
    if channel is PaymentChannel.UNIONPAY:
        unionpay = load_unionpay_settings(current.installation)
        if unionpay.mer_id:
            return build_unionpay(current, unionpay)
    raise ChannelNotConfigured


def load_settings(installation: InstallationSettings) -> WeChatPaySettings:
    """The environment's account, or a demo's own; its `mchid` is empty when there is none."""
    settings = WeChatPaySettings()
    if settings.mchid:
        return settings
    found = demo_channel(installation, "wechat")
    return settings if found is None else WeChatPaySettings(**found)


def build_gateway(current: Runtime, settings: WeChatPaySettings) -> PaymentGateway:
    """The account over the process's HTTP client; raises SetupError for unreadable key files."""
    return WeChatGateway(
        http=current.http,
        base_url=settings.base_url,
        mchid=settings.mchid,
        appid=settings.appid,
        serial_no=settings.serial_no,
        private_key_pem=_key_text(settings.private_key_path, "WECHAT_PRIVATE_KEY_PATH"),
        apiv3_key=settings.apiv3_key,
        notify_url=current.installation.base_url + NOTIFICATIONS_PATH,
        public_key_id=settings.public_key_id or None,
        public_key_pem=(
            _key_text(settings.public_key_path, "WECHAT_PUBLIC_KEY_PATH")
            if settings.public_key_id
            else None
        ),
    )


def check_payment_settings(
    installation: InstallationSettings | None = None,
    wechat: WeChatPaySettings | None = None,
    alipay: AlipaySettings | None = None,
    unionpay: UnionPaySettings | None = None,
) -> None:
    """Raise SetupError unless each account is whole and fits the installation.

    No account at all is allowed: the installation then takes no payments of that channel. The
    simulator's keys work with the simulator's address only, and both only in a demo.
    """
    installed = installation or InstallationSettings()
    _check_wechat(installed, wechat or load_settings(installed))
    check_alipay_settings(installed, alipay or load_alipay_settings(installed))
    check_unionpay_settings(installed, unionpay or load_unionpay_settings(installed))


def _check_wechat(installed: InstallationSettings, account: WeChatPaySettings) -> None:
    given = [
        name for name in (*_NEEDED, "public_key_id", "public_key_path") if _is_set(account, name)
    ]
    if not given:
        return
    missing = [f"WECHAT_{name.upper()}" for name in _NEEDED if not _is_set(account, name)]
    if bool(account.public_key_id) != bool(account.public_key_path):
        missing.append("WECHAT_PUBLIC_KEY_ID and WECHAT_PUBLIC_KEY_PATH together")
    if missing:
        raise SetupError(
            f"The WeChat Pay account is incomplete: set {', '.join(missing)}, or none of them."
        )
    if len(account.apiv3_key.encode()) != _APIV3_KEY_BYTES:
        raise SetupError(
            "WECHAT_APIV3_KEY has not 32 bytes: copy the APIv3 key from the merchant portal."
        )
    check_real_money(
        installed,
        channel="WeChat Pay",
        prefix="WECHAT_",
        base_url=account.base_url,
        account=("MCHID", account.mchid),
        private_key_path=account.private_key_path,
    )
    _key_text(account.private_key_path, "WECHAT_PRIVATE_KEY_PATH")
    if account.public_key_id:
        _key_text(account.public_key_path, "WECHAT_PUBLIC_KEY_PATH")


def _is_set(account: WeChatPaySettings, name: str) -> bool:
    return bool(getattr(account, name))


def _key_text(path: Path | None, name: str) -> str:
    text = key_file_text(path, name)
    if "KEY-----" not in text:
        raise SetupError(f"{name} {path} holds no PEM key: name the PEM file of the key.")
    return text
