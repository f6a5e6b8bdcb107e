"""Reactions of customers to events from below."""

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import local_date
from app.core.registration import Reaction
from app.customers.events import (
    CustomerAccountOpened,
    MarketingConsentAsked,
    MarketingRefused,
)
from app.customers.models import ConsentChannel, ConsentPurpose
from app.customers.service import consent_since, find_by_phone, record_consent
from app.customers.service._customers import add_customer


async def welcome(session: AsyncSession, event: CustomerAccountOpened) -> None:
    """An account was opened: its customer row stands from the first login on."""
    await add_customer(session, customer_id=event.customer_id, phone=event.phone, now=event.at)


async def tell_consent(session: AsyncSession, event: MarketingConsentAsked) -> None:
    """Since when promotions may be sent, if they may."""
    since = await consent_since(
        session, customer_id=event.customer_id, purpose=ConsentPurpose.MARKETING_SMS
    )
    if since is not None:
        event.given_at.append(since)


async def withdraw_consent(session: AsyncSession, event: MarketingRefused) -> None:
    """A reply against promotions withdraws the consent of the phone's customer."""
    customer = await find_by_phone(session, phone=event.phone)
    if customer is None:
        return
    await record_consent(
        session,
        customer_id=customer.customer_id,
        purpose=ConsentPurpose.MARKETING_SMS,
        given=False,
        text_version=None,
        channel=ConsentChannel.SMS,
        now=event.at,
        today=local_date(event.at),
    )


REACTIONS: list[Reaction] = [
    (CustomerAccountOpened, welcome),
    (MarketingConsentAsked, tell_consent),
    (MarketingRefused, withdraw_consent),
]
