"""Orders at the platform: placing, paying, failing, expiring, closing."""

import random
import secrets
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from simulators.channels.clock import CHINA, SimClock, china_seconds
from simulators.channels.credentials import MerchantAccount
from simulators.channels.wechat.errors import WeChatError, param_error
from simulators.channels.wechat.models import Order, Prepay, RefundStatus, TradeState
from simulators.channels.wechat.rules import PlaceOrder
from simulators.channels.wechat.signing import new_nonce
from simulators.channels.wechat.store import Store

TRADE_TYPES: Final = {"jsapi": "JSAPI", "native": "NATIVE", "h5": "MWEB"}

_TICKET_VALID: Final = {
    "jsapi": timedelta(hours=2),
    "native": timedelta(hours=2),
    "h5": timedelta(minutes=5),
}
_SHORTEST: Final = timedelta(minutes=1)
_LONGEST: Final = timedelta(days=90)
_DEFAULT: Final = timedelta(days=7)

_STATE_TEXT: Final = {
    "NOTPAY": "订单未支付",
    "SUCCESS": "支付成功",
    "CLOSED": "订单已关闭",
    "REFUND": "订单发生过退款，退款详情请查询退款单",
}


class NotPayable(Exception):
    """The order cannot be paid (any more); the message says why, in Chinese."""


class Orders:
    """The platform's orders of the demo merchant."""

    def __init__(
        self, *, store: Store, clock: SimClock, merchant: MerchantAccount, base_url: str
    ) -> None:
        self._store = store
        self._clock = clock
        self._merchant = merchant
        self._base_url = base_url.rstrip("/")

    def place(self, kind: str, asked: PlaceOrder, *, fingerprint: str) -> dict[str, Any]:
        """Accept an order (`jsapi`, `native`, `h5`) and hand out a ticket to the cashier.

        The same number with the same parameters gets a fresh ticket. Raises WeChatError:
        400 PARAM_ERROR, APPID_MCHID_NOT_MATCH, ORDERPAID, ORDER_CLOSED, 403 OUT_TRADE_NO_USED.
        """
        self._check_merchant(asked)
        self._check_kind(kind, asked)
        known = self._store.find_order(asked.out_trade_no)
        if known is None:
            self._store.save_order(self._new_order(kind, asked, fingerprint=fingerprint))
        else:
            self._check_repeat(known, fingerprint=fingerprint)
        return self._ticket(kind, asked.out_trade_no)

    def get(self, out_trade_no: str) -> Order:
        """An order by the merchant's number; raises WeChatError 404 ORDER_NOT_EXIST."""
        return _existing(self._store.find_order(out_trade_no))

    def get_by_transaction(self, transaction_id: str) -> Order:
        """An order by the platform's number; raises WeChatError 404 ORDER_NOT_EXIST."""
        return _existing(self._store.find_order_by_transaction(transaction_id))

    def check_mchid(self, mchid: str | None, *, location: str) -> None:
        """Raises WeChatError 400 unless the merchant named is the one that signed."""
        if mchid != self._merchant.mchid:
            raise param_error("mchid", "与签名商户号不一致", location=location)

    def close(self, out_trade_no: str) -> Order:
        """Close an unpaid order; raises WeChatError 404, 400 ORDERPAID or ORDER_CLOSED."""
        order = self.get(out_trade_no)
        _refuse_final(order)
        return self._save(replace(order, state=TradeState.CLOSED))

    def pay(
        self,
        out_trade_no: str,
        *,
        amount_fen: int | None = None,
        openid: str | None = None,
        late: bool = False,
    ) -> Order:
        """The payer pays; `amount_fen` overrides what the platform books.

        `late`: the cashier was opened in time and the password entered after the end of the time
        to pay, which the platform lets through. Raises NotPayable, WeChatError 404.
        """
        order = self.get(out_trade_no)
        now = self._clock.now()
        if order.state != TradeState.NOTPAY:
            raise NotPayable(_STATE_TEXT[order.state])
        if now >= order.expires_at and not late:
            raise NotPayable("已超过支付结束时间")
        return self._save(
            replace(
                order,
                state=TradeState.SUCCESS,
                transaction_id=_transaction_id(now),
                paid_fen=order.total_fen if amount_fen is None else amount_fen,
                paid_at=now,
                openid=order.openid or openid or f"o{new_nonce(27)}",
                bank_type=random.choice(("OTHERS", "CMB_DEBIT", "ICBC_DEBIT")),
            )
        )

    def fail(self, out_trade_no: str) -> Order:
        """The payer tries and fails; the order stays unpaid. Raises NotPayable, WeChatError 404."""
        order = self.get(out_trade_no)
        if order.state != TradeState.NOTPAY:
            raise NotPayable(_STATE_TEXT[order.state])
        return self._save(replace(order, failures=order.failures + 1))

    def expire(self, out_trade_no: str) -> Order:
        """End the time to pay now; as at the real platform the order stays NOTPAY until closed.

        Raises NotPayable when it is paid or closed, WeChatError 404.
        """
        order = self.get(out_trade_no)
        if order.state != TradeState.NOTPAY:
            raise NotPayable(_STATE_TEXT[order.state])
        return self._save(replace(order, expires_at=min(order.expires_at, self._clock.now())))

    def order_of_ticket(self, token: str) -> Order:
        """The order behind a valid prepay_id or code; raises NotPayable."""
        prepay = self._store.find_prepay(token)
        if prepay is None:
            raise NotPayable("二维码或支付链接无效")
        if self._clock.now() >= prepay.expires_at:
            raise NotPayable("二维码或支付链接已过期")
        return self.get(prepay.out_trade_no)

    def trade_state(self, order: Order) -> str:
        """NOTPAY, SUCCESS, CLOSED, or REFUND once some refund is under way or done."""
        if order.state == TradeState.SUCCESS and any(
            refund.status != RefundStatus.CLOSED
            for refund in self._store.list_refunds(order.out_trade_no)
        ):
            return "REFUND"
        return order.state

    def view(self, order: Order) -> dict[str, Any]:
        """The transaction object of queries and notifications."""
        state = self.trade_state(order)
        view: dict[str, Any] = {
            "mchid": self._merchant.mchid,
            "appid": order.appid,
            "out_trade_no": order.out_trade_no,
            "trade_state": state,
            "trade_state_desc": _STATE_TEXT[state],
            "promotion_detail": [],
        }
        if order.paid_at is None:
            if order.openid is not None:
                view["payer"] = {"openid": order.openid}
            view["amount"] = {"total": order.total_fen, "currency": "CNY"}
            return view
        if order.attach is not None:
            view["attach"] = order.attach
        return view | {
            "transaction_id": order.transaction_id,
            "trade_type": order.trade_type,
            "bank_type": order.bank_type,
            "success_time": china_seconds(order.paid_at),
            "payer": {"openid": order.openid},
            "amount": {
                "total": order.paid_fen,
                "payer_total": order.paid_fen,
                "currency": "CNY",
                "payer_currency": "CNY",
            },
        }

    def _check_merchant(self, asked: PlaceOrder) -> None:
        self.check_mchid(asked.mchid, location="body")
        if asked.appid != self._merchant.appid:
            raise WeChatError(400, "APPID_MCHID_NOT_MATCH", "appid和mchid不匹配")

    @staticmethod
    def _check_kind(kind: str, asked: PlaceOrder) -> None:
        if kind == "jsapi" and asked.payer is None:
            raise param_error("/payer", "JSAPI下单必须传openid")
        if kind == "h5":
            scene = asked.scene_info
            if scene is None or scene.payer_client_ip is None or scene.h5_info is None:
                raise param_error("/scene_info", "H5下单必须传payer_client_ip和h5_info")

    def _check_repeat(self, known: Order, *, fingerprint: str) -> None:
        _refuse_final(known)
        if known.fingerprint != fingerprint:
            raise WeChatError(403, "OUT_TRADE_NO_USED", "商户订单号重复，且参数与首次下单不一致")
        if self._clock.now() >= known.expires_at:
            raise WeChatError(403, "OUT_TRADE_NO_USED", "已超过支付结束时间，请更换商户订单号")

    def _new_order(self, kind: str, asked: PlaceOrder, *, fingerprint: str) -> Order:
        now = self._clock.now()
        ends = asked.time_expire or now + _DEFAULT
        return Order(
            out_trade_no=asked.out_trade_no,
            appid=asked.appid,
            trade_type=TRADE_TYPES[kind],
            fingerprint=fingerprint,
            description=asked.description,
            attach=asked.attach,
            notify_url=asked.notify_url,
            total_fen=asked.amount.total,
            openid=asked.payer.openid if asked.payer else None,
            created_at=now,
            expires_at=min(max(ends, now + _SHORTEST), now + _LONGEST),
        )

    def _ticket(self, kind: str, out_trade_no: str) -> dict[str, Any]:
        now = self._clock.now()
        if kind == "native":
            token = new_nonce(9)
            answer = {"code_url": f"weixin://wxpay/bizpayurl?pr={token}"}
        else:
            stamp = now.astimezone(CHINA).strftime("%d%H%M%S%f")
            token = f"wx{stamp}{secrets.token_hex(6)}{'0' * 8}"
            answer = {"prepay_id": token}
        if kind == "h5":
            path = "/cgi-bin/mmpayweb-bin/checkmweb"
            package = random.randrange(10**9, 10**10)
            answer = {"h5_url": f"{self._base_url}{path}?prepay_id={token}&package={package}"}
        self._store.save_prepay(
            Prepay(
                token=token,
                out_trade_no=out_trade_no,
                created_at=now,
                expires_at=now + _TICKET_VALID[kind],
            )
        )
        return answer

    def _save(self, order: Order) -> Order:
        self._store.save_order(order)
        return order


def _existing(order: Order | None) -> Order:
    if order is None:
        raise WeChatError(404, "ORDER_NOT_EXIST", "订单不存在")
    return order


def _refuse_final(order: Order) -> None:
    if order.state == TradeState.SUCCESS:
        raise WeChatError(400, "ORDERPAID", "该订单已支付")
    if order.state == TradeState.CLOSED:
        raise WeChatError(400, "ORDER_CLOSED", "该订单已关闭，请重新下单")


def _transaction_id(now: datetime) -> str:
    day = now.astimezone(CHINA).strftime("%Y%m%d")
    return f"4200{random.randrange(10**6):06d}{day}{random.randrange(10**10):010d}"
