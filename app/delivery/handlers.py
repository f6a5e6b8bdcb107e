"""Reactions of delivery to events from below."""

from app.core.registration import Reaction
from app.delivery.service.giving_back import note_cancelled_order, tell_spent
from app.orders.events import OrderCancelled, SpentBottlesAsked

REACTIONS: list[Reaction] = [
    (OrderCancelled, note_cancelled_order),
    (SpentBottlesAsked, tell_spent),
]
