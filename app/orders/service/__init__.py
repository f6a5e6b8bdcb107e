"""The use cases of orders, cut by noun; other packages import from here."""

from app.orders.changes.frame import apply_change, preview_change
from app.orders.changes.paying import start_change_payment
from app.orders.changes.undoing import undo_change
from app.orders.service.doorstep import DoorOrder, PlacedDoorOrder, place_door_order
from app.orders.service.ending import complete_ended_orders, expire_unpaid
from app.orders.service.paying import receive_payment, start_payment
from app.orders.service.placing import Placed, QuoteResult, place_order, publish_agreement, quote
from app.orders.service.reading import (
    OrderView,
    find_order_by_number,
    list_order_views,
    list_running_views,
    view_order,
)
from app.orders.service.reviewing import decide_review, list_waiting, review_by_coverage
from app.orders.service.rolling import RestoreItem, restore_failed
from app.orders.service.withdrawing import put_back, take_out

__all__ = [
    "DoorOrder",
    "OrderView",
    "Placed",
    "PlacedDoorOrder",
    "QuoteResult",
    "RestoreItem",
    "apply_change",
    "complete_ended_orders",
    "decide_review",
    "expire_unpaid",
    "find_order_by_number",
    "list_order_views",
    "list_running_views",
    "list_waiting",
    "place_door_order",
    "place_order",
    "preview_change",
    "publish_agreement",
    "put_back",
    "quote",
    "receive_payment",
    "restore_failed",
    "review_by_coverage",
    "start_change_payment",
    "start_payment",
    "take_out",
    "undo_change",
    "view_order",
]
