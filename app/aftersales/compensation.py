"""Making good for a failure: a make-up delivery, or a credit to the balance (S1 5.2.9)."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.aftersales.errors import CreditAboveLimit, MakeUpNeedsLine, TicketFinished
from app.aftersales.models import Compensation
from app.aftersales.moves import Step, note, take
from app.aftersales.rules import AGENT_CREDIT_LIMIT_FEN
from app.aftersales.states import RUNNING, TicketAct, TicketEventKind, TicketStatus
from app.aftersales.thread import Author
from app.billing import service as billing
from app.core.ids import new_id
from app.core.money import yuan_text
from app.delivery.make_up import add_make_up


@dataclass(frozen=True, slots=True)
class MakeUp:
    """Bottles to be brought once more on a coming service date; None: the ticket's line."""

    service_date: date
    bottles: int
    order_line_id: UUID | None = None


async def grant_make_up(
    session: AsyncSession,
    *,
    customer_id: UUID,
    ticket_id: UUID,
    make_up: MakeUp,
    author: Author,
    seen: int | None = None,
    now: datetime,
) -> Compensation:
    """Bring bottles again, free of charge, linked to the ticket.

    Raises NotFound (also for a line of another customer), TicketChanged, TicketFinished,
    MakeUpNeedsLine, and what `add_make_up` raises for a day that takes nothing.
    """
    step = Step(author, TicketAct.COMPENSATED, seen)
    ticket = await take(session, customer_id=customer_id, ticket_id=ticket_id, step=step, now=now)
    if ticket.status not in (*RUNNING, TicketStatus.RESOLVED):
        raise TicketFinished
    line_id = make_up.order_line_id or ticket.order_line_id
    if line_id is None:
        raise MakeUpNeedsLine
    granted = Compensation(
        customer_id=customer_id,
        compensation_id=new_id(),
        ticket_id=ticket_id,
        kind="make_up",
        service_date=make_up.service_date,
        order_line_id=line_id,
        bottles=make_up.bottles,
        granted_by=author.account_id,
        at=now,
    )
    session.add(granted)
    await add_make_up(
        session,
        customer_id=customer_id,
        order_line_id=line_id,
        service_date=make_up.service_date,
        bottles=make_up.bottles,
        cause_id=granted.compensation_id,
        now=now,
    )
    reason = f"make_up {make_up.bottles} on {make_up.service_date}"
    note(session, ticket, TicketEventKind.COMPENSATED, actor=author.actor, reason=reason, now=now)
    await session.flush()
    return granted


async def grant_credit(
    session: AsyncSession,
    *,
    customer_id: UUID,
    ticket_id: UUID,
    amount_fen: int,
    author: Author,
    above_limit: bool,
    seen: int | None = None,
    now: datetime,
) -> Compensation:
    """Credit fen to the customer's balance, booked against compensation.

    `above_limit`: the author may grant more than an agent's limit. Raises NotFound,
    TicketChanged, TicketFinished, CreditAboveLimit.
    """
    step = Step(author, TicketAct.COMPENSATED, seen)
    ticket = await take(session, customer_id=customer_id, ticket_id=ticket_id, step=step, now=now)
    if ticket.status not in (*RUNNING, TicketStatus.RESOLVED):
        raise TicketFinished
    if amount_fen > AGENT_CREDIT_LIMIT_FEN and not above_limit:
        raise CreditAboveLimit(limit_fen=AGENT_CREDIT_LIMIT_FEN)
    granted = Compensation(
        customer_id=customer_id,
        compensation_id=new_id(),
        ticket_id=ticket_id,
        kind="credit",
        credit_fen=amount_fen,
        granted_by=author.account_id,
        at=now,
    )
    session.add(granted)
    await billing.pay_credit(
        session,
        customer_id=customer_id,
        reference_id=ticket_id,
        source_id=granted.compensation_id,
        amount_fen=amount_fen,
        cause="ticket_compensation",
        now=now,
    )
    reason = f"credit {yuan_text(amount_fen)}"
    note(session, ticket, TicketEventKind.COMPENSATED, actor=author.actor, reason=reason, now=now)
    await session.flush()
    return granted
