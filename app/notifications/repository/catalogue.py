"""SQL of texts, their approvals, and limits."""

from collections.abc import Sequence
from datetime import date, time
from typing import TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.dialects.postgresql import Range, insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import wall_now
from app.core.db import fetch
from app.core.errors import AppError, NotFound
from app.core.ids import new_id
from app.notifications.errors import RuleChangedMeanwhile, TemplateChangedMeanwhile
from app.notifications.models import SmsRule, SmsTemplate, SmsTemplateCode
from app.notifications.states import Approval, SmsAccount, SmsCategory
from app.notifications.templates import Kind

_EXCLUDED = "23P01"
_Dated = TypeVar("_Dated", SmsTemplate, SmsRule)


async def find_template(session: AsyncSession, *, kind: Kind, on: date) -> SmsTemplate:
    """The text of a kind in force on a date; a kind that is new gets its first one."""
    query = select(SmsTemplate).where(SmsTemplate.kind == kind.code, SmsTemplate.valid.contains(on))
    found: SmsTemplate | None = await session.scalar(query)
    if found is None:
        await add_first_texts(session, [kind])
        found = (await session.scalars(query)).one()
    return found


_USE = """
SELECT useful_minutes, useful_until FROM sms_templates WHERE kind = $1 AND valid @> $2::date
"""


async def find_use(session: AsyncSession, *, kind: Kind, on: date) -> tuple[int, time | None]:
    """For how many minutes, and until which time of day, a kind is of use on a date."""
    found = await fetch(session, _USE, kind.code, on)
    if found:
        minutes, until = found[0].values()
        return minutes, until
    text = await find_template(session, kind=kind, on=on)
    return text.useful_minutes, text.useful_until


async def list_kinds(session: AsyncSession) -> set[str]:
    """The kinds that have a text."""
    return set(await session.scalars(select(SmsTemplate.kind).distinct()))


async def add_first_texts(
    session: AsyncSession, kinds: Sequence[Kind], *, approval: Approval = Approval.DRAFT
) -> None:
    """Give kinds that have no text their first one, to be reviewed at every account."""
    wall = wall_now()
    for kind in kinds:
        # the exclusion constraint decides between two that come at once
        added = await session.scalar(
            insert(SmsTemplate)
            .values(
                id=new_id(),
                kind=kind.code,
                category=kind.category,
                text=kind.text,
                variables=list(kind.variables),
                valid=Range(None, None, bounds="()"),
                useful_minutes=int(kind.useful.total_seconds() // 60),
                useful_until=kind.until,
                created_at=wall,
                created_by="system",
            )
            .on_conflict_do_nothing()
            .returning(SmsTemplate.id)
        )
        if added is None:
            continue
        await session.execute(
            insert(SmsTemplateCode).values(
                [
                    {
                        "template_id": added,
                        "account": account,
                        "provider_code": kind.provider_code,
                        "approval": approval,
                        "changed_at": wall,
                        "changed_by": "system",
                    }
                    for account in SmsAccount
                ]
            )
        )


async def get_template(session: AsyncSession, template_id: UUID) -> SmsTemplate:
    """A text; raises NotFound."""
    found = await session.get(SmsTemplate, template_id)
    if found is None:
        raise NotFound
    return found


async def list_templates(session: AsyncSession, *, kind: str | None = None) -> list[SmsTemplate]:
    """Every text ever in force, by kind and date."""
    query = select(SmsTemplate).order_by(
        SmsTemplate.kind, func.lower(SmsTemplate.valid).nulls_first()
    )
    if kind is not None:
        query = query.where(SmsTemplate.kind == kind)
    return list(await session.scalars(query))


async def list_codes(
    session: AsyncSession, template_ids: Sequence[UUID]
) -> dict[UUID, list[SmsTemplateCode]]:
    """How far the review of each text is, by account."""
    found: dict[UUID, list[SmsTemplateCode]] = {one: [] for one in template_ids}
    rows = await session.scalars(
        select(SmsTemplateCode)
        .where(SmsTemplateCode.template_id.in_(template_ids))
        .order_by(SmsTemplateCode.account.desc())
    )
    for row in rows:
        found[row.template_id].append(row)
    return found


async def usable_codes(session: AsyncSession, template_id: UUID) -> dict[SmsAccount, str]:
    """The provider's code of a text at each account that has approved it."""
    rows = await session.execute(
        select(SmsTemplateCode.account, SmsTemplateCode.provider_code).where(
            SmsTemplateCode.template_id == template_id,
            SmsTemplateCode.approval == Approval.APPROVED,
        )
    )
    return {row.account: row.provider_code for row in rows}


async def lock_code(
    session: AsyncSession, template_id: UUID, account: SmsAccount
) -> SmsTemplateCode:
    """A text at one account, held until the transaction ends; raises NotFound."""
    found = await session.get(
        SmsTemplateCode, (template_id, account), with_for_update=True, populate_existing=True
    )
    if found is None:
        raise NotFound
    return found


async def replace_template(
    session: AsyncSession, template: SmsTemplate, *, from_date: date
) -> SmsTemplate:
    """Let a text hold from a date on; what held before ends there.

    Raises TemplateChangedMeanwhile when another change came first.
    """
    return await _replace(
        session,
        template,
        of=SmsTemplate.kind == template.kind,
        from_date=from_date,
        clash=TemplateChangedMeanwhile,
    )


async def find_rule(session: AsyncSession, *, category: SmsCategory, on: date) -> SmsRule | None:
    """What one number may get of a category on a date."""
    found: SmsRule | None = await session.scalar(
        select(SmsRule).where(SmsRule.category == category, SmsRule.valid.contains(on))
    )
    return found


async def list_rules(session: AsyncSession) -> list[SmsRule]:
    """Every limit ever in force, by category and date."""
    return list(
        await session.scalars(
            select(SmsRule).order_by(SmsRule.category, func.lower(SmsRule.valid).nulls_first())
        )
    )


async def replace_rule(session: AsyncSession, rule: SmsRule, *, from_date: date) -> SmsRule:
    """Let limits hold from a date on; what held before ends there. Raises RuleChangedMeanwhile."""
    return await _replace(
        session,
        rule,
        of=SmsRule.category == rule.category,
        from_date=from_date,
        clash=RuleChangedMeanwhile,
    )


async def _replace(
    session: AsyncSession,
    row: _Dated,
    *,
    of: ColumnElement[bool],
    from_date: date,
    clash: type[AppError],
) -> _Dated:
    model = type(row)
    await session.execute(select(model.id).where(of).with_for_update())
    await session.execute(
        delete(model)
        .where(of, func.lower(model.valid) >= from_date)
        .execution_options(synchronize_session=False)
    )
    await session.execute(
        update(model)
        .where(of, model.valid.contains(from_date))
        .values(valid=func.daterange(func.lower(model.valid), from_date, "[)"))
        .execution_options(synchronize_session=False)
    )
    session.add(row)
    try:
        await session.flush()
    except IntegrityError as error:
        if getattr(error.orig, "sqlstate", None) == _EXCLUDED:
            raise clash from error
        raise
    return row
