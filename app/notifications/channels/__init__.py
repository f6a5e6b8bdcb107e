"""SMS providers: the protocol, its answers, and the provider this installation uses."""

from app.notifications.channels.breaker import Breaker
from app.notifications.channels.choice import check_sms_settings, gateway, receipt_secret
from app.notifications.channels.protocol import (
    Accepted,
    Found,
    Refused,
    SendAnswer,
    SmsGateway,
    Unreached,
)

__all__ = [
    "Accepted",
    "Breaker",
    "Found",
    "Refused",
    "SendAnswer",
    "SmsGateway",
    "Unreached",
    "check_sms_settings",
    "gateway",
    "receipt_secret",
]
