"""Which account sends our SMS, and the guard between demo and real money."""

import ipaddress

import httpx

from app.core.config import AliyunSmsSettings, InstallationSettings
from app.core.demo_channels import demo_channel
from app.core.errors import SetupError
from app.core.runtime import runtime
from app.notifications.channels.aliyun import AliyunSms
from app.notifications.channels.protocol import SmsGateway

DEMO_KEY_PREFIX = "LTAIDEMO"
PRODUCTION_DOMAIN = "aliyuncs.com"


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _settings(installation: InstallationSettings) -> AliyunSmsSettings:
    demo = demo_channel(installation, "aliyun_sms")
    return AliyunSmsSettings(**demo) if demo is not None else AliyunSmsSettings()


def check_sms_settings(
    installation: InstallationSettings, settings: AliyunSmsSettings | None = None
) -> AliyunSmsSettings:
    """The account to send with; raises SetupError with the mend.

    A demo never reaches the real provider, and an installation that is none never the simulator.
    """
    found = settings or _settings(installation)
    address = httpx.URL(found.base_url)
    host = address.host.lower()
    production = host == PRODUCTION_DOMAIN or host.endswith("." + PRODUCTION_DOMAIN)
    demo_key = found.access_key_id.startswith(DEMO_KEY_PREFIX)
    if installation.demo:
        if production or not demo_key:
            raise SetupError(
                "A demo sends no real SMS: unset ALIYUN_SMS_… and start with `make run`, which "
                "brings a simulator with keys of its own."
            )
        return found
    if not (found.access_key_id and found.access_key_secret and found.sign_name):
        raise SetupError(
            "The SMS account is incomplete: set ALIYUN_SMS_ACCESS_KEY_ID, "
            "ALIYUN_SMS_ACCESS_KEY_SECRET and ALIYUN_SMS_SIGN_NAME."
        )
    if _is_loopback(host) or demo_key or address.scheme != "https":
        raise SetupError(
            f"ALIYUN_SMS_BASE_URL ({found.base_url}) or the access key belongs to a simulator: "
            "outside a demo give the provider's https address and an account of your own."
        )
    return found


def gateway(settings: AliyunSmsSettings | None = None) -> SmsGateway:
    """The provider of this process; raises SetupError."""
    current = runtime()
    return AliyunSms(check_sms_settings(current.installation, settings), http=current.http)


def receipt_secret() -> str:
    """Secret part of the receipts' path; empty when receipts are not taken."""
    try:
        return check_sms_settings(runtime().installation).receipt_secret
    except SetupError:
        return ""
