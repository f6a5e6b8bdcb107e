"""What is said of a round before 07:00."""

from datetime import timedelta
from decimal import Decimal

import pytest

from app.kpi.morning.rules import Counts, Outlook, Pulse, Risk, curve, limit_of, look_ahead, project
from tests.factories.world import TODAY

SEVEN = limit_of(TODAY)
MINUTE = timedelta(minutes=1)
NEVER = Pulse()


def pulse(first: int, last: int, heard: int | None = None) -> Pulse:
    """Taps and hearing, in minutes before 07:00."""
    return Pulse(SEVEN - first * MINUTE, SEVEN - last * MINUTE, SEVEN - (heard or last) * MINUTE)


def look(counts: Counts, seen: Pulse = NEVER, *, before: int = 0) -> Outlook:
    """The outlook so many minutes before 07:00, held against 95 percent."""
    now = SEVEN - before * MINUTE
    return look_ahead(counts, seen, limit_at=SEVEN, now=now, target=Decimal(95))


def test_a_block_goes_on_at_its_own_pace() -> None:
    going = Counts(due=100, made=61, on_time=61, still_open=39)
    assert project(going, pulse(90, 60), limit_at=SEVEN) == 100, "sixty in thirty minutes"
    assert project(going, pulse(180, 30), limit_at=SEVEN) == 73, "twelve more in thirty"


def test_stops_that_fail_now_are_expected_to_fail_later() -> None:
    going = Counts(due=100, made=30, on_time=30, failed=30, still_open=40)
    assert project(going, pulse(119, 60), limit_at=SEVEN) == 50


def test_a_phone_that_spoke_and_told_of_nothing_new_has_slowed_down() -> None:
    going = Counts(due=41, made=21, on_time=21, still_open=20)
    assert project(going, pulse(80, 60), limit_at=SEVEN) == 41
    assert project(going, pulse(80, 60, heard=40), limit_at=SEVEN) == 41
    assert project(going, pulse(80, 60, heard=20), limit_at=SEVEN) == 27


def test_nobody_can_say_before_there_is_a_pace() -> None:
    assert project(Counts(due=9, still_open=9), Pulse(), limit_at=SEVEN) is None
    assert (
        project(Counts(due=9, made=1, on_time=1, still_open=8), pulse(60, 60), limit_at=SEVEN)
        is None
    )


def test_after_seven_what_was_told_is_what_counts() -> None:
    told = Counts(due=10, made=9, on_time=9, still_open=1)
    assert project(told, pulse(60, 5, heard=-3), limit_at=SEVEN) == 9
    assert project(Counts(due=10, made=10, on_time=8, late=2), pulse(60, -9), limit_at=SEVEN) == 8


@pytest.mark.parametrize(
    ("due", "before", "risky"),
    [(10, 91, False), (10, 90, True), (100, 151, False), (100, 150, True), (100, -60, True)],
)
def test_a_round_must_begin_while_its_stops_still_fit(due: int, before: int, risky: bool) -> None:
    seen = look(Counts(due=due, still_open=due), before=before)
    assert seen.risks == ((Risk.NOT_STARTED,) if risky else ())
    assert seen.at_risk == (due if risky else 0)


def test_a_silent_phone_is_offline_after_half_an_hour() -> None:
    going = Counts(due=20, made=19, on_time=19, still_open=1)
    assert look(going, pulse(90, 40), before=11).risks == ()
    seen = look(going, pulse(90, 40), before=10)
    assert (seen.risks, seen.offline_since) == ((Risk.OFFLINE,), SEVEN - 40 * MINUTE)
    done = Counts(due=20, made=20, on_time=20)
    assert look(done, pulse(90, 40), before=-600).risks == ()


def test_behind_its_pace_and_failed() -> None:
    seen = look(
        Counts(due=100, made=20, on_time=20, failed=1, still_open=79), pulse(60, 30), before=30
    )
    assert seen.risks == (Risk.BEHIND_PACE, Risk.FAILED_STOPS)
    assert (seen.projected, seen.at_risk) == (39, 61)


def test_nothing_due_is_no_risk() -> None:
    assert look(Counts(withdrawn=4)).risks == ()


def test_the_curve_runs_without_gaps_to_the_last_stop_made() -> None:
    midnight = SEVEN - timedelta(hours=7)
    points = curve({27: 2, 29: 2}, due=5, midnight=midnight, now=SEVEN)
    assert [(point.made, point.share) for point in points] == [
        (2, Decimal(40)), (2, Decimal(40)), (4, Decimal(80)),
    ]  # fmt: skip
    assert points[-1].at == midnight + 300 * MINUTE
    assert curve({}, due=5, midnight=midnight, now=SEVEN) == []
