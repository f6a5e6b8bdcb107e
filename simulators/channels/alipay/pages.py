"""The buyer's side as pages: a cashier per trade and the list of trades."""

from html import escape
from typing import Final
from urllib.parse import quote, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from simulators.channels.alipay.models import AlipayRefusal, Trade, TradeStatus
from simulators.channels.alipay.notifications import yuan
from simulators.channels.alipay.store import Store
from simulators.channels.alipay.trades import NotPayable, Trades
from simulators.channels.clock import china_plain
from simulators.channels.guard import Endpoint, loopback_only
from simulators.channels.html import button, page, table

_STATES: Final = {
    TradeStatus.NEW: "未扫码",
    TradeStatus.WAIT_BUYER_PAY: "待支付",
    TradeStatus.TRADE_SUCCESS: "已支付",
    TradeStatus.TRADE_FINISHED: "已完结",
    TradeStatus.TRADE_CLOSED: "已关闭",
}
_NOTICES: Final = {
    "pending": "待送达",
    "accepted": "已送达",
    "lost": "已丢弃",
    "given_up": "已放弃",
}


class AlipayPages:
    """Pages for people who play the buyer."""

    def __init__(self, trades: Trades, store: Store, *, base_url: str) -> None:
        self._trades = trades
        self._store = store
        self._base_url = base_url

    def routes(self) -> list[Route]:
        """The pages' routes, for this machine only."""
        trade = "/alipay/trades/{number}"
        return [
            self._route("GET", "/alipay/trades", self._list),
            self._route("GET", "/alipay/qr/{token}", self._enter),
            self._route("GET", trade, self._show),
            self._route("POST", f"{trade}/{{act}}", self._act),
        ]

    def _route(self, method: str, path: str, endpoint: Endpoint) -> Route:
        return Route(path, loopback_only(endpoint, base_url=self._base_url), methods=[method])

    async def _list(self, _: Request) -> Response:
        rows = [
            [
                f'<a href="{_path(trade)}">{escape(trade.out_trade_no)}</a>',
                escape(trade.subject),
                f"¥{yuan(trade.total_fen)}",
                _STATES[TradeStatus(trade.status)],
                china_plain(trade.created_at),
            ]
            for trade in self._store.list_trades()
        ]
        body = table(["商户订单号", "商品", "金额", "状态", "下单时间"], rows)
        return page("支付宝交易", body if rows else "<p>还没有交易。</p>", refresh=10)

    async def _enter(self, request: Request) -> Response:
        try:
            trade = self._trades.open(request.path_params["token"])
        except NotPayable as reason:
            return page("无法支付", f"<p>{escape(str(reason))}</p>", status=410)
        return RedirectResponse(_path(trade), status_code=303)

    async def _show(self, request: Request) -> Response:
        trade = self._trades.show(request.path_params["number"])
        if trade is None:
            return page("交易不存在", "<p>找不到这笔交易。</p>", status=404)
        note = request.query_params.get("note", "")
        parts = [
            f'<p class="note">{escape(note)}</p>' if note else "",
            _facts(trade),
            _buttons(trade),
            self._refunds(trade),
            self._notices(trade),
        ]
        return page("模拟支付宝收银台", "".join(parts))

    async def _act(self, request: Request) -> Response:
        number, act = request.path_params["number"], request.path_params["act"]
        acts = {
            "pay": (self._trades.pay, "支付成功"),
            "fail": (self._trades.fail, "支付失败，可再次支付"),
            "expire": (self._trades.expire, "已超过支付时间，交易关闭"),
        }
        if act not in acts:
            return page("没有这个操作", "", status=404)
        run, note = acts[act]
        try:
            run(number)
        except NotPayable as reason:
            note = str(reason)
        except AlipayRefusal:
            return page("交易不存在", "<p>找不到这笔交易。</p>", status=404)
        target = f"/alipay/trades/{quote(number, safe='')}?note={quote(note)}"
        return RedirectResponse(target, status_code=303)

    def _refunds(self, trade: Trade) -> str:
        rows = [
            [
                escape(refund.out_request_no),
                f"¥{yuan(refund.refund_fen)}",
                china_plain(refund.refunded_at),
            ]
            for refund in self._store.list_refunds(trade.out_trade_no)
        ]
        return f"<h2>退款</h2>{table(['退款请求号', '金额', '时间'], rows)}" if rows else ""

    def _notices(self, trade: Trade) -> str:
        rows = []
        for notice in self._store.list_notices(trade.out_trade_no):
            answers = [
                f"{attempt.status if attempt.status is not None else ''} {escape(attempt.answer)}"
                for attempt in self._store.list_attempts(notice.id)
            ]
            rows.append([escape(notice.id), _NOTICES[notice.state], "<br>".join(answers)])
        return f"<h2>通知</h2>{table(['通知编号', '状态', '应答'], rows)}" if rows else ""


def _facts(trade: Trade) -> str:
    facts = [
        ["商品", escape(trade.subject)],
        ["金额", f"¥{yuan(trade.total_fen)}"],
        ["状态", _STATES[TradeStatus(trade.status)]],
        ["商户订单号", escape(trade.out_trade_no)],
        ["支付宝交易号", escape(trade.trade_no)],
        ["下单时间", china_plain(trade.created_at)],
        ["支付截止", china_plain(trade.expires_at)],
    ]
    if trade.paid_at is not None:
        facts.append(["支付时间", china_plain(trade.paid_at)])
    return table(["项目", "内容"], facts)


def _buttons(trade: Trade) -> str:
    parts = []
    if trade.status in {TradeStatus.NEW, TradeStatus.WAIT_BUYER_PAY}:
        for act, label in (("pay", "支付"), ("fail", "支付失败"), ("expire", "让交易过期")):
            parts.append(button(f"{_path(trade)}/{act}", label))
    if urlsplit(trade.return_url).scheme in {"http", "https"}:
        parts.append(f'<p><a href="{escape(trade.return_url)}">返回商家</a></p>')
    return "".join(parts)


def _path(trade: Trade) -> str:
    return f"/alipay/trades/{quote(trade.out_trade_no, safe='')}"
