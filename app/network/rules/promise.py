"""The date-promise calculator: from which day a change can take effect at a station.

One answer for households, the desk, deliverers and the API, computed from the station's days as
they stand (cut-offs, frozen days, the operator's closures), the product's lead days and the
festivals of the state's calendar. Pure: nothing is read and nothing is locked.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from operator import itemgetter

import chinese_calendar

from app.network.rules.periods import ONE_DAY

IsFestival = Callable[[date], bool]


def is_festival(day: date) -> bool:
    """Whether a day belongs to a statutory festival, which weekends alone are not.

    Years the published calendar does not hold have no festivals: the operator withdraws days there.
    """
    try:
        is_holiday, name = chinese_calendar.get_holiday_detail(day)
    except NotImplementedError:
        return False
    return bool(is_holiday) and name is not None


def find_year_without_festivals(first: date, last: date) -> int | None:
    """The first year of these days that the published calendar does not hold yet."""
    for year in range(first.year, last.year + 1):
        try:
            chinese_calendar.get_holiday_detail(date(year, 1, 1))
        except NotImplementedError:
            return year
    return None


StationDay = tuple[date, bool, datetime]
"""One service date of a station: `(service_date, is_open, cutoff_at)`; open unless frozen or
withdrawn."""


class StationDays:
    """The days of a station that are made, as they stand at an instant."""

    def __init__(
        self,
        days: Iterable[StationDay],
        *,
        now: datetime,
        is_festival: IsFestival = is_festival,
    ) -> None:
        self._days = sorted(days, key=itemgetter(0))
        self._is_festival = is_festival
        self.first_ahead: date | None = None
        """The first date whose cut-off has not passed, open or not."""
        self._open: list[date] = []
        closed: list[date] = []
        for service_date, is_open, cutoff_at in self._days:
            is_ahead = cutoff_at > now
            if is_ahead and self.first_ahead is None:
                self.first_ahead = service_date
            (self._open if is_open and is_ahead else closed).append(service_date)
        self.closed = frozenset(closed)
        """Dates that take no changes: frozen, withdrawn or past their cut-off."""

    def cutoff_of(self, day: date) -> datetime | None:
        """Until when changes of a day are taken; None for a day that is not made."""
        return next((cutoff_at for at, _, cutoff_at in self._days if at == day), None)

    def first_effective_date(self, *, lead_days: int, wished: date | None = None) -> date | None:
        """The first day a change can take effect on; None when no day is open.

        It lies `lead_days` behind the first day whose cut-off is ahead, not before `wished`, and
        on an open day. Lead days are days on which the dairy produces: festivals do not count.
        """
        if self.first_ahead is None:
            return None
        earliest = self._after_lead(self.first_ahead, lead_days)
        if wished is not None:
            earliest = max(earliest, wished)
        return next((day for day in self._open if day >= earliest), None)

    def _after_lead(self, day: date, lead_days: int) -> date:
        left = lead_days
        while left > 0:
            left -= not self._is_festival(day)
            day += ONE_DAY
        return day


def joined_days(
    parts: Sequence[tuple[date, Iterable[StationDay]]], *, now: datetime
) -> StationDays:
    """The days of stations that follow each other, each from a date on, in that order."""
    days: list[StationDay] = []
    for number, (first, known) in enumerate(parts):
        until = parts[number + 1][0] if number + 1 < len(parts) else date.max
        days += [day for day in known if first <= day[0] < until]
    return StationDays(days, now=now)


def first_date_of_move(
    before: StationDays, after: StationDays, *, lead_days: int, wished: date | None = None
) -> date | None:
    """The first day on which another station can bring; None when it has no open day.

    It is open there, `lead_days` are kept, and it is not frozen at the station before, which would
    bring it as well.
    """
    if before.first_ahead is not None:
        wished = before.first_ahead if wished is None else max(wished, before.first_ahead)
    return after.first_effective_date(lead_days=lead_days, wished=wished)
