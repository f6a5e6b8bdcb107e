"""Clocks of a ticket, the calendar they may run on, and the order of the queue (S1 4.5.2; S2 3.4).

Two clocks, never mixed: the first answer by a person, and the handling. Without a calendar they run
on the wall, 24 hours a day, on weekends and holidays too: the hotline never closes (S1 4.5.1.1).
"""

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from app.aftersales.states import (
    CATEGORY_LABELS,
    KIND_LABELS,
    AppliesTo,
    Handling,
    Team,
    TicketCategory,
    TicketClass,
    TicketKind,
)
from app.core.clock import local_date, local_instant
from app.identity.models import Role

STANDARD_HOURS = timedelta(hours=24)
"""Within which a ticket is handled (S1 4.5.2.2); whatever is promised, later needs its reason."""
DUE_SOON = timedelta(hours=4)
AGENT_CREDIT_LIMIT_FEN = 50_00
"""Largest credit of one compensation that a service agent grants alone."""
_LONGEST_SEARCH_DAYS = 366 * 2
_ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Hours:
    """Open from one minute of the operator's day to another (0 to 1440)."""

    opens_minute: int
    closes_minute: int


@dataclass(frozen=True, slots=True)
class OpenHours:
    """Hours by weekday (0 = Monday) and days that differ; None is a holiday."""

    weekdays: Mapping[int, Hours]
    days: Mapping[date, Hours | None]

    def on(self, day: date) -> Hours | None:
        """Hours of a day; None when closed."""
        return self.days[day] if day in self.days else self.weekdays.get(day.weekday())

    def after(self, start: datetime, span: timedelta) -> datetime:
        """The instant at which `span` of open time has passed since `start`.

        Time outside of the hours does not count, so what arrives at night begins in the morning.
        Raises ValueError when two years hold too few open hours.
        """
        left, day = span, local_date(start)
        for _ in range(_LONGEST_SEARCH_DAYS):
            hours = self.on(day)
            if hours is not None:
                opens = max(start, _instant(day, hours.opens_minute))
                open_for = _instant(day, hours.closes_minute) - opens
                if left <= open_for:
                    return opens + left
                left -= max(open_for, timedelta())
            day += _ONE_DAY
        raise ValueError("the calendar is hardly ever open")


def _instant(day: date, minute: int) -> datetime:
    return local_instant(day, time()) + timedelta(minutes=minute)


@dataclass(frozen=True, slots=True)
class Level:
    """Escalation of a ticket that still runs after so much of its handling clock."""

    level: int
    after: timedelta
    to_role: Role | None = None
    to_team: Team | None = None


@dataclass(frozen=True, slots=True)
class Clocks:
    """When a ticket's clocks run out, and when it is escalated to whom."""

    answer_due_at: datetime
    due_at: datetime
    escalations: tuple[tuple[Level, datetime], ...]


@dataclass(frozen=True, slots=True)
class Promise:
    """What holds for a ticket: how long each clock may run, on which hours, and who is told."""

    answer_within: timedelta
    handle_within: timedelta
    visit_within: timedelta
    needs_call_back: bool
    levels: tuple[Level, ...]
    hours: OpenHours | None = None

    def after(self, start: datetime, span: timedelta) -> datetime:
        """`span` later, on the promise's hours (UTC)."""
        return start + span if self.hours is None else self.hours.after(start, span)

    def clocks(self, start: datetime) -> Clocks:
        """The clocks of a ticket whose handling begins at `start` (UTC)."""
        return Clocks(
            answer_due_at=self.after(start, self.answer_within),
            due_at=self.after(start, self.handle_within),
            escalations=tuple((level, self.after(start, level.after)) for level in self.levels),
        )


def applying(customer_kind: str) -> tuple[AppliesTo, AppliesTo]:
    """Whose rules hold for a kind of customer, the closest first."""
    return AppliesTo(customer_kind), AppliesTo.ALL


def is_late(*, due_at: datetime, at: datetime) -> bool:
    """Whether `at` is past the end of a clock; the last instant is still in time."""
    return at > due_at


def needs_reason(*, started_at: datetime, due_at: datetime, at: datetime) -> bool:
    """Whether a result at `at` is an exception: past the promise, or past the standard's hours."""
    return is_late(due_at=due_at, at=at) or is_late(due_at=started_at + STANDARD_HOURS, at=at)


def handling_of(severity: TicketClass, wanted: Handling | None) -> Handling:
    """How a ticket is worked: `urgent` is always an emergency, other classes as somebody says."""
    if severity is TicketClass.URGENT:
        return Handling.EMERGENCY
    return wanted or Handling.COMMON


def queue_rank(*, severity: TicketClass, is_food_safety: bool) -> int:
    """Place in the queue before any due time: urgent and food safety first (S2 3.4)."""
    if is_food_safety or severity is TicketClass.URGENT:
        return 0
    return 1 if severity is TicketClass.MAJOR else 2


def subject_of(*, kind: TicketKind, category: TicketCategory, service_date: date | None) -> str:
    """Title of a ticket for lists, without a word of the customer's."""
    about = f"{KIND_LABELS[kind]}：{CATEGORY_LABELS[category]}"
    return about if service_date is None else f"{about}（{service_date.isoformat()}）"


_TITLES = ("先生", "女士", "小姐", "老师", "阿姨", "叔叔")


def salutation(name: str | None) -> str:
    """How an answer addresses a customer: the surname and a title, no more of the name."""
    plain = (name or "").strip()
    if not plain:
        return "顾客"
    for title in _TITLES:
        if plain.endswith(title) and len(plain) > len(title):
            return plain[0] + title
    return f"{plain[0]}先生/女士"


def minutes(count: int) -> timedelta:
    """A span of minutes."""
    return timedelta(minutes=count)


def levels_in_order(levels: Iterable[Level]) -> tuple[Level, ...]:
    """Levels by number; raises ValueError unless they are 1, 2, … and each later than the last."""
    found = tuple(sorted(levels, key=lambda level: level.level))
    if [level.level for level in found] != list(range(1, len(found) + 1)):
        raise ValueError("levels are numbered 1, 2, …")
    if any(first.after >= second.after for first, second in itertools.pairwise(found)):
        raise ValueError("each level comes later than the one before")
    return found
