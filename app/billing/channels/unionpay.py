"""UnionPay's online gateway (B2C, 5.1.0): signed forms over our HTTP client.

No library fits: the one there is signs once where UnionPay hashes twice. A transaction is known by
its number and the second in which it was sent, so our numbers there end in their second. What the
gateway refuses is `Refused`; what it does not know itself raises OutcomeUnknown: query first.
"""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from html import escape
from typing import Final

import httpx
from cryptography import x509
from pydantic import ValidationError

from app.billing import rules
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
    TradeState,
    Transaction,
)
from app.billing.channels.unionpay_messages import (
    DONE,
    OPEN,
    PAY,
    REFUND,
    YUAN,
    NoticeIn,
    QueriedIn,
    reserved_of,
)
from app.billing.channels.unionpay_signing import (
    MerchantKey,
    is_genuine,
    read_answer,
    read_form,
    sign,
)
from app.billing.errors import NotificationMalformed, NotificationNotGenuine
from app.core.clock import OPERATOR_ZONE, wall_now
from app.core.outbound import OutcomeUnknown

LONGEST_CALL_SECONDS: Final = 15.0
CHANNEL_TYPES: Final = {"page": "07", "h5": "08"}
"""A desktop's browser, and a phone's."""
PREFIX: Final = "UNIONPAY."
"""Before its bare two characters where refusals of all channels meet."""
NOT_FOUND: Final = "34"
REPEATED: Final = "12"
UNSURE: Final = OPEN | {"06"}
CLOSED_FOR_NOW: Final = PREFIX + "02"
OUT_OF_HOURS: Final = PREFIX + "39"


class UnionPayGateway:
    """One merchant's account at UnionPay."""

    def __init__(
        self,
        *,
        http: httpx.AsyncClient,
        base_url: str,
        mer_id: str,
        key: MerchantKey,
        root: x509.Certificate,
        middle: x509.Certificate,
        notify_url: str,
        return_url: str,
    ) -> None:
        self._http = http
        self._base_url = base_url.rstrip("/")
        self._mer_id = mer_id
        self._key = key
        self._root = root
        self._middle = middle
        self._notify_url = notify_url
        self._return_url = return_url

    @property
    def merchant(self) -> str:
        """The merchant's number."""
        return self._mer_id

    @property
    def appid(self) -> str:
        """UnionPay knows merchants only."""
        return self._mer_id

    async def place_order(self, order: OrderRequest) -> Placed | Refused:
        """`pay_form` is a page that takes the payer's browser to UnionPay; nothing is sent before."""
        fields = self._signed(
            order.number,
            {
                "txnType": PAY,
                "txnSubType": "01",
                "channelType": CHANNEL_TYPES[order.method],
                "txnAmt": str(order.amount_fen),
                "currencyCode": YUAN,
                "frontUrl": self._return_url,
                "backUrl": self._notify_url,
                "payTimeout": _beijing(order.expires_at),
            },
        )
        return Placed({"pay_form": _form_page(f"{self._base_url}/frontTransReq.do", fields)})

    async def query_order(self, number: str) -> Transaction | Missing | Refused:
        """The payment under our number; UnionPay knows none until its payer has tried."""
        known = await self._query(number)
        return known.payment() if isinstance(known, QueriedIn) else known

    async def close_order(self, number: str) -> Closed | Missing | Refused:
        """UnionPay closes by itself when the time to pay is over, and cannot be told to.

        So this only says whether the payment is still being decided: then it is refused.
        """
        known = await self._query(number)
        if not isinstance(known, QueriedIn):
            return known
        is_undecided = known.state in OPEN or known.state in DONE
        return Refused(PREFIX + known.state) if is_undecided else Closed()

    async def submit_refund(self, refund: RefundRequest) -> RefundFacts | Refused:
        """Accepted is not done: only the query says that the money went back.

        The payment is asked for first, for UnionPay wants its own number of it.
        """
        paid = await self.query_order(refund.payment_number)
        if isinstance(paid, Refused):
            return paid
        if isinstance(paid, Missing) or paid.state is not TradeState.PAID:
            return Refused("not paid there")
        answer = await self._call(
            "backTransReq",
            self._signed(
                refund.number,
                {
                    "txnType": REFUND,
                    "txnSubType": "00",
                    "channelType": CHANNEL_TYPES["page"],
                    "txnAmt": str(refund.amount_fen),
                    "currencyCode": YUAN,
                    "origQryId": paid.transaction_id or "",
                    "backUrl": self._notify_url,
                    "reqReserved": reserved_of(refund),
                },
            ),
        )
        code = answer.get("respCode", "")
        if code == REPEATED:
            known = await self.query_refund(refund)
            if isinstance(known, RefundFacts):
                return known
            raise OutcomeUnknown("repeated, and not known")
        if code in UNSURE:
            raise OutcomeUnknown(f"undecided: {code}")
        if code not in DONE:
            return Refused(PREFIX + code)
        if answer.get("orderId") != refund.number:
            raise OutcomeUnknown("the answer is about another refund")
        return RefundFacts(
            number=refund.number,
            refund_id=answer.get("queryId") or refund.number,
            payment_number=refund.payment_number,
            state=RefundState.PROCESSING,
            amount_fen=refund.amount_fen,
            total_fen=refund.total_fen,
            merchant=self._mer_id,
            currency=CURRENCY,
        )

    async def query_refund(self, refund: RefundRequest) -> RefundFacts | Missing | Refused:
        """The refund under our number: succeeded with 00 or A6, and only then."""
        known = await self._query(refund.number)
        if not isinstance(known, QueriedIn):
            return known
        try:
            return known.refund()
        except ValueError as error:
            raise OutcomeUnknown(str(error)) from error

    async def read_notification(self, headers: Mapping[str, str], body: bytes) -> Notification:
        """Check the signature over the form; the headers carry nothing.

        Raises NotificationNotGenuine or NotificationMalformed.
        """
        del headers
        try:
            fields = read_form(body)
        except ValueError as error:  # UnicodeDecodeError is one
            raise NotificationMalformed("not a form") from error
        if not self._is_genuine(fields):
            raise NotificationNotGenuine("the signature does not fit")
        try:
            return NoticeIn.model_validate(fields).opened()
        except ValueError as error:  # ValidationError is one
            raise NotificationMalformed("unexpected content") from error

    def _signed(self, number: str, said: Mapping[str, str]) -> dict[str, str]:
        fields = {
            "version": "5.1.0",
            "encoding": "UTF-8",
            "signMethod": "01",
            "certId": self._key.cert_id,
            "bizType": "000201",
            "accessType": "0",
            "merId": self._mer_id,
            "orderId": number,
            "txnTime": _beijing(rules.second_of(number, now=wall_now())),
            **said,
        }
        return fields | {"signature": sign(self._key.key, fields)}

    async def _query(self, number: str) -> QueriedIn | Missing | Refused:
        asked = {"txnType": "00", "txnSubType": "00", "channelType": CHANNEL_TYPES["page"]}
        answer = await self._call("queryTrans", self._signed(number, asked))
        code = answer.get("respCode", "")
        if code == NOT_FOUND:
            return Missing()
        if code != "00":
            return Refused(PREFIX + code)
        try:
            known = QueriedIn.model_validate(answer)
        except ValidationError as error:
            raise OutcomeUnknown("unexpected answer to a query") from error
        if known.order_id != number:
            raise OutcomeUnknown("the answer is about another transaction")
        return known

    async def _call(self, name: str, fields: Mapping[str, str]) -> dict[str, str]:
        """Post one call; the answer's fields once its signature fits."""
        async with asyncio.timeout(LONGEST_CALL_SECONDS):
            response = await self._http.post(
                f"{self._base_url}/{name}.do",
                data=fields,
                headers={"Content-Type": "application/x-www-form-urlencoded;charset=UTF-8"},
            )
        if not httpx.codes.is_success(response.status_code):
            raise OutcomeUnknown(f"status {response.status_code}")
        try:
            answer = read_answer(response.content.decode())
        except ValueError as error:
            raise OutcomeUnknown("an answer that cannot be read") from error
        if not self._is_genuine(answer):
            raise OutcomeUnknown("the signature of the answer does not fit")
        return answer

    def _is_genuine(self, fields: Mapping[str, str]) -> bool:
        return is_genuine(fields, root=self._root, middle=self._middle, at=wall_now())


def _beijing(instant: datetime) -> str:
    return instant.astimezone(OPERATOR_ZONE).strftime("%Y%m%d%H%M%S")


def _form_page(action: str, fields: Mapping[str, str]) -> str:
    inputs = "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
        for name, value in fields.items()
    )
    return (
        '<!doctype html><html lang="zh-CN"><head><meta charset="utf-8"><title>前往银联支付</title>'
        f'</head><body onload="document.forms[0].submit()"><form method="post" '
        f'action="{escape(action)}">{inputs}<noscript><button>前往银联支付</button></noscript>'
        "</form></body></html>"
    )
