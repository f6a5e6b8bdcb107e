"""The worker process: the clock and the job runner.

It ends by itself when its database connection breaks or freezes; the supervisor starts it again.
"""

import asyncio
import signal
import time

import structlog

from app import registry
from app.core.jobs import JobContext, JobRunner
from app.core.runtime import Runtime, set_runtime
from app.core.schedule import start_clock

log = structlog.get_logger()

LOOP_LAG_ALARM_SECONDS = 1.0


async def _watch_loop() -> None:
    while True:
        before = time.monotonic()
        await asyncio.sleep(0.5)
        lag = time.monotonic() - before - 0.5
        if lag > LOOP_LAG_ALARM_SECONDS:
            log.warning("worker.loop_blocked", seconds=round(lag, 2))


async def run_worker(runtime: Runtime) -> None:
    """Work until SIGTERM or SIGINT, or until the database is lost."""
    registry.wire()
    set_runtime(runtime)
    context = JobContext(database=runtime.database, clock=runtime.clock)
    runner = JobRunner(context, registry.all_jobs(), dsn=runtime.database.url)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, runner.stop)
    clock = start_clock(runtime.database, runtime.clock, registry.all_schedules())
    watcher = asyncio.create_task(_watch_loop())
    log.info("worker.started")
    try:
        await runner.run()
    finally:
        watcher.cancel()
        clock.shutdown(wait=False)
        await runtime.http.aclose()
        await runtime.database.dispose()
        log.info("worker.stopped")
