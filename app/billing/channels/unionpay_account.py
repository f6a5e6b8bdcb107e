"""The installation's merchant account at UnionPay, from its settings."""

from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from cryptography import x509

from app.billing.channels.real_money import check_real_money, key_file_text
from app.billing.channels.unionpay import UnionPayGateway
from app.billing.channels.unionpay_signing import MerchantKey, read_certificate, read_merchant_key
from app.core.config import InstallationSettings, UnionPaySettings
from app.core.demo_channels import demo_channel
from app.core.errors import SetupError
from app.core.runtime import Runtime

NOTIFICATIONS_PATH: Final = "/api/v1/channels/unionpay/notifications"
RETURN_PATH: Final = "/my/orders"
"""Where the payer's browser comes back to; what was paid is read from the channel alone."""
TEST_HOST: Final = "gateway.test.95516.com"

_NEEDED: Final = (
    "mer_id",
    "private_key_path",
    "private_key_password",
    "root_cert_path",
    "middle_cert_path",
)


def load_unionpay_settings(installation: InstallationSettings) -> UnionPaySettings:
    """The environment's account, or a demo's own; its `mer_id` is empty when there is none."""
    settings = UnionPaySettings()
    if settings.mer_id:
        return settings
    found = demo_channel(installation, "unionpay")
    return settings if found is None else UnionPaySettings(**found)


def build_unionpay(current: Runtime, settings: UnionPaySettings) -> UnionPayGateway:
    """The account over the process's HTTP client; raises SetupError for unreadable files."""
    return UnionPayGateway(
        http=current.http,
        base_url=settings.base_url,
        mer_id=settings.mer_id,
        key=_merchant_key(settings),
        root=_certificate(settings.root_cert_path, "UNIONPAY_ROOT_CERT_PATH"),
        middle=_certificate(settings.middle_cert_path, "UNIONPAY_MIDDLE_CERT_PATH"),
        notify_url=current.installation.base_url + NOTIFICATIONS_PATH,
        return_url=current.installation.base_url + RETURN_PATH,
    )


def check_unionpay_settings(installed: InstallationSettings, account: UnionPaySettings) -> None:
    """Raise SetupError unless the account is whole and fits the installation; none is allowed."""
    missing = [f"UNIONPAY_{name.upper()}" for name in _NEEDED if not getattr(account, name)]
    if len(missing) == len(_NEEDED):
        return
    if missing:
        raise SetupError(
            f"The UnionPay account is incomplete: set {', '.join(missing)}, or none of them."
        )
    if not installed.demo and urlsplit(account.base_url).hostname == TEST_HOST:
        raise SetupError(
            f"UNIONPAY_BASE_URL {account.base_url} is UnionPay's test gateway, where nobody pays "
            "real money: unset it to reach UnionPay itself."
        )
    check_real_money(
        installed,
        channel="UnionPay",
        prefix="UNIONPAY_",
        base_url=account.base_url,
        account=("MER_ID", account.mer_id),
        private_key_path=account.private_key_path,
    )
    _merchant_key(account)
    root = _certificate(account.root_cert_path, "UNIONPAY_ROOT_CERT_PATH")
    middle = _certificate(account.middle_cert_path, "UNIONPAY_MIDDLE_CERT_PATH")
    if middle.issuer != root.subject:
        raise SetupError(
            "UNIONPAY_MIDDLE_CERT_PATH is not issued by UNIONPAY_ROOT_CERT_PATH: take both files "
            "from one package of UnionPay's."
        )


def _merchant_key(account: UnionPaySettings) -> MerchantKey:
    path = account.private_key_path
    if path is None:
        raise SetupError("UNIONPAY_PRIVATE_KEY_PATH is not set: name the merchant's .pfx file.")
    try:
        return read_merchant_key(path.read_bytes(), account.private_key_password)
    except OSError as error:
        raise SetupError(
            f"UNIONPAY_PRIVATE_KEY_PATH {path} cannot be read: name the merchant's .pfx file."
        ) from error
    except ValueError as error:
        raise SetupError(
            f"UNIONPAY_PRIVATE_KEY_PATH {path} does not open with UNIONPAY_PRIVATE_KEY_PASSWORD: "
            "name the merchant's .pfx file and its password."
        ) from error


def _certificate(path: Path | None, name: str) -> x509.Certificate:
    text = key_file_text(path, name)
    try:
        return read_certificate(text)
    except ValueError as error:
        raise SetupError(f"{name} {path} holds no certificate: name the PEM file of it.") from error
