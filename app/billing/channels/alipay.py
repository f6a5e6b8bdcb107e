"""Alipay through its gateway: signed forms over our HTTP client, answers verified as received.

The official SDK blocks and takes 441 MB, the community's blocks as well; the protocol is small.
What the gateway refuses is `Refused` with the finer of its two codes (`sub_code` before `code`);
what it does not know itself (20000, SYSTEM_ERROR) raises OutcomeUnknown: query first.
"""

import asyncio
import json
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final, TypeVar
from urllib.parse import parse_qsl, urlencode

import httpx
from pydantic import BaseModel, ValidationError

from app.billing.channels.alipay_messages import (
    REFUNDED,
    NoticeIn,
    PrecreatedIn,
    RefundedIn,
    RefundQueryIn,
    TradeIn,
)
from app.billing.channels.alipay_signing import (
    is_signed,
    raw_members,
    read_private_key,
    read_public_key,
    sign,
    signed_text,
)
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
    RefundState,
    Refused,
    Transaction,
)
from app.billing.errors import NotificationMalformed, NotificationNotGenuine
from app.core.clock import OPERATOR_ZONE, wall_now
from app.core.money import yuan_text
from app.core.outbound import OutcomeUnknown

LONGEST_CALL_SECONDS: Final = 15.0
LONGEST_DOWNLOAD_SECONDS: Final = 120.0
BILL: Final = "alipay.data.dataservice.bill.downloadurl.query"
BILL_HOSTS: Final = (".alipay.com", ".alipaydev.com")
NO_BILL: Final = frozenset({"BILL_NOT_EXIST", "NO_BILL_DATA"})
"""Last parts of sub-codes that say that nothing moved."""
PRECREATE: Final = "alipay.trade.precreate"
CASHIERS: Final = {
    "h5": ("alipay.trade.wap.pay", "QUICK_WAP_WAY"),
    "page": ("alipay.trade.page.pay", "FAST_INSTANT_TRADE_PAY"),
    "app": ("alipay.trade.app.pay", "QUICK_MSECURITY_PAY"),
}
"""Ways of paying that are a signed address or text: the gateway is reached by the payer."""
NOT_FOUND: Final = "ACQ.TRADE_NOT_EXIST"
CALL_LIMIT: Final = "40005"
UNSURE: Final = frozenset({"20000"})
UNSURE_SUBS: Final = frozenset({"SYSTEM_ERROR", "unknow-error", "unknown-error"})
"""Last parts of sub-codes that say nothing about what happened."""
_SUBJECT: Final = str.maketrans("/=&", "   ")
_FIELDS: Final = 100
_CHARSETS: Final = frozenset({"utf-8", "gbk"})

_Model = TypeVar("_Model", bound=BaseModel)


class AlipayGateway:
    """One merchant's application at Alipay. Raises ValueError for keys it cannot read."""

    def __init__(
        self,
        *,
        http: httpx.AsyncClient,
        base_url: str,
        app_id: str,
        seller_id: str,
        private_key: str,
        public_key: str,
        notify_url: str,
        return_url: str,
    ) -> None:
        self._http = http
        self._base_url = base_url
        self._app_id = app_id
        self._seller_id = seller_id
        self._key = read_private_key(private_key)
        self._alipay_key = read_public_key(public_key)
        self._notify_url = notify_url
        self._return_url = return_url

    @property
    def merchant(self) -> str:
        """The seller's number (PID)."""
        return self._seller_id

    @property
    def appid(self) -> str:
        """The application that asks for payments."""
        return self._app_id

    async def place_order(self, order: OrderRequest) -> Placed | Refused:
        """`native` asks for a QR code; the others carry `pay_url`, or `order_string` for the app."""
        trade = {
            "out_trade_no": order.number,
            "total_amount": yuan_text(order.amount_fen),
            "subject": order.description.translate(_SUBJECT),
            "time_expire": _beijing(order.expires_at),
        }
        if order.method in CASHIERS:
            method, product = CASHIERS[order.method]
            trade["product_code"] = product
            extra = {"notify_url": self._notify_url}
            if order.method == "app":
                return Placed({"order_string": urlencode(self._signed(method, trade, extra))})
            if order.method == "h5":
                trade["quit_url"] = self._return_url
            extra["return_url"] = self._return_url
            return Placed(
                {"pay_url": f"{self._base_url}?{urlencode(self._signed(method, trade, extra))}"}
            )
        answer = await self._call(PRECREATE, trade, {"notify_url": self._notify_url})
        if isinstance(answer, Refused):
            return answer
        made = _read(PrecreatedIn, answer)
        if made.out_trade_no != order.number:
            raise OutcomeUnknown("the answer is about another payment")
        return Placed({"qr_code": made.qr_code})

    async def query_order(self, number: str) -> Transaction | Missing | Refused:
        """The trade under our number; Alipay knows none until its payer has opened the cashier."""
        answer = await self._call("alipay.trade.query", {"out_trade_no": number})
        if isinstance(answer, Refused):
            return Missing() if answer.code == NOT_FOUND else answer
        return _read(TradeIn, answer).facts(merchant=self._seller_id, appid=self._app_id)

    async def close_order(self, number: str) -> Closed | Missing | Refused:
        """Only an unpaid trade closes; a closed one is refused, and the query says so."""
        answer = await self._call("alipay.trade.close", {"out_trade_no": number})
        if isinstance(answer, Refused):
            return Missing() if answer.code == NOT_FOUND else answer
        return Closed()

    async def submit_refund(self, refund: RefundRequest) -> RefundFacts | Refused:
        """Synchronous: `fund_change` Y is money that went back now.

        N is a number that was used before, or money that has not moved: the query tells them
        apart. Raises OutcomeUnknown for the latter.
        """
        answer = await self._call(
            "alipay.trade.refund",
            {
                "out_trade_no": refund.payment_number,
                "out_request_no": refund.number,
                "refund_amount": yuan_text(refund.amount_fen),
                "refund_reason": refund.reason[:256],
            },
        )
        if isinstance(answer, Refused):
            return answer
        done = _read(RefundedIn, answer)
        if done.fund_change == "N":
            known = await self.query_refund(refund)
            if isinstance(known, RefundFacts):
                return known
            raise OutcomeUnknown("accepted, and no money has moved")
        if done.out_trade_no != refund.payment_number or done.refund_fee < refund.amount_fen:
            raise OutcomeUnknown("the answer is about another refund")
        return RefundFacts(
            number=refund.number,
            refund_id=done.trade_no,
            payment_number=done.out_trade_no,
            state=RefundState.SUCCEEDED,
            amount_fen=refund.amount_fen,
            total_fen=refund.total_fen,
            merchant=self._seller_id,
            currency=CURRENCY,
        )

    async def query_refund(self, refund: RefundRequest) -> RefundFacts | Missing | Refused:
        """The refund under our number; Missing as long as no money went back under it."""
        answer = await self._call(
            "alipay.trade.fastpay.refund.query",
            {
                "out_trade_no": refund.payment_number,
                "out_request_no": refund.number,
                "query_options": ["gmt_refund_pay"],
            },
        )
        if isinstance(answer, Refused):
            return Missing() if answer.code == NOT_FOUND else answer
        known = _read(RefundQueryIn, answer)
        if known.refund_status != REFUNDED:
            return Missing()
        try:
            return known.facts(merchant=self._seller_id)
        except ValueError as error:
            raise OutcomeUnknown(str(error)) from error

    async def fetch_bill(self, day: date) -> bytes | NoBill | Refused:
        """The archive of the day's trade bill, from where the signed answer says it lies."""
        asked = {"bill_type": "trade", "bill_date": day.isoformat()}
        answer = await self._call(BILL, asked)
        if isinstance(answer, Refused):
            return NoBill() if answer.code.rpartition(".")[2].upper() in NO_BILL else answer
        link = self._download_link(answer.get("bill_download_url"))
        async with asyncio.timeout(LONGEST_DOWNLOAD_SECONDS):
            response = await self._http.get(link)
        if not httpx.codes.is_success(response.status_code):
            raise OutcomeUnknown(f"status {response.status_code} for the bill")
        return response.content

    def _download_link(self, told: object) -> str:
        """Where the bill lies; what is told without TLS is fetched with it."""
        try:
            link = httpx.URL(told) if isinstance(told, str) else httpx.URL()
        except httpx.InvalidURL as error:
            raise OutcomeUnknown("the bill has no address") from error
        own = httpx.URL(self._base_url)
        if (link.scheme, link.netloc) == (own.scheme, own.netloc):
            return str(link)
        if not f".{link.host}".endswith(BILL_HOSTS):
            raise OutcomeUnknown("the bill's address is not Alipay's")
        return str(link.copy_with(scheme="https"))

    async def read_notification(self, headers: Mapping[str, str], body: bytes) -> Notification:
        """Decode the form once and check the signature over it; the headers carry nothing.

        Raises NotificationNotGenuine or NotificationMalformed.
        """
        del headers
        form = _form(body)
        text = signed_text(form, without=("sign", "sign_type"))
        # the charset of the message is the charset of the text that was signed
        signed = text.encode(_charset(form))
        if form.get("sign_type") != "RSA2":
            raise NotificationNotGenuine("another kind of signature")
        if not is_signed(self._alipay_key, signed, form.get("sign", "")):
            raise NotificationNotGenuine("the signature does not fit")
        try:
            return NoticeIn.model_validate(form).opened()
        except ValidationError as error:
            raise NotificationMalformed("unexpected content") from error

    def _signed(
        self, method: str, content: Mapping[str, Any], extra: Mapping[str, str]
    ) -> dict[str, str]:
        parameters = {
            "app_id": self._app_id,
            "method": method,
            "format": "JSON",
            "charset": "utf-8",
            "sign_type": "RSA2",
            "timestamp": _beijing(wall_now()),
            "version": "1.0",
            "biz_content": json.dumps(content, ensure_ascii=False, separators=(",", ":")),
            **extra,
        }
        return parameters | {"sign": sign(self._key, signed_text(parameters))}

    async def _call(
        self, method: str, content: Mapping[str, Any], extra: Mapping[str, str] | None = None
    ) -> dict[str, Any] | Refused:
        """Post one call; the answer's object once its signature fits."""
        async with asyncio.timeout(LONGEST_CALL_SECONDS):
            response = await self._http.post(
                self._base_url,
                content=urlencode(self._signed(method, content, extra or {})),
                headers={"Content-Type": "application/x-www-form-urlencoded;charset=utf-8"},
            )
        if not httpx.codes.is_success(response.status_code):
            raise OutcomeUnknown(f"status {response.status_code}")
        name = method.replace(".", "_") + "_response"
        try:
            members = raw_members(response.content.decode())
            written = members.get(name) or members["error_response"]
            answer: Any = json.loads(written)
            signature = json.loads(members["sign"]) if "sign" in members else None
        except (ValueError, KeyError, RecursionError) as error:
            raise OutcomeUnknown("an answer that cannot be read") from error
        if not isinstance(answer, dict):
            raise OutcomeUnknown("an answer without an object")
        return self._opened(answer, written, signature)

    def _opened(
        self, answer: dict[str, Any], written: str, signature: object
    ) -> dict[str, Any] | Refused:
        genuine = isinstance(signature, str) and is_signed(
            self._alipay_key, written.encode(), signature
        )
        code, sub = str(answer.get("code", "")), str(answer.get("sub_code") or "")
        # who is refused at the door is told so without a signature; everything else bears one
        if not genuine and (signature is not None or code == "10000"):
            raise OutcomeUnknown("the signature of the answer does not fit")
        if code == "10000":
            return answer
        if not code or code in UNSURE or sub.rpartition(".")[2] in UNSURE_SUBS:
            raise OutcomeUnknown(sub or code or "an answer without a code")
        return Refused((CALL_LIMIT if code == CALL_LIMIT else sub or code)[:64])


def _beijing(instant: datetime) -> str:
    return instant.astimezone(OPERATOR_ZONE).strftime("%Y-%m-%d %H:%M:%S")


def _form(body: bytes) -> dict[str, str]:
    try:
        text = body.decode("ascii")
        as_utf8 = parse_qsl(text, keep_blank_values=True, max_num_fields=_FIELDS, errors="replace")
        charset = _charset(dict(as_utf8))
        pairs = parse_qsl(
            text,
            keep_blank_values=True,
            strict_parsing=True,
            encoding=charset,
            errors="strict",
            max_num_fields=_FIELDS,
        )
    except ValueError as error:  # UnicodeDecodeError is one
        raise NotificationMalformed("not a form") from error
    form = dict(pairs)
    if not form or len(form) != len(pairs):
        raise NotificationMalformed("no field, or one that comes twice")
    return form


def _charset(form: Mapping[str, str]) -> str:
    charset = form.get("charset", "utf-8").lower()
    if charset not in _CHARSETS:
        raise NotificationMalformed("a charset nobody asked for")
    return charset


def _read(model: type[_Model], payload: dict[str, Any]) -> _Model:
    try:
        return model.model_validate(payload)
    except ValidationError as error:
        raise OutcomeUnknown(f"unexpected {model.__name__}") from error
