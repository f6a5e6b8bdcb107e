"""The door of links: make one, read it, use it once."""

import secrets
from datetime import timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import wall_now
from app.core.errors import SetupError
from app.core.runtime import runtime
from app.identity.access import token_hash
from app.links import repository
from app.links.errors import LinkExpired, LinkUnknown, LinkUsed
from app.links.models import Link
from app.links.states import LinkPurpose

LIFETIME = timedelta(days=7)
TOKEN_BYTES = 18
"""144 random bits, 24 characters: what an SMS variable takes, and nobody guesses."""
LONGEST_SITE = 35
"""Characters of an SMS variable."""
KEEP = timedelta(days=30)


async def make_link(
    session: AsyncSession,
    *,
    purpose: LinkPurpose,
    customer_id: UUID,
    subject_id: UUID,
    round_no: int,
    lifetime: timedelta = LIFETIME,
) -> str:
    """A fresh token for a subject; unused links about it end. Only its hash is kept."""
    wall = wall_now()
    await repository.revoke_links(
        session, purpose=purpose, customer_id=customer_id, subject_id=subject_id, wall=wall
    )
    token = secrets.token_urlsafe(TOKEN_BYTES)
    session.add(
        Link(
            token_hash=token_hash(token),
            purpose=purpose,
            customer_id=customer_id,
            subject_id=subject_id,
            round=round_no,
            created_at=wall,
            expires_at=wall + lifetime,
        )
    )
    await session.flush()
    return token


def sms_parameters(token: str) -> dict[str, str]:
    """The two variables of a text that carries a link, `${site}/l/${token}`.

    Raises SetupError when the public address is longer than an SMS variable.
    """
    site = runtime().installation.base_url
    if len(site) > LONGEST_SITE:
        raise SetupError(f"PUBLIC_URL is longer than {LONGEST_SITE} characters: links go by SMS.")
    return {"site": site, "token": token}


async def read_link(
    session: AsyncSession, token: str, *, purpose: LinkPurpose | None = None, lock: bool = False
) -> Link:
    """The link of a token; raises LinkUnknown (also for another purpose) and LinkExpired."""
    link = await repository.find_link(session, token_hash(token), lock=lock)
    if link is None or purpose not in {None, link.purpose}:
        raise LinkUnknown
    if link.revoked_at is not None or link.expires_at <= wall_now():
        raise LinkExpired
    return link


async def use_link(session: AsyncSession, link: Link, *, used_for: str) -> bool:
    """Use a locked link; false when it was used for the same before. Raises LinkUsed."""
    if link.used_for is not None:
        if link.used_for != used_for:
            raise LinkUsed(used_for=link.used_for)
        return False
    link.used_at, link.used_for = wall_now(), used_for
    await session.flush()
    return True


async def count_links(
    session: AsyncSession, *, purpose: LinkPurpose, customer_id: UUID, subject_id: UUID
) -> int:
    """How many links were made about a subject."""
    return await repository.count_links(
        session, purpose=purpose, customer_id=customer_id, subject_id=subject_id
    )


async def prune_links(session: AsyncSession) -> int:
    """Forget links that ended 30 days ago; answers how many."""
    return await repository.delete_expired(session, before=wall_now() - KEEP)
