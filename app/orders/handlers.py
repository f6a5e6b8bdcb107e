"""Reactions of orders to events from below."""

from app.billing.events import PaymentCaptured
from app.core.registration import Reaction
from app.orders.service import receive_payment

REACTIONS: list[Reaction] = [(PaymentCaptured, receive_payment)]
