"""Which accounts send our SMS, and the guard between demo and real money."""

import ipaddress
from collections.abc import Mapping

import httpx

from app.core.config import AliyunSmsBackupSettings, AliyunSmsSettings, InstallationSettings
from app.core.demo_channels import demo_channel
from app.core.errors import SetupError
from app.core.runtime import runtime
from app.notifications.channels.aliyun import AliyunSms
from app.notifications.channels.protocol import SmsGateway
from app.notifications.states import SmsAccount

DEMO_KEY_PREFIX = "LTAIDEMO"
PRODUCTION_DOMAIN = "aliyuncs.com"
_CHANNELS: Mapping[SmsAccount, tuple[str, type[AliyunSmsSettings]]] = {
    SmsAccount.PRIMARY: ("aliyun_sms", AliyunSmsSettings),
    SmsAccount.BACKUP: ("aliyun_sms_backup", AliyunSmsBackupSettings),
}
"""The demo's name of each account, and its settings."""


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _settings(installation: InstallationSettings, account: SmsAccount) -> AliyunSmsSettings:
    name, of = _CHANNELS[account]
    demo = demo_channel(installation, name)
    return of(**demo) if demo is not None else of()


def check_sms_accounts(
    installation: InstallationSettings,
    settings: Mapping[SmsAccount, AliyunSmsSettings] | None = None,
) -> dict[SmsAccount, AliyunSmsSettings]:
    """The accounts to send with, the backup only where there is one.

    A demo never reaches the real provider, and an installation that is none never the simulator.
    Raises SetupError with the mend.
    """
    found = settings or {account: _settings(installation, account) for account in SmsAccount}
    used = {}
    for account, given in found.items():
        if account is SmsAccount.BACKUP and not (given.access_key_id or given.access_key_secret):
            continue
        _check(installation, given, prefix=_prefix(account))
        used[account] = given
    if len({given.access_key_id for given in used.values()}) < len(used):
        raise SetupError(
            "ALIYUN_SMS_BACKUP_ACCESS_KEY_ID names the first account again: a backup is another "
            "account, or unset."
        )
    return used


def _prefix(account: SmsAccount) -> str:
    return str(_CHANNELS[account][1].model_config["env_prefix"])


def _check(installation: InstallationSettings, given: AliyunSmsSettings, *, prefix: str) -> None:
    address = httpx.URL(given.base_url)
    host = address.host.lower()
    production = host == PRODUCTION_DOMAIN or host.endswith("." + PRODUCTION_DOMAIN)
    demo_key = given.access_key_id.startswith(DEMO_KEY_PREFIX)
    if installation.demo:
        if production or not demo_key:
            raise SetupError(
                f"A demo sends no real SMS: unset {prefix}… and start with `make run`, which "
                "brings a simulator with keys of its own."
            )
        return
    if not (given.access_key_id and given.access_key_secret and given.sign_name):
        raise SetupError(
            f"The SMS account is incomplete: set {prefix}ACCESS_KEY_ID, "
            f"{prefix}ACCESS_KEY_SECRET and {prefix}SIGN_NAME."
        )
    if _is_loopback(host) or demo_key or address.scheme != "https":
        raise SetupError(
            f"{prefix}BASE_URL ({given.base_url}) or the access key belongs to a simulator: "
            "outside a demo give the provider's https address and an account of your own."
        )


def gateways() -> list[SmsGateway]:
    """The accounts of this process, in the order in which they are tried; raises SetupError."""
    current = runtime()
    return [
        AliyunSms(settings, http=current.http, account=account)
        for account, settings in check_sms_accounts(current.installation).items()
    ]


def signature() -> str:
    """What stands before every text, 【…】; empty without an account."""
    try:
        accounts = check_sms_accounts(runtime().installation)
    except SetupError:
        return ""
    return f"【{accounts[SmsAccount.PRIMARY].sign_name}】"


def receipt_secrets() -> list[str]:
    """Secret parts of the paths of reports and replies; none when they are not taken."""
    try:
        accounts = check_sms_accounts(runtime().installation)
    except SetupError:
        return []
    return [given.receipt_secret for given in accounts.values() if given.receipt_secret]
