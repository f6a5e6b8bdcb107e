"""Reactions of aftersales to events from below."""

from sqlalchemy.ext.asyncio import AsyncSession

from app.aftersales import confirming, personal, rating_links
from app.aftersales.link_schemas import RatingAskedOut, TicketAsked
from app.core.registration import Reaction
from app.identity.events import CustomerErased, CustomerExportAsked
from app.links.events import LinkShown
from app.links.states import LinkPurpose


async def add_to_export(session: AsyncSession, event: CustomerExportAsked) -> None:
    """The customer's tickets with the public part of their threads."""
    event.parts["tickets"] = await personal.export_tickets(session, customer_id=event.customer_id)


async def forget(session: AsyncSession, event: CustomerErased) -> None:
    """What was said is dropped; the tickets stay, without a word, for the KPIs."""
    await personal.erase_words(session, customer_id=event.customer_id)


async def show_result(session: AsyncSession, event: LinkShown) -> None:
    """What a link about a result shows."""
    if event.purpose is LinkPurpose.TICKET_RESULT:
        asked = await confirming.show_result(
            session,
            customer_id=event.customer_id,
            ticket_id=event.subject_id,
            round_no=event.round,
        )
        event.about.update(TicketAsked.model_validate(asked).model_dump(mode="json"))


async def show_rating(session: AsyncSession, event: LinkShown) -> None:
    """What a link that asks for a rating shows."""
    if event.purpose is LinkPurpose.TICKET_RATING:
        asked = await rating_links.show_rating(
            session,
            customer_id=event.customer_id,
            ticket_id=event.subject_id,
            round_no=event.round,
        )
        event.about.update(RatingAskedOut.model_validate(asked).model_dump(mode="json"))


REACTIONS: list[Reaction] = [
    (CustomerExportAsked, add_to_export),
    (CustomerErased, forget),
    (LinkShown, show_result),
    (LinkShown, show_rating),
]
