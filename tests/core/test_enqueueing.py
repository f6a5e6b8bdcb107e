"""Jobs belong to the transaction, or to the statement, that asks for them."""

import asyncio

import pytest
from sqlalchemy import text

from app.core.clock import wall_now
from app.core.db import Database
from app.core.enqueueing import enqueue, enqueue_many, write_and_enqueue
from tests.fixtures.foundation import effects, queued, scalar


class Refused(Exception):
    """What takes a transaction back."""


@pytest.mark.parametrize("committed", [True, False], ids=["commit", "rollback"])
@pytest.mark.parametrize("order", ["write-first", "enqueue-first", "enqueue-only"])
async def test_a_job_exists_iff_its_transaction_committed(
    real: Database, order: str, committed: bool
) -> None:
    async def work() -> None:
        async with real.transaction() as session:
            write = text("INSERT INTO probe (name) VALUES ('order')")
            if order == "write-first":
                await session.execute(write)
            await enqueue(session, "test.job", {"order_id": 1})
            if order == "enqueue-first":
                await session.execute(write)
            if not committed:
                raise Refused

    if committed:
        await work()
    else:
        with pytest.raises(Refused):
            await work()
    assert await queued(real) == int(committed)
    assert await effects(real, "order") == int(committed and order != "enqueue-only")
    assert await scalar(real, "SELECT count(*) FROM pgqueuer_log") == int(committed)


async def test_what_is_written_and_its_job_are_one_statement(real: Database) -> None:
    first = (
        "INSERT INTO once_keys (key, done_at) VALUES ($7, $8) ON CONFLICT DO NOTHING RETURNING key"
    )

    async def write(key: str, job: str) -> bool:
        return await write_and_enqueue(
            real, first, key, wall_now(), name="test.job", payload={"key": key}, dedupe_key=job
        )

    assert await write("paid", "job-1")
    assert not await write("paid", "job-2")
    assert (await queued(real), await scalar(real, "SELECT count(*) FROM once_keys")) == (1, 1)
    assert not await write("refunded", "job-1")
    assert (await queued(real), await scalar(real, "SELECT count(*) FROM once_keys")) == (1, 2)


async def test_an_equal_dedupe_key_adds_nothing_and_harms_no_one(real: Database) -> None:
    async with real.transaction() as session:
        await enqueue(session, "test.job", {"n": 1}, dedupe_key="order-1")
        await enqueue(session, "test.job", {"n": 2}, dedupe_key="order-1")
        await enqueue(session, "test.job", {"n": 3}, dedupe_key="order-2")
        await session.execute(text("INSERT INTO probe (name) VALUES ('still usable')"))
    assert await queued(real) == 2
    assert await effects(real, "still usable") == 1


async def test_an_equal_dedupe_key_of_five_at_once_adds_one(real: Database) -> None:
    async def ask() -> None:
        async with real.transaction() as session:
            await enqueue(session, "test.job", {}, dedupe_key="order-1")

    await asyncio.gather(*(ask() for _ in range(5)))
    assert await queued(real) == 1


async def test_enqueueing_nothing_asks_the_database_nothing(real: Database) -> None:
    async with real.transaction() as session:
        await enqueue_many(session, "test.job", [])
    assert await queued(real) == 0
