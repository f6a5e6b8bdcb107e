"""The payer's side as pages: a cashier per payment and the list of payments."""

from html import escape
from typing import Final
from urllib.parse import quote, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from simulators.channels.alipay.notifications import yuan
from simulators.channels.clock import china_plain
from simulators.channels.guard import Endpoint, loopback_only
from simulators.channels.html import button, page, table
from simulators.channels.unionpay.models import PAY, Txn, TxnState
from simulators.channels.unionpay.store import Store
from simulators.channels.unionpay.txns import NotPayable, Txns

_STATES: Final = {
    TxnState.NEW: "待支付",
    TxnState.OPEN: "处理中",
    TxnState.SUCCEEDED: "成功",
    TxnState.FLAWED: "有缺陷的成功",
    TxnState.FAILED: "失败",
}


class UnionPayPages:
    """Pages for people who play the payer."""

    def __init__(self, txns: Txns, store: Store, *, base_url: str) -> None:
        self._txns = txns
        self._store = store
        self._base_url = base_url

    def routes(self) -> list[Route]:
        """The pages' routes, for this machine only."""
        payment = "/unionpay/payments/{number}"
        return [
            self._route("GET", "/unionpay/payments", self._list),
            self._route("GET", payment, self._show),
            self._route("POST", f"{payment}/{{act}}", self._act),
        ]

    def _route(self, method: str, path: str, endpoint: Endpoint) -> Route:
        return Route(path, loopback_only(endpoint, base_url=self._base_url), methods=[method])

    async def _list(self, _: Request) -> Response:
        rows = [
            [
                f'<a href="{_path(txn)}">{escape(txn.order_id)}</a>',
                f"¥{yuan(txn.fen)}",
                _STATES[TxnState(txn.state)],
                china_plain(txn.created_at),
            ]
            for txn in self._store.list_payments()
        ]
        body = table(["商户订单号", "金额", "状态", "下单时间"], rows)
        return page("银联交易", body if rows else "<p>还没有交易。</p>", refresh=10)

    async def _show(self, request: Request) -> Response:
        txn = self._store.find_by_order(request.path_params["number"])
        if txn is None or txn.kind != PAY:
            return page("交易不存在", "<p>找不到这笔交易。</p>", status=404)
        note = request.query_params.get("note", "")
        facts = [
            ["金额", f"¥{yuan(txn.fen)}"],
            ["状态", _STATES[TxnState(txn.state)]],
            ["商户订单号", escape(txn.order_id)],
            ["查询流水号", escape(txn.query_id)],
        ]
        parts = [
            f'<p class="note">{escape(note)}</p>' if note else "",
            table(["项目", "内容"], facts),
            _buttons(txn),
            self._refunds(txn),
        ]
        return page("模拟银联收银台", "".join(parts))

    async def _act(self, request: Request) -> Response:
        number, act = request.path_params["number"], request.path_params["act"]
        acts = {
            "pay": (self._txns.pay, "支付成功"),
            "fail": (self._txns.fail, "支付失败，可再次支付"),
            "hang": (self._txns.hang, "银行处理中"),
        }
        if act not in acts:
            return page("没有这个操作", "", status=404)
        run, note = acts[act]
        try:
            run(number)
        except NotPayable as reason:
            note = str(reason)
        target = f"/unionpay/payments/{quote(number, safe='')}?note={quote(note)}"
        return RedirectResponse(target, status_code=303)

    def _refunds(self, txn: Txn) -> str:
        rows = [
            [escape(one.order_id), f"¥{yuan(one.fen)}", _STATES[TxnState(one.state)]]
            for one in self._store.list_refunds(txn.query_id)
        ]
        return f"<h2>退款</h2>{table(['退款单号', '金额', '状态'], rows)}" if rows else ""


def _buttons(txn: Txn) -> str:
    parts = []
    if txn.state in {TxnState.NEW, TxnState.OPEN, TxnState.FAILED}:
        for act, label in (("pay", "支付"), ("fail", "支付失败"), ("hang", "银行不应答")):
            parts.append(button(f"{_path(txn)}/{act}", label))
    if urlsplit(txn.front_url).scheme in {"http", "https"}:
        parts.append(f'<p><a href="{escape(txn.front_url)}">返回商家</a></p>')
    return "".join(parts)


def _path(txn: Txn) -> str:
    return f"/unionpay/payments/{quote(txn.order_id, safe='')}"
