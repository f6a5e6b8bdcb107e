"""The use cases of orders, cut by noun; other packages import from here."""

from app.orders.changes.cutting import Cut, CutOutcome, cut_order
from app.orders.changes.frame import apply_change, preview_change
from app.orders.changes.paying import start_change_payment
from app.orders.changes.recording import (
    preview_recorded,
    record_change,
    withdraw_recorded,
)
from app.orders.changes.stays import Stays, stays_of
from app.orders.changes.undoing import undo_change
from app.orders.service.correcting import correct_given_up
from app.orders.service.doorstep import DoorOrder, PlacedDoorOrder, place_door_order
from app.orders.service.ending import complete_ended_orders, expire_unpaid
from app.orders.service.outside import PaidOutside, place_paid_order
from app.orders.service.paying import receive_payment, start_payment
from app.orders.service.placing import Placed, QuoteResult, place_order, publish_agreement, quote
from app.orders.service.policies import add_cancel_policy
from app.orders.service.reading import (
    OrderView,
    find_agreement,
    find_order_by_number,
    list_changes_of,
    list_moves_of,
    list_order_views,
    list_running_views,
    view_order,
)
from app.orders.service.renewing import apply_renewal, confirm_change, preview_renewal
from app.orders.service.reviewing import decide_review, list_waiting, review_by_coverage
from app.orders.service.rolling import RestoreItem, restore_failed
from app.orders.service.withdrawing import put_back, take_out

__all__ = [
    "Cut",
    "CutOutcome",
    "DoorOrder",
    "OrderView",
    "PaidOutside",
    "Placed",
    "PlacedDoorOrder",
    "QuoteResult",
    "RestoreItem",
    "Stays",
    "add_cancel_policy",
    "apply_change",
    "apply_renewal",
    "complete_ended_orders",
    "confirm_change",
    "correct_given_up",
    "cut_order",
    "decide_review",
    "expire_unpaid",
    "find_agreement",
    "find_order_by_number",
    "list_changes_of",
    "list_moves_of",
    "list_order_views",
    "list_running_views",
    "list_waiting",
    "place_door_order",
    "place_order",
    "place_paid_order",
    "preview_change",
    "preview_recorded",
    "preview_renewal",
    "publish_agreement",
    "put_back",
    "quote",
    "receive_payment",
    "record_change",
    "restore_failed",
    "review_by_coverage",
    "start_change_payment",
    "start_payment",
    "stays_of",
    "take_out",
    "undo_change",
    "view_order",
    "withdraw_recorded",
]
