"""What admins keep: texts with their review at each account, and limits, both dated."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from uuid import UUID

from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.alerts import resolve_alert
from app.core.clock import wall_now
from app.core.demo import find_mark
from app.core.ids import new_id
from app.notifications import repository
from app.notifications.channels import signature
from app.notifications.errors import (
    KindUnknown,
    ProviderCodeMissing,
    RuleTooEarly,
    TemplateTooEarly,
    TextRefused,
)
from app.notifications.models import SmsRule, SmsTemplate, SmsTemplateCode
from app.notifications.rules import Limits
from app.notifications.service._claiming import NOT_APPROVED
from app.notifications.states import Approval, SmsAccount, SmsCategory
from app.notifications.templates import (
    KINDS,
    Kind,
    fill,
    fit_value,
    objections,
    parts_of,
    variables_of,
)


@dataclass(frozen=True, slots=True)
class TemplateShown:
    """A text, its period, and how far its review is."""

    template: SmsTemplate
    codes: list[SmsTemplateCode]


@dataclass(frozen=True, slots=True)
class NewText:
    """The next text of a kind; what is None stays as it was."""

    kind: str
    text: str
    from_date: date
    useful_minutes: int | None = None
    useful_until: time | None = None
    always_useful_until: bool = False
    """No time of day ends its use."""


@dataclass(frozen=True, slots=True)
class NewRule:
    """What one number may get of a category from a date on."""

    category: SmsCategory
    from_date: date
    limits: Limits


@dataclass(frozen=True, slots=True)
class Preview:
    """A text as a phone shows it, its signature first."""

    shown: str
    length: int
    parts: int
    objections: list[str]


def _kind(code: str) -> Kind:
    kind = KINDS.get(code)
    if kind is None:
        raise KindUnknown
    return kind


async def list_templates(session: AsyncSession, *, kind: str | None = None) -> list[TemplateShown]:
    """Every text ever in force, by kind and date."""
    found = await repository.list_templates(session, kind=kind)
    codes = await repository.list_codes(session, [one.id for one in found])
    return [TemplateShown(one, codes[one.id]) for one in found]


async def add_template(
    session: AsyncSession, new: NewText, *, actor: str, now: datetime, today: date
) -> TemplateShown:
    """Let a text hold from a day on: tomorrow at the earliest, as it has to be reviewed first.

    An unchanged text (other hours of use) keeps its reviews. Raises KindUnknown, TextRefused,
    TemplateTooEarly, TemplateChangedMeanwhile.
    """
    kind = _kind(new.kind)
    if found := objections(kind, new.text):
        raise TextRefused(objections=found)
    if new.from_date <= today:
        raise TemplateTooEarly
    before = await repository.find_template(session, kind=kind, on=new.from_date)
    known = (await repository.list_codes(session, [before.id]))[before.id]
    until = before.useful_until if new.useful_until is None else new.useful_until
    values = {
        "useful_minutes": new.useful_minutes or before.useful_minutes,
        "useful_until": None if new.always_useful_until else until,
    }
    is_same = before.text == new.text
    template = await repository.replace_template(
        session,
        SmsTemplate(
            id=new_id(),
            kind=kind.code,
            category=kind.category,
            text=new.text,
            variables=list(variables_of(new.text)),
            valid=Range(new.from_date, None, bounds="[)"),
            created_at=now,
            created_by=actor,
            **values,
        ),
        from_date=new.from_date,
    )
    codes = [
        SmsTemplateCode(
            template_id=template.id,
            account=code.account,
            provider_code=code.provider_code,
            approval=code.approval if is_same else Approval.DRAFT,
            note=None,
            changed_at=now,
            changed_by=actor,
        )
        for code in known
    ]
    session.add_all(codes)
    await session.flush()
    return TemplateShown(template, codes)


async def set_approval(
    session: AsyncSession,
    *,
    template_id: UUID,
    account: SmsAccount,
    provider_code: str,
    approval: Approval,
    note: str | None,
    actor: str,
    now: datetime,
) -> TemplateShown:
    """Note how far the provider's review of a text is; only approved texts are sent with.

    Raises NotFound, ProviderCodeMissing.
    """
    template = await repository.get_template(session, template_id)
    code = await repository.lock_code(session, template_id, account)
    if approval is Approval.APPROVED and not provider_code:
        raise ProviderCodeMissing
    code.provider_code, code.approval, code.note = provider_code, approval, note
    code.changed_at, code.changed_by = now, actor
    await session.flush()
    if approval is Approval.APPROVED:
        await resolve_alert(session, NOT_APPROVED, template.kind)
    codes = await repository.list_codes(session, [template_id])
    return TemplateShown(template, codes[template_id])


async def preview(
    session: AsyncSession,
    *,
    kind: str,
    text: str | None,
    values: Mapping[str, str],
    on: date,
) -> Preview:
    """A text with sample values and some of the caller's; without a text that of a day.

    Raises KindUnknown.
    """
    known = _kind(kind)
    if text is None:
        text = (await repository.find_template(session, kind=known, on=on)).text
    samples = {**known.samples, **values}
    filled = {name: fit_value(samples.get(name, "")) for name in variables_of(text)}
    body = signature() + fill(text, filled)
    return Preview(
        shown=body, length=len(body), parts=parts_of(body), objections=objections(known, text)
    )


async def complete_texts(session: AsyncSession) -> None:
    """Kinds that came with a new version get their first text, so that it can be reviewed.

    A demo's simulator knows it already.
    """
    known = await repository.list_kinds(session)
    missing = [kind for code, kind in KINDS.items() if code not in known]
    if missing:
        is_demo = await find_mark(session) is not None
        await repository.add_first_texts(
            session, missing, approval=Approval.APPROVED if is_demo else Approval.DRAFT
        )


async def approve_first_texts(session: AsyncSession) -> None:
    """A demo's simulator has taken the texts as they stand in code: they are approved there."""
    await complete_texts(session)
    for one in await list_templates(session):
        kind = KINDS.get(one.template.kind)
        if kind is None or one.template.text != kind.text:
            continue
        for code in one.codes:
            code.approval, code.changed_at = Approval.APPROVED, wall_now()
    await session.flush()


async def list_rules(session: AsyncSession) -> list[SmsRule]:
    """Every limit ever in force, by category and date."""
    return await repository.list_rules(session)


async def set_rule(session: AsyncSession, new: NewRule, *, actor: str, today: date) -> SmsRule:
    """Let limits hold from a day on. Raises RuleTooEarly, RuleChangedMeanwhile."""
    if new.from_date < today:
        raise RuleTooEarly
    limits = new.limits
    return await repository.replace_rule(
        session,
        SmsRule(
            id=new_id(),
            category=new.category,
            valid=Range(new.from_date, None, bounds="[)"),
            per_minute=limits.per_minute,
            per_hour=limits.per_hour,
            per_day=limits.per_day,
            opens_at=limits.opens_at,
            closes_at=limits.closes_at,
            created_by=actor,
        ),
        from_date=new.from_date,
    )
