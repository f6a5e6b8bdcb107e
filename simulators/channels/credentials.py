"""Keys and accounts of the simulated channels, generated once per installation.

The demo merchant number starts with `99` and the demo access key with `LTAIDEMO`: no real account
looks like that, so a real-money guard can tell them apart.
"""

import json
import os
import secrets
import string
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from simulators.channels.unionpay.merchant import (
    UnionPayMerchant,
    load_merchant,
    merchant_settings,
    new_merchant,
)

DEMO_MCHID_PREFIX: Final = "99"
DEMO_ACCESS_KEY_PREFIX: Final = "LTAIDEMO"
DEMO_SIGN_NAME: Final = "随心订"

_ALPHABET: Final = string.ascii_letters + string.digits
_CERTIFICATE_DAYS: Final = 5 * 365


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformKey:
    """One signing key of the payment platform.

    `serial` is `PUB_KEY_ID_…` for a bare public key (then `certificate_pem` is empty) or the
    certificate's serial number in upper-case hex.
    """

    serial: str
    private_key_pem: str
    certificate_pem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MerchantAccount:
    """The demo merchant at WeChat Pay; `serial_no` is its API certificate's, upper-case hex."""

    mchid: str
    appid: str
    serial_no: str
    private_key_pem: str
    certificate_pem: str
    apiv3_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AlipayApp:
    """The demo merchant's application at Alipay, its key and Alipay's own."""

    app_id: str
    seller_id: str
    private_key_pem: str
    platform_key_pem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SmsAccount:
    """A demo account at Aliyun SMS; `receipt_secret` is the secret part of the receipt path."""

    access_key_id: str
    access_key_secret: str
    sign_name: str
    receipt_secret: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TaobaoApp:
    """A demo application at Taobao's open platform, and the session of its one shop."""

    app_key: str
    app_secret: str
    session: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelCredentials:
    """All accounts and keys; the last key of each tuple is the current one."""

    merchant: MerchantAccount
    public_keys: tuple[PlatformKey, ...]
    certificates: tuple[PlatformKey, ...]
    alipay: AlipayApp
    unionpay: UnionPayMerchant
    sms: SmsAccount
    sms_backup: SmsAccount
    taobao: TaobaoApp

    @property
    def public_key_pem(self) -> str:
        """The platform public key a merchant downloads in the portal (PEM)."""
        return public_pem(self.public_keys[-1].private_key_pem)


def public_pem(private_key_pem: str) -> str:
    """The public half of a PEM private key, as PEM."""
    key = serialization.load_pem_private_key(private_key_pem.encode(), password=None)
    return (
        key.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )


def _random_text(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def _random_digits(length: int) -> str:
    return "".join(secrets.choice(string.digits) for _ in range(length))


def _new_private_key() -> tuple[rsa.RSAPrivateKey, str]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return key, pem.decode()


def _self_signed(key: rsa.RSAPrivateKey, *, common_name: str) -> tuple[str, str]:
    """Certificate valid for five years from yesterday; returns (serial hex, PEM)."""
    # 159 bits: 40 hex digits with a leading digit that is not 0, as real serials have
    serial = secrets.randbits(158) | (1 << 158)
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Channel Simulator"),
        ]
    )
    start = datetime.now(UTC) - timedelta(days=1)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=_CERTIFICATE_DAYS))
        .sign(key, hashes.SHA256())
    )
    return f"{serial:X}", certificate.public_bytes(serialization.Encoding.PEM).decode()


def new_platform_public_key() -> PlatformKey:
    """A fresh `PUB_KEY_ID_…` key of the platform."""
    _, pem = _new_private_key()
    return PlatformKey(serial=f"PUB_KEY_ID_01{_random_digits(26)}", private_key_pem=pem)


def new_platform_certificate() -> PlatformKey:
    """A fresh platform certificate with its key, valid for five years."""
    key, pem = _new_private_key()
    serial, certificate = _self_signed(key, common_name="Tenpay.com sign")
    return PlatformKey(serial=serial, private_key_pem=pem, certificate_pem=certificate)


def generate_credentials() -> ChannelCredentials:
    """Random accounts and keys in memory; nothing is written."""
    mchid = DEMO_MCHID_PREFIX + _random_digits(8)
    key, pem = _new_private_key()
    serial, certificate = _self_signed(key, common_name=mchid)
    return ChannelCredentials(
        merchant=MerchantAccount(
            mchid=mchid,
            appid="wx" + secrets.token_hex(8),
            serial_no=serial,
            private_key_pem=pem,
            certificate_pem=certificate,
            apiv3_key=_random_text(32),
        ),
        public_keys=(new_platform_public_key(),),
        certificates=(new_platform_certificate(),),
        alipay=_new_alipay_app(),
        unionpay=new_merchant(DEMO_MCHID_PREFIX + _random_digits(13)),
        sms=_new_sms_account(),
        sms_backup=_new_sms_account(),
        taobao=_new_taobao_app(),
    )


def _new_alipay_app() -> AlipayApp:
    return AlipayApp(
        app_id=DEMO_MCHID_PREFIX + _random_digits(14),
        seller_id="2088" + _random_digits(12),
        private_key_pem=_new_private_key()[1],
        platform_key_pem=_new_private_key()[1],
    )


def _new_sms_account() -> SmsAccount:
    return SmsAccount(
        access_key_id=DEMO_ACCESS_KEY_PREFIX + _random_text(16),
        access_key_secret=_random_text(30),
        sign_name=DEMO_SIGN_NAME,
        receipt_secret=_random_text(32),
    )


def _new_taobao_app() -> TaobaoApp:
    return TaobaoApp(
        app_key=DEMO_MCHID_PREFIX + _random_digits(6),
        app_secret=_random_text(32),
        session=_random_text(40),
    )


def write_private(path: Path, content: str | bytes) -> None:
    """Replace a file atomically with mode 0600."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
        out.write(content.encode() if isinstance(content, str) else content)
    fresh.replace(path)


class _Files:
    """Where the credentials of an installation lie."""

    def __init__(self, var: Path) -> None:
        self.settings = var / "demo" / "channels.json"
        folder = var / "demo" / "wechat"
        self.merchant_key = folder / "merchant_key.pem"
        self.merchant_cert = folder / "merchant_cert.pem"
        self.public_key = folder / "wechatpay_public_key.pem"
        self.platform = folder / "platform.json"
        alipay = var / "demo" / "alipay"
        self.alipay_app_key = alipay / "app_key.pem"
        self.alipay_public_key = alipay / "alipay_public_key.pem"
        self.alipay_platform_key = alipay / "platform_key.pem"
        self.unionpay = var / "demo" / "unionpay"

    def complete(self) -> bool:
        # a demo made before there was Alipay or UnionPay gets them
        late = ("alipay", "unionpay")
        return all(path.is_file() for name, path in vars(self).items() if not name.startswith(late))

    def has_alipay(self) -> bool:
        return self.alipay_app_key.is_file() and self.alipay_platform_key.is_file()


def channel_settings(
    credentials: ChannelCredentials, *, base_url: str, var: Path
) -> dict[str, dict[str, str]]:
    """Settings the product needs to reach the simulator; paths are absolute."""
    files = _Files(var.absolute())
    merchant, base = credentials.merchant, base_url.rstrip("/")
    return {
        "wechat": {
            "base_url": base,
            "mchid": merchant.mchid,
            "appid": merchant.appid,
            "serial_no": merchant.serial_no,
            "private_key_path": str(files.merchant_key),
            "apiv3_key": merchant.apiv3_key,
            "public_key_id": credentials.public_keys[-1].serial,
            "public_key_path": str(files.public_key),
        },
        "alipay": {
            "base_url": f"{base}/gateway.do",
            "app_id": credentials.alipay.app_id,
            "seller_id": credentials.alipay.seller_id,
            "private_key_path": str(files.alipay_app_key),
            "public_key_path": str(files.alipay_public_key),
        },
        "unionpay": merchant_settings(credentials.unionpay, files.unionpay, base=base),
        "aliyun_sms": {"base_url": base} | asdict(credentials.sms),
        "aliyun_sms_backup": {"base_url": base} | asdict(credentials.sms_backup),
        "taobao": {"base_url": f"{base}/taobao/router/rest"} | asdict(credentials.taobao),
    }


def save_credentials(
    credentials: ChannelCredentials, *, var: Path, base_url: str
) -> dict[str, dict[str, str]]:
    """Write keys and settings under `var/demo` (0600) and return the settings."""
    files = _Files(var)
    write_private(files.merchant_key, credentials.merchant.private_key_pem)
    write_private(files.merchant_cert, credentials.merchant.certificate_pem)
    write_private(files.public_key, credentials.public_key_pem)
    write_private(files.platform, json.dumps(_platform_json(credentials), indent=1))
    alipay = credentials.alipay
    write_private(files.alipay_app_key, alipay.private_key_pem)
    write_private(files.alipay_public_key, public_pem(alipay.platform_key_pem))
    write_private(files.alipay_platform_key, alipay.platform_key_pem)
    for name, content in credentials.unionpay.files().items():
        write_private(files.unionpay / name, content)
    settings = channel_settings(credentials, base_url=base_url, var=var)
    write_private(files.settings, json.dumps(settings, ensure_ascii=False, indent=1))
    return settings


def load_credentials(var: Path) -> ChannelCredentials | None:
    """Credentials written earlier under `var/demo`, or None when any part is missing."""
    files = _Files(var)
    if not files.complete():
        return None
    settings: dict[str, Any] = json.loads(files.settings.read_text(encoding="utf-8"))
    platform: dict[str, Any] = json.loads(files.platform.read_text(encoding="utf-8"))
    wechat = settings["wechat"]
    return ChannelCredentials(
        merchant=MerchantAccount(
            mchid=wechat["mchid"],
            appid=wechat["appid"],
            serial_no=wechat["serial_no"],
            private_key_pem=files.merchant_key.read_text(encoding="utf-8"),
            certificate_pem=files.merchant_cert.read_text(encoding="utf-8"),
            apiv3_key=wechat["apiv3_key"],
        ),
        public_keys=tuple(PlatformKey(**key) for key in platform["public_keys"]),
        certificates=tuple(PlatformKey(**key) for key in platform["certificates"]),
        alipay=_alipay_app(settings["alipay"], files)
        if "alipay" in settings and files.has_alipay()
        else _new_alipay_app(),
        unionpay=load_merchant(files.unionpay, settings.get("unionpay", {}).get("mer_id", ""))
        or new_merchant(DEMO_MCHID_PREFIX + _random_digits(13)),
        sms=_sms_account(settings["aliyun_sms"]),
        # a demo made before there was a second account gets one
        sms_backup=_sms_account(settings["aliyun_sms_backup"])
        if "aliyun_sms_backup" in settings
        else _new_sms_account(),
        taobao=_taobao_app(settings["taobao"]) if "taobao" in settings else _new_taobao_app(),
    )


def _alipay_app(settings: dict[str, str], files: _Files) -> AlipayApp:
    return AlipayApp(
        app_id=settings["app_id"],
        seller_id=settings["seller_id"],
        private_key_pem=files.alipay_app_key.read_text(encoding="utf-8"),
        platform_key_pem=files.alipay_platform_key.read_text(encoding="utf-8"),
    )


def _sms_account(settings: dict[str, str]) -> SmsAccount:
    return SmsAccount(
        access_key_id=settings["access_key_id"],
        access_key_secret=settings["access_key_secret"],
        sign_name=settings["sign_name"],
        receipt_secret=settings["receipt_secret"],
    )


def _taobao_app(settings: dict[str, str]) -> TaobaoApp:
    return TaobaoApp(
        app_key=settings["app_key"],
        app_secret=settings["app_secret"],
        session=settings["session"],
    )


def ensure_credentials(var: Path, sim_base_url: str) -> dict[str, dict[str, str]]:
    """Create the installation's channel keys once and return the product's settings.

    Keys are made on the first call and kept; the address is refreshed on every call.
    """
    credentials = load_credentials(var) or generate_credentials()
    return save_credentials(credentials, var=var, base_url=sim_base_url)


def _platform_json(credentials: ChannelCredentials) -> dict[str, list[dict[str, str]]]:
    def plain(keys: tuple[PlatformKey, ...]) -> list[dict[str, str]]:
        return [
            {
                "serial": key.serial,
                "private_key_pem": key.private_key_pem,
                "certificate_pem": key.certificate_pem,
            }
            for key in keys
        ]

    return {
        "public_keys": plain(credentials.public_keys),
        "certificates": plain(credentials.certificates),
    }
