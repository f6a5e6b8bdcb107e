"""Shapes of SLA rules and service calendars."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import Field, model_validator

from app.aftersales.promises import CalendarText, CalendarView, RuleText, RuleView
from app.aftersales.rules import Hours, Level, OpenHours, minutes
from app.aftersales.states import AppliesTo, Team, TicketClass
from app.core.ids import public_single, read_single
from app.core.schemas import Answer, Request, ShortText
from app.identity.access import STAFF
from app.identity.models import Role

Minutes = Annotated[int, Field(ge=1, le=43_200, strict=True)]
"""Up to 30 days."""
Day = Annotated[date, Field(ge=date(2000, 1, 1), le=date(2100, 1, 1))]
ClockText = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$|^24:00$")]


class LevelIn(Request):
    """A ticket that still runs after so long is told to a role or a team: exactly one."""

    after_minutes: Minutes
    to_role: Role | None = None
    to_team: Team | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.to_role is None) == (self.to_team is None):
            raise ValueError("give to_role or to_team")
        if self.to_role is not None and self.to_role not in STAFF:
            raise ValueError("a ticket is escalated to staff")
        return self


class RuleIn(Request):
    """What is promised for a class of tickets from a day on; levels in their order.

    `applies_to` all, household or school; the closer rule wins. Without `calendar_id` clocks run 24
    hours a day. `needs_call_back` false: the customer's own score by link closes as well.
    """

    severity: TicketClass
    applies_to: AppliesTo = AppliesTo.ALL
    from_date: Day
    answer_minutes: Minutes = 1440
    handle_minutes: Minutes = 1440
    visit_minutes: Minutes = 2880
    needs_call_back: bool = True
    calendar_id: Annotated[ShortText, Field(max_length=80)] | None = None
    levels: Annotated[list[LevelIn], Field(max_length=9)]

    def text(self) -> RuleText:
        """The domain's value; raises NotFound for a malformed calendar id."""
        return RuleText(
            **self.model_dump(exclude={"calendar_id", "levels"}),
            calendar_id=None if self.calendar_id is None else read_single("cal", self.calendar_id),
            levels=[
                Level(number, minutes(level.after_minutes), level.to_role, level.to_team)
                for number, level in enumerate(self.levels, start=1)
            ],
        )


class LevelOut(Answer):
    """One level."""

    level: int
    after_minutes: int
    to_role: Role | None
    to_team: Team | None


class RuleOut(Answer):
    """A rule with its days, both included; null is without end."""

    id: str
    severity: TicketClass
    applies_to: AppliesTo
    from_date: date | None
    until_date: date | None
    answer_minutes: int
    handle_minutes: int
    visit_minutes: int
    needs_call_back: bool
    calendar_id: str | None
    calendar: str | None
    levels: list[LevelOut]


class RulesOut(Answer):
    """Every rule ever in force, by class, customers and date."""

    items: list[RuleOut]


class RuleSetOut(Answer):
    """The rule that was set, and how many running tickets got another deadline."""

    id: str
    moved: int


class MovedOut(Answer):
    """How many running tickets got another deadline."""

    moved: int


class HoursIn(Request):
    """Open from one time to another of the operator's day; 24:00 is its end."""

    opens: ClockText
    closes: ClockText

    @model_validator(mode="after")
    def _forward(self) -> Self:
        if minute_of(self.opens) >= minute_of(self.closes):
            raise ValueError("opens comes before closes")
        return self

    def hours(self) -> Hours:
        """The domain's value."""
        return Hours(minute_of(self.opens), minute_of(self.closes))


class DayIn(Request):
    """A day that differs: a holiday without hours, or a day worked in its place with its hours."""

    day: Day
    hours: HoursIn | None = None
    note: ShortText | None = None


class CalendarIn(Request):
    """Hours from Monday to Sunday (null: closed) and the days that differ."""

    name: ShortText
    weekdays: Annotated[list[HoursIn | None], Field(min_length=7, max_length=7)]
    days: Annotated[list[DayIn], Field(max_length=800, default_factory=list)]

    @model_validator(mode="after")
    def _usable(self) -> Self:
        if not any(self.weekdays):
            raise ValueError("at least one weekday is open")
        if len({one.day for one in self.days}) < len(self.days):
            raise ValueError("each day once")
        return self

    def text(self) -> CalendarText:
        """The domain's value."""
        return CalendarText(
            name=self.name,
            hours=OpenHours(
                weekdays={weekday: one.hours() for weekday, one in enumerate(self.weekdays) if one},
                days={one.day: one.hours.hours() if one.hours else None for one in self.days},
            ),
            notes={one.day: one.note for one in self.days if one.note is not None},
        )


class HoursOut(Answer):
    """Hours of a day."""

    opens: str
    closes: str


class DayOut(Answer):
    """A day that differs."""

    day: date
    hours: HoursOut | None
    note: str | None


class CalendarOut(Answer):
    """A service calendar."""

    id: str
    name: str
    changed_at: datetime
    weekdays: list[HoursOut | None]
    days: list[DayOut]


class CalendarsOut(Answer):
    """All calendars by name."""

    items: list[CalendarOut]


class CalendarSetOut(Answer):
    """The calendar that was written, and how many running tickets got another deadline."""

    id: str
    moved: int


def minute_of(text: str) -> int:
    """Minute of the day of HH:MM."""
    hour, _, minute = text.partition(":")
    return int(hour) * 60 + int(minute)


def _hours_out(opens: int | None, closes: int | None) -> HoursOut | None:
    if opens is None or closes is None:
        return None
    return HoursOut(opens=_clock(opens), closes=_clock(closes))


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def present_rules(views: Sequence[RuleView]) -> RulesOut:
    """Every rule."""
    return RulesOut(items=[_rule(view) for view in views])


def _rule(view: RuleView) -> RuleOut:
    rule = view.rule
    upper = rule.valid.upper
    return RuleOut(
        id=public_single("sla", rule.id),
        severity=rule.severity,
        applies_to=rule.applies_to,
        from_date=rule.valid.lower,
        until_date=None if upper is None else date.fromordinal(upper.toordinal() - 1),
        answer_minutes=rule.answer_minutes,
        handle_minutes=rule.handle_minutes,
        visit_minutes=rule.visit_minutes,
        needs_call_back=rule.needs_call_back,
        calendar_id=_calendar_id(rule.calendar_id),
        calendar=view.calendar,
        levels=[
            LevelOut(
                level=level.level,
                after_minutes=int(level.after.total_seconds() // 60),
                to_role=level.to_role,
                to_team=level.to_team,
            )
            for level in view.levels
        ],
    )


def _calendar_id(calendar_id: UUID | None) -> str | None:
    return None if calendar_id is None else public_single("cal", calendar_id)


def present_calendars(views: Sequence[CalendarView]) -> CalendarsOut:
    """All calendars."""
    return CalendarsOut(items=[_calendar(view) for view in views])


def _calendar(view: CalendarView) -> CalendarOut:
    weekdays = [view.hours.weekdays.get(weekday) for weekday in range(7)]
    return CalendarOut(
        id=public_single("cal", view.calendar.id),
        name=view.calendar.name,
        changed_at=view.calendar.changed_at,
        weekdays=[
            None if one is None else _hours_out(one.opens_minute, one.closes_minute)
            for one in weekdays
        ],
        days=[
            DayOut(
                day=one.day, hours=_hours_out(one.opens_minute, one.closes_minute), note=one.note
            )
            for one in view.days
        ],
    )
