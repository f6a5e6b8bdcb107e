"""A ticket and what hangs on it."""

from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

from sqlalchemy import and_, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from app.aftersales.models import (
    Compensation,
    ReturnVisit,
    SatisfactionAnswer,
    Ticket,
    TicketEvent,
    TicketMessage,
    TicketNumber,
)
from app.aftersales.states import AnswerKind
from app.core.errors import NotFound
from app.core.ids import new_id, speakable_number


async def claim_ticket_number(session: AsyncSession, *, customer_id: UUID, ticket_id: UUID) -> str:
    """A short number nobody has yet."""
    while True:
        number: str | None = await session.scalar(
            upsert(TicketNumber)
            .values(number=speakable_number(), customer_id=customer_id, ticket_id=ticket_id)
            .on_conflict_do_nothing()
            .returning(TicketNumber.number)
        )
        if number is not None:
            return number


async def get_ticket(session: AsyncSession, *, customer_id: UUID, ticket_id: UUID) -> Ticket:
    """The ticket; raises NotFound."""
    ticket = await session.get(Ticket, (customer_id, ticket_id))
    if ticket is None:
        raise NotFound
    return ticket


async def lock_ticket(session: AsyncSession, *, customer_id: UUID, ticket_id: UUID) -> Ticket:
    """The ticket as it stands now, locked until the end of the transaction; raises NotFound."""
    ticket = await session.scalar(
        select(Ticket)
        .where(Ticket.customer_id == customer_id, Ticket.ticket_id == ticket_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if ticket is None:
        raise NotFound
    return ticket


async def list_messages(
    session: AsyncSession, *, customer_id: UUID, ticket_id: UUID, public_only: bool
) -> Sequence[TicketMessage]:
    """The thread, oldest first."""
    statement = select(TicketMessage).where(
        TicketMessage.customer_id == customer_id, TicketMessage.ticket_id == ticket_id
    )
    if public_only:
        statement = statement.where(TicketMessage.audience == "public")
    return (
        await session.scalars(statement.order_by(TicketMessage.at, TicketMessage.message_id))
    ).all()


async def list_events(
    session: AsyncSession, *, customer_id: UUID, ticket_id: UUID
) -> Sequence[TicketEvent]:
    """The history, oldest first."""
    return (
        await session.scalars(
            select(TicketEvent)
            .where(TicketEvent.customer_id == customer_id, TicketEvent.ticket_id == ticket_id)
            .order_by(TicketEvent.at, TicketEvent.event_id)
        )
    ).all()


async def list_compensations(
    session: AsyncSession, *, customer_id: UUID, ticket_id: UUID
) -> Sequence[Compensation]:
    """What was granted, oldest first."""
    return (
        await session.scalars(
            select(Compensation)
            .where(Compensation.customer_id == customer_id, Compensation.ticket_id == ticket_id)
            .order_by(Compensation.at, Compensation.compensation_id)
        )
    ).all()


async def list_visits(
    session: AsyncSession, *, customer_id: UUID, ticket_id: UUID
) -> Sequence[tuple[ReturnVisit, int | None]]:
    """Return visits with the score each got, oldest first."""
    rows = await session.execute(
        select(ReturnVisit, SatisfactionAnswer.score)
        .join(
            SatisfactionAnswer,
            and_(
                SatisfactionAnswer.customer_id == ReturnVisit.customer_id,
                SatisfactionAnswer.kind == "return_visit",
                SatisfactionAnswer.source_id == ReturnVisit.visit_id,
            ),
            isouter=True,
        )
        .where(ReturnVisit.customer_id == customer_id, ReturnVisit.ticket_id == ticket_id)
        .order_by(ReturnVisit.at, ReturnVisit.visit_id)
    )
    return [(row[0], row[1]) for row in rows]


async def list_ratings(
    session: AsyncSession, *, customer_id: UUID, source_ids: Collection[UUID]
) -> dict[UUID, int]:
    """Scores given to these stops, by the stop's id."""
    rows = await session.execute(
        select(SatisfactionAnswer.source_id, SatisfactionAnswer.score).where(
            SatisfactionAnswer.customer_id == customer_id,
            SatisfactionAnswer.kind == AnswerKind.RATING,
            SatisfactionAnswer.source_id.in_(source_ids),
        )
    )
    return {row.source_id: row.score for row in rows}


async def add_answer_once(session: AsyncSession, *, answer: Mapping[str, object]) -> bool:
    """Store a satisfaction answer; false when its source has one already."""
    stored = await session.scalar(
        upsert(SatisfactionAnswer)
        .values(answer_id=new_id(), **answer)
        .on_conflict_do_nothing()
        .returning(SatisfactionAnswer.answer_id)
    )
    return stored is not None
