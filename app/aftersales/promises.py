"""Changing what is promised: SLA rules and service calendars; running tickets follow at once.

A ticket is held to the rule in force on the day its clock began. A rule may begin up to 31 days
ago, to mend one that was wrong for tickets that still run; what has ended is never touched.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.aftersales import repository
from app.aftersales.clocks import reschedule
from app.aftersales.errors import (
    CalendarHardlyOpen,
    LevelsInvalid,
    RuleDateInvalid,
    RuleIsCommon,
)
from app.aftersales.models import CalendarDay, ServiceCalendar, SlaRule
from app.aftersales.repository import promises as rows
from app.aftersales.rules import Level, OpenHours, levels_in_order
from app.aftersales.states import AppliesTo, TicketClass
from app.core.clock import local_date, local_instant
from app.core.ids import new_id

MOST_BACK = timedelta(days=31)
MOST_AHEAD = timedelta(days=730)


@dataclass(frozen=True, slots=True)
class RuleText:
    """A rule as it is asked for; minutes of the calendar's hours, or of the wall without one."""

    severity: TicketClass
    applies_to: AppliesTo
    from_date: date
    answer_minutes: int
    handle_minutes: int
    visit_minutes: int
    needs_call_back: bool
    calendar_id: UUID | None
    levels: Sequence[Level]


@dataclass(frozen=True, slots=True)
class CalendarText:
    """A calendar as it is asked for; `notes` say why a day differs."""

    name: str
    hours: OpenHours
    notes: Mapping[date, str]


@dataclass(frozen=True, slots=True)
class RuleView:
    """A rule with its levels and the name of its calendar."""

    rule: SlaRule
    levels: Sequence[Level]
    calendar: str | None


@dataclass(frozen=True, slots=True)
class CalendarView:
    """A calendar with its hours and the days that differ."""

    calendar: ServiceCalendar
    hours: OpenHours
    days: Sequence[CalendarDay]


async def list_rules(session: AsyncSession) -> list[RuleView]:
    """Every rule ever in force, by class, customers and date."""
    found = await rows.list_rules(session)
    levels = await rows.list_levels(session, rule_ids=[rule.id for rule in found])
    names = {calendar.id: calendar.name for calendar in await rows.list_calendars(session)}
    return [
        RuleView(
            rule=rule,
            levels=levels.get(rule.id, ()),
            calendar=None if rule.calendar_id is None else names[rule.calendar_id],
        )
        for rule in found
    ]


async def set_rule(
    session: AsyncSession, *, wanted: RuleText, actor: str, now: datetime
) -> tuple[UUID, int]:
    """Let a rule hold from a day on; answers its id and how many running deadlines moved.

    What held before ends there, what was to begin later is dropped. Raises RuleDateInvalid,
    LevelsInvalid, CalendarUnknown, CalendarHardlyOpen, RuleChangedMeanwhile.
    """
    today = local_date(now)
    if not today - MOST_BACK <= wanted.from_date <= today + MOST_AHEAD:
        raise RuleDateInvalid
    try:
        levels = levels_in_order(wanted.levels)
    except ValueError as error:
        raise LevelsInvalid from error
    if wanted.calendar_id is not None:
        await rows.lock_calendar(session, wanted.calendar_id)
    await rows.cut_rules(
        session,
        severity=wanted.severity,
        applies_to=wanted.applies_to,
        from_date=wanted.from_date,
    )
    rule_id = new_id()
    rule = SlaRule(
        id=rule_id,
        severity=wanted.severity,
        applies_to=wanted.applies_to,
        valid=rows.from_day(wanted.from_date),
        answer_minutes=wanted.answer_minutes,
        handle_minutes=wanted.handle_minutes,
        visit_minutes=wanted.visit_minutes,
        needs_call_back=wanted.needs_call_back,
        calendar_id=wanted.calendar_id,
    )
    await rows.add_rule(session, rule, levels)
    moved = await _follow(
        session,
        severities={wanted.severity},
        applies_to=wanted.applies_to,
        from_date=wanted.from_date,
        actor=actor,
        now=now,
    )
    return rule_id, moved


async def end_rule(session: AsyncSession, *, rule_id: UUID, actor: str, now: datetime) -> int:
    """End a rule for a kind of customer today: the common one holds again for what begins now.

    Answers how many running deadlines moved. Raises RuleUnknown, RuleIsCommon.
    """
    rule = await rows.lock_rule(session, rule_id)
    if rule.applies_to is AppliesTo.ALL:
        raise RuleIsCommon
    severity, applies_to, today = rule.severity, rule.applies_to, local_date(now)
    await rows.cut_rules(session, severity=severity, applies_to=applies_to, from_date=today)
    return await _follow(
        session,
        severities={severity},
        applies_to=applies_to,
        from_date=today,
        actor=actor,
        now=now,
    )


async def _follow(
    session: AsyncSession,
    *,
    severities: set[TicketClass],
    applies_to: AppliesTo = AppliesTo.ALL,
    from_date: date | None = None,
    actor: str,
    now: datetime,
) -> int:
    """Running tickets whose clocks began in time follow the rules as they are now."""
    book = await repository.open_book(session, severities=severities)
    tickets = await repository.lock_running(
        session,
        severities=severities,
        customer_kinds=None if applies_to is AppliesTo.ALL else [applies_to.value],
        started_from=None if from_date is None else local_instant(from_date, time()),
    )
    try:
        for kind in (AppliesTo.HOUSEHOLD, AppliesTo.SCHOOL):
            for severity in severities:
                book.pick(severity=severity, customer_kind=kind.value, at=now).clocks(now)
        return await reschedule(session, tickets, book=book, actor=actor, now=now)
    except ValueError as error:
        raise CalendarHardlyOpen from error


async def list_calendars(session: AsyncSession) -> list[CalendarView]:
    """All calendars by name."""
    found = await rows.list_calendars(session)
    ids = [calendar.id for calendar in found]
    hours = await rows.read_hours(session, calendar_ids=ids)
    days = await rows.list_days(session, calendar_ids=ids)
    return [
        CalendarView(
            calendar=calendar,
            hours=hours[calendar.id],
            days=[day for day in days if day.calendar_id == calendar.id],
        )
        for calendar in found
    ]


async def add_calendar(session: AsyncSession, *, written: CalendarText, now: datetime) -> UUID:
    """Write down a calendar that rules may name; raises CalendarNameTaken."""
    calendar = await rows.add_calendar(session, name=written.name, now=now)
    await rows.replace_hours(
        session, calendar_id=calendar.id, hours=written.hours, notes=written.notes
    )
    return calendar.id


async def change_calendar(
    session: AsyncSession, *, calendar_id: UUID, written: CalendarText, actor: str, now: datetime
) -> int:
    """Write a calendar anew; running tickets on it follow. Answers how many deadlines moved.

    Raises CalendarUnknown, CalendarNameTaken, CalendarHardlyOpen.
    """
    calendar = await rows.lock_calendar(session, calendar_id)
    calendar.name, calendar.changed_at = written.name, now
    await rows.flush_calendar(session)
    await rows.replace_hours(
        session, calendar_id=calendar_id, hours=written.hours, notes=written.notes
    )
    severities = await rows.classes_on(session, calendar_id=calendar_id)
    if not severities:
        return 0
    return await _follow(session, severities=severities, actor=actor, now=now)
