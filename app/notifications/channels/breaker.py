"""A breaker: while a provider is down, most calls are not even tried."""

from dataclasses import dataclass
from datetime import datetime, timedelta

_FAILURES = 5
_PAUSE = timedelta(seconds=30)


@dataclass
class Breaker:
    """Opens after five failures in a row; then one call every 30 seconds tries again."""

    failures: int = 0
    next_try_at: datetime | None = None

    def lets_through(self, now: datetime) -> bool:
        """Whether a call may be tried; taking the trial of an open breaker."""
        if self.next_try_at is None:
            return True
        if now < self.next_try_at:
            return False
        self.next_try_at = now + _PAUSE
        return True

    def succeeded(self) -> None:
        """The provider answered: close."""
        self.failures = 0
        self.next_try_at = None

    def failed(self, now: datetime) -> None:
        """No answer came."""
        self.failures += 1
        if self.failures >= _FAILURES:
            self.next_try_at = now + _PAUSE
