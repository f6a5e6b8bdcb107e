"""The dashboard's live stream to many viewers beside one: statements per look, and how late it is.

Viewers listen to `/manager/stream`, every second of them to a station, at a web process that does
nothing else; its statements are counted where the driver sends them, without BEGIN and COMMIT.
Doors are reported through `POST /sync` to another process, each at a random moment between two
looks, and each is waited for until the last viewer has an event that knows of it. The delay runs
from the sending of the report, so that the time its transaction takes is in it.
"""

import asyncio
import random
import statistics
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from sqlalchemy import text

from app.core.db import Database
from app.core.ids import public_single
from app.kpi.morning.hub import TICK_SECONDS
from bench.browsing import Browser
from bench.dashboard import Phones, environment_of
from bench.figures import Figure, against_limit, in_milliseconds
from bench.morning import SeededMorning, seed_morning
from bench.phones import MANAGER, list_rounds, token_of
from bench.serving import HOST, server_process
from bench.ticks import COUNTED, Counted

HOUSEHOLDS = 20_000
VIEWERS = 20
REPORTS = 30
AT_ONCE = 8
"""Streams that are opened at the same time."""
PATIENCE_SECONDS = 60.0
STREAM = "/manager/stream?scope={scope}"
_MARKER = "SELECT sum(version) FROM block_mornings WHERE service_date = :day"


@dataclass(frozen=True, slots=True)
class Watched:
    """What some viewers saw: statements per look, and the seconds until the last of them knew."""

    statements: float
    delays: list[float]


async def run(database: Database, *, scale: float) -> list[Figure]:
    """Tell one viewer and then `VIEWERS` x `scale` of `REPORTS` doors, in an empty database."""
    viewers = int(VIEWERS * scale)
    morning = await seed_morning(database, households=HOUSEHOLDS)
    with environment_of(database) as (environment, folder):
        async with (
            server_process("counted", environment, log=folder / "watched.log") as watched,
            server_process("product", environment, log=folder / "phones.log") as phones,
        ):
            rounds = await list_rounds(database, morning.today)
            desk = Desk(database, morning, Phones(HOST, phones.port, morning, rounds), watched.port)
            try:
                one = await desk.watch(1)
                many = await desk.watch(viewers)
            finally:
                await desk.phones.client.close()
    return [
        against_limit(
            f"live_statements_per_tick_{viewers}_viewers",
            ours=many.statements,
            limit=one.statements,
            unit="statements",
        ),
        in_milliseconds(f"live_last_event_p95_{viewers}_viewers", ours=_p95(many), bare=_p95(one)),
    ]


def _p95(seen: Watched) -> float:
    return statistics.quantiles(seen.delays, n=100, method="inclusive")[94]


@dataclass(slots=True)
class Viewer:
    """Somebody who watches, and the newest state of the morning he has."""

    browser: Browser
    path: str
    news: asyncio.Condition
    marker: int = -1

    async def listen(self) -> None:
        """Take every event in until cancelled."""
        async for name in self.browser.listen(self.path):
            self.marker = int(name.split(".")[1])
            async with self.news:
                self.news.notify_all()


async def _until_known(viewers: list[Viewer], *, marker: int) -> None:
    """Wait until all of them have this state of the morning, or a newer one."""
    news = viewers[0].news
    async with news:
        await news.wait_for(lambda: all(one.marker >= marker for one in viewers))


@dataclass(slots=True)
class Desk:
    """Where viewers sit and phones are heard."""

    database: Database
    morning: SeededMorning
    phones: Phones
    port: int
    _chance: random.Random = field(default_factory=lambda: random.Random(20260408))

    async def watch(self, count: int) -> Watched:
        """Let so many watch while doors are reported."""
        async with self._viewers(count) as viewers, asyncio.timeout(PATIENCE_SECONDS) as patience:
            delays = []
            await self._report(viewers)
            await self._counted()
            for _ in range(REPORTS):
                patience.reschedule(asyncio.get_running_loop().time() + PATIENCE_SECONDS)
                await asyncio.sleep(self._chance.uniform(0, 0.9 * TICK_SECONDS))
                delays.append(await self._report(viewers))
            counted = await self._counted()
        return Watched(counted.statements / counted.ticks, delays)

    async def _report(self, viewers: list[Viewer]) -> float:
        loop = asyncio.get_running_loop()
        started = loop.time()
        await self.phones.report()
        async with self.database.connection() as connection:
            marker = await connection.scalar(text(_MARKER), {"day": self.morning.today})
        await _until_known(viewers, marker=int(marker or 0))
        return loop.time() - started

    @asynccontextmanager
    async def _viewers(self, count: int) -> AsyncIterator[list[Viewer]]:
        async with self.database.connection() as connection:
            stations = list(await connection.scalars(text("SELECT id FROM stations ORDER BY code")))
        scopes = ["operator"] * count
        for number in range(1, count, 2):
            station = stations[number // 2 % len(stations)]
            scopes[number] = f"station:{public_single('stn', station)}"
        news = asyncio.Condition()
        viewers = [
            Viewer(Browser(HOST, self.port, token_of(MANAGER)), STREAM.format(scope=scope), news)
            for scope in scopes
        ]
        try:
            async with asyncio.TaskGroup() as group:
                tasks = []
                for first in range(0, count, AT_ONCE):
                    some = viewers[first : first + AT_ONCE]
                    tasks += [group.create_task(one.listen()) for one in some]
                    async with asyncio.timeout(PATIENCE_SECONDS):
                        await _until_known(some, marker=0)
                yield viewers
                for task in tasks:
                    task.cancel()
        finally:
            for one in viewers:  # a server that is told to end waits for them
                await one.browser.close()

    async def _counted(self) -> Counted:
        asked = Browser(HOST, self.port, token_of(MANAGER))
        try:
            return Counted.model_validate_json((await asked.get(COUNTED)).body)
        finally:
            await asked.close()
