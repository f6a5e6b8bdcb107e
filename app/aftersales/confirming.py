"""The customer's own word on a result, by the link of its SMS (S2 四: closed when confirmed).

Confirming closes only where the promise asks for no call-back (S1 4.5.3.1); else the call-back
stays due. "Not solved" takes the ticket up again.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid5

from sqlalchemy.ext.asyncio import AsyncSession

from app.aftersales import repository
from app.aftersales.clocks import promise_of
from app.aftersales.errors import LinkOvertaken, ScoreMissing, ScoreNotAsked
from app.aftersales.models import Ticket
from app.aftersales.moves import Step, note, touch
from app.aftersales.settling import close, keep_answer, reopen
from app.aftersales.states import AnswerKind, TicketAct, TicketEventKind, TicketStatus
from app.aftersales.thread import customer_voice, open_message
from app.links import service as links
from app.links.states import LinkPurpose

CONFIRMED, NOT_SOLVED = "confirmed", "not_solved"
_NO_REASON = "顾客反馈：问题没有解决。"


@dataclass(frozen=True, slots=True)
class ResultAsked:
    """What the holder of a link sees: the result, and what may be answered to it."""

    ticket_no: str
    subject: str
    status: TicketStatus
    result: str | None
    resolved_at: datetime | None
    can_answer: bool
    asks_score: bool


async def show_result(
    session: AsyncSession, *, customer_id: UUID, ticket_id: UUID, round_no: int
) -> ResultAsked:
    """The result a link asks about; raises NotFound."""
    key = {"customer_id": customer_id, "ticket_id": ticket_id}
    ticket = await repository.get_ticket(session, **key)
    said = [
        message
        for message in await repository.list_messages(session, **key, public_only=True)
        if message.author_kind == "staff"
    ]
    promise = await promise_of(session, ticket)
    return ResultAsked(
        ticket_no=ticket.ticket_no,
        subject=ticket.subject,
        status=ticket.status,
        result=open_message(said[-1]).body if said else None,
        resolved_at=ticket.resolved_at,
        can_answer=_is_current(ticket, round_no) and ticket.confirmed_at is None,
        asks_score=not promise.needs_call_back,
    )


def _is_current(ticket: Ticket, round_no: int) -> bool:
    return ticket.status is TicketStatus.RESOLVED and ticket.reopened_count == round_no


async def confirm(session: AsyncSession, *, token: str, score: int | None, now: datetime) -> Ticket:
    """The customer says that it is solved; the same said again changes nothing.

    With a score (1-5) it closes the ticket where no call-back is promised. Raises LinkUnknown,
    LinkExpired, LinkUsed, LinkOvertaken, ScoreMissing, ScoreNotAsked.
    """
    ticket, is_first = await _take(session, token, used_for=CONFIRMED)
    if not is_first:
        return ticket
    promise = await promise_of(session, ticket)
    if promise.needs_call_back and score is not None:
        raise ScoreNotAsked
    if not promise.needs_call_back and score is None:
        raise ScoreMissing
    author = customer_voice(ticket.customer_id)
    touch(ticket, Step(author, TicketAct.CONFIRMED), now=now)
    ticket.confirmed_at = now
    note(session, ticket, TicketEventKind.CONFIRMED, actor=author.actor, reason=None, now=now)
    if score is not None:
        await keep_answer(
            session,
            ticket,
            kind=AnswerKind.SURVEY,
            source_id=uuid5(ticket.ticket_id, str(ticket.reopened_count)),
            score=score,
            now=now,
        )
        await close(session, ticket, author=author, now=now)
    await session.flush()
    return ticket


async def refuse_result(
    session: AsyncSession, *, token: str, reason: str | None, now: datetime
) -> Ticket:
    """The customer says that it is not solved: the ticket runs again, its clock anew.

    Raises LinkUnknown, LinkExpired, LinkUsed, LinkOvertaken.
    """
    ticket, is_first = await _take(session, token, used_for=NOT_SOLVED)
    if not is_first:
        return ticket
    return await reopen(
        session,
        customer_id=ticket.customer_id,
        ticket_id=ticket.ticket_id,
        author=customer_voice(ticket.customer_id),
        reason=reason or _NO_REASON,
        now=now,
    )


async def _take(session: AsyncSession, token: str, *, used_for: str) -> tuple[Ticket, bool]:
    """The ticket, locked before its link; false when the link was used for the same before."""
    named = await links.read_link(session, token, purpose=LinkPurpose.TICKET_RESULT)
    ticket = await repository.lock_ticket(
        session, customer_id=named.customer_id, ticket_id=named.subject_id
    )
    link = await links.read_link(session, token, purpose=LinkPurpose.TICKET_RESULT, lock=True)
    if not await links.use_link(session, link, used_for=used_for):
        return ticket, False
    if not _is_current(ticket, link.round):
        raise LinkOvertaken(status=ticket.status)
    return ticket, True
