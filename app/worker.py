"""The worker process: the clock and the job runner.

It ends by itself when its database connection breaks or freezes; the supervisor starts it again.
"""

import asyncio
import os
import signal
import threading
import time
from collections.abc import Sequence

import structlog

from app import registry
from app.core.jobs import JobContext, JobRunner
from app.core.runtime import Runtime, set_runtime
from app.core.schedule import Schedule, start_clock

log = structlog.get_logger()

LOOP_LAG_ALARM_SECONDS = 1.0
LAST_WORDS_SECONDS = 5.0
"""How long a worker that has lost its database may take to end by itself."""


async def _watch_loop() -> None:
    while True:
        before = time.monotonic()
        await asyncio.sleep(0.5)
        lag = time.monotonic() - before - 0.5
        if lag > LOOP_LAG_ALARM_SECONDS:
            log.warning("worker.loop_blocked", seconds=round(lag, 2))


def _stop(runner: JobRunner) -> None:
    log.info("worker.stopping")
    runner.stop()


def _end_soon() -> None:
    # Statements on a frozen connection would hold the process; what they do is not lost by ending.
    timer = threading.Timer(LAST_WORDS_SECONDS, os._exit, (1,))
    timer.daemon = True
    timer.start()


def make_runner(runtime: Runtime) -> JobRunner:
    """The runner of every job in the registry."""
    context = JobContext(database=runtime.database, clock=runtime.clock)
    return JobRunner(context, registry.all_jobs())


async def run_worker(
    runtime: Runtime,
    *,
    runner: JobRunner | None = None,
    schedules: Sequence[Schedule] | None = None,
) -> None:
    """Work until SIGTERM or SIGINT; raises when the database is lost."""
    registry.wire()
    set_runtime(runtime)
    runner = runner or make_runner(runtime)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _stop, runner)
    wanted = registry.all_schedules() if schedules is None else schedules
    clock = start_clock(runtime.database, runtime.clock, wanted)
    watcher = asyncio.create_task(_watch_loop())
    log.info("worker.started")
    try:
        await runner.run()
    except BaseException:
        _end_soon()
        raise
    finally:
        watcher.cancel()
        clock.shutdown(wait=False)
        await runtime.http.aclose()
        await runtime.database.dispose()
        log.info("worker.stopped")
