"""Time of the simulator: the wall for signatures, a movable hand for everything else."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Final

CHINA: Final = timezone(timedelta(hours=8), "Asia/Shanghai")


class SimClock:
    """Wall time, a clock that can be moved forward, and scaled delays."""

    def __init__(self, *, scale: float = 1.0) -> None:
        if scale <= 0:
            raise ValueError("time_scale must be above 0")
        self._scale = scale
        self._moved = timedelta()

    def wall(self) -> datetime:
        """The real time (UTC); signature time stamps are made and checked with it."""
        return datetime.now(UTC)

    def now(self) -> datetime:
        """The simulator's time (UTC): the wall plus what `advance` added."""
        return self.wall() + self._moved

    def delay(self, seconds: float) -> timedelta:
        """A channel's delay in the simulator's time, after scaling."""
        return timedelta(seconds=seconds / self._scale)

    def after(self, seconds: float) -> datetime:
        """The instant a channel's delay of so many seconds ends."""
        return self.now() + self.delay(seconds)

    def advance(self, seconds: float) -> None:
        """Move the simulator's time forward; raises ValueError for a move back."""
        if seconds < 0:
            raise ValueError("time only moves forward")
        self._moved += timedelta(seconds=seconds)


def china_seconds(instant: datetime) -> str:
    """RFC 3339 in Beijing time, whole seconds: `2026-11-22T10:00:00+08:00`."""
    return instant.astimezone(CHINA).isoformat(timespec="seconds")


def china_plain(instant: datetime) -> str:
    """Beijing time as bills and receipts write it: `2026-11-22 10:00:00`."""
    return instant.astimezone(CHINA).strftime("%Y-%m-%d %H:%M:%S")
