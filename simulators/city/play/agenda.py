"""What is to happen when, and its carrying out: some things at once, none in the way of another."""

import asyncio
import heapq
import itertools
from collections.abc import Awaitable, Callable
from datetime import datetime

from simulators.city.play.api import GaveUp, Refused
from simulators.city.play.clock import TownClock

AT_ONCE = 6
Work = Callable[[], Awaitable[None]]


class Agenda:
    """Steps by business time. A step may put more steps on; one that fails is told and left."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._waiting: list[tuple[datetime, int, str, Work]] = []
        self._order = itertools.count()
        self._under_way: set[asyncio.Task[None]] = set()
        self._places = asyncio.Semaphore(AT_ONCE)
        self._say = say
        self.failures: list[str] = []

    def put(self, at: datetime, name: str, work: Work) -> None:
        """Have something done at an instant, or at once when it has passed."""
        heapq.heappush(self._waiting, (at, next(self._order), name, work))

    async def run(self, clock: TownClock, *, ends_at: datetime | None) -> None:
        """Do everything; with `ends_at` in its time, without it all of it now, in its order."""
        try:
            while self._waiting or self._under_way:
                if not self._waiting:
                    await asyncio.wait(self._under_way, return_when=asyncio.FIRST_COMPLETED)
                    continue
                at = self._waiting[0][0]
                if ends_at is not None and at > clock.now():
                    await self._pass(clock, at)
                    continue
                self._start_due(None if ends_at is None else clock.now())
                if clock.leaps or ends_at is None:
                    await self._settle()
            if ends_at is not None:
                await clock.reach(ends_at)
        finally:
            for task in self._under_way:
                task.cancel()
            await asyncio.gather(*self._under_way, return_exceptions=True)

    async def _pass(self, clock: TownClock, at: datetime) -> None:
        """Let time pass up to the next step, or until one under way may have put an earlier one."""
        waiting = asyncio.ensure_future(clock.reach(at))
        try:
            await asyncio.wait({waiting, *self._under_way}, return_when=asyncio.FIRST_COMPLETED)
            if waiting.done():
                waiting.result()
        finally:
            waiting.cancel()
            await asyncio.wait({waiting})

    def _start_due(self, now: datetime | None) -> None:
        while self._waiting and (now is None or self._waiting[0][0] <= now):
            at, _, name, work = heapq.heappop(self._waiting)
            task = asyncio.create_task(self._do(name, work))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
            if now is None and self._waiting and self._waiting[0][0] > at:
                break

    async def _settle(self) -> None:
        while self._under_way:
            await asyncio.wait(self._under_way)

    async def _do(self, name: str, work: Work) -> None:
        async with self._places:
            try:
                await work()
            except (Refused, GaveUp) as problem:
                self.failures.append(f"{name}: {problem}")
                self._say(f"{name}: {problem}")
