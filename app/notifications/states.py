"""Statuses of an SMS and the moves between them; categories, accounts, approvals, outcomes."""

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
    EXPIRED = "expired"
    """Not sent in the time in which it was useful."""
    SUPPRESSED = "suppressed"
    """Not sent, on purpose: over a limit, no consent, outside the hours."""


OPEN_STATUSES = (SmsStatus.QUEUED, SmsStatus.SENDING, SmsStatus.UNKNOWN)
NOT_SENT = (SmsStatus.FAILED, SmsStatus.EXPIRED, SmsStatus.SUPPRESSED)
_GIVEN_UP = {SmsStatus.FAILED, SmsStatus.EXPIRED}
_ENDS = {SmsStatus.ACCEPTED, SmsStatus.DELIVERED, *_GIVEN_UP}

SMS_MOVES: StateTable[SmsStatus] = StateTable(
    {
        SmsStatus.QUEUED: frozenset(
            {SmsStatus.SENDING, SmsStatus.DELIVERED, SmsStatus.SUPPRESSED, *_GIVEN_UP}
        ),
        SmsStatus.SENDING: frozenset(
            {SmsStatus.QUEUED, SmsStatus.UNKNOWN, SmsStatus.SUPPRESSED, *_ENDS}
        ),
        SmsStatus.UNKNOWN: frozenset({SmsStatus.QUEUED, *_ENDS}),
        SmsStatus.ACCEPTED: frozenset({SmsStatus.DELIVERED, SmsStatus.FAILED}),
        # a message given up by us may have arrived all the same
        SmsStatus.FAILED: frozenset({SmsStatus.DELIVERED}),
        SmsStatus.EXPIRED: frozenset({SmsStatus.DELIVERED}),
        SmsStatus.SUPPRESSED: frozenset({SmsStatus.DELIVERED}),
    }
)


class SmsCategory(StrEnum):
    """What a message is to the law and to the provider, which counts each apart."""

    CODE = "code"
    SERVICE = "service"
    MARKETING = "marketing"


class SmsAccount(StrEnum):
    """The accounts of an installation, in the order in which they are tried."""

    PRIMARY = "primary"
    BACKUP = "backup"


class Approval(StrEnum):
    """How far the provider's review of a text is."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    APPROVED = "approved"
    REJECTED = "rejected"


class AttemptOutcome(StrEnum):
    """What an attempt came to."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNREACHED = "unreached"
    """The request never left."""
    UNKNOWN = "unknown"
    """No answer came."""
    NOT_FOUND = "not_found"
    """No answer came, and the provider's records do not show the message."""


MAY_HAVE_ARRIVED = (AttemptOutcome.ACCEPTED, AttemptOutcome.UNKNOWN)
"""Outcomes the provider may have counted, beside those of attempts under way."""


class ReplyMeaning(StrEnum):
    """What a text from a phone asks of us."""

    STOP = "stop"
    OTHER = "other"
