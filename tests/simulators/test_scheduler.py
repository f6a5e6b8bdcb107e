"""Jobs run when they are due, in the background or by hand, and one failure stops no other."""

import asyncio
import contextlib
import logging
from collections.abc import Iterator

import pytest

from simulators.channels.clock import SimClock
from simulators.channels.scheduler import Scheduler


async def test_by_hand_due_jobs_run_and_so_do_those_they_queue_for_now() -> None:
    clock = SimClock(scale=10)
    scheduler, ran = Scheduler(clock), list[str]()

    async def first() -> None:
        ran.append("first")
        scheduler.at(clock.now(), second)

    async def second() -> None:
        ran.append("second")

    scheduler.at(clock.after(100), first)
    assert await scheduler.run_due() == 0
    clock.advance(9.5)
    assert await scheduler.run_due() == 0
    clock.advance(0.5)
    assert await scheduler.run_due() == 2
    assert (ran, scheduler.waiting()) == (["first", "second"], 0)


class Kept(logging.Handler):
    """What one logger wrote, whatever others make of the root."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it."""
        self.records.append(record)


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> Iterator[Kept]:
    """What the scheduler logs while the test runs."""
    logger, handler = logging.getLogger("simulators.channels.scheduler"), Kept()
    monkeypatch.setattr(logger, "disabled", False)
    before = logger.level
    logger.setLevel(logging.ERROR)
    logger.addHandler(handler)
    yield handler
    logger.removeHandler(handler)
    logger.setLevel(before)


async def test_in_the_background_a_failing_job_is_logged_and_the_next_one_runs(kept: Kept) -> None:
    clock = SimClock()
    scheduler, done = Scheduler(clock), asyncio.Event()

    async def failing() -> None:
        raise RuntimeError("broken job")

    async def fine() -> None:
        done.set()

    runner = asyncio.create_task(scheduler.run_forever())
    scheduler.at(clock.now(), failing)
    scheduler.at(clock.after(0.05), fine)
    async with asyncio.timeout(10):
        await done.wait()
    runner.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await runner
    await scheduler.aclose()
    (record,) = kept.records
    assert record.exc_info is not None
    assert str(record.exc_info[1]) == "broken job"


def test_time_only_moves_forward() -> None:
    clock = SimClock()
    with pytest.raises(ValueError, match="forward"):
        clock.advance(-1)
    with pytest.raises(ValueError, match="time_scale"):
        SimClock(scale=0)
