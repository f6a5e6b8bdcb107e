"""SMS providers: the protocol, its answers, and the accounts this installation uses."""

from app.notifications.channels.choice import (
    check_sms_accounts,
    gateways,
    receipt_secrets,
    signature,
)
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
    "Found",
    "Refused",
    "SendAnswer",
    "SmsGateway",
    "Unreached",
    "check_sms_accounts",
    "gateways",
    "receipt_secrets",
    "signature",
]
