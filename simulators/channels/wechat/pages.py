"""The payer's side as pages: a cashier per order and the list of orders."""

from html import escape
from typing import Final
from urllib.parse import quote, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from simulators.channels.clock import china_plain
from simulators.channels.guard import Endpoint, loopback_only
from simulators.channels.html import button, page, table
from simulators.channels.wechat.bills import yuan
from simulators.channels.wechat.desk import Desk
from simulators.channels.wechat.errors import WeChatError
from simulators.channels.wechat.models import Order, TradeState
from simulators.channels.wechat.orders import NotPayable

_STATES: Final = {"NOTPAY": "待支付", "SUCCESS": "已支付", "CLOSED": "已关闭", "REFUND": "有退款"}
_REFUNDS: Final = {
    "PROCESSING": "处理中",
    "SUCCESS": "已退款",
    "CLOSED": "已关闭",
    "ABNORMAL": "退款异常",
}
_NOTICES: Final = {
    "pending": "待送达",
    "accepted": "已送达",
    "lost": "已丢弃",
    "given_up": "已放弃",
}


class WeChatPages:
    """Pages for people who play the payer."""

    def __init__(self, desk: Desk, *, base_url: str) -> None:
        self._desk = desk
        self._base_url = base_url

    def routes(self) -> list[Route]:
        """The pages' routes, for this machine only."""
        order = "/wechat/orders/{number}"
        return [
            self._route("GET", "/wechat/orders", self._list),
            self._route("GET", "/wechat/cashier", self._cashier),
            self._route("GET", "/cgi-bin/mmpayweb-bin/checkmweb", self._cashier),
            self._route("GET", order, self._show),
            self._route("POST", f"{order}/{{act}}", self._act),
        ]

    def _route(self, method: str, path: str, endpoint: Endpoint) -> Route:
        guarded = loopback_only(endpoint, base_url=self._base_url)
        return Route(path, guarded, methods=[method])

    async def _list(self, _: Request) -> Response:
        rows = [
            [
                f'<a href="{_path(order)}">{escape(order.out_trade_no)}</a>',
                escape(order.description),
                f"¥{yuan(order.total_fen)}",
                _STATES[self._desk.orders.trade_state(order)],
                china_plain(order.created_at),
            ]
            for order in self._desk.store.list_orders()
        ]
        body = table(["商户订单号", "商品", "金额", "状态", "下单时间"], rows)
        return page("微信支付订单", body if rows else "<p>还没有订单。</p>", refresh=10)

    async def _cashier(self, request: Request) -> Response:
        query = request.query_params
        token = query.get("prepay_id") or query.get("pr") or query.get("code_url", "")
        try:
            order = self._desk.orders.order_of_ticket(token.rpartition("pr=")[2])
        except NotPayable as reason:
            return page("无法支付", f"<p>{escape(str(reason))}</p>", status=410)
        back = query.get("redirect_url", "")
        target = _path(order) + (f"?redirect_url={quote(back, safe='')}" if back else "")
        return RedirectResponse(target, status_code=303)

    async def _show(self, request: Request) -> Response:
        try:
            order = self._desk.orders.get(request.path_params["number"])
        except WeChatError:
            return page("订单不存在", "<p>找不到这个订单。</p>", status=404)
        query = request.query_params
        parts = [
            f'<p class="note">{escape(query["note"])}</p>' if "note" in query else "",
            self._facts(order),
            self._buttons(order, back=query.get("redirect_url", "")),
            self._refunds(order),
            self._notices(order),
        ]
        return page("模拟收银台", "".join(parts))

    async def _act(self, request: Request) -> Response:
        number, act = request.path_params["number"], request.path_params["act"]
        acts = {
            "pay": (self._desk.pay, "支付成功"),
            "fail": (self._desk.orders.fail, "支付失败，可再次支付"),
            "expire": (self._desk.orders.expire, "已超过支付时间"),
        }
        if act not in acts:
            return page("没有这个操作", "", status=404)
        run, note = acts[act]
        try:
            order = run(number)
        except NotPayable as reason:
            order, note = self._desk.orders.get(number), str(reason)
        except WeChatError:
            return page("订单不存在", "<p>找不到这个订单。</p>", status=404)
        target = f"{_path(order)}?note={quote(note)}"
        if back := request.query_params.get("redirect_url"):
            target += f"&redirect_url={quote(back, safe='')}"
        return RedirectResponse(target, status_code=303)

    def _facts(self, order: Order) -> str:
        facts = [
            ["商品", escape(order.description)],
            ["金额", f"¥{yuan(order.total_fen)}"],
            ["状态", _STATES[self._desk.orders.trade_state(order)]],
            ["商户订单号", escape(order.out_trade_no)],
            ["支付方式", escape(order.trade_type)],
            ["下单时间", china_plain(order.created_at)],
            ["支付截止", china_plain(order.expires_at)],
        ]
        if order.paid_at is not None:
            facts.append(["支付时间", china_plain(order.paid_at)])
            facts.append(["微信支付单号", escape(order.transaction_id or "")])
        return table(["项目", "内容"], facts)

    @staticmethod
    def _buttons(order: Order, *, back: str) -> str:
        parts = []
        if order.state == TradeState.NOTPAY:
            query = f"?redirect_url={quote(back, safe='')}" if back else ""
            for act, label in (("pay", "支付"), ("fail", "支付失败"), ("expire", "让订单过期")):
                parts.append(button(f"{_path(order)}/{act}{query}", label))
        if urlsplit(back).scheme in {"http", "https"}:
            parts.append(f'<p><a href="{escape(back)}">返回商家</a></p>')
        return "".join(parts)

    def _refunds(self, order: Order) -> str:
        rows = [
            [
                escape(refund.out_refund_no),
                f"¥{yuan(refund.refund_fen)}",
                _REFUNDS[refund.status],
                china_plain(refund.created_at),
                china_plain(refund.success_at) if refund.success_at else "",
            ]
            for refund in self._desk.store.list_refunds(order.out_trade_no)
        ]
        heads = ["退款单号", "金额", "状态", "申请时间", "到账时间"]
        return f"<h2>退款</h2>{table(heads, rows)}" if rows else ""

    def _notices(self, order: Order) -> str:
        references = [order.out_trade_no]
        references += [r.out_refund_no for r in self._desk.store.list_refunds(order.out_trade_no)]
        rows = []
        for reference in references:
            for notice in self._desk.store.list_notices(reference):
                tries = self._desk.store.list_attempts(notice.id)
                answers = [
                    f"{'验签探测' if t.kind == 'probe' else '通知'}："
                    f"{t.status if t.status is not None else escape(t.answer)}"
                    for t in tries
                ]
                rows.append([notice.event_type, _NOTICES[notice.state], "<br>".join(answers)])
        return f"<h2>通知</h2>{table(['事件', '状态', '应答'], rows)}" if rows else ""


def _path(order: Order) -> str:
    return f"/wechat/orders/{quote(order.out_trade_no, safe='')}"
