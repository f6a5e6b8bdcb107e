"""What we ask of an SMS provider, and what it may answer."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from app.notifications.states import SmsAccount


@dataclass(frozen=True, slots=True)
class Accepted:
    """The provider has the message and named it."""

    message_id: str


class RefusalKind(StrEnum):
    """What to do about a refusal."""

    LATER = "later"
    """The account is throttled or has a passing fault: another account, or the same later."""
    NUMBER = "number"
    """This number has had enough for now, whichever account."""
    ACCOUNT = "account"
    """The account sends nothing until a person mends it."""
    TEMPLATE = "template"
    """The account does not know this text, or has not approved it."""
    FINAL = "final"
    """This message never goes through."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The provider said no, and sent nothing."""

    code: str
    kind: RefusalKind


@dataclass(frozen=True, slots=True)
class Unreached:
    """The request never left: nothing was sent."""

    reason: str


SendAnswer = Accepted | Refused | Unreached


class Fate(StrEnum):
    """What became of a message the provider has."""

    WAITING = "waiting"
    RECEIVED = "received"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Found:
    """The provider has the message."""

    fate: Fate
    error: str | None = None


class SmsGateway(Protocol):
    """One account. Both calls raise OutcomeUnknown or httpx errors when nobody can tell."""

    provider: str
    account: SmsAccount

    async def send(
        self, *, phone: str, template_code: str, parameters: Mapping[str, str], out_id: str
    ) -> SendAnswer:
        """Hand one message over; `out_id` comes back in receipts and enquiries."""
        ...

    async def find(self, *, phone: str, out_id: str, sent_at: datetime) -> Found | None:
        """Whether the provider has a message, handed over at about `sent_at` (UTC)."""
        ...
