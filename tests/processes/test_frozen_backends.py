"""The database's side of every connection is stopped: nobody waits for ever (F13)."""

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import text

from app.core import jobs
from app.core.db import Database
from app.core.enqueueing import enqueue
from tests.fixtures.doses import dose
from tests.fixtures.figures import note_figure
from tests.fixtures.foundation import effects, eventually, put, scalar
from tests.load.calling import Call, caller
from tests.load.city import People
from tests.load.installation import Installation
from tests.processes.workers import Start

pytestmark = pytest.mark.processes

LIMIT_SECONDS = 45
STATEMENT_MS = dose(500, 30_000)
"""The product's own limit at a soak; five seconds later the driver gives up by itself."""
PATIENCE_SECONDS = dose(1, int(jobs.PATIENCE_SECONDS))
CALLS = 12
"""More than the pool has connections."""
_BACKENDS = """
SELECT pid FROM pg_stat_activity
WHERE datname = current_database() AND application_name = :application
"""


async def backends(database: Database, application: str) -> list[int]:
    async with database.connection() as connection:
        return list(await connection.scalars(text(_BACKENDS), {"application": application}))


@contextmanager
def stopped(pids: list[int]) -> Iterator[None]:
    """These processes stand still as long as the block runs."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


async def test_a_worker_whose_backends_stand_still_ends_and_loses_nothing(
    real: Database, start: Start
) -> None:
    worker = start(patience_seconds=PATIENCE_SECONDS)
    await worker.started()
    async with real.transaction() as session:
        await enqueue(session, "test.once", {"key": "milk", "pause": "after commit"})

    async def brought() -> bool:
        return await effects(real, "done milk") == 1

    await eventually(brought)
    frozen = await backends(real, "suixinding-worker")
    assert frozen
    began = time.monotonic()
    with stopped(frozen):
        assert await worker.ended(within_seconds=LIMIT_SECONDS) == 1, worker.words
        note_figure("frozen_worker_ended", time.monotonic() - began, "s", LIMIT_SECONDS)
        await put(real, "release milk")
        start(patience_seconds=PATIENCE_SECONDS)

        async def worked_off() -> bool:
            return await scalar(real, "SELECT count(*) FROM pgqueuer") == 0

        await eventually(worked_off)
    assert await effects(real, "done milk") == 1


async def test_a_web_process_whose_backends_stand_still_answers_and_serves_again(
    city: Installation, people: People
) -> None:
    await city.serve(DATABASE_STATEMENT_TIMEOUT_MS=str(STATEMENT_MS))
    async with caller(city.port) as calls:
        asked = [Call("GET", "/orders", home.token) for home in people.households[:CALLS]]
        for answer in await asyncio.gather(*map(calls.send, asked)):
            assert answer.status_code == 200
        frozen = await backends(city.database, "suixinding-web")
        assert frozen
        began = time.monotonic()
        with stopped(frozen):
            answers = await asyncio.gather(*map(calls.send, asked))
            assert {answer.status_code for answer in answers} <= {200, 503}
            assert 503 in calls.statuses
            for call in asked:
                (await calls.until_answered(call, within_seconds=LIMIT_SECONDS * 2)).ok()
            note_figure("frozen_web_serves", time.monotonic() - began, "s", LIMIT_SECONDS)
        assert calls.unexpected == []
