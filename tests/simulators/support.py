"""A merchant and an SMS customer written for these tests, with signing code of their own."""

import asyncio
import base64
import functools
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from starlette.types import Receive, Scope, Send

from simulators.channels.credentials import ChannelCredentials, SmsAccount

BASE_URL = "http://sim"
NOTIFY_URL = "http://shop/notify"
REFUND_URL = "http://shop/refund-notify"


@functools.cache
def rsa_key(pem: str) -> rsa.RSAPrivateKey:
    """A private key from PEM."""
    key = serialization.load_pem_private_key(pem.encode(), password=None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key


def rsa_sign(key: rsa.RSAPrivateKey, text: str) -> str:
    """Base64 of the PKCS#1 v1.5 SHA-256 signature."""
    return base64.b64encode(key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())).decode()


@dataclass(slots=True)
class Merchant:
    """Calls the platform with signed requests and checks the signature of every answer."""

    client: httpx.AsyncClient
    credentials: ChannelCredentials
    wanted_serial: str | None = None
    base_url: str = BASE_URL

    def authorization(
        self,
        method: str,
        target: str,
        body: str,
        *,
        timestamp: int | None = None,
        nonce: str | None = None,
        mchid: str | None = None,
        serial: str | None = None,
    ) -> str:
        """The Authorization header, with any part replaced."""
        account = self.credentials.merchant
        stamp = int(time.time()) if timestamp is None else timestamp
        nonce = nonce or secrets.token_hex(16)
        text = f"{method}\n{target}\n{stamp}\n{nonce}\n{body}\n"
        signature = rsa_sign(rsa_key(account.private_key_pem), text)
        return (
            f'WECHATPAY2-SHA256-RSA2048 mchid="{mchid or account.mchid}",nonce_str="{nonce}",'
            f'signature="{signature}",timestamp="{stamp}",'
            f'serial_no="{serial or account.serial_no}"'
        )

    def headers(self, authorization: str) -> dict[str, str]:
        """The headers every request carries."""
        named = {"Wechatpay-Serial": self.wanted_serial} if self.wanted_serial else {}
        return named | {
            "Authorization": authorization,
            "Accept": "application/json",
            "Content-Type": "application/json",
            "User-Agent": "tests",
        }

    async def call(
        self, method: str, target: str, payload: Mapping[str, Any] | None = None
    ) -> httpx.Response:
        """A signed request whose answer's signature is verified."""
        body = "" if payload is None else json.dumps(payload, ensure_ascii=False)
        headers = self.headers(self.authorization(method, target, body))
        response = await self.client.request(
            method, self.base_url + target, content=body.encode(), headers=headers
        )
        if not target.startswith("/v3/billdownload"):
            verify_answer(response, self.credentials)
        return response

    def order(self, out_trade_no: str, **changes: Any) -> dict[str, Any]:
        """A complete native order of ¥20.00."""
        account = self.credentials.merchant
        return {
            "appid": account.appid,
            "mchid": account.mchid,
            "description": "鲜牛奶 30 天",
            "out_trade_no": out_trade_no,
            "notify_url": NOTIFY_URL,
            "amount": {"total": 2000, "currency": "CNY"},
        } | changes

    async def place(self, out_trade_no: str, **changes: Any) -> httpx.Response:
        """Place a native order."""
        payload = self.order(out_trade_no, **changes)
        return await self.call("POST", "/v3/pay/transactions/native", payload)

    async def query(self, out_trade_no: str) -> dict[str, Any]:
        """The transaction as the platform sees it."""
        mchid = self.credentials.merchant.mchid
        target = f"/v3/pay/transactions/out-trade-no/{out_trade_no}?mchid={mchid}"
        answer: dict[str, Any] = (await self.call("GET", target)).json()
        return answer

    async def close(self, out_trade_no: str) -> httpx.Response:
        """Close an order."""
        target = f"/v3/pay/transactions/out-trade-no/{out_trade_no}/close"
        return await self.call("POST", target, {"mchid": self.credentials.merchant.mchid})

    async def refund(
        self, out_trade_no: str, out_refund_no: str, fen: int, *, total: int = 2000, **more: Any
    ) -> httpx.Response:
        """Ask for a refund."""
        payload = {
            "out_trade_no": out_trade_no,
            "out_refund_no": out_refund_no,
            "notify_url": REFUND_URL,
            "amount": {"refund": fen, "total": total, "currency": "CNY"},
        } | more
        return await self.call("POST", "/v3/refund/domestic/refunds", payload)

    async def refund_status(self, out_refund_no: str) -> str:
        """The status of a refund."""
        answer = await self.call("GET", f"/v3/refund/domestic/refunds/{out_refund_no}")
        status: str = answer.json()["status"]
        return status


@functools.cache
def signing_keys(credentials: ChannelCredentials) -> dict[str, rsa.RSAPublicKey]:
    """Public keys by serial, as a merchant knows them."""
    keys: dict[str, rsa.RSAPublicKey] = {}
    for key in credentials.public_keys:
        keys[key.serial] = rsa_key(key.private_key_pem).public_key()
    for key in credentials.certificates:
        certificate = x509.load_pem_x509_certificate(key.certificate_pem.encode())
        public = certificate.public_key()
        assert isinstance(public, rsa.RSAPublicKey)
        keys[f"{certificate.serial_number:X}"] = public
    return keys


def verify_signature(
    headers: Mapping[str, str], body: bytes, credentials: ChannelCredentials
) -> None:
    """Raises InvalidSignature unless the platform signed this body."""
    text = f"{headers['wechatpay-timestamp']}\n{headers['wechatpay-nonce']}\n{body.decode()}\n"
    assert headers["wechatpay-signature-type"] == "WECHATPAY2-SHA256-RSA2048"
    signing_keys(credentials)[headers["wechatpay-serial"]].verify(
        base64.b64decode(headers["wechatpay-signature"]),
        text.encode(),
        padding.PKCS1v15(),
        hashes.SHA256(),
    )


def verify_answer(response: httpx.Response, credentials: ChannelCredentials) -> None:
    """Raises InvalidSignature unless the platform signed this answer now."""
    verify_signature(response.headers, response.content, credentials)
    assert abs(int(response.headers["wechatpay-timestamp"]) - time.time()) < 300


@dataclass(slots=True)
class Received:
    """One request that reached the shop."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    def open(self, credentials: ChannelCredentials) -> dict[str, Any]:
        """The decrypted resource of a notification."""
        resource = self.json["resource"]
        plain = AESGCM(credentials.merchant.apiv3_key.encode()).decrypt(
            resource["nonce"].encode(),
            base64.b64decode(resource["ciphertext"]),
            resource["associated_data"].encode(),
        )
        opened: dict[str, Any] = json.loads(plain)
        return opened


@dataclass(slots=True)
class Shop:
    """Receives notifications and receipts; answers with the queued answers, else 204."""

    received: list[Received] = field(default_factory=list)
    answers: list[tuple[int, bytes]] = field(default_factory=list)
    usual: tuple[int, bytes] = (204, b"")
    arrived: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def wait_for(self, count: int) -> None:
        """Wait until so many requests have come; raises TimeoutError after 10 s."""
        async with asyncio.timeout(10), self.arrived:
            await self.arrived.wait_for(lambda: len(self.received) >= count)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI app."""
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        headers = {k.decode().lower(): v.decode() for k, v in scope["headers"]}
        self.received.append(Received(path=scope["path"], headers=headers, body=body))
        status, answer = self.answers.pop(0) if self.answers else self.usual
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": answer})
        async with self.arrived:
            self.arrived.notify_all()


@dataclass(slots=True)
class SmsCustomer:
    """Calls Dysms with ACS3-signed requests; signs more headers than the required six."""

    client: httpx.AsyncClient
    account: SmsAccount

    def headers(
        self,
        action: str,
        query: Mapping[str, str],
        *,
        date: datetime | None = None,
        nonce: str | None = None,
        body: bytes = b"",
        secret: str | None = None,
    ) -> dict[str, str]:
        """Signed headers of a POST to `/`."""
        content_hash = hashlib.sha256(body).hexdigest()
        signed = {
            "accept": "application/json",
            "host": "sim",
            "user-agent": "tests",
            "x-acs-action": action,
            "x-acs-content-sha256": content_hash,
            "x-acs-date": (date or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "x-acs-signature-nonce": nonce or secrets.token_hex(16),
            "x-acs-version": "2017-05-25",
        }
        names = ";".join(sorted(signed))
        lines = "".join(f"{name}:{signed[name]}\n" for name in sorted(signed))
        canonical = f"POST\n/\n{encode_query(query)}\n{lines}\n{names}\n{content_hash}"
        text = "ACS3-HMAC-SHA256\n" + hashlib.sha256(canonical.encode()).hexdigest()
        signature = hmac.new(
            (secret or self.account.access_key_secret).encode(), text.encode(), hashlib.sha256
        ).hexdigest()
        return signed | {
            "authorization": f"ACS3-HMAC-SHA256 Credential={self.account.access_key_id},"
            f"SignedHeaders={names},Signature={signature}"
        }

    async def call(
        self,
        action: str,
        query: Mapping[str, str],
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> httpx.Response:
        """Post one action."""
        return await self.client.post(
            f"{BASE_URL}/?{encode_query(query)}",
            headers=headers or self.headers(action, query, body=body),
            content=body,
        )

    def message(self, phone: str, **changes: str) -> dict[str, str]:
        """Parameters of a login code."""
        return {
            "PhoneNumbers": phone,
            "SignName": self.account.sign_name,
            "TemplateCode": "SMS_LOGIN",
            "TemplateParam": json.dumps({"code": "482913"}),
            "OutId": "out-1",
        } | changes

    async def send(self, phone: str, **changes: str) -> dict[str, Any]:
        """Send one text and return the JSON answer."""
        answer: dict[str, Any] = (await self.call("SendSms", self.message(phone, **changes))).json()
        return answer


def encode_query(query: Mapping[str, str]) -> str:
    """A query sorted and encoded by RFC 3986."""
    return "&".join(f"{quote(k, safe='')}={quote(v, safe='')}" for k, v in sorted(query.items()))
