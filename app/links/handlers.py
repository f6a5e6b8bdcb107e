"""Reactions of links to events from below."""

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.registration import Reaction
from app.identity.events import CustomerErased
from app.links import repository


async def forget(session: AsyncSession, event: CustomerErased) -> None:
    """An erased customer's links open nothing any more."""
    await repository.delete_links_of(session, customer_id=event.customer_id)


REACTIONS: list[Reaction] = [(CustomerErased, forget)]
