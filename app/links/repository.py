"""All SQL of links."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.links.models import Link
from app.links.states import LinkPurpose


async def find_link(session: AsyncSession, token_hash: bytes, *, lock: bool = False) -> Link | None:
    """The link of a token's hash."""
    return await session.get(Link, token_hash, with_for_update=lock, populate_existing=True)


async def revoke_links(
    session: AsyncSession,
    *,
    purpose: LinkPurpose,
    customer_id: UUID,
    subject_id: UUID,
    wall: datetime,
) -> None:
    """End the links about a subject that nobody has used."""
    await session.execute(
        update(Link)
        .where(
            Link.customer_id == customer_id,
            Link.subject_id == subject_id,
            Link.purpose == purpose,
            Link.revoked_at.is_(None),
            Link.used_at.is_(None),
        )
        .values(revoked_at=wall)
        .execution_options(synchronize_session=False)
    )


async def count_links(
    session: AsyncSession, *, purpose: LinkPurpose, customer_id: UUID, subject_id: UUID
) -> int:
    """How many were made about a subject."""
    found = await session.scalar(
        select(func.count())
        .select_from(Link)
        .where(
            Link.customer_id == customer_id,
            Link.subject_id == subject_id,
            Link.purpose == purpose,
        )
    )
    return found or 0


async def delete_links_of(session: AsyncSession, *, customer_id: UUID) -> None:
    """Forget a customer's links."""
    await session.execute(delete(Link).where(Link.customer_id == customer_id))


async def delete_expired(session: AsyncSession, *, before: datetime) -> int:
    """Forget links that ended before an instant; answers how many."""
    result = await session.execute(delete(Link).where(Link.expires_at < before))
    return int(getattr(result, "rowcount", 0))
