"""The catalogue of answer templates."""

from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.aftersales.errors import TemplateTitleTaken, TemplateUnknown
from app.aftersales.models import AnswerTemplate
from app.aftersales.states import TemplatePurpose, TicketCategory

_TAKEN = "23505"


async def list_templates(
    session: AsyncSession,
    *,
    purpose: TemplatePurpose | None,
    category: TicketCategory | None,
    with_inactive: bool,
) -> list[AnswerTemplate]:
    """Templates by purpose and title; a category also gets those for anything."""
    query = select(AnswerTemplate)
    if not with_inactive:
        query = query.where(AnswerTemplate.is_active)
    if purpose is not None:
        query = query.where(AnswerTemplate.purpose == purpose)
    if category is not None:
        query = query.where(
            or_(AnswerTemplate.category == category, AnswerTemplate.category.is_(None))
        )
    ordered = query.order_by(AnswerTemplate.purpose, AnswerTemplate.title)
    return list(await session.scalars(ordered))


async def get_template(
    session: AsyncSession, template_id: UUID, *, lock: bool = False
) -> AnswerTemplate:
    """One template; raises TemplateUnknown."""
    found = await session.get(
        AnswerTemplate, template_id, with_for_update=lock, populate_existing=lock
    )
    if found is None:
        raise TemplateUnknown
    return found


async def write_template(session: AsyncSession, template: AnswerTemplate) -> None:
    """Write a new or changed template; raises TemplateTitleTaken."""
    session.add(template)
    try:
        await session.flush()
    except IntegrityError as error:
        if getattr(error.orig, "sqlstate", None) == _TAKEN:
            raise TemplateTitleTaken from error
        raise
