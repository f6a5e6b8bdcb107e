"""What Taobao's open platform says of trades and refunds, in our words. Amounts: yuan to fen."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import structlog

from app.core.clock import OPERATOR_ZONE
from app.core.money import fen_from_yuan
from app.marketplaces.intake import OutsideLine, OutsideOrder, OutsideRefund, Receiver

log = structlog.get_logger()

PAID: Final = frozenset(
    {
        "WAIT_SELLER_SEND_GOODS",
        "SELLER_CONSIGNED_PART",
        "WAIT_BUYER_CONFIRM_GOODS",
        "TRADE_BUYER_SIGNED",
        "TRADE_FINISHED",
        "TRADE_CLOSED",
    }
)
"""TRADE_CLOSED is one that was paid and refunded; closed unpaid ones have a status of their own."""
REFUNDED: Final = "SUCCESS"


class TradeUnreadable(ValueError):
    """A trade lacks what an order needs."""


def read_orders(trades: Sequence[Mapping[str, Any]]) -> list[OutsideOrder]:
    """The paid ones among trades; what cannot be read is logged by its number and left out."""
    orders = []
    for trade in trades:
        if trade.get("status") not in PAID or not trade.get("pay_time"):
            continue
        try:
            orders.append(_order(trade))
        except (KeyError, TypeError, ValueError) as error:
            log.warning(
                "marketplaces.trade_unreadable",
                number=str(trade.get("tid"))[:40],
                error=type(error).__name__,
            )
    return orders


def read_refunds(refunds: Sequence[Mapping[str, Any]]) -> list[OutsideRefund]:
    """The refunds that were made; those asked for or refused are no money."""
    made = []
    for refund in refunds:
        if refund.get("status") != REFUNDED:
            continue
        try:
            amount = fen_from_yuan(str(refund["refund_fee"]))
            if amount > 0:
                made.append(_refund(refund, amount))
        except (KeyError, TypeError, ValueError) as error:
            log.warning(
                "marketplaces.refund_unreadable",
                number=str(refund.get("refund_id"))[:40],
                error=type(error).__name__,
            )
    return made


def _refund(refund: Mapping[str, Any], amount_fen: int) -> OutsideRefund:
    return OutsideRefund(
        refund_no=str(refund["refund_id"]),
        number=str(refund["tid"]),
        line_no=str(refund["oid"]) if refund.get("oid") else None,
        amount_fen=amount_fen,
        refunded_at=_instant(str(refund["modified"])),
    )


def _order(trade: Mapping[str, Any]) -> OutsideOrder:
    positions = trade["orders"]["order"]
    paid = fen_from_yuan(str(trade["payment"]))
    if not positions or paid <= 0:
        raise TradeUnreadable("nothing was bought or paid")
    return OutsideOrder(
        number=str(trade["tid"]),
        paid_fen=paid,
        paid_at=_instant(str(trade["pay_time"])),
        modified_at=_instant(str(trade["modified"])),
        lines=[_line(position) for position in positions],
        receiver=Receiver(
            name=str(trade.get("receiver_name") or ""),
            phone=str(trade.get("receiver_mobile") or ""),
            city=str(trade.get("receiver_city") or ""),
            district=str(trade.get("receiver_district") or ""),
            address=str(trade.get("receiver_address") or ""),
        ),
        promotion_text=f"{trade.get('buyer_message') or ''} {trade.get('seller_memo') or ''}",
        raw=trade,
    )


def _line(position: Mapping[str, Any]) -> OutsideLine:
    share = position.get("divide_order_fee") or position["payment"]
    sku = next(
        str(position[name])
        for name in ("outer_sku_id", "outer_iid", "sku_id", "num_iid", "oid")
        if position.get(name)
    )
    return OutsideLine(
        line_no=str(position["oid"]),
        sku=sku,
        title=str(position.get("title") or sku)[:200],
        units=int(position["num"]),
        paid_fen=fen_from_yuan(str(share)),
    )


def _instant(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=OPERATOR_ZONE)
