"""A customer's own words: handed out as a copy, or forgotten."""

from typing import Any
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.aftersales import repository
from app.aftersales.models import ReturnVisit, Ticket, TicketMessage
from app.aftersales.thread import open_message
from app.core.crypto import Cell
from app.core.runtime import keys

FORGOTTEN = "（应顾客要求已删除）"


async def export_tickets(session: AsyncSession, *, customer_id: UUID) -> list[dict[str, Any]]:
    """All tickets of a customer with their public messages, oldest first."""
    tickets = await session.scalars(
        select(Ticket)
        .where(Ticket.customer_id == customer_id)
        .order_by(Ticket.received_at, Ticket.ticket_id)
    )
    return [
        {
            "ticket_no": ticket.ticket_no,
            "subject": ticket.subject,
            "status": ticket.status,
            "received_at": ticket.received_at.isoformat(),
            "messages": [
                {"author": said.author, "body": said.body, "at": said.at.isoformat()}
                for said in map(
                    open_message,
                    await repository.list_messages(
                        session,
                        customer_id=customer_id,
                        ticket_id=ticket.ticket_id,
                        public_only=True,
                    ),
                )
            ],
        }
        for ticket in list(tickets)
    ]


async def erase_words(session: AsyncSession, *, customer_id: UUID) -> None:
    """Drop the threads and remarks of a customer; tickets, scores and clocks stay."""
    await session.execute(delete(TicketMessage).where(TicketMessage.customer_id == customer_id))
    visits = await session.scalars(
        select(ReturnVisit).where(
            ReturnVisit.customer_id == customer_id, ReturnVisit.remarks_sealed.is_not(None)
        )
    )
    for visit in list(visits):
        cell = Cell("return_visits", "remarks", visit.visit_id)
        visit.remarks_sealed = keys().seal(FORGOTTEN, cell)
    await session.flush()
