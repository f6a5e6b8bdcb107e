"""What the desk does with a running ticket: answer, assign, classify, merge (S1 4.5, S2 四)."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.aftersales import repository
from app.aftersales.catalogue import render_template
from app.aftersales.clocks import customer_waits, reschedule, was_answered
from app.aftersales.errors import (
    AssigneeUnknown,
    NotADuplicate,
    NothingToClassify,
    NotInTeam,
    TicketFinished,
)
from app.aftersales.models import Ticket
from app.aftersales.moves import ESCALATION_ALERT, Step, change_status, note, public_id, take
from app.aftersales.repository.staff import list_team
from app.aftersales.rules import handling_of
from app.aftersales.states import (
    RUNNING,
    TICKET_MOVES,
    Handling,
    Team,
    TicketAct,
    TicketCategory,
    TicketClass,
    TicketEventKind,
    TicketStatus,
)
from app.aftersales.thread import Author, say, text_customer
from app.core.alerts import resolve_alert
from app.identity.models import Role

DESK = (Role.SERVICE_AGENT, Role.QUALITY, Role.MANAGER)
"""Who works on tickets."""


@dataclass(frozen=True, slots=True)
class Words:
    """What is said: words of one's own, a template of the catalogue, or it with words after it."""

    body: str | None
    template_id: UUID | None = None
    internal: bool = False


async def reply(
    session: AsyncSession,
    *,
    customer_id: UUID,
    ticket_id: UUID,
    author: Author,
    words: Words,
    seen: int | None = None,
    now: datetime,
) -> Ticket:
    """Add to the thread. Only a public answer by a person stops the answer clock, once.

    Internal notes are staff's and change nothing else. Raises NotFound, TicketChanged,
    TicketFinished, and what `render_template` raises.
    """
    act = TicketAct.NOTED if words.internal else TicketAct.REPLIED
    step = Step(author, act, seen)
    ticket = await take(session, customer_id=customer_id, ticket_id=ticket_id, step=step, now=now)
    if ticket.status is TicketStatus.MERGED:
        raise TicketFinished
    if words.internal:
        say(session, ticket, author=author, body=words.body or "", now=now, audience="internal")
        await session.flush()
        return ticket
    if ticket.status is TicketStatus.CLOSED:
        raise TicketFinished
    body = await _body(session, ticket, words, author=author)
    message_id = say(
        session, ticket, author=author, body=body, now=now, template_id=words.template_id
    )
    if not author.is_staff:
        await customer_waits(session, ticket, now=now)
        await session.flush()
        return ticket
    was_answered(ticket)
    if ticket.status is TicketStatus.OPEN:
        change_status(session, ticket, TicketStatus.ANSWERED, author=author, reason=None, now=now)
    await text_customer(
        session, ticket, template="ticket_answered", cause=f"ticket_answered:{message_id}", now=now
    )
    await session.flush()
    return ticket


async def _body(session: AsyncSession, ticket: Ticket, words: Words, *, author: Author) -> str:
    if words.template_id is None:
        return words.body or ""
    rendered = await render_template(
        session, ticket, template_id=words.template_id, agent_id=author.account_id
    )
    return rendered if words.body is None else f"{rendered}\n{words.body}"


async def assign(
    session: AsyncSession,
    *,
    customer_id: UUID,
    ticket_id: UUID,
    author: Author,
    login: str | None,
    team: Team | None,
    seen: int | None = None,
    now: datetime,
) -> tuple[Ticket, str | None]:
    """Hand a ticket to a team, to a member of the desk (by login), or take it oneself (neither).

    A team alone takes it off the person who had it; with both, the person must be of the team.
    Answers the ticket and the login of who has it. Raises NotFound, TicketChanged, TicketFinished,
    AssigneeUnknown, NotInTeam.
    """
    step = Step(author, TicketAct.ASSIGNED, seen)
    ticket = await take(session, customer_id=customer_id, ticket_id=ticket_id, step=step, now=now)
    if ticket.status not in (*RUNNING, TicketStatus.RESOLVED):
        raise TicketFinished
    assignee_id = None if team is not None else author.account_id
    if login is not None:
        assignee_id = await repository.find_desk_member(session, login=login, roles=DESK)
        if assignee_id is None:
            raise AssigneeUnknown
        if team is not None and assignee_id not in await list_team(session, team):
            raise NotInTeam
    ticket.team = team or ticket.team
    ticket.assignee_id = assignee_id
    parts = [f"team {team}" if team else "", f"to {assignee_id}" if assignee_id else ""]
    reason = ", ".join(part for part in parts if part)
    note(session, ticket, TicketEventKind.ASSIGNED, actor=author.actor, reason=reason, now=now)
    await session.flush()
    names = await repository.read_names(session, [assignee_id] if assignee_id else [])
    return ticket, names[assignee_id].login if assignee_id in names else None


@dataclass(frozen=True, slots=True)
class Classification:
    """What a ticket is to be from now on; None leaves as it is."""

    severity: TicketClass | None = None
    handling: Handling | None = None
    category: TicketCategory | None = None
    is_food_safety: bool | None = None


async def classify(
    session: AsyncSession,
    *,
    customer_id: UUID,
    ticket_id: UUID,
    author: Author,
    wanted: Classification,
    reason: str,
    seen: int | None = None,
    now: datetime,
) -> Ticket:
    """Grade a ticket anew, with the reason in its history (S2 4.3); its clocks follow its class.

    `urgent` makes it an emergency; out of urgent it stays one until somebody says otherwise.
    Raises NotFound, TicketChanged, TicketFinished, NothingToClassify.
    """
    step = Step(author, TicketAct.CLASSIFIED, seen)
    ticket = await take(session, customer_id=customer_id, ticket_id=ticket_id, step=step, now=now)
    if ticket.status not in RUNNING:
        raise TicketFinished
    before = _classes(ticket)
    severity = wanted.severity or ticket.severity
    handling = handling_of(severity, wanted.handling or ticket.handling)
    if wanted.handling not in {None, handling}:
        raise NothingToClassify
    ticket.severity, ticket.handling = severity, handling
    ticket.category = wanted.category or ticket.category
    if wanted.is_food_safety is not None:
        ticket.is_food_safety = wanted.is_food_safety
    after = _classes(ticket)
    changed = [
        f"{name} {before[name]} -> {after[name]}" for name in after if after[name] != before[name]
    ]
    if not changed:
        raise NothingToClassify
    said = f"{', '.join(changed)}: {reason}"
    note(session, ticket, TicketEventKind.CLASSIFIED, actor=author.actor, reason=said, now=now)
    if after["severity"] != before["severity"]:
        book = await repository.open_book(session, severities=[severity])
        await reschedule(session, [ticket], book=book, actor=author.actor, now=now)
    await session.flush()
    return ticket


def _classes(ticket: Ticket) -> dict[str, str]:
    return {
        "severity": ticket.severity.value,
        "handling": handling_of(ticket.severity, ticket.handling).value,
        "category": str(ticket.category),
        "food_safety": str(ticket.is_food_safety).lower(),
    }


async def merge(
    session: AsyncSession,
    *,
    customer_id: UUID,
    ticket_id: UUID,
    into_id: UUID,
    author: Author,
    seen: int | None = None,
    now: datetime,
) -> Ticket:
    """Mark a ticket as a duplicate of an older one of the same customer; KPIs count it no more.

    The older one keeps its clocks, so merging never wins time. Raises NotFound, TicketChanged,
    MoveNotAllowed, NotADuplicate.
    """
    if ticket_id == into_id:
        raise NotADuplicate
    steps = {
        ticket_id: Step(author, TicketAct.MERGED, seen),
        into_id: Step(author, TicketAct.TOOK_DUPLICATE),
    }
    taken = {
        one: await take(session, customer_id=customer_id, ticket_id=one, step=steps[one], now=now)
        for one in sorted(steps)
    }
    ticket, kept = taken[ticket_id], taken[into_id]
    TICKET_MOVES.require(ticket.status, TicketStatus.MERGED)
    if (
        kept.kind is not ticket.kind
        or kept.status not in (*RUNNING, TicketStatus.RESOLVED)
        or kept.received_at > ticket.received_at
    ):
        raise NotADuplicate
    ticket.merged_into_id = into_id
    was_answered(ticket)
    change_status(
        session, ticket, TicketStatus.MERGED, author=author, reason=kept.ticket_no, now=now
    )
    kept.is_food_safety = kept.is_food_safety or ticket.is_food_safety
    note(
        session,
        kept,
        TicketEventKind.TOOK_DUPLICATE,
        actor=author.actor,
        reason=ticket.ticket_no,
        now=now,
    )
    await resolve_alert(session, ESCALATION_ALERT, public_id(ticket))
    await session.flush()
    return ticket
