"""Taobao's open platform over httpx: trades and refunds of a shop by the time they changed.

Source: taobao.trades.sold.increment.get, taobao.trade.fullinfo.get, taobao.refunds.receive.get.
Nothing is written over there, so every failure may simply be asked again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import httpx

from app.core.clock import OPERATOR_ZONE, wall_now
from app.core.outbound import OutcomeUnknown
from app.marketplaces.channels.top_sign import SIGN_METHOD, sign

TIMEOUT: Final = httpx.Timeout(10.0, connect=3.0)
PAGE: Final = 50
MAX_PAGES: Final = 200
_LIST_FIELDS: Final = "tid,status,modified"
_TRADE_FIELDS: Final = (
    "tid,status,payment,post_fee,pay_time,modified,created,buyer_message,seller_memo,oaid,"
    "receiver_name,receiver_mobile,receiver_city,receiver_district,receiver_town,receiver_address,"
    "orders"
)
_REFUND_FIELDS: Final = "refund_id,tid,oid,refund_fee,status,modified"


@dataclass(frozen=True, slots=True)
class TopAccount:
    """An application's key and a shop's session."""

    app_key: str
    app_secret: str = field(repr=False)
    session: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Changed:
    """Trades and refunds that changed in a window, as the platform writes them."""

    trades: Sequence[Mapping[str, Any]]
    refunds: Sequence[Mapping[str, Any]]


class TopClient:
    """One shop's questions to the platform."""

    def __init__(self, account: TopAccount, *, http: httpx.AsyncClient, base_url: str) -> None:
        self._account = account
        self._http = http
        self._base_url = base_url

    async def changed(self, start: datetime, end: datetime) -> Changed:
        """Everything that changed in a window; raises OutcomeUnknown, httpx.HTTPError."""
        window = {"start_modified": _beijing(start), "end_modified": _beijing(end)}
        listed = await self._pages(
            "taobao.trades.sold.increment.get", window | {"fields": _LIST_FIELDS}, "trade"
        )
        tids = dict.fromkeys(str(trade["tid"]) for trade in listed if "tid" in trade)
        trades = [await self._trade(tid) for tid in tids]
        refunds = await self._pages(
            "taobao.refunds.receive.get", window | {"fields": _REFUND_FIELDS}, "refund"
        )
        return Changed(trades, refunds)

    async def _trade(self, tid: str) -> Mapping[str, Any]:
        answer = await self._call(
            "taobao.trade.fullinfo.get",
            {"tid": tid, "fields": _TRADE_FIELDS, "include_oaid": "true"},
        )
        trade = answer.get("trade")
        if not isinstance(trade, dict):
            raise OutcomeUnknown("TOP: no trade in the answer")
        return trade

    async def _pages(
        self, method: str, asked: Mapping[str, str], item: str
    ) -> list[Mapping[str, Any]]:
        """Every item of a list that is sorted newest first: from the last page to the first.

        What changes meanwhile moves to the front, and so onto a page still to be read.
        """
        first = await self._page(method, asked, 1)
        total = first.get("total_results")
        if not isinstance(total, int) or total > PAGE * MAX_PAGES:
            raise OutcomeUnknown(f"TOP: {total} results")
        last = max(-(-total // PAGE), 1)
        found: list[Mapping[str, Any]] = []
        for page_no in range(last, 0, -1):
            answer = await self._page(method, asked, page_no)
            box = answer.get(f"{item}s")
            items = box.get(item, []) if isinstance(box, dict) else []
            found.extend(one for one in items if isinstance(one, dict))
        return found

    async def _page(self, method: str, asked: Mapping[str, str], page_no: int) -> dict[str, Any]:
        paging = {"page_no": str(page_no), "page_size": str(PAGE)}
        return await self._call(method, {**asked, **paging})

    async def _call(self, method: str, asked: Mapping[str, str]) -> dict[str, Any]:
        parameters = {
            "method": method,
            "app_key": self._account.app_key,
            "session": self._account.session,
            "timestamp": _beijing(wall_now()),
            "format": "json",
            "v": "2.0",
            "sign_method": SIGN_METHOD,
            **asked,
        }
        parameters["sign"] = sign(parameters, secret=self._account.app_secret)
        response = await self._http.post(self._base_url, data=parameters, timeout=TIMEOUT)
        if response.status_code != httpx.codes.OK:
            raise OutcomeUnknown(f"TOP: HTTP {response.status_code}")
        try:
            answer = response.json()
        except ValueError as error:
            raise OutcomeUnknown("TOP: not JSON") from error
        if not isinstance(answer, dict):
            raise OutcomeUnknown("TOP: not an object")
        if isinstance(refusal := answer.get("error_response"), dict):
            code, sub_code = refusal.get("code"), refusal.get("sub_code", "")
            raise OutcomeUnknown(f"TOP: {code} {sub_code}".strip())
        body = answer.get(method.removeprefix("taobao.").replace(".", "_") + "_response")
        if not isinstance(body, dict):
            raise OutcomeUnknown("TOP: no response in the answer")
        return body


def _beijing(instant: datetime) -> str:
    return instant.astimezone(OPERATOR_ZONE).strftime("%Y-%m-%d %H:%M:%S")
