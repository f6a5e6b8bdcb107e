"""The product under the model test: its API, its jobs and its channel, one database connection.

Every run stands in a savepoint of one transaction over a clone of its own, and is undone after it.
"""

import asyncio
import os
import tempfile
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import httpx
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.jobs import JobContext
from app.core.runtime import Runtime, set_runtime
from tests.factories.world import MORNING, Household, World
from tests.fixtures.application import SetClock, app_over, make_test_runtime
from tests.fixtures.database import RolledBackDatabase, cloned_database
from tests.fixtures.payments import Payments, open_payments
from tests.model.gifts import promotion

T = TypeVar("T")
REFUND_SECONDS = 86_400.0
"""Longer than any run: refunds end when the test says so, not by the wall."""


class Stand:
    """What stays over all runs: an event loop, a database with the city, the application."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self._stack = AsyncExitStack()
        self.do(self._open())

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Run something to its end; Hypothesis calls its rules without an event loop."""
        return self._runner.run(work)

    async def _open(self) -> None:
        worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
        name = f"model_{worker}_{os.getpid()}"
        base = await self._stack.enter_async_context(cloned_database(name))
        self.outer: AsyncConnection = await self._stack.enter_async_context(base.engine.connect())
        await self.outer.begin()
        self.database = RolledBackDatabase(self.outer, base)
        self.clock = SetClock(MORNING)
        var = Path(self._stack.enter_context(tempfile.TemporaryDirectory()))
        self.runtime: Runtime = make_test_runtime(self.database, self.clock, var)
        self._stack.push_async_callback(self.runtime.http.aclose)
        async with self.database.transaction() as session:
            self.world = await World.build(session, self.runtime.keys)
            self.homes: dict[str, Household] = {
                "covered": self.world.household,
                "unclear": await self.world.add_household(
                    session, compound="", street="漕溪北路", house_no="", block=None
                ),
                "uncovered": await self.world.add_household(
                    session, compound="无人小区", street="不通路", block=None
                ),
            }
            session.add(promotion(MORNING))
            # Runs go on for hours in the long dose.
            await session.execute(
                text(
                    "UPDATE sessions SET access_expires_at = access_expires_at + interval '9 days'"
                )
            )

    def close(self) -> None:
        """Undo everything and drop the database."""
        self.do(self._stack.aclose())
        self._runner.close()


class Run:
    """One run over the stand: a savepoint, a fresh channel, a clock put back."""

    def __init__(self, stand: Stand) -> None:
        self.stand = stand
        self._stack = AsyncExitStack()
        stand.do(self._open())

    async def _open(self) -> None:
        stand = self.stand
        set_runtime(stand.runtime)
        stand.clock.set(MORNING)
        self._savepoint = await stand.outer.begin_nested()
        self.payments: Payments = await self._stack.enter_async_context(
            open_payments(stand.runtime, refund_seconds=REFUND_SECONDS)
        )
        transport = httpx.ASGITransport(app=app_over(stand.runtime), raise_app_exceptions=False)
        self.client = await self._stack.enter_async_context(
            httpx.AsyncClient(transport=transport, base_url="http://test/api/v1")
        )
        self.context = JobContext(database=stand.database, clock=stand.clock)

    def close(self) -> None:
        """Undo the run."""
        self.stand.do(self._close())

    async def _close(self) -> None:
        await self._stack.aclose()
        await self._savepoint.rollback()


async def refunds_end(payments: Payments) -> None:
    """What is on its way back arrives, and the channel says so."""
    await payments.deliver_notifications()
    await payments.advance(REFUND_SECONDS + timedelta(minutes=1).total_seconds())
    await payments.deliver_notifications()
