"""The HTTP face of Alipay: one address, signed forms in, signed answers out."""

import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import partial
from html import escape
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from simulators.channels.alipay.bills import PATH as BILL_PATH
from simulators.channels.alipay.bills import Bills
from simulators.channels.alipay.models import AlipayRefusal, Trade, invalid
from simulators.channels.alipay.notifications import yuan
from simulators.channels.alipay.signing import fits, load_key, request_text, rsa2
from simulators.channels.alipay.store import Store
from simulators.channels.alipay.trades import Trades
from simulators.channels.clock import CHINA, SimClock, china_plain
from simulators.channels.credentials import AlipayApp
from simulators.channels.faults import FaultBox, FaultKind
from simulators.channels.guard import loopback_only
from simulators.channels.html import page
from simulators.channels.wire import ResetConnection, StalledAnswer

PATH: Final = "/gateway.do"
MAX_AGE: Final = timedelta(minutes=10)
CASHIERS: Final = {
    "alipay.trade.wap.pay": "QUICK_WAP_WAY",
    "alipay.trade.page.pay": "FAST_INSTANT_TRADE_PAY",
    "alipay.trade.app.pay": "QUICK_MSECURITY_PAY",
}
_TITLES: Final = {"20000": "Service Currently Unavailable", "40004": "Business Failed"}
_LONGEST_NUMBER: Final = 64

Content = Mapping[str, Any]


class AlipayApi:
    """Answers one application; each request is verified and each answer signed."""

    def __init__(
        self,
        *,
        app: AlipayApp,
        trades: Trades,
        bills: Bills,
        store: Store,
        faults: FaultBox,
        clock: SimClock,
        base_url: str,
        stall_seconds: float,
    ) -> None:
        self._app = app
        self._trades = trades
        self._bills = bills
        self._store = store
        self._faults = faults
        self._clock = clock
        self._base_url = base_url.rstrip("/")
        self._stall_seconds = stall_seconds
        self._key = load_key(app.platform_key_pem)
        self._app_key = load_key(app.private_key_pem).public_key()
        self._methods: dict[str, Callable[[Mapping[str, str], Content], dict[str, Any]]] = {
            "alipay.trade.precreate": self._precreate,
            "alipay.trade.query": self._query,
            "alipay.trade.close": self._close,
            "alipay.trade.refund": self._refund,
            "alipay.trade.fastpay.refund.query": self._query_refund,
            "alipay.data.dataservice.bill.downloadurl.query": self._ask_bill,
        }

    def routes(self) -> list[Route]:
        """The gateway; a payer's browser comes there as well, from this machine."""
        shown = loopback_only(self._enter, base_url=self._base_url)
        return [
            Route(PATH, self._serve, methods=["POST"]),
            Route(PATH, shown, methods=["GET"]),
            Route(BILL_PATH, self._bill_file, methods=["GET"]),
        ]

    def enter_cashier(self, form: Mapping[str, str]) -> Trade:
        """Verify a signed address, or the text an app hands over, and find or make its trade.

        Raises AlipayRefusal.
        """
        self._check(form, max_age=None)
        method = form.get("method", "")
        if method not in CASHIERS:
            raise invalid("isv.invalid-method", "不存在的方法名")
        content = _content(form)
        if content.get("product_code") != CASHIERS[method]:
            raise invalid("isv.invalid-parameter", "product_code无效", signed=True)
        return self._place(method, form, content)

    async def _serve(self, request: Request) -> Response:
        sent = await request.form()
        form = dict(request.query_params) | {
            name: value for name, value in sent.items() if isinstance(value, str)
        }
        method = form.get("method", "")
        try:
            self._check(form, max_age=MAX_AGE)
            run = self._methods.get(method)
            if run is None:
                raise invalid("isv.invalid-method", "不存在的方法名")
            content = _content(form)
            reference = str(content.get("out_request_no") or content.get("out_trade_no") or "")
            if (broken := self._strike(method, reference, after_commit=False)) is not None:
                return broken
            answer = {"code": "10000", "msg": "Success"} | run(form, content)
            if (broken := self._strike(method, reference, after_commit=True)) is not None:
                return broken
        except AlipayRefusal as refusal:
            answer = {
                "code": refusal.code,
                "msg": _TITLES.get(refusal.code, "Invalid Arguments"),
                "sub_code": refusal.sub_code,
                "sub_msg": refusal.sub_msg,
            }
            if not refusal.signed:
                return _json({"error_response": _dump(answer)})
        return self._signed(method, answer)

    async def _enter(self, request: Request) -> Response:
        try:
            trade = self.enter_cashier(dict(request.query_params))
        except AlipayRefusal as refusal:
            return page(
                "无法支付",
                f"<p>{escape(refusal.sub_code)} {escape(refusal.sub_msg)}</p>",
                status=400,
            )
        return RedirectResponse(f"/alipay/qr/{trade.token}", status_code=303)

    def _strike(self, method: str, reference: str, *, after_commit: bool) -> Response | None:
        """Let the armed HTTP faults strike; raises AlipayRefusal for those that answer."""
        take = partial(self._faults.take, endpoint=method, reference=reference)
        if not after_commit and take(FaultKind.RATE_LIMIT):
            raise AlipayRefusal("40005", "isv.app-call-limited", "应用调用次数超限")
        if take(FaultKind.SYSTEM_ERROR, after_commit=after_commit):
            raise AlipayRefusal("20000", "aop.ACQ.SYSTEM_ERROR", "系统异常")
        if take(FaultKind.CONNECTION_RESET, after_commit=after_commit):
            return ResetConnection()
        if after_commit and take(FaultKind.TIMEOUT_AFTER_COMMIT):
            return StalledAnswer(seconds=self._stall_seconds)
        return None

    def _check(self, form: Mapping[str, str], *, max_age: timedelta | None) -> None:
        if form.get("app_id") != self._app.app_id:
            raise invalid("isv.invalid-app-id", "无效的AppID参数")
        if form.get("sign_type") != "RSA2":
            raise invalid("isv.invalid-signature-type", "无效的签名类型")
        if form.get("charset", "").lower() != "utf-8":
            raise invalid("isv.invalid-charset", "字符集错误")
        if not fits(self._app_key, request_text(form), form.get("sign", "")):
            raise invalid("isv.invalid-signature", "无效签名")
        at = _instant(form.get("timestamp", ""))
        if at is None or (max_age is not None and abs(self._clock.wall() - at) > max_age):
            raise invalid("isv.invalid-timestamp", "非法的时间戳参数")

    def _place(self, method: str, form: Mapping[str, str], content: Content) -> Trade:
        subject = content.get("subject")
        if not isinstance(subject, str) or not subject or len(subject) > 256:
            raise invalid("isv.invalid-parameter", "subject无效", signed=True)
        expires = content.get("time_expire")
        return self._trades.place(
            method,
            out_trade_no=_number(content, "out_trade_no"),
            total_fen=_fen(content, "total_amount"),
            subject=subject,
            expires_at=None if expires is None else _needed_instant(expires),
            notify_url=form.get("notify_url", ""),
            return_url=form.get("return_url", ""),
        )

    def _precreate(self, form: Mapping[str, str], content: Content) -> dict[str, Any]:
        trade = self._place("alipay.trade.precreate", form, content)
        return {
            "out_trade_no": trade.out_trade_no,
            "qr_code": f"{self._base_url}/alipay/qr/{trade.token}",
        }

    def _query(self, _: Mapping[str, str], content: Content) -> dict[str, Any]:
        trade = self._asked_for(content)
        total_fen = trade.total_fen if trade.paid_fen is None else trade.paid_fen
        answer = _named(trade) | {
            "trade_status": trade.status,
            "total_amount": yuan(total_fen),
            "buyer_pay_amount": yuan(trade.paid_fen or 0),
            "receipt_amount": yuan(trade.paid_fen or 0),
        }
        if trade.paid_at is not None:
            answer["send_pay_date"] = china_plain(trade.paid_at)
        return answer

    def _close(self, _: Mapping[str, str], content: Content) -> dict[str, Any]:
        return _named(self._trades.close(**_either(content)))

    def _refund(self, _: Mapping[str, str], content: Content) -> dict[str, Any]:
        number = content.get("out_request_no", "")
        if not isinstance(number, str) or len(number) > _LONGEST_NUMBER:
            raise invalid("isv.invalid-parameter", "out_request_no无效", signed=True)
        trade, moved = self._trades.refund(
            self._asked_for(content),
            out_request_no=number,
            refund_fen=_fen(content, "refund_amount"),
            reason=str(content.get("refund_reason", "")),
        )
        refunded = yuan(self._trades.refunded_fen(trade))
        return _named(trade) | {
            "fund_change": "Y" if moved else "N",
            "refund_fee": refunded,
            "send_back_fee": refunded,
            "gmt_refund_pay": china_plain(self._clock.now()),
        }

    def _query_refund(self, _: Mapping[str, str], content: Content) -> dict[str, Any]:
        trade = self._asked_for(content)
        number = _number(content, "out_request_no")
        refund = self._store.find_refund(f"{trade.out_trade_no}/{number}")
        if refund is None:
            return {}
        answer = _named(trade) | {
            "out_request_no": refund.out_request_no,
            "total_amount": yuan(trade.paid_fen or 0),
            "refund_amount": yuan(refund.refund_fen),
            "refund_status": "REFUND_SUCCESS",
        }
        if "gmt_refund_pay" in content.get("query_options", ()):
            answer["gmt_refund_pay"] = china_plain(refund.refunded_at)
        return answer

    def _ask_bill(self, _: Mapping[str, str], content: Content) -> dict[str, Any]:
        address = self._bills.ask(
            bill_date=_number(content, "bill_date"), bill_type=_number(content, "bill_type")
        )
        return {"bill_download_url": address}

    async def _bill_file(self, request: Request) -> Response:
        content = self._bills.fetch(request.query_params.get("token", ""))
        if content is None:
            return Response("下载链接已失效", status_code=404, media_type="text/plain")
        return Response(content, media_type="application/zip")

    def _asked_for(self, content: Content) -> Trade:
        return self._trades.get(**_either(content))

    def _signed(self, method: str, answer: dict[str, Any]) -> Response:
        text = _dump(answer)
        return _json(
            {
                f"{method.replace('.', '_')}_response": text,
                "sign": _dump(rsa2(self._key, text.encode())),
            }
        )


def _dump(value: object) -> str:
    # as the real gateway writes it: slashes escaped, so that a signature holds over raw text only
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace("/", "\\/")


def _json(members: Mapping[str, str]) -> Response:
    body = ",".join(f'"{name}":{text}' for name, text in members.items())
    return Response(f"{{{body}}}", media_type="text/html;charset=utf-8")


def _named(trade: Trade) -> dict[str, Any]:
    return {"out_trade_no": trade.out_trade_no, "trade_no": trade.trade_no}


def _content(form: Mapping[str, str]) -> Content:
    try:
        content = json.loads(form.get("biz_content", ""))
    except ValueError as error:
        raise invalid("isv.invalid-parameter", "biz_content不是JSON", signed=True) from error
    if not isinstance(content, dict):
        raise invalid("isv.invalid-parameter", "biz_content不是JSON", signed=True)
    return content


def _either(content: Content) -> dict[str, str]:
    if content.get("trade_no"):
        return {"trade_no": _number(content, "trade_no")}
    return {"out_trade_no": _number(content, "out_trade_no")}


def _number(content: Content, name: str) -> str:
    value = content.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST_NUMBER:
        raise invalid("isv.invalid-parameter", f"{name}无效", signed=True)
    return value


def _fen(content: Content, name: str) -> int:
    try:
        fen = Decimal(str(content.get(name))) * 100
    except InvalidOperation as error:
        raise invalid("isv.invalid-parameter", f"{name}无效", signed=True) from error
    if not fen.is_finite() or fen != int(fen) or not 1 <= fen <= 10**10:
        raise invalid("isv.invalid-parameter", f"{name}无效", signed=True)
    return int(fen)


def _instant(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=CHINA)
    except ValueError:
        return None


def _needed_instant(text: object) -> datetime:
    at = _instant(text) if isinstance(text, str) else None
    if at is None:
        raise invalid("isv.invalid-parameter", "time_expire无效", signed=True)
    return at
