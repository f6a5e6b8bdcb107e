"""Settings of the installation, from the environment. Business knobs are rows, not settings."""

from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.core.errors import SetupError

DEMO_OPERATOR = "随心订演示奶厂"


def _async_url(value: object) -> object:
    if isinstance(value, str):
        for plain in ("postgresql://", "postgres://"):
            if value.startswith(plain):
                value = "postgresql+asyncpg://" + value.removeprefix(plain)
        return value.replace("?sslmode=", "?ssl=").replace("&sslmode=", "&ssl=")
    return value


class DatabaseSettings(BaseSettings):
    """Where PostgreSQL is, and how patient we are with it."""

    model_config = SettingsConfigDict(extra="ignore")

    database_url: Annotated[str, BeforeValidator(_async_url)] = ""
    database_pool_size: int = 10
    database_pool_timeout_seconds: float = 3.0
    database_statement_timeout_ms: int = 30_000
    database_lock_timeout_ms: int = 5_000

    def require_url(self) -> str:
        """The address; raises SetupError when none is set."""
        if not self.database_url:
            raise SetupError(
                "DATABASE_URL is not set: start with `make run`, which brings its own database, "
                "or set DATABASE_URL to a PostgreSQL 18 server."
            )
        return self.database_url


class InstallationSettings(BaseSettings):
    """Ports, folders and whether this is a demo."""

    model_config = SettingsConfigDict(extra="ignore")

    var_dir: Path = Path("var")
    host: str = "127.0.0.1"
    port: int = 8000
    sim_port: int = 8001
    demo: bool = False
    public_url: str = ""
    """Address under which channels reach us, e.g. https://milk.example.cn; default: own port."""
    operator_name: str = ""
    """Who concludes agreements with households, as registered (经营者)."""

    @property
    def operator(self) -> str:
        """The operator's name; a demo has one without being told, others have "" until they are."""
        return self.operator_name or (DEMO_OPERATOR if self.demo else "")

    @property
    def base_url(self) -> str:
        """Public address without a trailing slash."""
        return (self.public_url or f"http://{self.host}:{self.port}").rstrip("/")

    @property
    def secure_cookies(self) -> bool:
        """Whether cookies demand TLS: always, but for a demo on this machine."""
        return not (
            self.demo and self.base_url.startswith(("http://127.0.0.1", "http://localhost"))
        )

    @property
    def demo_dir(self) -> Path:
        """Generated keys and logins of a demo."""
        return self.var_dir / "demo"


class KeySettings(BaseSettings):
    """Secrets that protect personal data and tokens.

    `keys_file` points to a JSON file: {"data": {kid: base64 of 32 bytes}, "current": kid,
    "index": base64 of 32 bytes, "token": base64 of 32 bytes}.
    """

    model_config = SettingsConfigDict(extra="ignore")

    keys_file: Path | None = None


class WeChatPaySettings(BaseSettings):
    """WeChat Pay API v3 merchant account."""

    model_config = SettingsConfigDict(env_prefix="WECHAT_", extra="ignore")

    base_url: str = "https://api.mch.weixin.qq.com"
    mchid: str = ""
    appid: str = ""
    serial_no: str = ""
    private_key_path: Path | None = None
    apiv3_key: str = ""
    public_key_id: str = ""
    public_key_path: Path | None = None


class AlipaySettings(BaseSettings):
    """An application at Alipay's open platform, with RSA2 keys (公钥模式)."""

    model_config = SettingsConfigDict(env_prefix="ALIPAY_", extra="ignore")

    base_url: str = "https://openapi.alipay.com/gateway.do"
    app_id: str = ""
    seller_id: str = ""
    """The merchant's number at Alipay (PID, 2088…)."""
    private_key_path: Path | None = None
    public_key_path: Path | None = None
    """Alipay's public key, not the application's."""


class UnionPaySettings(BaseSettings):
    """A merchant account at UnionPay's online gateway, 5.1.0 with certificates."""

    model_config = SettingsConfigDict(env_prefix="UNIONPAY_", extra="ignore")

    base_url: str = "https://gateway.95516.com/gateway/api"
    mer_id: str = ""
    private_key_path: Path | None = None
    """The merchant's .pfx."""
    private_key_password: str = ""
    root_cert_path: Path | None = None
    middle_cert_path: Path | None = None
    """Authorities under which UnionPay signs."""


class AliyunSmsSettings(BaseSettings):
    """Aliyun Dysms account."""

    model_config = SettingsConfigDict(env_prefix="ALIYUN_SMS_", extra="ignore")

    base_url: str = "https://dysmsapi.aliyuncs.com"
    access_key_id: str = ""
    access_key_secret: str = ""
    sign_name: str = ""
    receipt_secret: str = ""
    """Secret part of the path that receives delivery receipts (they carry no signature)."""


class AliyunSmsBackupSettings(AliyunSmsSettings):
    """Second Aliyun Dysms account, for when the first does not send; none unless set."""

    model_config = SettingsConfigDict(env_prefix="ALIYUN_SMS_BACKUP_", extra="ignore")


class TaobaoSettings(BaseSettings):
    """Taobao's open platform; keys belong to shops and are rows."""

    model_config = SettingsConfigDict(env_prefix="TAOBAO_", extra="ignore")

    base_url: str = "https://gw.api.taobao.com/router/rest"
