"""The door of the API: who sent this request, and is it fresh and whole?"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography.hazmat.primitives.asymmetric import rsa

from simulators.channels.clock import SimClock
from simulators.channels.credentials import MerchantAccount
from simulators.channels.nonces import NonceMemory
from simulators.channels.wechat.errors import param_error, sign_error
from simulators.channels.wechat.signing import (
    certificate_key,
    is_signed_by,
    parse_authorization,
    pay_sign_text,
    request_text,
)

MAX_AGE: Final = timedelta(minutes=5)


class RequestGate:
    """Checks the headers and the signature of each request."""

    def __init__(self, *, merchant: MerchantAccount, clock: SimClock) -> None:
        self._merchant = merchant
        self._clock = clock
        self._key: rsa.RSAPublicKey = certificate_key(merchant.certificate_pem)
        self._nonces = NonceMemory(keep=2 * MAX_AGE)

    def check(self, *, method: str, target: str, headers: Mapping[str, str], body: bytes) -> None:
        """Pass a genuine request; `headers` has lower-case names.

        Raises WeChatError: 400 PARAM_ERROR for missing headers, 401 SIGN_ERROR for the rest.
        """
        if not headers.get("user-agent") or not _accepts_json(headers.get("accept", "")):
            raise param_error("header", "Http头缺少Accept或User-Agent", location="header")
        if method == "POST" and not headers.get("content-type", "").startswith("application/json"):
            raise param_error("Content-Type", "必须为application/json", location="header")
        sent = parse_authorization(headers.get("authorization"))
        if sent.mchid != self._merchant.mchid:
            raise sign_error("商户号不存在")
        if sent.serial_no.upper() != self._merchant.serial_no:
            raise sign_error("商户证书序列号有误")
        now = self._clock.wall()
        if not _is_fresh(sent.timestamp, now=now):
            raise sign_error("时间戳已过期")
        text = request_text(
            method=method,
            target=target,
            timestamp=sent.timestamp,
            nonce=sent.nonce_str,
            body=body,
        )
        if not is_signed_by(self._key, text, sent.signature):
            raise sign_error("签名验证不通过")
        if not sent.nonce_str or not self._nonces.first_use(sent.nonce_str, now=now):
            raise sign_error("随机串重复")

    def is_pay_sign(
        self, *, appid: str, timestamp: str, nonce: str, package: str, signature: str
    ) -> bool:
        """Whether the merchant signed these parameters for opening the cashier."""
        text = pay_sign_text(appid=appid, timestamp=timestamp, nonce=nonce, package=package)
        return is_signed_by(self._key, text, signature)


def _accepts_json(accept: str) -> bool:
    return any(kind in accept for kind in ("application/json", "*/*"))


def _is_fresh(timestamp: str, *, now: datetime) -> bool:
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 11):
        return False
    return abs(datetime.fromtimestamp(int(timestamp), UTC) - now) <= MAX_AGE
