"""A real worker process over a test's database, with jobs and one schedule of the tests' own."""

import asyncio
import os
import signal
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import httpx
from sqlalchemy import text

from app import worker
from app.core.clock import BusinessClock
from app.core.config import DatabaseSettings, InstallationSettings
from app.core.crypto import KeyRing
from app.core.db import Database
from app.core.enqueueing import Payload
from app.core.jobs import JobContext, JobRunner, JobSpec, first_time
from app.core.logging import set_up_logging
from app.core.runtime import Runtime
from app.core.schedule import Schedule
from tests.fixtures.foundation import effects, eventually, put

SECOND = timedelta(seconds=1)


async def _released(context: JobContext, key: str) -> None:
    async def look() -> bool:
        return await effects(context.database, f"release {key}") == 1

    await eventually(look, within_seconds=60)


async def do_once(context: JobContext, payload: Payload) -> None:
    """One effect per key, with a pause before or after its commit."""
    key, pause = payload["key"], payload.get("pause")
    await put(context.database, f"try {key}")
    async with context.database.transaction() as session:
        first = await first_time(session, key)
        if first:
            await session.execute(text("INSERT INTO probe VALUES (:name)"), {"name": f"done {key}"})
        if pause == "before commit":
            await _released(context, key)
    if pause == "after commit":
        await _released(context, key)


async def die(context: JobContext, payload: Payload) -> None:
    """Take the worker along."""
    await put(context.database, f"try {payload['key']}")
    os.kill(os.getpid(), signal.SIGKILL)


async def block(context: JobContext, payload: Payload) -> None:
    """Hold the event loop, as no handler may."""
    time.sleep(payload["seconds"])  # noqa: ASYNC251  # the fault under test
    await put(context.database, "blocked")


async def sleep_in_database(context: JobContext, payload: Payload) -> None:
    """Wait inside a statement."""
    await put(context.database, f"try {payload['key']}")
    async with context.database.transaction() as session:
        await session.execute(text("SELECT pg_sleep(:seconds)"), {"seconds": payload["seconds"]})
    await put(context.database, f"done {payload['key']}")


async def note_slot(context: JobContext, payload: Payload) -> None:
    """One effect per slot."""
    name = f"slot {payload['slot']}"
    async with context.database.transaction() as session:
        if await first_time(session, name):
            await session.execute(text("INSERT INTO probe VALUES (:name)"), {"name": name})


SPECS = [
    JobSpec("test.once", do_once),
    JobSpec("test.die", die),
    JobSpec("test.block", block),
    JobSpec("test.sleep", sleep_in_database),
    JobSpec("test.slot", note_slot),
]


@dataclass(frozen=True, slots=True)
class Settings:
    """How one worker is to run."""

    url: str
    log: Path
    heartbeat_seconds: float = 1
    patience_seconds: float = 5
    ticks: bool = False


def run(settings: Settings) -> None:
    """The process: writes its log to a file and ends as the product's worker does."""
    with settings.log.open("wb") as log:
        os.dup2(log.fileno(), 2)
    set_up_logging()
    asyncio.run(_work(settings))


async def _work(settings: Settings) -> None:
    database = Database(
        DatabaseSettings(database_url=settings.url), application="suixinding-worker"
    )
    ring = KeyRing(data={"none": bytes(32)}, current="none", index_key=b"i", token_key=b"t")
    runtime = Runtime(
        database=database,
        keys=ring,
        clock=BusinessClock(),
        http=httpx.AsyncClient(),
        installation=InstallationSettings(var_dir=Path("var")),
    )
    runner = JobRunner(
        JobContext(database=database, clock=runtime.clock),
        SPECS,
        heartbeat=timedelta(seconds=settings.heartbeat_seconds),
        poll=timedelta(seconds=0.5),
        patience_seconds=settings.patience_seconds,
    )
    ticks = [Schedule("test.slot", every=SECOND)] if settings.ticks else []
    await worker.run_worker(runtime, runner=runner, schedules=ticks)
