"""WeChat Pay API v3 through `wechatpayv3` 2.0.4, with its traps closed.

The library answers `(status, text)`, verifies only 2xx answers, accepts messages of any age, takes
headers under three spellings, raises bare `Exception`, and empties its list of platform
certificates while it fetches new ones. This module gives it our HTTP client, five headers of one
spelling and its own copy for fetching, checks the age, and answers in types.
"""

# ruff: noqa: SLF001 - the pinned library can be redirected and guarded through private names only

import asyncio
import copy
import hashlib
import json
import secrets
from collections.abc import Awaitable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, TypeVar

import httpx
from pydantic import BaseModel, ValidationError
from wechatpayv3.async_ import AsyncWeChatPay
from wechatpayv3.async_.type import WeChatPayType

from app.billing.channels.bill_rows import unpacked
from app.billing.channels.bill_source import NoBill
from app.billing.channels.protocol import (
    CURRENCY,
    Closed,
    Missing,
    Notification,
    OrderRequest,
    Placed,
    RefundFacts,
    RefundRequest,
    Refused,
    Transaction,
)
from app.billing.channels.wechat_messages import (
    NotificationIn,
    RefundIn,
    TransactionIn,
)
from app.billing.errors import (
    BillFileMalformed,
    NotificationMalformed,
    NotificationNotGenuine,
    SignatureProbe,
)
from app.core.clock import OPERATOR_ZONE, wall_now
from app.core.outbound import OutcomeUnknown

LONGEST_CALL_SECONDS: Final = 15.0
LONGEST_DOWNLOAD_SECONDS: Final = 120.0
MAX_AGE: Final = timedelta(seconds=300)
REFRESH_GAP: Final = timedelta(seconds=60)
PUBLIC_KEY_PREFIX: Final = "PUB_KEY_ID_"
PROBE_PREFIX: Final = "WECHATPAY/SIGNTEST/"
SIGNED_HEADERS: Final = (
    "Wechatpay-Timestamp",
    "Wechatpay-Nonce",
    "Wechatpay-Signature",
    "Wechatpay-Serial",
    "Wechatpay-Signature-Type",
)
NOT_FOUND: Final = frozenset({"ORDER_NOT_EXIST", "RESOURCE_NOT_EXISTS"})

_METHODS: Final = {
    "native": WeChatPayType.NATIVE,
    "jsapi": WeChatPayType.JSAPI,
    "h5": WeChatPayType.H5,
}
_HANDLES: Final = {"native": "code_url", "jsapi": "prepay_id", "h5": "h5_url"}

_Model = TypeVar("_Model", bound=BaseModel)


class WeChatGateway:
    """One merchant account at WeChat Pay. Give it the process's HTTP client; nothing to close."""

    def __init__(
        self,
        *,
        http: httpx.AsyncClient,
        base_url: str,
        mchid: str,
        appid: str,
        serial_no: str,
        private_key_pem: str,
        apiv3_key: str,
        notify_url: str,
        public_key_id: str | None = None,
        public_key_pem: str | None = None,
    ) -> None:
        self._mchid = mchid
        self._appid = appid
        self._library = AsyncWeChatPay(
            WeChatPayType.NATIVE,
            mchid=mchid,
            private_key=private_key_pem,
            cert_serial_no=serial_no,
            appid=appid,
            apiv3_key=apiv3_key,
            notify_url=notify_url,
            logger=None,
            public_key=public_key_pem,
            public_key_id=public_key_id,
        )
        core = self._core = self._library._core
        core._gate_way = base_url.rstrip("/")
        core._client = http
        core._update_certificates = self._refresh_certificates
        self._public_key_id = public_key_id
        self._refreshing = asyncio.Lock()
        self._refreshed_at: datetime | None = None

    @property
    def merchant(self) -> str:
        """The merchant number (mchid)."""
        return self._mchid

    @property
    def appid(self) -> str:
        """The app that asks for payments."""
        return self._appid

    async def place_order(self, order: OrderRequest) -> Placed | Refused:
        """Native, JSAPI or H5; the handle carries `code_url`, front-end parameters or `h5_url`."""
        asked = self._library.pay(
            description=order.description,
            out_trade_no=order.number,
            amount={"total": order.amount_fen, "currency": CURRENCY},
            time_expire=order.expires_at.astimezone(OPERATOR_ZONE).isoformat(timespec="seconds"),
            payer={"openid": order.payer_openid} if order.method == "jsapi" else None,
            scene_info=_scene(order) if order.method == "h5" else None,
            pay_type=_METHODS[order.method],
        )
        answer = await self._call(asked)
        if isinstance(answer, Refused):
            return answer
        name = _HANDLES[order.method]
        ticket = answer.get(name)
        if not isinstance(ticket, str) or not ticket:
            raise OutcomeUnknown(f"no {name} in the answer")
        return Placed(self._front_end(ticket) if order.method == "jsapi" else {name: ticket})

    async def query_order(self, number: str) -> Transaction | Missing | Refused:
        """The transaction under our number."""
        answer = await self._call(self._library.query(out_trade_no=number))
        if isinstance(answer, Refused):
            return Missing() if answer.code in NOT_FOUND else answer
        return _read(TransactionIn, answer).facts()

    async def close_order(self, number: str) -> Closed | Missing | Refused:
        """204 closes; an order closed before is closed as well."""
        answer = await self._call(self._library.close(out_trade_no=number))
        if isinstance(answer, Refused):
            if answer.code in NOT_FOUND:
                return Missing()
            return Closed() if answer.code == "ORDER_CLOSED" else answer
        return Closed()

    async def submit_refund(self, refund: RefundRequest) -> RefundFacts | Refused:
        """A 200 only means accepted: the state says how far it is."""
        answer = await self._call(
            self._library.refund(
                out_refund_no=refund.number,
                out_trade_no=refund.payment_number,
                amount={
                    "refund": refund.amount_fen,
                    "total": refund.total_fen,
                    "currency": CURRENCY,
                },
                reason=refund.reason[:80],
            )
        )
        return answer if isinstance(answer, Refused) else _read(RefundIn, answer).facts()

    async def query_refund(self, refund: RefundRequest) -> RefundFacts | Missing | Refused:
        """The refund under our number."""
        answer = await self._call(self._library.query_refund(out_refund_no=refund.number))
        if isinstance(answer, Refused):
            return Missing() if answer.code in NOT_FOUND else answer
        return _read(RefundIn, answer).facts()

    async def fetch_bill(self, day: date) -> bytes | NoBill | Refused:
        """The day's trade bill of all kinds, whose text fits the signed hash."""
        answer = await self._call(self._library.trade_bill(day.isoformat(), "ALL", "GZIP"))
        if isinstance(answer, Refused):
            return NoBill() if answer.code == "NO_STATEMENT_EXIST" else answer
        link, promised = answer.get("download_url"), answer.get("hash_value")
        # The download is signed: it goes to the platform or nowhere.
        if not isinstance(link, str) or not link.startswith(self._core._gate_way + "/"):
            raise OutcomeUnknown("the bill's address is not the platform's")
        if answer.get("hash_type") != "SHA1" or not isinstance(promised, str):
            raise OutcomeUnknown("the bill has no hash")
        async with asyncio.timeout(LONGEST_DOWNLOAD_SECONDS):
            status, content = await self._library.download_bill(link)
        if not httpx.codes.is_success(status) or not isinstance(content, bytes):
            raise OutcomeUnknown(f"status {status} for the bill")
        try:
            text = await asyncio.to_thread(unpacked, content)
        except BillFileMalformed as error:
            raise OutcomeUnknown(f"the bill is {error.what}") from error
        # the platform's own choice of hash
        found = hashlib.sha1(text, usedforsecurity=False).hexdigest()
        if found != promised.lower():
            raise OutcomeUnknown("the bill does not fit its hash")
        return text

    async def read_notification(self, headers: Mapping[str, str], body: bytes) -> Notification:
        """Check signature, age and key, then decrypt.

        Raises SignatureProbe, NotificationNotGenuine or NotificationMalformed.
        """
        signed = _signed_headers(headers)
        if signed["Wechatpay-Signature"].startswith(PROBE_PREFIX):
            raise SignatureProbe
        _require_fresh(signed["Wechatpay-Timestamp"])
        self._require_known_kind_of_key(signed["Wechatpay-Serial"])
        try:
            text = body.decode()
        except UnicodeDecodeError as error:
            raise NotificationMalformed("the body is not UTF-8") from error
        try:
            genuine = await self._core._verify_signature_async(signed, text)
        except Exception as error:  # the library raises bare Exception for what it does not know
            raise NotificationNotGenuine(type(error).__name__) from error
        if not genuine:
            raise NotificationNotGenuine("the signature does not fit")
        try:
            envelope = NotificationIn.model_validate_json(text)
        except ValidationError as error:
            raise NotificationMalformed("not a notification") from error
        return self._open(envelope, signed, text)

    def _open(self, envelope: NotificationIn, signed: dict[str, str], text: str) -> Notification:
        try:
            plain = self._library.decrypt_callback(headers=signed, body=text)
        except Exception as error:  # the library raises bare Exception for an unknown algorithm
            raise NotificationMalformed(type(error).__name__) from error
        if plain is None:
            raise NotificationNotGenuine("the content does not decrypt")
        try:
            return envelope.opened(json.loads(plain))
        except (ValidationError, ValueError) as error:
            raise NotificationMalformed("unexpected content") from error

    async def _call(self, asked: Awaitable[tuple[int, str | bytes]]) -> dict[str, Any] | Refused:
        """Await one call of the library; `{}` for an answer without a body."""
        try:
            async with asyncio.timeout(LONGEST_CALL_SECONDS):
                status, content = await asked
        except (httpx.HTTPError, TimeoutError, OutcomeUnknown):
            raise
        except Exception as error:  # the library raises bare Exception for a bad signature
            raise OutcomeUnknown(f"{type(error).__name__} while reading the answer") from error
        if status == httpx.codes.NO_CONTENT:
            return {}
        try:
            payload = json.loads(content)
        except ValueError as error:
            raise OutcomeUnknown(f"status {status} without JSON") from error
        if not isinstance(payload, dict):
            raise OutcomeUnknown(f"status {status} without an object")
        if httpx.codes.is_success(status):
            return payload
        code = payload.get("code")
        if httpx.codes.is_client_error(status) and isinstance(code, str):
            return Refused(code[:64])
        raise OutcomeUnknown(f"status {status}")

    def _front_end(self, prepay_id: str) -> dict[str, str]:
        """Parameters that open the cashier (JSAPI, mini program), signed by the merchant."""
        timestamp, nonce = str(int(wall_now().timestamp())), secrets.token_hex(16).upper()
        package = f"prepay_id={prepay_id}"
        return {
            "appId": self._appid,
            "timeStamp": timestamp,
            "nonceStr": nonce,
            "package": package,
            "signType": "RSA",
            "paySign": self._library.sign([self._appid, timestamp, nonce, package]),
        }

    def _require_known_kind_of_key(self, serial: str) -> None:
        if serial == self._public_key_id:
            return
        if serial.startswith(PUBLIC_KEY_PREFIX):
            raise NotificationNotGenuine("signed with a public key that is not configured")
        if not serial.isascii() or not all(char in "0123456789abcdefABCDEF" for char in serial):
            raise NotificationNotGenuine("the serial number is not hexadecimal")

    async def _refresh_certificates(self) -> None:
        """Fetch the platform's certificates, at most once a minute; known ones stay meanwhile."""
        asked_at = wall_now()
        async with self._refreshing:
            last = self._refreshed_at
            if last is not None and asked_at - last < REFRESH_GAP:
                return
            self._refreshed_at = wall_now()
            fetcher = copy.copy(self._core)
            fetcher._certificates = []
            await type(fetcher)._update_certificates(fetcher)
            if fetcher._certificates:
                self._core._certificates = fetcher._certificates


def _scene(order: OrderRequest) -> dict[str, Any]:
    return {"payer_client_ip": order.payer_address, "h5_info": {"type": "Wap"}}


def _signed_headers(headers: Mapping[str, str]) -> dict[str, str]:
    # one spelling only: the library would also believe others, whose age nobody checked
    found = {name.lower(): value for name, value in headers.items()}
    signed = {name: found.get(name.lower(), "") for name in SIGNED_HEADERS}
    if not all(signed.values()):
        raise NotificationNotGenuine("a signature header is missing")
    return signed


def _require_fresh(timestamp: str) -> None:
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 11):
        raise NotificationNotGenuine("the time stamp is not a number")
    if abs(wall_now() - datetime.fromtimestamp(int(timestamp), UTC)) > MAX_AGE:
        raise NotificationNotGenuine("the time stamp is stale")


def _read(model: type[_Model], payload: dict[str, Any]) -> _Model:
    try:
        return model.model_validate(payload)
    except ValidationError as error:
        raise OutcomeUnknown(f"unexpected {model.__name__}") from error
