"""The catalogue of answer templates, and what a template says for one ticket (S1 5.2.9)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.aftersales import repository
from app.aftersales.errors import TemplateInactive
from app.aftersales.models import AnswerTemplate, Compensation, Ticket
from app.aftersales.placeholders import Placeholder, fill, placeholders_of
from app.aftersales.repository import facts, templates
from app.aftersales.rules import salutation
from app.aftersales.states import TemplatePurpose, TicketCategory
from app.core.clock import OPERATOR_ZONE
from app.core.ids import new_id
from app.core.money import yuan_text
from app.customers import service as customers


@dataclass(frozen=True, slots=True)
class TemplateText:
    """A template as it is written down; `category` None fits any ticket."""

    purpose: TemplatePurpose
    category: TicketCategory | None
    title: str
    text: str


async def list_templates(
    session: AsyncSession,
    *,
    purpose: TemplatePurpose | None = None,
    category: TicketCategory | None = None,
    with_inactive: bool = False,
) -> list[AnswerTemplate]:
    """The catalogue, by purpose and title."""
    return await templates.list_templates(
        session, purpose=purpose, category=category, with_inactive=with_inactive
    )


async def add_template(
    session: AsyncSession, *, written: TemplateText, author_id: UUID, now: datetime
) -> AnswerTemplate:
    """Add a template; raises PlaceholderUnknown, TemplateTitleTaken."""
    placeholders_of(written.text)
    template = AnswerTemplate(
        id=new_id(),
        purpose=written.purpose,
        category=written.category,
        title=written.title,
        text=written.text,
        is_active=True,
        changed_at=now,
        changed_by=author_id,
    )
    await templates.write_template(session, template)
    return template


async def change_template(
    session: AsyncSession,
    *,
    template_id: UUID,
    changes: Mapping[str, object],
    author_id: UUID,
    now: datetime,
) -> AnswerTemplate:
    """Change what `changes` names of title, text, purpose, category and is_active.

    Answers already sent keep their words. Raises TemplateUnknown, PlaceholderUnknown,
    TemplateTitleTaken.
    """
    template = await templates.get_template(session, template_id, lock=True)
    if "text" in changes:
        placeholders_of(str(changes["text"]))
    for name, value in changes.items():
        setattr(template, name, value)
    template.changed_at, template.changed_by = now, author_id
    await templates.write_template(session, template)
    return template


async def render_template(
    session: AsyncSession, ticket: Ticket, *, template_id: UUID, agent_id: UUID
) -> str:
    """What a template says to a ticket's customer.

    Raises TemplateUnknown, TemplateInactive, PlaceholderEmpty.
    """
    template = await templates.get_template(session, template_id)
    if not template.is_active:
        raise TemplateInactive
    wanted = placeholders_of(template.text)
    return fill(template.text, await _values(session, ticket, wanted, agent_id=agent_id))


async def draft_answer(
    session: AsyncSession, *, customer_id: UUID, ticket_id: UUID, template_id: UUID, agent_id: UUID
) -> str:
    """The same for a preview, nothing is sent; raises NotFound as well."""
    ticket = await repository.get_ticket(session, customer_id=customer_id, ticket_id=ticket_id)
    return await render_template(session, ticket, template_id=template_id, agent_id=agent_id)


async def _values(
    session: AsyncSession, ticket: Ticket, wanted: set[Placeholder], *, agent_id: UUID
) -> dict[Placeholder, str | None]:
    key = {"customer_id": ticket.customer_id, "ticket_id": ticket.ticket_id}
    values: dict[Placeholder, str | None] = {
        Placeholder.TICKET_NO: ticket.ticket_no,
        Placeholder.SUBJECT: ticket.subject,
        Placeholder.DUE_AT: _clock_text(ticket.due_at),
    }
    if ticket.service_date is not None:
        values[Placeholder.SERVICE_DATE] = (
            f"{ticket.service_date.month}月{ticket.service_date.day}日"
        )
    if Placeholder.SALUTATION in wanted:
        profile = await customers.get_profile(session, customer_id=ticket.customer_id)
        values[Placeholder.SALUTATION] = salutation(profile.name)
    if wanted & {Placeholder.ORDER_NO, Placeholder.STATION, Placeholder.DELIVERED_AT}:
        found = await facts.find_facts(session, ticket)
        values[Placeholder.ORDER_NO] = found.order_no
        values[Placeholder.STATION] = found.station
        if found.delivered_at is not None:
            values[Placeholder.DELIVERED_AT] = _clock_text(found.delivered_at)
    if Placeholder.AGENT in wanted:
        names = await repository.read_names(session, [agent_id])
        values[Placeholder.AGENT] = names[agent_id].display_name if agent_id in names else None
    if Placeholder.COMPENSATION in wanted:
        granted = await repository.list_compensations(session, **key)
        values[Placeholder.COMPENSATION] = "；".join(map(_compensation_text, granted)) or None
    return values


def _clock_text(at: datetime) -> str:
    local = at.astimezone(OPERATOR_ZONE)
    return f"{local.month}月{local.day}日{local:%H:%M}"


def _compensation_text(granted: Compensation) -> str:
    if granted.credit_fen is not None:
        return f"账户补偿{yuan_text(granted.credit_fen)}元"
    day = granted.service_date
    when = "" if day is None else f"{day.month}月{day.day}日"
    return f"{when}补送{granted.bottles}瓶"
