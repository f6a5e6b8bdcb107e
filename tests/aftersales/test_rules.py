"""Clocks and queue on paper."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.aftersales.rules import (
    Promise,
    is_late,
    queue_rank,
    subject_of,
)
from app.aftersales.states import (
    TICKET_MOVES,
    TicketCategory,
    TicketClass,
    TicketKind,
    TicketStatus,
)

HOUR = timedelta(hours=1)
DAY = timedelta(hours=24)
ALWAYS = Promise(
    answer_within=DAY, handle_within=DAY, visit_within=2 * DAY, needs_call_back=True, levels=()
)


@pytest.mark.parametrize(
    "received_at",
    [
        datetime(2026, 3, 15, 2, 0, tzinfo=UTC),
        datetime(2026, 2, 16, 15, 59, 59, tzinfo=UTC),  # the eve of the Spring Festival
        datetime(2026, 12, 31, 15, 59, 59, tzinfo=UTC),  # a second before the new year in Shanghai
        datetime(2028, 2, 28, 16, 30, tzinfo=UTC),  # into 29 February
        datetime(2026, 3, 28, 18, 30, tzinfo=UTC),  # 2:30 on a Sunday when others change clocks
    ],
)
def test_twenty_four_hours_are_twenty_four_hours(received_at: datetime) -> None:
    """No calendar, no opening hours, no holiday: the clock runs on the wall."""
    clocks = ALWAYS.clocks(received_at)
    assert clocks.answer_due_at - received_at == DAY
    assert clocks.due_at - received_at == DAY


@given(st.integers(0, 60 * 365 * 86_400))
def test_a_later_ticket_is_never_due_before_an_earlier_one(seconds: int) -> None:
    received_at = datetime(2021, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    later = received_at + timedelta(microseconds=1)
    assert ALWAYS.clocks(received_at).due_at < ALWAYS.clocks(later).due_at


def test_the_last_instant_is_in_time() -> None:
    due = datetime(2026, 3, 16, 2, 0, tzinfo=UTC)
    assert not is_late(due_at=due, at=due)
    assert is_late(due_at=due, at=due + timedelta(microseconds=1))


def test_food_safety_stands_with_the_urgent_ones() -> None:
    def rank(severity: TicketClass, *, food: bool = False) -> int:
        return queue_rank(severity=severity, is_food_safety=food)

    assert rank(TicketClass.GENERAL, food=True) == rank(TicketClass.URGENT)
    assert rank(TicketClass.URGENT) < rank(TicketClass.MAJOR) < rank(TicketClass.GENERAL)


def test_a_subject_says_what_it_is_about() -> None:
    subject = subject_of(
        kind=TicketKind.COMPLAINT,
        category=TicketCategory.LEAKING,
        service_date=date(2026, 3, 15),
    )
    assert subject == "投诉：漏奶破损（2026-03-15）"


@pytest.mark.parametrize("current", TicketStatus)
@pytest.mark.parametrize("wanted", TicketStatus)
def test_moves(current: TicketStatus, wanted: TicketStatus) -> None:
    allowed = {
        ("open", "answered"),
        ("open", "resolved"),
        ("open", "merged"),
        ("answered", "resolved"),
        ("answered", "merged"),
        ("resolved", "closed"),
        ("resolved", "answered"),
        ("closed", "answered"),
    }
    assert TICKET_MOVES.allows(current, wanted) == ((current.value, wanted.value) in allowed)
