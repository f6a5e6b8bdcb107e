"""Statuses of an SMS and the moves between them."""

from enum import StrEnum

from app.core.states import StateTable


class SmsStatus(StrEnum):
    """Life of one SMS."""

    QUEUED = "queued"
    """To be handed to the provider."""
    SENDING = "sending"
    """Claimed for a call; when the claim lapses, nobody knows what became of it."""
    UNKNOWN = "unknown"
    """The call had no answer: the provider is asked before anything is sent again."""
    ACCEPTED = "accepted"
    DELIVERED = "delivered"
    FAILED = "failed"


OPEN_STATUSES = (SmsStatus.QUEUED, SmsStatus.SENDING, SmsStatus.UNKNOWN)
_ENDS = {SmsStatus.ACCEPTED, SmsStatus.DELIVERED, SmsStatus.FAILED}

SMS_MOVES: StateTable[SmsStatus] = StateTable(
    {
        SmsStatus.QUEUED: frozenset({SmsStatus.SENDING, SmsStatus.DELIVERED, SmsStatus.FAILED}),
        SmsStatus.SENDING: frozenset({SmsStatus.QUEUED, SmsStatus.UNKNOWN, *_ENDS}),
        SmsStatus.UNKNOWN: frozenset({SmsStatus.QUEUED, *_ENDS}),
        SmsStatus.ACCEPTED: frozenset({SmsStatus.DELIVERED, SmsStatus.FAILED}),
        # a message given up by us may have arrived all the same
        SmsStatus.FAILED: frozenset({SmsStatus.DELIVERED}),
    }
)
