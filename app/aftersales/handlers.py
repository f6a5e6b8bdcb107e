"""Reactions of aftersales to events from below."""

from sqlalchemy.ext.asyncio import AsyncSession

from app.aftersales import personal
from app.core.registration import Reaction
from app.identity.events import CustomerErased, CustomerExportAsked


async def add_to_export(session: AsyncSession, event: CustomerExportAsked) -> None:
    """The customer's tickets with the public part of their threads."""
    event.parts["tickets"] = await personal.export_tickets(session, customer_id=event.customer_id)


async def forget(session: AsyncSession, event: CustomerErased) -> None:
    """What was said is dropped; the tickets stay, without a word, for the KPIs."""
    await personal.erase_words(session, customer_id=event.customer_id)


REACTIONS: list[Reaction] = [(CustomerExportAsked, add_to_export), (CustomerErased, forget)]
