"""SLA rules as dated rows, their levels, and service calendars."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.aftersales.errors import (
    CalendarNameTaken,
    CalendarUnknown,
    RuleChangedMeanwhile,
    RuleUnknown,
)
from app.aftersales.models import CalendarDay, CalendarHours, ServiceCalendar, SlaLevel, SlaRule
from app.aftersales.rules import Hours, Level, OpenHours, Promise, applying, minutes
from app.aftersales.states import AppliesTo, TicketClass
from app.core.clock import local_date
from app.core.ids import new_id

_EXCLUDED, _TAKEN = "23P01", "23505"


class PromiseBook:
    """All rules of some classes: what was promised to whom on which day."""

    def __init__(self, promises: Sequence[tuple[SlaRule, Promise]]) -> None:
        self._promises = promises

    def pick(self, *, severity: TicketClass, customer_kind: str, at: datetime) -> Promise:
        """What holds for a clock that begins at an instant (UTC); the closest rule wins."""
        day = local_date(at)
        for wanted in applying(customer_kind):
            for rule, promise in self._promises:
                if rule.severity is severity and rule.applies_to is wanted and day in rule.valid:
                    return promise
        raise RuleUnknown


async def open_book(
    session: AsyncSession,
    *,
    severities: Collection[TicketClass],
    customer_kind: str | None = None,
    on: date | None = None,
    hold: bool = False,
) -> PromiseBook:
    """The rules of some classes (for a kind of customer, on a day) with levels and hours.

    `hold` keeps them, and the calendars they name, from changing before this transaction ends.
    """
    if hold:
        await _lock_rules(session, severities, for_reading=True)
    query = select(SlaRule).where(SlaRule.severity.in_(sorted(severities)))
    if customer_kind is not None:
        query = query.where(SlaRule.applies_to.in_(applying(customer_kind)))
    if on is not None:
        query = query.where(SlaRule.valid.contains(on))
    rules = list(await session.scalars(query))
    levels = await list_levels(session, rule_ids=[rule.id for rule in rules])
    calendar_ids = {rule.calendar_id for rule in rules if rule.calendar_id is not None}
    if hold and calendar_ids:
        await session.execute(
            select(ServiceCalendar.id)
            .where(ServiceCalendar.id.in_(calendar_ids))
            .order_by(ServiceCalendar.id)
            .with_for_update(read=True)
        )
    hours = await read_hours(session, calendar_ids=calendar_ids)
    return PromiseBook(
        [
            (
                rule,
                Promise(
                    answer_within=minutes(rule.answer_minutes),
                    handle_within=minutes(rule.handle_minutes),
                    visit_within=minutes(rule.visit_minutes),
                    needs_call_back=rule.needs_call_back,
                    levels=tuple(levels[rule.id]),
                    hours=None if rule.calendar_id is None else hours[rule.calendar_id],
                ),
            )
            for rule in rules
        ]
    )


async def _lock_rules(
    session: AsyncSession, severities: Collection[TicketClass], *, for_reading: bool
) -> None:
    """Hold the rules of some classes; what is read afterwards is what the last holder left."""
    await session.execute(
        select(SlaRule.id)
        .where(SlaRule.severity.in_(sorted(severities)))
        .order_by(SlaRule.id)
        .with_for_update(read=for_reading)
    )


async def list_levels(
    session: AsyncSession, *, rule_ids: Collection[UUID]
) -> Mapping[UUID, list[Level]]:
    """Escalation levels of rules, in order."""
    found: dict[UUID, list[Level]] = defaultdict(list)
    if rule_ids:
        rows = await session.scalars(
            select(SlaLevel).where(SlaLevel.rule_id.in_(rule_ids)).order_by(SlaLevel.level)
        )
        for row in rows:
            found[row.rule_id].append(
                Level(row.level, minutes(row.after_minutes), row.to_role, row.to_team)
            )
    return found


async def list_rules(session: AsyncSession) -> list[SlaRule]:
    """Every rule ever in force, by class, customers and date."""
    return list(
        await session.scalars(
            select(SlaRule).order_by(
                SlaRule.severity, SlaRule.applies_to, func.lower(SlaRule.valid).nulls_first()
            )
        )
    )


async def lock_rule(session: AsyncSession, rule_id: UUID) -> SlaRule:
    """One rule, locked; raises RuleUnknown."""
    rule = await session.get(SlaRule, rule_id, with_for_update=True, populate_existing=True)
    if rule is None:
        raise RuleUnknown
    return rule


async def cut_rules(
    session: AsyncSession, *, severity: TicketClass, applies_to: AppliesTo, from_date: date
) -> None:
    """Let the rules of a class and kind end before a date; what was to begin later is dropped."""
    mine = (SlaRule.severity == severity, SlaRule.applies_to == applies_to)
    await _lock_rules(session, [severity], for_reading=False)
    later = select(SlaRule.id).where(*mine, func.lower(SlaRule.valid) >= from_date)
    await session.execute(delete(SlaLevel).where(SlaLevel.rule_id.in_(later)))
    await session.execute(delete(SlaRule).where(*mine, func.lower(SlaRule.valid) >= from_date))
    await session.execute(
        update(SlaRule)
        .where(*mine, SlaRule.valid.contains(from_date))
        .values(valid=func.daterange(func.lower(SlaRule.valid), from_date, "[)"))
        .execution_options(synchronize_session=False)
    )
    session.expire_all()


async def add_rule(session: AsyncSession, rule: SlaRule, levels: Sequence[Level]) -> None:
    """Write a rule with its levels; raises RuleChangedMeanwhile when another change came first."""
    session.add(rule)
    try:
        await session.flush()
    except IntegrityError as error:
        if getattr(error.orig, "sqlstate", None) == _EXCLUDED:
            raise RuleChangedMeanwhile from error
        raise
    session.add_all(
        SlaLevel(
            rule_id=rule.id,
            level=level.level,
            after_minutes=int(level.after.total_seconds() // 60),
            to_role=level.to_role,
            to_team=level.to_team,
        )
        for level in levels
    )
    await session.flush()


def from_day(first: date) -> Range[date]:
    """From a day on, without end."""
    return Range(first, None, bounds="[)")


async def list_calendars(session: AsyncSession) -> list[ServiceCalendar]:
    """All calendars by name."""
    return list(await session.scalars(select(ServiceCalendar).order_by(ServiceCalendar.name)))


async def lock_calendar(session: AsyncSession, calendar_id: UUID) -> ServiceCalendar:
    """One calendar, locked; raises CalendarUnknown."""
    found = await session.get(
        ServiceCalendar, calendar_id, with_for_update=True, populate_existing=True
    )
    if found is None:
        raise CalendarUnknown
    return found


async def add_calendar(session: AsyncSession, *, name: str, now: datetime) -> ServiceCalendar:
    """A calendar without hours yet; raises CalendarNameTaken."""
    calendar = ServiceCalendar(id=new_id(), name=name, changed_at=now)
    session.add(calendar)
    await flush_calendar(session)
    return calendar


async def flush_calendar(session: AsyncSession) -> None:
    """Write what changed; raises CalendarNameTaken."""
    try:
        await session.flush()
    except IntegrityError as error:
        if getattr(error.orig, "sqlstate", None) == _TAKEN:
            raise CalendarNameTaken from error
        raise


async def replace_hours(
    session: AsyncSession, *, calendar_id: UUID, hours: OpenHours, notes: Mapping[date, str]
) -> None:
    """Write the hours of a calendar in place of those it had."""
    await session.execute(delete(CalendarHours).where(CalendarHours.calendar_id == calendar_id))
    await session.execute(delete(CalendarDay).where(CalendarDay.calendar_id == calendar_id))
    await session.execute(
        insert(CalendarHours),
        [
            {
                "calendar_id": calendar_id,
                "weekday": weekday,
                "opens_minute": one.opens_minute,
                "closes_minute": one.closes_minute,
            }
            for weekday, one in hours.weekdays.items()
        ],
    )
    if hours.days:
        await session.execute(
            insert(CalendarDay),
            [
                {
                    "calendar_id": calendar_id,
                    "day": day,
                    "opens_minute": one and one.opens_minute,
                    "closes_minute": one and one.closes_minute,
                    "note": notes.get(day),
                }
                for day, one in hours.days.items()
            ],
        )


async def read_hours(
    session: AsyncSession, *, calendar_ids: Collection[UUID]
) -> dict[UUID, OpenHours]:
    """The hours of calendars."""
    if not calendar_ids:
        return {}
    weekdays: dict[UUID, dict[int, Hours]] = defaultdict(dict)
    for row in await session.scalars(
        select(CalendarHours).where(CalendarHours.calendar_id.in_(calendar_ids))
    ):
        weekdays[row.calendar_id][row.weekday] = Hours(row.opens_minute, row.closes_minute)
    days: dict[UUID, dict[date, Hours | None]] = defaultdict(dict)
    for day in await list_days(session, calendar_ids=calendar_ids):
        opens, closes = day.opens_minute, day.closes_minute
        days[day.calendar_id][day.day] = (
            None if opens is None or closes is None else Hours(opens, closes)
        )
    return {one: OpenHours(weekdays[one], days[one]) for one in calendar_ids}


async def list_days(session: AsyncSession, *, calendar_ids: Collection[UUID]) -> list[CalendarDay]:
    """Days with hours of their own, in order."""
    return list(
        await session.scalars(
            select(CalendarDay)
            .where(CalendarDay.calendar_id.in_(calendar_ids))
            .order_by(CalendarDay.calendar_id, CalendarDay.day)
            .execution_options(populate_existing=True)
        )
    )


async def classes_on(session: AsyncSession, *, calendar_id: UUID) -> set[TicketClass]:
    """Classes with a rule that names a calendar."""
    return set(
        await session.scalars(
            select(SlaRule.severity).where(SlaRule.calendar_id == calendar_id).distinct()
        )
    )
