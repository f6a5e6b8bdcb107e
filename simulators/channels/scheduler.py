"""Work that is due later: retries, refund ends, delivery receipts."""

import asyncio
import contextlib
import heapq
import itertools
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime

from simulators.channels.clock import SimClock

Job = Callable[[], Awaitable[None]]

_log = logging.getLogger(__name__)


class Scheduler:
    """A queue of jobs by due time, run by a background task or by hand.

    Tests call `run_due` after moving the clock, and nothing happens behind their back; a served
    simulator runs `run_forever`.
    """

    def __init__(self, clock: SimClock) -> None:
        self._clock = clock
        self._queue: list[tuple[datetime, int, Job]] = []
        self._order = itertools.count()
        self._wake = asyncio.Event()
        self._running: set[asyncio.Task[None]] = set()

    def at(self, due: datetime, job: Job) -> None:
        """Run the job once the simulator's time has reached `due`."""
        heapq.heappush(self._queue, (due, next(self._order), job))
        self._wake.set()

    def waiting(self) -> int:
        """Jobs not yet started."""
        return len(self._queue)

    def wake(self) -> None:
        """Look again at once, because the clock was moved."""
        self._wake.set()

    async def run_due(self) -> int:
        """Run every due job to its end, those they queue for now included; returns how many.

        A failing job cancels its round and is raised as an ExceptionGroup.
        """
        done = 0
        while jobs := self._take_due():
            async with asyncio.TaskGroup() as group:
                for job in jobs:
                    group.create_task(self._run(job))
            done += len(jobs)
        return done

    async def run_forever(self) -> None:
        """Start jobs as they become due until cancelled; a failing job is logged."""
        while True:
            self._wake.clear()
            for job in self._take_due():
                task = asyncio.create_task(self._run(job))
                self._running.add(task)
                task.add_done_callback(self._finished)
            pause = None
            if self._queue:
                pause = max((self._queue[0][0] - self._clock.now()).total_seconds(), 0.0)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._wake.wait()

    async def aclose(self) -> None:
        """Cancel the jobs under way and wait for them."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    @staticmethod
    async def _run(job: Job) -> None:
        await job()

    def _take_due(self) -> list[Job]:
        now = self._clock.now()
        jobs = []
        while self._queue and self._queue[0][0] <= now:
            jobs.append(heapq.heappop(self._queue)[2])
        return jobs

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("a scheduled job failed", exc_info=error)
