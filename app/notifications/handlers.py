"""Reactions of notifications to events from below."""

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.ids import HOUSE
from app.core.registration import Reaction
from app.core.runtime import runtime
from app.identity.events import CustomerErased, CustomerExportAsked, LoginCodeIssued
from app.identity.rules import CODE_LIFETIME
from app.notifications import repository, service


async def send_login_code(session: AsyncSession, event: LoginCodeIssued) -> None:
    """A login code goes to its phone, or to nobody once it is of no use."""
    now = runtime().clock.now()
    await service.send_sms(
        session,
        customer_id=HOUSE,
        phone=event.phone,
        template="login_code",
        parameters={"code": event.code},
        cause=f"login_code:{event.request_id}",
        now=now,
        send_before=now + CODE_LIFETIME,
    )


async def forget(session: AsyncSession, event: CustomerErased) -> None:
    """The erased customer's messages lose phone and content."""
    await repository.blank_messages(session, customer_id=event.customer_id)


async def export(session: AsyncSession, event: CustomerExportAsked) -> None:
    """The customer's messages are part of the own copy."""
    event.parts["messages"] = await service.list_own_messages(
        session, customer_id=event.customer_id
    )


REACTIONS: list[Reaction] = [
    (LoginCodeIssued, send_login_code),
    (CustomerErased, forget),
    (CustomerExportAsked, export),
]
