"""Tables of links."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, LargeBinary, SmallInteger
from sqlalchemy.orm import Mapped, mapped_column

from app.core.base import EnumText, Registry
from app.core.states import values_of
from app.links.states import LinkPurpose


class Link(Registry):
    """A link somebody was sent. `round` tells one sending from the next about the same subject."""

    __tablename__ = "links"
    __table_args__ = (
        CheckConstraint(f"purpose IN ({values_of(LinkPurpose)})", name="purpose"),
        CheckConstraint("(used_at IS NULL) = (used_for IS NULL)", name="used"),
        Index("ix_links_subject", "customer_id", "subject_id"),
        Index("ix_links_expires_at", "expires_at"),
    )

    token_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    purpose: Mapped[LinkPurpose] = mapped_column(EnumText(LinkPurpose))
    customer_id: Mapped[UUID]
    subject_id: Mapped[UUID]
    """The ticket or order it is about."""
    round: Mapped[int] = mapped_column(SmallInteger)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    """On the wall clock, like every token."""
    revoked_at: Mapped[datetime | None]
    used_at: Mapped[datetime | None]
    used_for: Mapped[str | None]
    """The one thing it was used for; the same again answers the same."""
