"""What is to happen when, and its carrying out: some things at once, none in the way of another."""

import asyncio
import contextlib
import heapq
import itertools
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime

from simulators.city.play.api import GaveUp, Refused
from simulators.city.play.clock import TownClock

AT_ONCE = 6
Work = Callable[[], Awaitable[None]]


@dataclass(order=True, slots=True)
class Step:
    """One thing to do, ordered by its instant and then as it was put."""

    at: datetime
    number: int
    name: str = field(compare=False)
    work: Work = field(compare=False)
    chain: str | None = field(compare=False)
    is_next_act: bool = field(compare=False)


class Agenda:
    """Steps by business time. A step may put more steps on; one that fails is told and left."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._waiting: list[Step] = []
        self._order = itertools.count()
        self._under_way: dict[asyncio.Task[None], datetime] = {}
        self._places = asyncio.Semaphore(AT_ONCE)
        self._chains: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._say = say
        self.failures: list[str] = []

    def put(
        self,
        at: datetime,
        name: str,
        work: Work,
        *,
        chain: str | None = None,
        is_next_act: bool = False,
    ) -> None:
        """Have something done at an instant, or at once when it has passed.

        Steps of one chain follow one another, however late they are. The next act begins when
        everything before its instant has been done.
        """
        step = Step(at, next(self._order), name, work, chain, is_next_act)
        heapq.heappush(self._waiting, step)

    async def run(self, clock: TownClock, *, ends_at: datetime | None) -> None:
        """Do everything; with `ends_at` in its time, without it all of it now, in its order."""
        try:
            while self._waiting or self._under_way:
                if not self._waiting:
                    await asyncio.wait(self._under_way, return_when=asyncio.FIRST_COMPLETED)
                    continue
                at = self._waiting[0].at
                if ends_at is not None and at > clock.now():
                    await self._pass(clock, at)
                    continue
                await self._start_due(None if ends_at is None else clock.now())
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

    async def _start_due(self, now: datetime | None) -> None:
        while self._waiting and (now is None or self._waiting[0].at <= now):
            step = heapq.heappop(self._waiting)
            if step.is_next_act:
                await self._settle(before=step.at)
            task = asyncio.create_task(self._do(step))
            self._under_way[task] = step.at
            task.add_done_callback(self._under_way.pop)
            if now is None and self._waiting and self._waiting[0].at > step.at:
                break

    async def _settle(self, *, before: datetime | None = None) -> None:
        while waited_for := [
            task for task, at in self._under_way.items() if before is None or at < before
        ]:
            await asyncio.wait(waited_for)

    async def _do(self, step: Step) -> None:
        # A lock lets those in first who came first, and tasks begin in the order they were made.
        chain = self._chains[step.chain] if step.chain else contextlib.nullcontext()
        async with chain, self._places:
            try:
                await step.work()
            except (Refused, GaveUp) as problem:
                self.failures.append(f"{step.name}: {problem}")
                self._say(f"{step.name}: {problem}")
