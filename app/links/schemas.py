"""Shapes of the links endpoint."""

from datetime import datetime
from typing import Any

from app.core.schemas import Answer
from app.links.states import LinkPurpose


class LinkOut(Answer):
    """What a link asks: `about` is its purpose's (`TicketAsked`, `OrderAsked`, `RatingAskedOut`, `RecordedAsked`)."""

    purpose: LinkPurpose
    expires_at: datetime
    used_for: str | None
    about: dict[str, Any]
