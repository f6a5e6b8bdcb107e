"""From which day a change can take effect: by table and by Hypothesis."""

from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.db import Database
from app.network.models import PlanDay, PlanDayState
from app.network.rules import StationDays, is_festival
from app.network.service import first_open_date, list_closed_dates, read_station_days
from tests.factories.world import MORNING, TODAY, World

DAY = timedelta(days=1)
NEW_YEARS_EVE = date(2026, 2, 16)
"""The Spring Festival of 2026 lasts from the 15th to the 23rd of February."""


class Made(NamedTuple):
    """A day of a station."""

    service_date: date
    is_open: bool
    cutoff_at: datetime


def day(at: date, *, is_open: bool = True, hour: int = 8) -> Made:
    """A service date whose cut-off is 16:00 in Shanghai (8:00 UTC) of the day before."""
    cutoff = datetime(at.year, at.month, at.day, hour, tzinfo=UTC) - DAY
    return Made(at, is_open, cutoff)


def takes_changes(one: Made, now: datetime) -> bool:
    return one.is_open and one.cutoff_at > now


def fortnight(first: date, *, closed: set[date] | None = None, now: datetime) -> StationDays:
    shut = closed or set()
    days = [day(first + DAY * step, is_open=first + DAY * step not in shut) for step in range(21)]
    return StationDays(days, now=now)


@pytest.mark.parametrize(
    ("what", "now", "lead_days", "wished", "closed", "expected"),
    [
        ("before the cut-off: tomorrow", (3, 15, 2), 0, None, [], (3, 16)),
        ("a second before it", (3, 15, 7, 59, 59), 0, None, [], (3, 16)),
        ("at the cut-off: the day after", (3, 15, 8), 0, None, [], (3, 17)),
        ("a wished day is kept", (3, 15, 2), 0, (3, 20), [], (3, 20)),
        ("a wished day that is over is not", (3, 15, 9), 0, (3, 15), [], (3, 17)),
        ("a withdrawn day is passed over", (3, 15, 2), 0, None, [(3, 16), (3, 17)], (3, 18)),
        ("lead days are whole days", (3, 15, 2), 2, None, [], (3, 18)),
        ("and count over withdrawn ones", (3, 15, 2), 2, None, [(3, 17)], (3, 18)),
        ("lead days end on an open day", (3, 15, 2), 2, None, [(3, 18)], (3, 19)),
        ("fresh milk comes in a festival too", (2, 16, 2), 0, None, [], (2, 17)),
        ("lead days wait for the festival's end", (2, 16, 2), 1, None, [], (2, 25)),
        ("lead days before a festival are ordinary", (2, 11, 2), 2, None, [], (2, 14)),
        ("no day is open: nothing is promised", (3, 15, 2), 0, (12, 1), [], None),
    ],
)
def test_the_promise(
    what: str,
    now: tuple[int, ...],
    lead_days: int,
    wished: tuple[int, int] | None,
    closed: list[tuple[int, int]],
    expected: tuple[int, int] | None,
) -> None:
    at = datetime(2026, *now, tzinfo=UTC)  # type: ignore[misc, arg-type]  # month, day, hour, …
    days = fortnight(at.date(), closed={date(2026, *one) for one in closed}, now=at)
    found = days.first_effective_date(
        lead_days=lead_days, wished=None if wished is None else date(2026, *wished)
    )
    assert found == (None if expected is None else date(2026, *expected)), what


@pytest.mark.parametrize(
    ("on", "expected"),
    [
        (NEW_YEARS_EVE, True),
        (date(2026, 10, 1), True),
        (date(2026, 3, 15), False),
        (date(2026, 2, 28), False),
        (date(1998, 1, 1), False),
        (date(2099, 10, 1), False),
    ],
)
def test_festivals_are_those_published(on: date, expected: bool) -> None:
    assert is_festival(on) is expected


@given(
    shut=st.sets(st.integers(0, 20), max_size=12),
    festivals=st.sets(st.integers(0, 60), max_size=12),
    lead_days=st.integers(0, 6),
    wished=st.none() | st.integers(-3, 25),
    hour=st.integers(0, 23),
)
def test_a_promised_day_is_open_late_enough_and_the_first_such(
    shut: set[int], festivals: set[int], lead_days: int, wished: int | None, hour: int
) -> None:
    first = date(2026, 6, 1)
    now = datetime(2026, 6, 1, hour, tzinfo=UTC)
    made = [day(first + DAY * step, is_open=step not in shut) for step in range(21)]
    holy = {first + DAY * step for step in festivals}
    days = StationDays(reversed(made), now=now, is_festival=holy.__contains__)
    want = None if wished is None else first + DAY * wished
    found = days.first_effective_date(lead_days=lead_days, wished=want)
    start = next(one.service_date for one in made if one.cutoff_at > now)

    def good(one: Made) -> bool:
        produced = [
            start + DAY * step
            for step in range((one.service_date - start).days)
            if start + DAY * step not in holy
        ]
        return (
            takes_changes(one, now)
            and len(produced) >= lead_days
            and (want is None or one.service_date >= want)
        )

    assert found == next((one.service_date for one in made if good(one)), None)
    assert days.closed == {one.service_date for one in made if not takes_changes(one, now)}
    if found is not None and lead_days:
        sooner = days.first_effective_date(lead_days=lead_days - 1, wished=want)
        assert sooner is not None
        assert sooner <= found


async def test_the_database_says_the_same(database: Database, world: World) -> None:
    """The short way of everyday orders and the calculator agree, before and after a cut-off."""
    async with database.transaction() as session:
        for ahead, state in ((2, PlanDayState.WITHDRAWN), (3, PlanDayState.FROZEN)):
            row = await session.get(PlanDay, (world.station_id, TODAY + DAY * ahead))
            assert row is not None
            row.state = state
        await session.flush()
        for now in (MORNING, MORNING + timedelta(hours=7)):
            days = await read_station_days(session, station_id=world.station_id, now=now)
            closed = await list_closed_dates(
                session, station_id=world.station_id, from_date=TODAY, now=now
            )
            assert days.closed == closed
            for wished in (None, TODAY, TODAY + DAY * 2, TODAY + DAY * 9):
                assert days.first_effective_date(lead_days=0, wished=wished) == (
                    await first_open_date(
                        session, station_id=world.station_id, now=now, lead_days=0, wished=wished
                    )
                )
        assert await first_open_date(
            session, station_id=world.station_id, now=MORNING, lead_days=1
        ) == TODAY + timedelta(days=4)
