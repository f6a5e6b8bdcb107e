"""The door of notifications: one SMS per cause, sent once as far as anyone can know."""

from app.notifications.service._messages import (
    SmsShown,
    find_parameters,
    list_messages,
    list_own_messages,
    send_sms,
)
from app.notifications.service._receipts import DeliveryReport, take_reports
from app.notifications.service._sending import BREAKER, send_message
from app.notifications.service._sweeping import SEND_JOB, prune, sweep

__all__ = [
    "BREAKER",
    "SEND_JOB",
    "DeliveryReport",
    "SmsShown",
    "find_parameters",
    "list_messages",
    "list_own_messages",
    "prune",
    "send_message",
    "send_sms",
    "sweep",
    "take_reports",
]
