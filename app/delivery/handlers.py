"""Reactions of delivery to events from below."""

from app.core.registration import Reaction
from app.delivery.service.giving_back import note_cancelled_order
from app.orders.events import OrderCancelled

REACTIONS: list[Reaction] = [(OrderCancelled, note_cancelled_order)]
