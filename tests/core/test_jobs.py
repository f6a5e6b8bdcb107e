"""Failures of jobs are retried, then held, then seen."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
import structlog
from sqlalchemy import text

from app.core.alerts import list_open_alerts
from app.core.clock import wall_now
from app.core.db import Database
from app.core.enqueueing import Payload, enqueue, enqueue_many
from app.core.jobs import (
    HELD_ALERT,
    HeldJob,
    JobContext,
    JobRunner,
    JobSpec,
    OnceKey,
    count_held,
    first_time,
    list_held,
    oldest_due_age_seconds,
    prune_log,
    requeue_held,
)
from tests.fixtures.foundation import effects, eventually, put, scalar

QUICK = timedelta(milliseconds=50)


class Refused(Exception):
    """What the tests' handlers raise."""


@asynccontextmanager
async def running(context: JobContext, *specs: JobSpec) -> AsyncIterator[JobRunner]:
    runner = JobRunner(context, specs, first_delay=QUICK, poll=timedelta(seconds=1))
    task = asyncio.create_task(runner.run())
    try:
        yield runner
    finally:
        runner.stop()
        await asyncio.wait_for(task, 20)


def happened(database: Database, name: str, times: int = 1) -> Callable[[], Awaitable[bool]]:
    async def look() -> bool:
        return await effects(database, name) == times

    return look


async def held_job(database: Database) -> HeldJob:
    async def held() -> bool:
        async with database.transaction() as session:
            return await count_held(session) == 1

    await eventually(held)
    async with database.transaction() as session:
        (job,) = await list_held(session)
    return job


async def test_an_effect_is_claimed_once(real: Database) -> None:
    async def claim(*, fails: bool = False) -> bool:
        async with real.transaction() as session:
            first = await first_time(session, "order-1")
            if fails:
                raise Refused
            return first

    with pytest.raises(Refused):
        await claim(fails=True)
    assert sorted(await asyncio.gather(*(claim() for _ in range(5)))) == [False] * 4 + [True]


async def test_a_job_fails_twice_then_succeeds(real: Database, context: JobContext) -> None:
    starts: list[float] = []

    async def handler(_: JobContext, payload: Payload) -> None:
        starts.append(asyncio.get_running_loop().time())
        if len(starts) < 3:
            raise Refused("not yet")
        await put(real, payload["name"])

    async with running(context, JobSpec("test.job", handler)):
        async with real.transaction() as session:
            await enqueue(session, "test.job", {"name": "done"})

        await eventually(happened(real, "done"))
    assert len(starts) == 3
    first, second = starts[1] - starts[0], starts[2] - starts[1]
    assert first >= 0.05
    assert second >= 0.1
    assert await scalar(real, "SELECT count(*) FROM pgqueuer") == 0


async def test_a_job_that_never_succeeds_is_held_with_its_reason(
    real: Database, context: JobContext
) -> None:
    tries = 0

    async def handler(_: JobContext, __: Payload) -> None:
        nonlocal tries
        tries += 1
        raise Refused("the station does not exist")

    with structlog.testing.capture_logs() as logs:
        async with running(context, JobSpec("test.job", handler, max_attempts=3)):
            async with real.transaction() as session:
                await enqueue(session, "test.job", {"order_id": 7})
            job = await held_job(real)
    assert tries == 3
    assert (job.name, job.payload, job.attempts) == ("test.job", {"order_id": 7}, 2)
    assert job.reason == "Refused: the station does not exist"
    assert abs(wall_now() - job.created_at) < timedelta(minutes=1)
    assert [line["held"] for line in logs if line["event"] == "job.failed"] == [False, False, True]
    async with real.transaction() as session:
        assert [(a.kind, a.subject) for a in await list_open_alerts(session)] == [
            (HELD_ALERT, "test.job")
        ]
        assert await oldest_due_age_seconds(session) == 0


async def test_an_error_without_words_is_held_under_its_name(
    real: Database, context: JobContext
) -> None:
    async def handler(_: JobContext, __: Payload) -> None:
        raise Refused

    async with running(context, JobSpec("test.job", handler, max_attempts=1)):
        async with real.transaction() as session:
            await enqueue(session, "test.job", {})
        assert (await held_job(real)).reason == "Refused"


async def test_a_held_job_is_put_back_and_done(real: Database, context: JobContext) -> None:
    mended = False

    async def handler(_: JobContext, __: Payload) -> None:
        if not mended:
            raise Refused("broken")
        await put(real, "done")

    async with running(context, JobSpec("test.job", handler, max_attempts=2)):
        async with real.transaction() as session:
            await enqueue(session, "test.job", {})
        job = await held_job(real)
        mended = True
        async with real.transaction() as session:
            assert await requeue_held(session, job.id)
            assert not await requeue_held(session, job.id)
            assert not await requeue_held(session, 10**9)

        await eventually(happened(real, "done"))
    async with real.transaction() as session:
        assert await count_held(session) == 0
        assert await list_open_alerts(session) == []


async def deaths(database: Database, count: int, *, alone: int = 0) -> None:
    """A job whose worker has died `count` times, `alone` of them while nothing else ran."""
    async with database.transaction() as session:
        await enqueue(session, "test.job", {})
        job_id = await session.scalar(
            text(
                "UPDATE pgqueuer SET created = created - interval '1 hour'"
                " WHERE id = (SELECT max(id) FROM pgqueuer) RETURNING id"
            )
        )
        await session.execute(
            text(
                "INSERT INTO pgqueuer_log (job_id, status, priority, entrypoint, traceback)"
                " SELECT :id, 'picked', 0, 'test.job',"
                "        CASE WHEN n > :count THEN jsonb_build_object('alone', true) END"
                " FROM generate_series(1, CAST(:count AS int) + CAST(:alone AS int)) n"
            ),
            {"id": job_id, "count": count, "alone": alone},
        )


async def test_a_job_that_keeps_killing_its_worker_is_held(
    real: Database, context: JobContext
) -> None:
    async def handler(_: JobContext, __: Payload) -> None:
        await put(real, "ran")

    await deaths(real, 4, alone=3)
    async with running(context, JobSpec("test.job", handler)):
        job = await held_job(real)
        assert job.reason == "PoisonJob: its worker died 3 times while it ran alone"
        assert await effects(real, "ran") == 0
        async with real.transaction() as session:
            assert await requeue_held(session, job.id)
        await eventually(happened(real, "ran"))


@pytest.mark.parametrize(("count", "alone"), [(10, 0), (3, 2)])
async def test_a_job_that_died_along_with_another_still_works(
    real: Database, context: JobContext, count: int, alone: int
) -> None:
    async def handler(_: JobContext, __: Payload) -> None:
        await put(real, "ran")

    await deaths(real, count, alone=alone)
    async with running(context, JobSpec("test.job", handler)):
        await eventually(happened(real, "ran"))


async def test_jobs_whose_worker_died_run_one_at_a_time(
    real: Database, context: JobContext
) -> None:
    now = most = 0

    async def handler(_: JobContext, __: Payload) -> None:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await put(real, "ran")
        now -= 1

    for _ in range(5):
        await deaths(real, 1)
    async with running(context, JobSpec("test.job", handler)):
        await eventually(happened(real, "ran", times=5))
    assert most == 1


async def test_failures_are_no_deaths(real: Database, context: JobContext) -> None:
    tries = 0

    async def handler(_: JobContext, __: Payload) -> None:
        nonlocal tries
        tries += 1
        if tries <= 5:
            raise Refused("not yet")
        await put(real, "ran")

    await deaths(real, 2, alone=1)
    async with running(context, JobSpec("test.job", handler, max_attempts=8)):
        await eventually(happened(real, "ran"))
    assert tries == 6


async def test_a_thousand_waiting_jobs_do_not_run_all_at_once(
    real: Database, context: JobContext
) -> None:
    now = most = done = 0

    async def handler(_: JobContext, __: Payload) -> None:
        nonlocal now, most, done
        now += 1
        most = max(most, now)
        async with real.transaction() as session:
            await session.execute(text("SELECT 1"))
        now -= 1
        done += 1

    async with real.transaction() as session:
        await enqueue_many(session, "test.job", [{}] * 1000)
    async with running(context, JobSpec("test.job", handler)):

        async def all_done() -> bool:
            return done == 1000

        await eventually(all_done, within_seconds=60)
    assert most <= 30
    assert await scalar(real, "SELECT count(*) FROM pgqueuer") == 0


async def test_a_kind_of_job_keeps_to_its_own_limit(real: Database, context: JobContext) -> None:
    now = most = done = 0

    async def handler(_: JobContext, __: Payload) -> None:
        nonlocal now, most, done
        now += 1
        most = max(most, now)
        await put(real, "sms")
        now -= 1
        done += 1

    async def other(_: JobContext, __: Payload) -> None:
        await put(real, "other")

    async with real.transaction() as session:
        await enqueue_many(session, "test.sms", [{}] * 40)
        await enqueue_many(session, "test.other", [{}] * 40)
    async with running(
        context, JobSpec("test.sms", handler, concurrency=3), JobSpec("test.other", other)
    ):
        await eventually(happened(real, "sms", times=40))
        await eventually(happened(real, "other", times=40))
    assert most <= 3


async def test_the_queue_s_own_log_is_pruned_but_not_of_living_jobs(
    real: Database, context: JobContext
) -> None:
    async with real.transaction() as session:
        await enqueue(session, "test.waiting", {})
        await session.execute(
            text(
                "INSERT INTO pgqueuer_log (created, job_id, status, priority, entrypoint)"
                " VALUES (:old, -1, 'successful', 0, 'test.job')"
            ),
            {"old": wall_now() - timedelta(days=40)},
        )
        await session.execute(text("UPDATE pgqueuer_log SET created = created - interval '40 d'"))
        session.add(OnceKey(key="old", done_at=wall_now() - timedelta(days=40)))
        session.add(OnceKey(key="new", done_at=wall_now()))
    async with real.transaction() as session:
        await prune_log(session, older_than=timedelta(days=30))
    assert await scalar(real, "SELECT string_agg(entrypoint, ',') FROM pgqueuer_log") == (
        "test.waiting"
    )
    assert await scalar(real, "SELECT string_agg(key, ',') FROM once_keys") == "new"


async def test_the_age_of_the_oldest_due_job(real: Database) -> None:
    async with real.transaction() as session:
        assert await oldest_due_age_seconds(session) == 0
        await enqueue(session, "test.job", {}, after=timedelta(hours=1))
    async with real.transaction() as session:
        assert await oldest_due_age_seconds(session) == 0
        await session.execute(
            text("UPDATE pgqueuer SET execute_after = execute_after - interval '2 hours'")
        )
    async with real.transaction() as session:
        assert 3600 <= await oldest_due_age_seconds(session) < 3700
