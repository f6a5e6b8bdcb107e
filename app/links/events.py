"""What links tell the packages above."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from app.core.events import Event
from app.links.states import LinkPurpose


@dataclass(frozen=True)
class LinkShown(Event):
    """Somebody opened a link: its purpose's package fills `about` and changes nothing."""

    purpose: LinkPurpose
    customer_id: UUID
    subject_id: UUID
    round: int
    about: dict[str, Any] = field(default_factory=dict, repr=False)
