"""A morning that the manager watches, and a phone that reports it through the API."""

import asyncio
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import httpx
import pytest
import uvicorn

from app.core.clock import local_instant
from app.delivery.models import StopState
from app.delivery.repository.mornings import rebuild_mornings
from app.workforce.models import Deliverer
from tests.delivery.conftest import AT_THE_DOOR, SYNC_AT, build_round
from tests.factories.delivery import RunningLine, batch, stop_done
from tests.factories.history import SEVEN, History
from tests.factories.world import TODAY
from tests.fixtures.application import app_over
from tests.fixtures.site import Server, Site


@dataclass
class Morning:
    """06:10 of a planned morning: two doors on block 1, one on block 2."""

    site: Site
    milk: RunningLine
    neighbour: RunningLine
    far: RunningLine

    async def report(self, line: RunningLine, **said: Any) -> None:
        """A deliverer's phone reports a door through the API."""
        clock = self.site.clock
        event = stop_done(line, device_at=AT_THE_DOOR, **said)
        async with httpx.AsyncClient(base_url=f"{self.site.url}/api/v1") as client:
            answer = await client.post(
                "/sync",
                json=batch(event, sent_at=clock.now()),
                headers=self.site.world.deliverer_staff[0].headers,
            )
        assert answer.status_code == 200, answer.text
        assert answer.json()["answers"][0]["status"] == "accepted", answer.text


@pytest.fixture
async def morning(site: Site) -> Morning:
    """The morning, planned; both deliverers belong to the station."""
    async with site.database.transaction() as session:
        milk, _, neighbour, far = await build_round(session, site.world)
        for deliverer_id in site.world.deliverers:
            deliverer = await session.get_one(Deliverer, deliverer_id)
            deliverer.station_id = site.world.station_id
    site.clock.set(SYNC_AT)
    return Morning(site, milk, neighbour, far)


class Door:
    """A server of the test's own in front of the same pages: it stops, and comes back as it was."""

    def __init__(self, site: Site) -> None:
        self._app = app_over(site.runtime)
        self._port = 0
        self._server: Server | None = None
        self._serving: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self._port}"

    async def open(self) -> None:
        """Serve, at the address of before."""
        door = socket.socket()
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        door.bind(("127.0.0.1", self._port))
        self._port = door.getsockname()[1]
        config = uvicorn.Config(
            self._app,
            lifespan="off",
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=1,
        )
        self._server = Server(config)
        self._serving = asyncio.create_task(self._server.serve(sockets=[door]))
        while not self._server.started:  # noqa: ASYNC110  # it has no event
            await asyncio.sleep(0.01)

    async def close(self) -> None:
        """Stop, whoever still watches."""
        assert self._server is not None
        assert self._serving is not None
        self._server.should_exit = True
        await self._serving


@pytest.fixture
async def door(site: Site) -> AsyncIterator[Door]:
    """The test's own server, open."""
    made = Door(site)
    await made.open()
    yield made
    await made.close()


async def write_past(site: Site, *, days: int = 3) -> None:
    """Mornings up to today, half of their stops late; it is 08:00 now."""
    world = site.world
    async with site.database.transaction() as session:
        history = History(session, world)
        for day in _days(days):
            await history.stop(day)
            await history.stop(day, seconds_from_seven=1800)
            await history.stop(day, state=StopState.FAILED, block=1)
            await history.stop(day, block=1)
        await rebuild_mornings(
            session, [(block, day) for block in world.blocks for day in _days(days)]
        )
    site.clock.set(local_instant(TODAY, SEVEN) + timedelta(hours=1))


def _days(count: int) -> list[date]:
    return [TODAY - timedelta(days=number) for number in range(count)]
