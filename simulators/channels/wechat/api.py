"""The HTTP face of WeChat Pay API v3."""

import gzip
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from simulators.channels.clock import SimClock
from simulators.channels.faults import FaultBox, FaultKind
from simulators.channels.wechat.bills import Bills
from simulators.channels.wechat.desk import Desk
from simulators.channels.wechat.errors import WeChatError, param_error
from simulators.channels.wechat.gate import RequestGate
from simulators.channels.wechat.orders import TRADE_TYPES
from simulators.channels.wechat.platform import PlatformKeys, SigningKey
from simulators.channels.wechat.rules import (
    AskRefund,
    CloseOrder,
    PlaceOrder,
    fingerprint,
    read_body,
    read_fields,
)
from simulators.channels.wechat.signing import SCHEME, answer_text, new_nonce, sign
from simulators.channels.wire import ResetConnection, StalledAnswer

_ORDER: Final = "/v3/pay/transactions"
_REFUND: Final = "/v3/refund/domestic/refunds"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the platform says; `content` of another type than JSON goes out unsigned."""

    status: int = 200
    payload: dict[str, Any] | None = None
    content: bytes = b""
    media_type: str | None = None


Handler = Callable[[Request, bytes], Awaitable[Answer]]


class WeChatApi:
    """Endpoints of API v3; each request is verified and each answer signed."""

    def __init__(
        self,
        *,
        desk: Desk,
        bills: Bills,
        gate: RequestGate,
        platform: PlatformKeys,
        faults: FaultBox,
        clock: SimClock,
        stall_seconds: float,
    ) -> None:
        self._desk = desk
        self._bills = bills
        self._gate = gate
        self._platform = platform
        self._faults = faults
        self._clock = clock
        self._stall_seconds = stall_seconds

    def routes(self) -> list[Route]:
        """The routes of the API, unknown paths under /v3 included."""
        number, close = f"{_ORDER}/out-trade-no/{{number}}", "/close"
        return [
            *(
                self._route("POST", f"{_ORDER}/{kind}", "create", self._placer(kind))
                for kind in TRADE_TYPES
            ),
            self._route("GET", number, "query", self._query),
            self._route("GET", f"{_ORDER}/id/{{number}}", "query", self._query_by_id),
            self._route("POST", number + close, "close", self._close),
            self._route("POST", _REFUND, "refund", self._refund),
            self._route("GET", f"{_REFUND}/{{number}}", "refund_query", self._query_refund),
            self._route("GET", "/v3/certificates", "certificates", self._certificates),
            self._route("GET", "/v3/bill/tradebill", "bill", self._trade_bill),
            self._route("GET", "/v3/bill/fundflowbill", "bill", self._flow_bill),
            self._route("GET", "/v3/billdownload/file", "bill_file", self._bill_file),
            Route(
                "/v3/{rest:path}",
                self._endpoint("unknown", _unknown),
                methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
            ),
        ]

    def _route(self, method: str, path: str, name: str, handler: Handler) -> Route:
        return Route(path, self._endpoint(name, handler), methods=[method])

    def _endpoint(self, name: str, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        async def serve(request: Request) -> Response:
            body = await request.body()
            key = self._platform.for_answer(request.headers.get("wechatpay-serial"))
            try:
                self._gate.check(
                    method=request.method,
                    target=_target(request),
                    headers=request.headers,
                    body=body,
                )
                number = _reference(request, body)
                if (broken := self._strike(name, number, after_commit=False)) is not None:
                    return broken
                answer = await handler(request, body)
                if (broken := self._strike(name, number, after_commit=True)) is not None:
                    return broken
            except WeChatError as refusal:
                return self._signed(Answer(status=refusal.status, payload=refusal.body()), key)
            return self._signed(answer, key)

        return serve

    def _strike(self, name: str, number: str | None, *, after_commit: bool) -> Response | None:
        """Let the armed HTTP faults strike; raises WeChatError for those that answer."""
        take = partial(self._faults.take, endpoint=name, reference=number)
        if not after_commit and take(FaultKind.RATE_LIMIT):
            raise WeChatError(429, "FREQUENCY_LIMITED", "频率超限，请降低频率后重试")
        if take(FaultKind.SYSTEM_ERROR, after_commit=after_commit):
            raise WeChatError(500, "SYSTEM_ERROR", "系统异常，请用相同参数重新调用")
        if take(FaultKind.CONNECTION_RESET, after_commit=after_commit):
            return ResetConnection()
        if after_commit and take(FaultKind.TIMEOUT_AFTER_COMMIT):
            return StalledAnswer(seconds=self._stall_seconds)
        return None

    def _signed(self, answer: Answer, key: SigningKey) -> Response:
        if answer.media_type is not None:
            return Response(answer.content, status_code=answer.status, media_type=answer.media_type)
        body = b""
        headers = {}
        if answer.payload is not None:
            body = json.dumps(answer.payload, ensure_ascii=False, separators=(",", ":")).encode()
            headers["Content-Type"] = "application/json; charset=utf-8"
        timestamp, nonce = str(int(self._clock.wall().timestamp())), new_nonce()
        text = answer_text(timestamp=timestamp, nonce=nonce, body=body)
        headers |= {
            "Wechatpay-Timestamp": timestamp,
            "Wechatpay-Nonce": nonce,
            "Wechatpay-Signature": sign(key.key, text),
            "Wechatpay-Serial": key.serial,
            "Wechatpay-Signature-Type": SCHEME,
            "Request-ID": new_nonce(30),
        }
        return Response(body, status_code=answer.status, headers=headers)

    def _placer(self, kind: str) -> Handler:
        async def place(_: Request, body: bytes) -> Answer:
            payload = read_body(body)
            asked = read_fields(PlaceOrder, payload)
            ticket = self._desk.orders.place(kind, asked, fingerprint=fingerprint(kind, payload))
            await self._desk.before_order_answer(asked.out_trade_no)
            return Answer(payload=ticket)

        return place

    async def _query(self, request: Request, _: bytes) -> Answer:
        self._desk.orders.check_mchid(request.query_params.get("mchid"), location="query")
        order = self._desk.orders.get(request.path_params["number"])
        return Answer(payload=self._desk.orders.view(order))

    async def _query_by_id(self, request: Request, _: bytes) -> Answer:
        self._desk.orders.check_mchid(request.query_params.get("mchid"), location="query")
        order = self._desk.orders.get_by_transaction(request.path_params["number"])
        return Answer(payload=self._desk.orders.view(order))

    async def _close(self, request: Request, body: bytes) -> Answer:
        asked = read_fields(CloseOrder, read_body(body))
        self._desk.orders.check_mchid(asked.mchid, location="body")
        self._desk.orders.close(request.path_params["number"])
        return Answer(status=204)

    async def _refund(self, _: Request, body: bytes) -> Answer:
        asked = read_fields(AskRefund, read_body(body))
        refund = self._desk.refunds.ask(asked)
        answer = Answer(payload=self._desk.refunds.view(refund))
        await self._desk.before_refund_answer(refund)
        return answer

    async def _query_refund(self, request: Request, _: bytes) -> Answer:
        refund = self._desk.refunds.get(request.path_params["number"])
        return Answer(payload=self._desk.refunds.view(refund))

    async def _certificates(self, *_: object) -> Answer:
        return Answer(payload=self._platform.certificate_list())

    async def _trade_bill(self, request: Request, _: bytes) -> Answer:
        query = request.query_params
        return Answer(
            payload=self._bills.ask_trades(
                bill_date=_needed(request, "bill_date"),
                bill_type=query.get("bill_type", "ALL"),
                tar_type=query.get("tar_type"),
            )
        )

    async def _flow_bill(self, request: Request, _: bytes) -> Answer:
        query = request.query_params
        return Answer(
            payload=self._bills.ask_flow(
                bill_date=_needed(request, "bill_date"),
                account_type=query.get("account_type", "BASIC"),
                tar_type=query.get("tar_type"),
            )
        )

    async def _bill_file(self, request: Request, _: bytes) -> Answer:
        file = self._bills.fetch(_needed(request, "token"))
        if file.gzip:
            return Answer(content=gzip.compress(file.text), media_type="application/x-gzip")
        return Answer(content=file.text, media_type="text/plain")


async def _unknown(_: Request, __: bytes) -> Answer:
    raise WeChatError(404, "RESOURCE_NOT_EXISTS", "请求的资源不存在")


def _reference(request: Request, body: bytes) -> str | None:
    """The merchant's number a call is about, for faults aimed at one order or refund."""
    number: str | None = request.path_params.get("number")
    if number is not None or not body:
        return number
    payload = read_body(body)
    named = payload.get("out_refund_no") or payload.get("out_trade_no")
    return named if isinstance(named, str) else None


def _needed(request: Request, name: str) -> str:
    value = request.query_params.get(name)
    if not value:
        raise param_error(name, "不能为空", location="query")
    return value


def _target(request: Request) -> str:
    """Path and query exactly as they came over the wire."""
    raw_path: bytes = request.scope.get("raw_path") or request.url.path.encode()
    query: bytes = request.scope["query_string"]
    return (raw_path + b"?" + query if query else raw_path).decode("latin-1")
