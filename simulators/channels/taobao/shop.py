"""The trades and refunds of the demo shop, in memory, as the platform tells them."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from simulators.channels.clock import SimClock, china_plain


@dataclass(frozen=True, slots=True)
class Position:
    """One position of a trade; money in fen."""

    sku: str
    title: str
    num: int
    paid_fen: int


@dataclass(slots=True)
class Trade:
    """A paid trade; `shown` are receiver fields as the application may see them."""

    tid: str
    positions: Sequence[Position]
    paid_fen: int
    paid_at: datetime
    modified_at: datetime
    buyer_message: str = ""
    status: str = "WAIT_SELLER_SEND_GOODS"
    shown: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TopRefund:
    """A refund that was made."""

    refund_id: str
    tid: str
    oid: str | None
    fee_fen: int
    modified_at: datetime


def yuan(fen: int) -> str:
    """Fen as the platform writes money."""
    return f"{fen // 100}.{fen % 100:02d}"


class TaobaoShop:
    """What happens in the shop; a buyer's receiver is masked unless it is said plainly."""

    def __init__(self, clock: SimClock) -> None:
        self._clock = clock
        self._numbers = itertools.count(1)
        self.trades: dict[str, Trade] = {}
        self.refunds: list[TopRefund] = []

    def number_from(self, first: int) -> None:
        """Number trades and refunds from here on."""
        self._numbers = itertools.count(first)

    def buy(
        self,
        positions: Sequence[Position],
        *,
        paid_fen: int | None = None,
        buyer_message: str = "",
        receiver: dict[str, str] | None = None,
        at: datetime | None = None,
    ) -> Trade:
        """A buyer pays; `receiver` in plain fields, else masked as since August 2026."""
        now = at or self._clock.now()
        trade = Trade(
            tid=f"28{next(self._numbers):017d}",
            positions=positions,
            paid_fen=sum(one.paid_fen for one in positions) if paid_fen is None else paid_fen,
            paid_at=now,
            modified_at=now,
            buyer_message=buyer_message,
            shown=receiver
            or {
                "receiver_name": "王**",
                "receiver_mobile": "*******4471",
                "receiver_city": "上海市",
                "receiver_district": "徐汇区",
                "receiver_address": "****",
            },
        )
        self.trades[trade.tid] = trade
        return trade

    def touch(self, tid: str, *, at: datetime | None = None) -> Trade:
        """Something about a trade changed."""
        trade = self.trades[tid]
        trade.modified_at = at or self._clock.now()
        return trade

    def refund(
        self, tid: str, fee_fen: int, *, position: int | None = None, at: datetime | None = None
    ) -> TopRefund:
        """The platform gives money back; a whole refund closes the trade."""
        trade = self.touch(tid, at=at)
        made = TopRefund(
            refund_id=f"91{next(self._numbers):014d}",
            tid=tid,
            oid=None if position is None else _oid(trade, position),
            fee_fen=fee_fen,
            modified_at=trade.modified_at,
        )
        self.refunds.append(made)
        if sum(one.fee_fen for one in self.refunds if one.tid == tid) >= trade.paid_fen:
            trade.status = "TRADE_CLOSED"
        return made

    def modified(self, start: datetime, end: datetime) -> list[Trade]:
        """Trades changed in [start, end], newest first."""
        found = [one for one in self.trades.values() if start <= one.modified_at <= end]
        return sorted(found, key=lambda one: (one.modified_at, one.tid), reverse=True)

    def refunded(self, start: datetime, end: datetime) -> list[TopRefund]:
        """Refunds changed in [start, end], newest first."""
        found = [one for one in self.refunds if start <= one.modified_at <= end]
        return sorted(found, key=lambda one: (one.modified_at, one.refund_id), reverse=True)


def _oid(trade: Trade, position: int) -> str:
    return trade.tid if len(trade.positions) == 1 else f"{trade.tid[:-2]}{position:02d}9"


def trade_json(trade: Trade) -> dict[str, Any]:
    """`trade` of taobao.trade.fullinfo.get, with fields nobody asked for."""
    return {
        "tid": trade.tid,
        "status": trade.status,
        "payment": yuan(trade.paid_fen),
        "post_fee": "0.00",
        "pay_time": china_plain(trade.paid_at),
        "created": china_plain(trade.paid_at),
        "modified": china_plain(trade.modified_at),
        "buyer_open_uid": f"AAE{trade.tid}",
        "oaid": f"1{trade.tid}Nd",
        "buyer_message": trade.buyer_message,
        "step_trade_status": None,
        "orders": {
            "order": [
                {
                    "oid": _oid(trade, number),
                    "num_iid": 600 + number,
                    "outer_sku_id": one.sku,
                    "title": one.title,
                    "num": one.num,
                    "payment": yuan(one.paid_fen),
                    "divide_order_fee": yuan(one.paid_fen),
                    "refund_status": "NO_REFUND",
                    "status": trade.status,
                }
                for number, one in enumerate(trade.positions)
            ]
        },
        **trade.shown,
    }


def refund_json(refund: TopRefund) -> dict[str, Any]:
    """One `refund` of taobao.refunds.receive.get."""
    return {
        "refund_id": refund.refund_id,
        "tid": refund.tid,
        "oid": refund.oid,
        "refund_fee": yuan(refund.fee_fen),
        "status": "SUCCESS",
        "modified": china_plain(refund.modified_at),
    }
