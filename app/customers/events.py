"""Facts that customers publish upward, and those about whole accounts that come from below."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.core.events import Event
from app.identity.events import (
    CustomerAccountOpened,
    CustomerErased,
    CustomerErasureAsked,
    CustomerExportAsked,
    MarketingConsentAsked,
    MarketingRefused,
)


@dataclass(frozen=True)
class AddressChanged(Event):
    """What is written for a door changed: a new version stands beside the old one."""

    customer_id: UUID
    address_id: UUID
    old_version_id: UUID
    new_version_id: UUID
    at: datetime


@dataclass(frozen=True)
class AddressRemovalAsked(Event):
    """A customer removes an address; a handler may refuse by raising AddressInUse."""

    customer_id: UUID
    address_id: UUID
    at: datetime


__all__ = [
    "AddressChanged",
    "AddressRemovalAsked",
    "CustomerAccountOpened",
    "CustomerErased",
    "CustomerErasureAsked",
    "CustomerExportAsked",
    "MarketingConsentAsked",
    "MarketingRefused",
]
