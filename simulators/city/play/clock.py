"""The demo's clock as the player sees and moves it."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from simulators.city.play.api import Api, Refused

RENEW_SECONDS = 60.0
"""The product lets a speed run out that nobody sets anew."""
READ_SECONDS = 5.0
LEAP = timedelta(minutes=5)
"""How far a leaping clock leaps at a time."""
NUDGE = timedelta(minutes=1)
LOOK_SECONDS = 0.7
SETTLE_SECONDS = 1.5
"""After a leap web and worker follow within a second."""


class TownClock:
    """Business time; at `speed` 0 it stands, and is put forward to whatever comes next."""

    def __init__(
        self,
        api: Api,
        *,
        speed: float,
        settle_seconds: float = SETTLE_SECONDS,
        leap: timedelta = LEAP,
    ) -> None:
        self._api = api
        self.speed = speed
        self._settle_seconds = settle_seconds
        self._leap = leap
        self._at: datetime | None = None
        self._running = 1.0
        self._read_at = self._renewed_at = 0.0
        self.moved_at: datetime | None = None

    @property
    def leaps(self) -> bool:
        """Whether time passes only from one thing to the next."""
        return self.speed == 0

    def now(self) -> datetime:
        """Business instant; `read` comes first."""
        if self._at is None:
            raise RuntimeError("the clock has not been read")
        passed = time.monotonic() - self._read_at
        return self._at + timedelta(seconds=passed * self._running)

    async def read(self) -> datetime:
        """Look at the product's clock."""
        self._take(await self._api.get("/demo/clock", who="admin"))
        return self.now()

    async def move(self, *, at: datetime | None = None, speed: float | None = None) -> None:
        """Put it forward, or change its speed; an instant that has passed is left alone."""
        said = {"speed": speed, "at": None if at is None else at.isoformat()}
        body = {key: value for key, value in said.items() if value is not None}
        try:
            self._take(await self._api.post("/demo/clock", body, who="admin"))
        except Refused as refusal:
            if refusal.code != "clock_goes_forward":
                raise
            if speed is not None:
                self._take(await self._api.post("/demo/clock", {"speed": speed}, who="admin"))
            else:
                await self.read()
        self._renewed_at = time.monotonic()
        await asyncio.sleep(self._settle_seconds)

    async def reach(self, at: datetime) -> None:
        """Wait until then, or put a leaping clock there."""
        if self.leaps:
            if at > self.now():
                await self.move(at=self._next_leap(at), speed=0)
            return
        while (left := (at - self.now()).total_seconds()) > 0:
            pause = left / self._running if self._running else READ_SECONDS
            await asyncio.sleep(min(max(pause, 0.05), READ_SECONDS))
            await self.keep()

    def _next_leap(self, at: datetime) -> datetime:
        seconds = self._leap.total_seconds()
        return datetime.fromtimestamp(-(-at.timestamp() // seconds) * seconds, tz=at.tzinfo)

    async def until(self, look: Callable[[], Awaitable[bool]], *, seconds: float) -> bool:
        """Whether `look` came true within so many real seconds; a leaping clock goes on meanwhile."""
        deadline = time.monotonic() + seconds
        while not await look():
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(LOOK_SECONDS)
            if self.leaps:
                await self.move(at=self.now() + NUDGE, speed=0)
        return True

    async def keep(self) -> None:
        """Follow a clock that somebody else may have moved, and keep its speed from running out."""
        if time.monotonic() - self._read_at > READ_SECONDS:
            await self.read()
        if time.monotonic() - self._renewed_at > RENEW_SECONDS:
            self._take(await self._api.post("/demo/clock", {"speed": self._running}, who="admin"))
            self._renewed_at = time.monotonic()

    def _take(self, shown: dict[str, object]) -> None:
        self._at = datetime.fromisoformat(str(shown["at"]))
        self._running = float(str(shown["speed"]))
        self.moved_at = (
            None if shown["moved_at"] is None else datetime.fromisoformat(str(shown["moved_at"]))
        )
        self._read_at = time.monotonic()
