"""The thread of a ticket: who speaks, what is said, and what the customer is texted."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.aftersales.models import Ticket, TicketMessage
from app.core.crypto import Cell
from app.core.ids import new_id
from app.core.runtime import keys
from app.customers import service as customers
from app.identity.access import Principal
from app.identity.models import AccountKind
from app.notifications import service as notifications

Audience = Literal["public", "internal"]
SMS_GROWS_STALE = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Author:
    """Who speaks or acts: a customer, or a member of staff."""

    account_id: UUID
    actor: str
    is_staff: bool

    @classmethod
    def of(cls, caller: Principal) -> "Author":
        """The caller of an endpoint."""
        return cls(
            account_id=caller.account_id,
            actor=caller.actor,
            is_staff=caller.kind is AccountKind.STAFF,
        )


def customer_voice(customer_id: UUID) -> Author:
    """The customer's own words, whoever wrote them down."""
    return Author(account_id=customer_id, actor="customer", is_staff=False)


def say(
    session: AsyncSession,
    ticket: Ticket,
    *,
    author: Author | None,
    body: str,
    now: datetime,
    audience: Audience = "public",
    template_id: UUID | None = None,
) -> UUID:
    """Add a sealed message to the thread; without an author it is the system's."""
    message_id = new_id()
    kind = "system" if author is None else ("staff" if author.is_staff else "customer")
    session.add(
        TicketMessage(
            customer_id=ticket.customer_id,
            message_id=message_id,
            ticket_id=ticket.ticket_id,
            audience=audience,
            author_kind=kind,
            author_id=None if author is None else author.account_id,
            body_sealed=keys().seal(body, _cell(message_id)),
            template_id=template_id,
            at=now,
        )
    )
    return message_id


@dataclass(frozen=True, slots=True)
class Message:
    """A message of the thread, opened."""

    audience: str
    author: str
    body: str
    at: datetime
    author_id: UUID | None = None
    author_name: str | None = None


def open_message(message: TicketMessage) -> Message:
    """What a message says."""
    return Message(
        audience=message.audience,
        author=message.author_kind,
        body=keys().open(message.body_sealed, _cell(message.message_id)),
        at=message.at,
        author_id=message.author_id,
    )


def _cell(message_id: UUID) -> Cell:
    return Cell("ticket_messages", "body", message_id)


async def text_customer(
    session: AsyncSession,
    ticket: Ticket,
    *,
    template: str,
    cause: str,
    now: datetime,
    parameters: Mapping[str, str] | None = None,
) -> None:
    """Send the SMS of a template to the ticket's customer, once per cause."""
    await notifications.send_sms(
        session,
        customer_id=ticket.customer_id,
        phone=await customers.contact_phone(session, customer_id=ticket.customer_id),
        template=template,
        parameters={"ticket": ticket.ticket_no, **(parameters or {})},
        cause=cause,
        now=now,
        send_before=now + SMS_GROWS_STALE,
    )
