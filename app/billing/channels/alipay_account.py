"""The installation's application at Alipay, from its settings."""

from typing import Final
from urllib.parse import urlsplit

from app.billing.channels.alipay import AlipayGateway
from app.billing.channels.alipay_signing import read_private_key, read_public_key
from app.billing.channels.real_money import check_real_money, key_file_text
from app.core.config import AlipaySettings, InstallationSettings
from app.core.demo_channels import demo_channel
from app.core.errors import SetupError
from app.core.runtime import Runtime

NOTIFICATIONS_PATH: Final = "/api/v1/channels/alipay/notifications"
RETURN_PATH: Final = "/my/orders"
"""Where the payer's browser comes back to; what was paid is read from the channel alone."""
SANDBOX: Final = "alipaydev.com"

_NEEDED: Final = ("app_id", "seller_id", "private_key_path", "public_key_path")


def load_alipay_settings(installation: InstallationSettings) -> AlipaySettings:
    """The environment's account, or a demo's own; its `app_id` is empty when there is none."""
    settings = AlipaySettings()
    if settings.app_id:
        return settings
    found = demo_channel(installation, "alipay")
    return settings if found is None else AlipaySettings(**found)


def build_alipay(current: Runtime, settings: AlipaySettings) -> AlipayGateway:
    """The account over the process's HTTP client; raises SetupError for unreadable key files."""
    return AlipayGateway(
        http=current.http,
        base_url=settings.base_url,
        app_id=settings.app_id,
        seller_id=settings.seller_id,
        private_key=_key(settings, "private_key_path"),
        public_key=_key(settings, "public_key_path"),
        notify_url=current.installation.base_url + NOTIFICATIONS_PATH,
        return_url=current.installation.base_url + RETURN_PATH,
    )


def check_alipay_settings(installed: InstallationSettings, account: AlipaySettings) -> None:
    """Raise SetupError unless the account is whole and fits the installation; none is allowed."""
    missing = [f"ALIPAY_{name.upper()}" for name in _NEEDED if not getattr(account, name)]
    if len(missing) == len(_NEEDED):
        return
    if missing:
        raise SetupError(
            f"The Alipay account is incomplete: set {', '.join(missing)}, or none of them."
        )
    host = urlsplit(account.base_url).hostname or ""
    if not installed.demo and f".{host}".endswith(f".{SANDBOX}"):
        raise SetupError(
            f"ALIPAY_BASE_URL {account.base_url} is Alipay's sandbox, where nobody pays real money: "
            "unset it to reach Alipay itself."
        )
    check_real_money(
        installed,
        channel="Alipay",
        prefix="ALIPAY_",
        base_url=account.base_url,
        account=("APP_ID", account.app_id),
        private_key_path=account.private_key_path,
    )
    for name, read in (
        ("private_key_path", read_private_key),
        ("public_key_path", read_public_key),
    ):
        try:
            read(_key(account, name))
        except ValueError as error:
            raise SetupError(
                f"ALIPAY_{name.upper()} {getattr(account, name)} holds no RSA key of this kind: "
                "name the file of the application's private key and that of Alipay's public key."
            ) from error


def _key(account: AlipaySettings, name: str) -> str:
    return key_file_text(getattr(account, name), f"ALIPAY_{name.upper()}")
