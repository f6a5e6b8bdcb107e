"""The router of TOP: checks signature, session and time, throttles, pages, repeats."""

import hmac
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from simulators.channels.clock import SimClock
from simulators.channels.credentials import TaobaoApp
from simulators.channels.faults import FaultBox, FaultKind
from simulators.channels.taobao.shop import TaobaoShop, refund_json, trade_json
from simulators.channels.taobao.signing import expected_sign
from simulators.channels.wire import ResetConnection

MAX_AGE: Final = timedelta(minutes=10)
LONGEST_WINDOW: Final = timedelta(days=1)
MAX_PAGE: Final = 100
PATH: Final = "/taobao/router/rest"

_Item = TypeVar("_Item")


class TopError(Exception):
    """What the platform refuses; `code` 25 is a wrong signature, 27 a session, 7 throttling."""

    def __init__(self, code: int, msg: str, sub_code: str = "") -> None:
        super().__init__(msg)
        self.code = code
        self.msg = msg
        self.sub_code = sub_code


class TaobaoApi:
    """Answers one application for one shop."""

    def __init__(
        self, *, app: TaobaoApp, shop: TaobaoShop, clock: SimClock, faults: FaultBox
    ) -> None:
        self._app = app
        self._shop = shop
        self._clock = clock
        self._faults = faults
        self.calls: list[str] = []
        self._methods: dict[str, Callable[[Mapping[str, str]], dict[str, Any]]] = {
            "taobao.trades.sold.increment.get": self._increment,
            "taobao.trade.fullinfo.get": self._fullinfo,
            "taobao.refunds.receive.get": self._refunds,
        }

    def routes(self) -> list[Route]:
        """The one address of the platform."""
        return [Route(PATH, self.serve, methods=["POST"])]

    async def serve(self, request: Request) -> Response:
        """Answer one call; refusals are HTTP 200, as the platform's are."""
        form = await request.form()
        asked = {name: value for name, value in form.items() if isinstance(value, str)}
        method = asked.get("method", "")
        self.calls.append(method)
        if self._faults.take(FaultKind.TAOBAO_DOWN, endpoint=method):
            return JSONResponse({"message": "upstream"}, status_code=502)
        if self._faults.take(FaultKind.CONNECTION_RESET, endpoint=method):
            return ResetConnection()
        try:
            self._check(asked)
            answer = self._run(method, asked)
        except TopError as refused:
            body = {
                "code": refused.code,
                "msg": refused.msg,
                "sub_code": refused.sub_code,
                "request_id": "sim",
            }
            return JSONResponse({"error_response": body})
        name = method.removeprefix("taobao.").replace(".", "_") + "_response"
        return JSONResponse({name: answer | {"request_id": "sim"}})

    def _run(self, method: str, asked: Mapping[str, str]) -> dict[str, Any]:
        if self._faults.take(FaultKind.RATE_LIMIT, endpoint=method):
            raise TopError(7, "App Call Limited", "accesscontrol.limited-by-api-access-count")
        run = self._methods.get(method)
        if run is None:
            raise TopError(22, "Invalid Method", "isv.invalid-method")
        return run(asked)

    def _check(self, asked: Mapping[str, str]) -> None:
        if asked.get("app_key") != self._app.app_key:
            raise TopError(29, "Invalid App Key")
        try:
            expected = expected_sign(asked, secret=self._app.app_secret)
        except ValueError as error:
            raise TopError(25, "Invalid Signature", "invalid-sign-method") from error
        if not hmac.compare_digest(expected, asked.get("sign", "")):
            raise TopError(25, "Invalid Signature")
        at = _instant(asked, "timestamp")
        if abs(self._clock.wall() - at) > MAX_AGE:
            raise TopError(31, "Invalid Timestamp")
        if asked.get("session") != self._app.session:
            raise TopError(27, "Invalid Session", "invalid-sessionkey")

    def _increment(self, asked: Mapping[str, str]) -> dict[str, Any]:
        start, end = _window(asked)
        total, page = self._page(self._shop.modified(start, end), asked)
        trades = [
            {key: trade_json(one)[key] for key in ("tid", "status", "modified")} for one in page
        ]
        return {"total_results": total, "trades": {"trade": trades}}

    def _refunds(self, asked: Mapping[str, str]) -> dict[str, Any]:
        start, end = _window(asked)
        total, page = self._page(self._shop.refunded(start, end), asked)
        return {
            "total_results": total,
            "refunds": {"refund": [refund_json(one) for one in page]},
        }

    def _fullinfo(self, asked: Mapping[str, str]) -> dict[str, Any]:
        trade = self._shop.trades.get(asked.get("tid", ""))
        if trade is None:
            raise TopError(15, "Remote service error", "isv.trade-not-exist")
        return {"trade": trade_json(trade)}

    def _page(
        self, items: Sequence[_Item], asked: Mapping[str, str]
    ) -> tuple[int, Sequence[_Item]]:
        try:
            page, size = int(asked.get("page_no", "1")), int(asked.get("page_size", "40"))
        except ValueError as error:
            raise TopError(41, "Invalid arguments", "isv.invalid-parameter") from error
        if not (page >= 1 and 1 <= size <= MAX_PAGE):
            raise TopError(41, "Invalid arguments", "isv.invalid-parameter")
        first = (page - 1) * size
        if self._faults.take(FaultKind.TAOBAO_REPEAT, endpoint=asked.get("method")):
            # a trade changed while we were paging: its neighbours slide onto the next page too
            first = max(first - 1, 0)
        return len(items), items[first : first + size]


def _window(asked: Mapping[str, str]) -> tuple[datetime, datetime]:
    start, end = _instant(asked, "start_modified"), _instant(asked, "end_modified")
    if not timedelta() <= end - start <= LONGEST_WINDOW:
        raise TopError(41, "Invalid arguments", "isv.invalid-parameter:start_modified")
    # the platform compares seconds
    return start, end + timedelta(microseconds=999_999)


def _instant(asked: Mapping[str, str], name: str) -> datetime:
    try:
        said = datetime.strptime(asked.get(name, "") + "+0800", "%Y-%m-%d %H:%M:%S%z")
    except ValueError as error:
        raise TopError(41, f"Invalid arguments:{name}", "isv.invalid-parameter") from error
    return said
