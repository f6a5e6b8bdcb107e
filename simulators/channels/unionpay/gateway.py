"""The HTTP face of UnionPay: signed forms in, signed answers out, and the payer's entrance."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from html import escape
from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from simulators.channels.clock import CHINA
from simulators.channels.faults import FaultBox, FaultKind
from simulators.channels.html import page
from simulators.channels.unionpay.answers import Signer, facts_of
from simulators.channels.unionpay.merchant import UnionPayMerchant
from simulators.channels.unionpay.models import Txn, UnionPayRefusal
from simulators.channels.unionpay.signing import fits, load_public
from simulators.channels.unionpay.txns import Txns
from simulators.channels.wire import ResetConnection, StalledAnswer

PATH: Final = "/unionpay/gateway/api"
_NUMBER: Final = re.compile(r"[0-9A-Za-z]{8,32}")
_AMOUNT: Final = re.compile(r"[1-9][0-9]{0,11}")
_BEFORE_ANSWER: Final = (
    (FaultKind.RATE_LIMIT, "06", "系统繁忙"),
    (FaultKind.REFUND_NOT_ENOUGH, "02", "系统未开放"),
)

Form = Mapping[str, str]


class UnionPayApi:
    """Answers one merchant; each request is verified and each answer signed."""

    def __init__(
        self,
        *,
        merchant: UnionPayMerchant,
        txns: Txns,
        signer: Signer,
        faults: FaultBox,
        stall_seconds: float,
    ) -> None:
        self._merchant = merchant
        self._txns = txns
        self._signer = signer
        self._faults = faults
        self._stall_seconds = stall_seconds
        self._key, self._cert_id = load_public(merchant.merchant_certificate_pem)

    def routes(self) -> list[Route]:
        """Two calls of merchants, and the address to which a payer's browser posts."""
        return [
            Route(f"{PATH}/frontTransReq.do", self._front, methods=["POST"]),
            Route(
                f"{PATH}/backTransReq.do",
                partial(self._serve, "backTransReq", self._refund),
                methods=["POST"],
            ),
            Route(
                f"{PATH}/queryTrans.do",
                partial(self._serve, "queryTrans", self._query),
                methods=["POST"],
            ),
        ]

    def enter(self, form: Form) -> Txn:
        """Verify what a payer's browser posts, and find or make its payment.

        Raises UnionPayRefusal.
        """
        self._check(form, kind="01")
        if form.get("txnSubType") != "01" or not form.get("backUrl"):
            raise UnionPayRefusal("13", "报文交易要素缺失")
        return self._txns.enter(
            order_id=form["orderId"],
            txn_time=form["txnTime"],
            fen=_fen(form),
            expires_at=_instant(form.get("payTimeout", "")),
            front_url=form.get("frontUrl", ""),
            back_url=form["backUrl"],
        )

    async def _front(self, request: Request) -> Response:
        try:
            txn = self.enter(await _form(request))
        except UnionPayRefusal as refusal:
            told = f"<p>{escape(refusal.code)} {escape(refusal.message)}</p>"
            return page("无法支付", told, status=400)
        return RedirectResponse(f"/unionpay/payments/{txn.order_id}", status_code=303)

    async def _serve(
        self, name: str, run: Callable[[Form], dict[str, str]], request: Request
    ) -> Response:
        form = await _form(request)
        take = partial(self._faults.take, endpoint=name, reference=form.get("orderId"))
        try:
            self._check(form, kind="00" if name == "queryTrans" else "04")
            _refuse(take)
            if (broken := self._strike(take, after_commit=False)) is not None:
                return broken
            answer = {"respCode": "00", "respMsg": "成功[0000000]"} | run(form)
            if (broken := self._strike(take, after_commit=True)) is not None:
                return broken
        except UnionPayRefusal as refusal:
            answer = {
                "respCode": refusal.code,
                "respMsg": f"{refusal.message}[{refusal.code}00000]",
            }
        told = self._signer.signed({"orderId": form.get("orderId", "")} | answer)
        text = "&".join(f"{key}={value}" for key, value in told.items())
        return Response(text, media_type="text/html;charset=UTF-8")

    def _strike(self, take: Callable[..., object], *, after_commit: bool) -> Response | None:
        if take(FaultKind.SYSTEM_ERROR, after_commit=after_commit):
            return Response("", status_code=500)
        if take(FaultKind.CONNECTION_RESET, after_commit=after_commit):
            return ResetConnection()
        if after_commit and take(FaultKind.TIMEOUT_AFTER_COMMIT):
            return StalledAnswer(seconds=self._stall_seconds)
        return None

    def _check(self, form: Form, *, kind: str) -> None:
        known = (form.get("version"), form.get("encoding"), form.get("signMethod"))
        if known != ("5.1.0", "UTF-8", "01"):
            raise UnionPayRefusal("10", "报文格式错误")
        if form.get("merId") != self._merchant.mer_id or form.get("certId") != self._cert_id:
            raise UnionPayRefusal("11", "验证签名失败")
        if not fits(self._key, form):
            raise UnionPayRefusal("11", "验证签名失败")
        if form.get("txnType") != kind or form.get("bizType") != "000201":
            raise UnionPayRefusal("10", "报文格式错误")
        if not _NUMBER.fullmatch(form.get("orderId", "")):
            raise UnionPayRefusal("10", "orderId格式错误")
        _instant(form.get("txnTime", ""))

    def _query(self, form: Form) -> dict[str, str]:
        txn = self._txns.get(f"{form['orderId']}/{form['txnTime']}")
        return facts_of(txn, mer_id=self._merchant.mer_id) | {
            "origRespCode": txn.state,
            "origRespMsg": "success",
        }

    def _refund(self, form: Form) -> dict[str, str]:
        if not form.get("origQryId"):
            raise UnionPayRefusal("13", "报文交易要素缺失")
        refund = self._txns.refund(
            order_id=form["orderId"],
            txn_time=form["txnTime"],
            fen=_fen(form),
            orig_query_id=form["origQryId"],
            back_url=form.get("backUrl", ""),
            reserved=form.get("reqReserved", ""),
        )
        return facts_of(refund, mer_id=self._merchant.mer_id)


def _refuse(take: Callable[..., object]) -> None:
    for fault, code, message in _BEFORE_ANSWER:
        if take(fault):
            raise UnionPayRefusal(code, message)


async def _form(request: Request) -> dict[str, str]:
    sent = await request.form()
    return {name: value for name, value in sent.items() if isinstance(value, str)}


def _fen(form: Form) -> int:
    amount = form.get("txnAmt", "")
    if not _AMOUNT.fullmatch(amount) or form.get("currencyCode") != "156":
        raise UnionPayRefusal("10", "txnAmt格式错误")
    return int(amount)


def _instant(text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=CHINA)
    except ValueError as error:
        raise UnionPayRefusal("10", "时间格式错误") from error
