"""Every connection is taken: who asks is told when to come back, and then all is as before."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text

from app.core.config import DatabaseSettings
from app.core.db import Database
from tests.factories import orders
from tests.factories.world import MORNING, World, once
from tests.fixtures.application import SetClock, app_over, make_test_runtime
from tests.fixtures.doses import dose

CONNECTIONS = 3
WAIT_SECONDS = 0.3
ASKED_AT_ONCE = 20
SECONDS = dose(1, 60)


@pytest.fixture
async def narrow(live_database: Database) -> AsyncIterator[Database]:
    """The live database through a pool of three."""
    settings = DatabaseSettings(
        database_url=live_database.url,
        database_pool_size=CONNECTIONS,
        database_pool_timeout_seconds=WAIT_SECONDS,
        database_statement_timeout_ms=(SECONDS + 60) * 1000,
    )
    database = Database(settings)
    yield database
    await database.dispose()


async def test_an_exhausted_pool_says_come_back_and_recovers(
    narrow: Database, tmp_path: Path
) -> None:
    runtime = make_test_runtime(narrow, SetClock(MORNING), tmp_path)
    async with narrow.transaction() as session:
        world = await World.build(session, runtime.keys)
    released = asyncio.Event()
    holding = asyncio.Semaphore(0)

    async def hold() -> None:
        async with narrow.transaction() as session:
            await session.execute(text("SELECT 1"))
            holding.release()
            await released.wait()

    transport = httpx.ASGITransport(app=app_over(runtime), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test/api/v1") as client:
        holders = [asyncio.create_task(hold()) for _ in range(CONNECTIONS)]
        for _ in holders:
            await holding.acquire()
        body = orders.order_body(world, world.household, bottles=4)
        key = world.household.headers | once()
        end = time.monotonic() + SECONDS
        rounds = 0
        while rounds == 0 or time.monotonic() < end:
            rounds += 1
            answers = await asyncio.gather(
                *(client.post("/orders", json=body, headers=key) for _ in range(ASKED_AT_ONCE))
            )
            for answer in answers:
                assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
                assert int(answer.headers["retry-after"]) >= 1
            alive = await client.get("http://test/healthz")
            assert alive.status_code == 200, alive.text
            assert (await client.get("http://test/readyz")).status_code == 503
        released.set()
        await asyncio.gather(*holders)

        placed = await client.post("/orders", json=body, headers=key)
        assert placed.status_code == 201, placed.text
        assert (await client.get("http://test/readyz")).status_code == 200
    assert narrow.engine.pool.checkedout() == 0  # type: ignore[attr-defined]  # the async queue pool
    async with narrow.transaction() as session:
        assert await session.scalar(text("SELECT count(*) FROM orders")) == 1
    await runtime.http.aclose()
