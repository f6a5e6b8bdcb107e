"""Which merchant account this process uses, and the guard against real money in the wrong place."""

import ipaddress
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from app.billing.channels.bill_source import BillSource
from app.billing.channels.protocol import PaymentGateway
from app.billing.channels.wechat import WeChatGateway
from app.billing.errors import ChannelNotConfigured
from app.core.config import InstallationSettings, WeChatPaySettings
from app.core.demo_channels import demo_channel
from app.core.errors import SetupError
from app.core.runtime import Runtime, runtime

NOTIFICATIONS_PATH: Final = "/api/v1/channels/wechat/notifications"
DEMO_MCHID_PREFIX: Final = "99"
"""Generated demo accounts start so; no real merchant number does."""

_NEEDED: Final = ("mchid", "appid", "serial_no", "private_key_path", "apiv3_key")
_APIV3_KEY_BYTES: Final = 32

_chosen: list[PaymentGateway] = []
_made: list[tuple[Runtime, PaymentGateway]] = []


def gateway() -> PaymentGateway:
    """The process's merchant account at WeChat Pay; raises ChannelNotConfigured without one."""
    if _chosen:
        return _chosen[0]
    current = runtime()
    if not _made or _made[0][0] is not current:
        settings = load_settings(current.installation)
        if not settings.mchid:
            raise ChannelNotConfigured
        _made[:] = [(current, build_gateway(current, settings))]
    return _made[0][1]


def bill_source() -> BillSource | None:
    """The account at WeChat Pay as a maker of bills; None where there is no account."""
    try:
        account = gateway()
    except ChannelNotConfigured:
        return None
    return account if isinstance(account, BillSource) else None


def use_gateway(chosen: PaymentGateway | None) -> None:
    """Use this account from now on instead of the settings'; None goes back to the settings."""
    _chosen[:] = [] if chosen is None else [chosen]


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
    installation: InstallationSettings | None = None, settings: WeChatPaySettings | None = None
) -> None:
    """Raise SetupError unless the account is whole and fits the installation.

    No account at all is allowed: the installation then takes no online payments. The simulator's
    keys work with the simulator's address only, and both only in a demo.
    """
    installed = installation or InstallationSettings()
    account = settings or load_settings(installed)
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
    _check_real_money(installed, account)
    _key_text(account.private_key_path, "WECHAT_PRIVATE_KEY_PATH")
    if account.public_key_id:
        _key_text(account.public_key_path, "WECHAT_PUBLIC_KEY_PATH")


def _check_real_money(installed: InstallationSettings, account: WeChatPaySettings) -> None:
    parts = urlsplit(account.base_url)
    simulated = _is_loopback(parts.hostname)
    demo_keys = account.mchid.startswith(DEMO_MCHID_PREFIX) or _lies_in(
        account.private_key_path, installed.demo_dir
    )
    if not simulated and parts.scheme != "https":
        raise SetupError(f"WECHAT_BASE_URL {account.base_url} is not https: correct it.")
    if not installed.demo and simulated:
        raise SetupError(
            f"WECHAT_BASE_URL {account.base_url} is a simulator's address outside a demo: "
            "unset it to reach WeChat Pay itself."
        )
    if not installed.demo and demo_keys:
        raise SetupError(
            "WECHAT_MCHID or WECHAT_PRIVATE_KEY_PATH is a demo's generated account: "
            "set those of your own merchant account."
        )
    if simulated != demo_keys:
        raise SetupError(
            "WECHAT_BASE_URL and the WeChat Pay keys do not belong together "
            "(a simulator's address with production keys, or the reverse): set both or neither."
        )
    if not installed.demo and urlsplit(installed.base_url).scheme != "https":
        raise SetupError(
            f"WeChat Pay sends notifications to https only, not to {installed.base_url}: "
            "set PUBLIC_URL to the address under which this installation is reached."
        )


def _is_set(account: WeChatPaySettings, name: str) -> bool:
    return bool(getattr(account, name))


def _is_loopback(host: str | None) -> bool:
    if host is None or host == "localhost":
        return host is not None
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _lies_in(path: Path | None, folder: Path) -> bool:
    return path is not None and path.resolve().is_relative_to(folder.resolve())


def _key_text(path: Path | None, name: str) -> str:
    if path is None:
        raise SetupError(f"{name} is not set: name the PEM file of the key.")
    try:
        text = path.read_text()
    except OSError as error:
        raise SetupError(f"{name} {path} cannot be read: name the PEM file of the key.") from error
    if "KEY-----" not in text:
        raise SetupError(f"{name} {path} holds no PEM key: name the PEM file of the key.")
    return text
