"""Reactions of customers to events from below."""

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.registration import Reaction
from app.customers.service._customers import add_customer
from app.identity.events import CustomerAccountOpened


async def welcome(session: AsyncSession, event: CustomerAccountOpened) -> None:
    """An account was opened: its customer row stands from the first login on."""
    await add_customer(session, customer_id=event.customer_id, phone=event.phone, now=event.at)


REACTIONS: list[Reaction] = [(CustomerAccountOpened, welcome)]
