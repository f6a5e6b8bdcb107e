"""Service calendars, escalation levels, salutations and placeholders on paper."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.aftersales.errors import PlaceholderEmpty, PlaceholderUnknown
from app.aftersales.placeholders import Placeholder, fill, placeholders_of
from app.aftersales.rules import (
    Hours,
    Level,
    OpenHours,
    handling_of,
    levels_in_order,
    needs_reason,
    salutation,
)
from app.aftersales.states import Handling, TicketClass
from app.core.clock import OPERATOR_ZONE
from app.identity.models import Role

HOUR = timedelta(hours=1)
NINE_TO_SIX = Hours(9 * 60, 18 * 60)
WORKDAYS = OpenHours(weekdays=dict.fromkeys(range(5), NINE_TO_SIX), days={})
MONDAY = date(2026, 3, 16)


def shanghai(day: date, hour: int, minute: int = 0) -> datetime:
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=OPERATOR_ZONE)


@pytest.mark.parametrize(
    ("start", "hours", "due"),
    [
        pytest.param((16, 10), 4, (16, 14), id="within a day"),
        pytest.param((16, 16), 4, (17, 11), id="over night"),
        pytest.param((16, 2), 4, (16, 13), id="entered at two in the morning: from nine on"),
        pytest.param((16, 20), 1, (17, 10), id="entered after hours"),
        pytest.param((20, 17), 2, (23, 10), id="over the weekend"),
        pytest.param((21, 12), 9, (23, 18), id="entered on a Saturday: all of Monday"),
        pytest.param((16, 9), 9, (16, 18), id="ends as the doors close, not as they open"),
        pytest.param((16, 18), 1, (17, 10), id="entered as the doors close"),
    ],
)
def test_a_clock_runs_in_open_hours_only(
    start: tuple[int, int], hours: int, due: tuple[int, int]
) -> None:
    at = shanghai(date(2026, 3, start[0]), start[1])
    assert WORKDAYS.after(at, hours * HOUR) == shanghai(date(2026, 3, due[0]), due[1])


def test_holidays_count_nothing_and_worked_weekends_count() -> None:
    """The whole of a festival is left out, the Saturday worked in its place is not."""
    festival = {date(2026, 3, day): None for day in range(17, 20)}
    hours = OpenHours(WORKDAYS.weekdays, {**festival, date(2026, 3, 21): NINE_TO_SIX})
    start = shanghai(MONDAY, 17)
    assert hours.after(start, 2 * HOUR) == shanghai(date(2026, 3, 20), 10)
    assert hours.after(start, 11 * HOUR) == shanghai(date(2026, 3, 21), 10)


def test_open_round_the_clock_is_the_wall() -> None:
    always = OpenHours(dict.fromkeys(range(7), Hours(0, 1440)), {})
    start = datetime(2026, 12, 31, 15, 59, 59, tzinfo=UTC)
    assert always.after(start, 24 * HOUR) == start + 24 * HOUR


def test_a_calendar_that_never_opens_is_refused() -> None:
    with pytest.raises(ValueError, match="hardly ever"):
        OpenHours({}, {}).after(shanghai(MONDAY, 9), HOUR)


@given(st.integers(0, 14 * 24 * 60), st.integers(1, 60 * 100), st.integers(1, 600))
def test_more_time_is_never_due_earlier(minute: int, span: int, more: int) -> None:
    start = shanghai(MONDAY, 0) + timedelta(minutes=minute)
    first = WORKDAYS.after(start, timedelta(minutes=span))
    assert first >= start + timedelta(minutes=span)
    assert first < WORKDAYS.after(start, timedelta(minutes=span + more))


def test_levels_come_one_after_the_other() -> None:
    one = Level(1, HOUR, Role.MANAGER)
    two = Level(2, 2 * HOUR, Role.QUALITY)
    assert levels_in_order([two, one]) == (one, two)
    for wrong in ([two], [one, Level(2, HOUR, Role.QUALITY)], [one, one]):
        with pytest.raises(ValueError, match="level"):
            levels_in_order(wrong)


def test_a_long_promise_does_not_spare_the_reason_after_twenty_four_hours() -> None:
    start = shanghai(MONDAY, 9)
    promised = start + 72 * HOUR
    assert not needs_reason(started_at=start, due_at=promised, at=start + 24 * HOUR)
    assert needs_reason(started_at=start, due_at=promised, at=start + 25 * HOUR)
    assert needs_reason(started_at=start, due_at=start + 2 * HOUR, at=start + 3 * HOUR)


def test_urgent_implies_emergency() -> None:
    assert handling_of(TicketClass.URGENT, Handling.COMMON) is Handling.EMERGENCY
    assert handling_of(TicketClass.GENERAL, Handling.COMPLEX) is Handling.COMPLEX
    assert handling_of(TicketClass.MAJOR, None) is Handling.COMMON


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (None, "顾客"),
        (" ", "顾客"),
        ("王小明", "王先生/女士"),
        ("王女士", "王女士"),
        ("先生", "先先生/女士"),
    ],
)
def test_a_salutation_gives_away_no_more_than_the_surname(name: str | None, said: str) -> None:
    assert salutation(name) == said


def test_placeholders_are_filled_once_and_nothing_else_is() -> None:
    text = "{顾客称呼}您好，单号{ 工单号 }"
    assert placeholders_of(text) == {Placeholder.SALUTATION, Placeholder.TICKET_NO}
    values = {Placeholder.SALUTATION: "{奶站}", Placeholder.TICKET_NO: "A1"}
    assert fill(text, values) == "{奶站}您好，单号A1"
    with pytest.raises(PlaceholderEmpty) as empty:
        fill("{送达时间}{奶站}", {})
    assert empty.value.facts["missing"] == ["奶站", "送达时间"]


@pytest.mark.parametrize("text", ["{电话}", "{}", "{工单号", "工单号}", "{{工单号}}"])
def test_what_nobody_can_fill_in_is_refused(text: str) -> None:
    with pytest.raises(PlaceholderUnknown):
        placeholders_of(text)
