"""One-tap rating of a closed ticket by the link of its SMS; no KPI of the standard counts it."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid5

from sqlalchemy.ext.asyncio import AsyncSession

from app.aftersales import repository
from app.aftersales.errors import LinkOvertaken
from app.aftersales.models import Ticket
from app.aftersales.states import AnswerKind, TicketStatus
from app.links import service as links
from app.links.states import LinkPurpose


@dataclass(frozen=True, slots=True)
class RatingAsked:
    """What the holder of a link sees."""

    ticket_no: str
    subject: str
    closed_at: datetime | None
    can_answer: bool


async def show_rating(
    session: AsyncSession, *, customer_id: UUID, ticket_id: UUID, round_no: int
) -> RatingAsked:
    """The ticket a link asks about; raises NotFound."""
    ticket = await repository.get_ticket(session, customer_id=customer_id, ticket_id=ticket_id)
    return RatingAsked(
        ticket_no=ticket.ticket_no,
        subject=ticket.subject,
        closed_at=ticket.closed_at,
        can_answer=_is_current(ticket, round_no),
    )


def _is_current(ticket: Ticket, round_no: int) -> bool:
    return ticket.status is TicketStatus.CLOSED and ticket.reopened_count == round_no


async def rate_by_link(session: AsyncSession, *, token: str, score: int, now: datetime) -> Ticket:
    """The customer's score (1-5) of how the ticket was handled, once; the same again is no news.

    It is of the desk's work, so no deliverer carries it. Raises LinkUnknown, LinkExpired,
    LinkUsed, LinkOvertaken.
    """
    named = await links.read_link(session, token, purpose=LinkPurpose.TICKET_RATING)
    ticket = await repository.lock_ticket(
        session, customer_id=named.customer_id, ticket_id=named.subject_id
    )
    link = await links.read_link(session, token, purpose=LinkPurpose.TICKET_RATING, lock=True)
    if not await links.use_link(session, link, used_for=f"rated_{score}"):
        return ticket
    if not _is_current(ticket, link.round):
        raise LinkOvertaken(status=ticket.status)
    await repository.add_answer_once(
        session,
        answer={
            "customer_id": ticket.customer_id,
            "kind": AnswerKind.RATING,
            "source_id": uuid5(ticket.ticket_id, f"rating {link.round}"),
            "score": score,
            "customer_kind": ticket.customer_kind,
            "city_code": ticket.city_code,
            "station_id": ticket.station_id,
            "block_id": ticket.block_id,
            "deliverer_id": None,
            "at": now,
        },
    )
    await session.flush()
    return ticket
