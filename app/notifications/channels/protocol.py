"""What we ask of an SMS provider, and what it may answer."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from app.notifications.templates import Template


@dataclass(frozen=True, slots=True)
class Accepted:
    """The provider has the message and named it."""

    message_id: str


class RefusalKind(StrEnum):
    """What to do about a refusal."""

    LATER = "later"
    """A limit or a passing fault: the same message may go through later."""
    OPERATOR = "operator"
    """Account, signature or template: nothing goes through until a person mends it."""
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
    """One provider. Both calls raise OutcomeUnknown or httpx errors when nobody can tell."""

    provider: str

    async def send(
        self, *, phone: str, template: Template, parameters: Mapping[str, str], out_id: str
    ) -> SendAnswer:
        """Hand one message over; `out_id` comes back in receipts and enquiries."""
        ...

    async def find(self, *, phone: str, out_id: str, sent_at: datetime) -> Found | None:
        """Whether the provider has a message, handed over at about `sent_at` (UTC)."""
        ...
