"""Worker processes are killed, stopped, frozen and cut off: nothing is lost, nothing is doubled."""

import asyncio
import random
import signal
import time
from collections.abc import Awaitable, Callable

import asyncpg
import pytest

from app.core.db import Database
from app.core.enqueueing import enqueue, enqueue_many
from app.core.jobs import HEARTBEAT, POLL, count_held, list_held
from tests.fixtures.doses import dose
from tests.fixtures.foundation import effects, eventually, put, scalar
from tests.processes.proxy import proxied
from tests.processes.workers import Start

pytestmark = pytest.mark.processes

JOBS, KILLS = dose(300, 30_000), dose(4, 100)


def happened(database: Database, name: str, times: int = 1) -> Callable[[], Awaitable[bool]]:
    async def look() -> bool:
        return await effects(database, name) == times

    return look


async def ask(database: Database, job: str, **payload: object) -> None:
    async with database.transaction() as session:
        await enqueue(session, job, payload)


async def left(database: Database) -> object:
    return await scalar(database, "SELECT count(*) FROM pgqueuer")


def queue_has(database: Database, count: int) -> Callable[[], Awaitable[bool]]:
    async def look() -> bool:
        return await left(database) == count

    return look


def queue_is_empty(database: Database) -> Callable[[], Awaitable[bool]]:
    return queue_has(database, 0)


@pytest.mark.parametrize("pause", ["before commit", "after commit"])
async def test_kill_9_in_the_middle_of_a_job_gives_one_effect(
    real: Database, start: Start, pause: str
) -> None:
    await ask(real, "test.once", key="milk", pause=pause)
    first = start()
    await eventually(happened(real, "try milk"))
    if pause == "after commit":
        await eventually(happened(real, "done milk"))
    first.signal(signal.SIGKILL)
    await first.ended()
    await put(real, "release milk")
    killed_at = time.monotonic()

    second = start()
    await second.started()
    await eventually(happened(real, "try milk", times=2))
    assert time.monotonic() - killed_at < 30
    await eventually(queue_is_empty(real))
    assert await effects(real, "done milk") == 1


def test_a_job_of_a_killed_worker_is_tried_again_within_a_minute() -> None:
    assert (HEARTBEAT + 2 * POLL).total_seconds() <= 60


async def test_random_kills_lose_and_double_nothing(real: Database, start: Start) -> None:
    async with real.transaction() as session:
        await enqueue_many(session, "test.once", [{"key": str(n)} for n in range(JOBS)])
    chance = random.Random(20260315)
    for _ in range(KILLS):
        worker = start()
        await worker.started()
        await asyncio.sleep(chance.uniform(0.02, 0.2))
        worker.signal(signal.SIGKILL)
        await worker.ended()
    start()
    start()
    await eventually(queue_is_empty(real), within_seconds=dose(60, 600))
    done = "SELECT count(*) || '/' || count(DISTINCT name) FROM probe WHERE name LIKE 'done %'"
    assert await scalar(real, done) == f"{JOBS}/{JOBS}"


async def test_two_workers_share_jobs_and_run_each_once(real: Database, start: Start) -> None:
    workers = [start(heartbeat_seconds=30), start(heartbeat_seconds=30)]
    for worker in workers:
        await worker.started()
    async with real.transaction() as session:
        await enqueue_many(session, "test.once", [{"key": str(n)} for n in range(200)])
    await eventually(queue_is_empty(real))
    tries = "SELECT count(*) || '/' || count(DISTINCT name) FROM probe WHERE name LIKE :like"
    assert await scalar(real, tries, like="try %") == "200/200"
    assert await scalar(real, tries, like="done %") == "200/200"


@pytest.mark.parametrize("_", range(dose(1, 100)))
async def test_a_sleeping_worker_wakes_up_as_a_zombie_and_doubles_nothing(
    real: Database, start: Start, _: int
) -> None:
    await ask(real, "test.once", key="milk", pause="after commit")
    zombie = start()
    await eventually(happened(real, "done milk"))
    zombie.signal(signal.SIGSTOP)
    other = start()
    await eventually(happened(real, "try milk", times=2))
    await put(real, "release milk")
    await eventually(queue_is_empty(real))
    zombie.signal(signal.SIGCONT)
    await ask(real, "test.once", key="yogurt")
    await eventually(happened(real, "done yogurt"))
    for worker in (zombie, other):
        worker.signal(signal.SIGTERM)
        await worker.ended()
    assert await effects(real, "done milk") == 1
    assert await left(real) == 0


async def test_a_job_that_kills_its_workers_is_held_and_harms_no_other(
    real: Database, start: Start
) -> None:
    async with real.transaction() as session:
        await enqueue_many(session, "test.sleep", [{"key": "milk", "seconds": 0.5}] * 2)
        await enqueue(session, "test.die", {"key": "poison"})
    for _ in range(4):
        worker = start()
        assert await worker.ended() == -signal.SIGKILL
    last = start()

    async def held() -> bool:
        async with real.transaction() as session:
            return await count_held(session) == 1

    await eventually(held)
    async with real.transaction() as session:
        (job,) = await list_held(session)
    assert job.reason == "PoisonJob: its worker died 3 times while it ran alone"
    assert await effects(real, "try poison") == 4
    await eventually(queue_has(real, 1))
    assert await effects(real, "done milk") >= 2
    assert last.process.is_alive()


async def test_sigterm_finishes_what_runs_and_takes_nothing_new(
    real: Database, start: Start
) -> None:
    worker = start()
    await ask(real, "test.once", key="milk", pause="before commit")
    await eventually(happened(real, "try milk"))
    worker.signal(signal.SIGTERM)

    async def heard() -> bool:
        return "worker.stopping" in worker.words

    await eventually(heard)
    await ask(real, "test.once", key="late")
    assert worker.process.is_alive()
    await put(real, "release milk")
    assert await worker.ended() == 0
    assert await effects(real, "done milk") == 1
    assert await effects(real, "try late") == 0
    assert await scalar(real, "SELECT status::text FROM pgqueuer") == "queued"
    assert "worker.stopped" in worker.words


async def test_sigterm_to_an_idle_worker_ends_it_at_once(real: Database, start: Start) -> None:
    worker = start()
    await worker.started()
    worker.signal(signal.SIGTERM)
    assert await worker.ended(within_seconds=10) == 0


@pytest.mark.parametrize("busy", [False, True], ids=["idle", "busy"])
async def test_cut_connections_end_the_worker_and_lose_nothing(
    real: Database, start: Start, busy: bool
) -> None:
    worker = start()
    await worker.started()
    if busy:
        await ask(real, "test.once", key="milk", pause="after commit")
        await eventually(happened(real, "done milk"))
    cut = await scalar(
        real,
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
        " WHERE datname = current_database() AND application_name = 'suixinding-worker'",
    )
    assert int(str(cut)) >= 1
    assert await worker.ended() == 1
    await ask(real, "test.once", key="yogurt")
    await put(real, "release milk")
    start()
    await eventually(queue_is_empty(real))
    assert await effects(real, "done yogurt") == 1
    assert await effects(real, "done milk") == int(busy)


@pytest.mark.parametrize("busy", [False, True], ids=["idle", "busy"])
async def test_a_frozen_database_ends_the_worker(real: Database, start: Start, busy: bool) -> None:
    async with proxied(real) as (proxy, url):
        worker = start(url=url, patience_seconds=1)
        await worker.started()
        if busy:
            await ask(real, "test.sleep", key="milk", seconds=1)
            await eventually(happened(real, "try milk"))
        proxy.freeze()
        began = time.monotonic()
        assert await worker.ended(within_seconds=45) == 1
        assert time.monotonic() - began < 20
    if busy:
        start()
        await eventually(queue_is_empty(real))
        assert await effects(real, "done milk") >= 1


async def test_a_handler_that_blocks_the_loop_is_named_in_the_log(
    real: Database, start: Start
) -> None:
    worker = start(heartbeat_seconds=10)
    await worker.started()
    await ask(real, "test.block", seconds=1.8)
    await eventually(happened(real, "blocked"))

    async def told() -> bool:
        return "worker.loop_blocked" in worker.words

    await eventually(told)


async def test_two_clocks_and_a_kill_give_each_slot_one_job(real: Database, start: Start) -> None:
    first = start(ticks=True)
    start(ticks=True)
    slots = "SELECT count(*) FROM clock_slots"

    async def more_than(count: int) -> None:
        async def look() -> bool:
            return int(str(await scalar(real, slots))) > count

        await eventually(look)

    await more_than(2)
    first.signal(signal.SIGKILL)
    await first.ended()
    await more_than(int(str(await scalar(real, slots))) + 2)
    start(ticks=True)
    await more_than(int(str(await scalar(real, slots))) + 2)
    gaps = await scalar(
        real,
        "SELECT count(*) FROM (SELECT slot_at - lag(slot_at) OVER (ORDER BY slot_at) AS step"
        " FROM clock_slots) s WHERE step <> interval '1 second'",
    )
    assert gaps == 0
    asked = (
        "SELECT count(*) = (SELECT count(*) FROM clock_slots) FROM pgqueuer_log"
        " WHERE entrypoint = 'test.slot' AND status = 'queued' AND traceback IS NULL"
    )
    assert await scalar(real, asked) is True
    doubled = await scalar(
        real,
        "SELECT count(*) FROM (SELECT name FROM probe WHERE name LIKE 'slot %'"
        " GROUP BY name HAVING count(*) > 1) s",
    )
    assert doubled == 0


async def test_an_emptied_queue_does_not_stop_the_worker(real: Database, start: Start) -> None:
    worker = start()
    await worker.started()
    connection = await asyncpg.connect(real.url.replace("+asyncpg", ""))
    try:
        await connection.execute("TRUNCATE pgqueuer")
    finally:
        await connection.close()
    await ask(real, "test.once", key="milk")
    await eventually(happened(real, "done milk"))
    assert worker.process.is_alive()
