"""Facts that identity publishes upward.

Erasure and export of a customer touch every domain, so they are published from the ground up:
each domain reacts for its own rows. Consent to promotions lies between two domains that do not
know each other.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from app.core.events import Event


@dataclass(frozen=True)
class LoginCodeIssued(Event):
    """A login code must reach its phone; the code exists in clear here only."""

    request_id: UUID
    phone: str = field(repr=False)
    code: str = field(repr=False)


@dataclass(frozen=True)
class CustomerAccountOpened(Event):
    """A phone logged in, or was written down, for the first time."""

    customer_id: UUID
    phone: str = field(repr=False)
    at: datetime


@dataclass(frozen=True)
class CustomerErasureAsked(Event):
    """A customer wants to be forgotten; a handler may refuse by raising a Conflict."""

    customer_id: UUID
    at: datetime


@dataclass(frozen=True)
class CustomerErased(Event):
    """Nobody refused: every domain drops what names the person."""

    customer_id: UUID
    at: datetime


@dataclass(frozen=True)
class CustomerExportAsked(Event):
    """A customer wants a copy of the own data; a handler adds its part to `parts`."""

    customer_id: UUID
    parts: dict[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class MarketingConsentAsked(Event):
    """May a customer be sent promotions? A handler adds the instant of a consent that stands."""

    customer_id: UUID
    given_at: list[datetime] = field(default_factory=list)


@dataclass(frozen=True)
class MarketingRefused(Event):
    """A phone wants no promotions any more: the consent of its customer, if any, ends."""

    phone: str = field(repr=False)
    at: datetime
