"""A real web process of the whole product over a test's database, on a socket the test listens on."""

import asyncio
import os
import socket
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from app.core.config import DatabaseSettings
from app.core.db import Database
from tests.factories.world import MORNING
from tests.fixtures.application import SetClock, app_over, make_test_runtime


@dataclass(frozen=True, slots=True)
class WebSettings:
    """How one web process is to run."""

    url: str
    var: Path


def run(settings: WebSettings, listening: socket.socket) -> None:
    """The process; it ends when it is killed."""
    with (settings.var / "web.log").open("ab") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    asyncio.run(_serve(settings, listening))


async def _serve(settings: WebSettings, listening: socket.socket) -> None:
    database = Database(DatabaseSettings(database_url=settings.url))
    runtime = make_test_runtime(database, SetClock(MORNING), settings.var)
    config = uvicorn.Config(
        app_over(runtime), log_config=None, access_log=False, lifespan="off", loop="asyncio"
    )
    await uvicorn.Server(config).serve(sockets=[listening])
