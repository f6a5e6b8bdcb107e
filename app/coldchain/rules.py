"""Limits and slots of the cold chain (S1 4.4.3-4.4.6). Temperatures are °C."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum

from app.core.clock import local_instant
from app.core.partitions import MONTHS_BACK, month_after

PRECOOL_LIMIT = Decimal("15.0")
"""The cabin before loading (S1 4.4.3)."""
PRODUCT_LIMIT = Decimal("6.0")
"""A product that is not named is held to the cabin's limit (S1 4.4.5)."""
COLDEST, WARMEST = -60.0, 80.0
"""What a thermometer of this trade can read."""
DUE_AT = time(7, 0)
"""By then all checks of a day's trips are expected: the milk stands at the doors."""
LONGEST_LEG = timedelta(hours=4)
"""A leg that nobody ended is taken to last no longer."""
ALARM_WINDOW = timedelta(minutes=15)
"""Only points this fresh raise a live alarm."""
SILENT_SLOTS = 3
"""A device that says nothing for so many of its slots raises an alarm."""
LOOK_AHEAD = timedelta(days=1)
DAY = timedelta(days=1)


class Outcome(StrEnum):
    """What became of one reading of a batch."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    UNKNOWN_DEVICE = "unknown_device"
    IMPLAUSIBLE = "implausible"
    IN_THE_FUTURE = "in_the_future"
    TOO_OLD = "too_old"


class DeviceState(StrEnum):
    """What a device says at present. `silent`: nothing for two slots."""

    IN_RANGE = "in_range"
    TOO_WARM = "too_warm"
    TOO_COLD = "too_cold"
    SILENT = "silent"
    OUT_OF_SERVICE = "out_of_service"


class SlotState(StrEnum):
    """What became of one slot of a device; `excused` slots are not expected."""

    IN_RANGE = "in_range"
    OUT_OF_RANGE = "out_of_range"
    SILENT = "silent"
    EXCUSED = "excused"


@dataclass(frozen=True, slots=True)
class Watch:
    """How a device is judged: limits, slot length, and when it is in service."""

    min_celsius: Decimal | None
    max_celsius: Decimal
    slot_seconds: int
    in_service_from: datetime
    in_service_until: datetime | None
    outages: tuple[tuple[datetime, datetime], ...] = ()

    def is_in_range(self, celsius: Decimal) -> bool:
        """Whether a temperature keeps both limits."""
        return celsius <= self.max_celsius and (
            self.min_celsius is None or celsius >= self.min_celsius
        )

    def expects(self, start: datetime, end: datetime, *, now: datetime) -> bool:
        """Whether a slot counts: over, wholly in service, touched by no outage."""
        if end > now or start < self.in_service_from:
            return False
        if self.in_service_until is not None and end > self.in_service_until:
            return False
        return not any(begin < end and start < until for begin, until in self.outages)


@dataclass(frozen=True, slots=True)
class Slot:
    """One slot and the worst reading in it."""

    start_at: datetime
    state: SlotState
    celsius: Decimal | None


def tenths(celsius: float) -> Decimal:
    """A temperature as it is stored and judged: to a tenth of a degree."""
    return Decimal(str(celsius)).quantize(Decimal("0.1"), rounding=ROUND_HALF_UP)


def earliest_instant(now: datetime) -> date:
    """The first day for which readings are still taken: its month is sure to stand."""
    return month_after(now.date().replace(day=1), -MONTHS_BACK)


def slots_of_day(
    watch: Watch, readings: Iterable[tuple[datetime, Decimal]], *, on: date, now: datetime
) -> list[Slot]:
    """All whole slots of an operator's day that are over; the worst reading decides a slot."""
    midnight = local_instant(on, time(0))
    length = timedelta(seconds=watch.slot_seconds)
    worst: dict[int, Decimal] = {}
    for at, celsius in readings:
        number = (at - midnight) // length
        if number not in worst or _is_worse(watch, celsius, worst[number]):
            worst[number] = celsius
    return [
        Slot(start, _state(watch, start, start + length, worst.get(number), now), worst.get(number))
        for number, start in enumerate(_starts(midnight, length))
        if start + length <= now
    ]


def _starts(midnight: datetime, length: timedelta) -> Iterator[datetime]:
    for number in range(DAY // length):
        yield midnight + number * length


def _is_worse(watch: Watch, celsius: Decimal, known: Decimal) -> bool:
    if watch.is_in_range(celsius) is not watch.is_in_range(known):
        return watch.is_in_range(known)
    return celsius > known


def _state(
    watch: Watch, start: datetime, end: datetime, worst: Decimal | None, now: datetime
) -> SlotState:
    if not watch.expects(start, end, now=now):
        return SlotState.EXCUSED
    if worst is None:
        return SlotState.SILENT
    return SlotState.IN_RANGE if watch.is_in_range(worst) else SlotState.OUT_OF_RANGE


def due_at(service_date: date) -> datetime:
    """When all checks of a service date's trips are expected to have been made."""
    return local_instant(service_date, DUE_AT)


def in_order(instants: Sequence[datetime | None]) -> bool:
    """Whether the known instants do not go backwards."""
    known = [instant for instant in instants if instant is not None]
    return known == sorted(known)
