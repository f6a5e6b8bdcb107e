"""The whole product as `make run` starts it, on an embedded database of its own."""

import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from unittest import mock

import httpx

from app.core.db import Database
from app.core.embedded import EmbeddedPostgres
from simulators.city.load import load_city
from tests.fixtures.foundation import eventually
from tests.launcher.watching import processes_of
from tests.load.city import People, people_of
from tests.load.installation import free_port, open_folder, patient, write_secrets
from tests.load.programs import Command, Program, programs


class Whole:
    """Supervisor, embedded database, web, worker and simulators, seen from outside."""

    def __init__(
        self, var: Path, database: Database, people: People, ports: tuple[int, int]
    ) -> None:
        self.var = var
        self.database = database
        self.people = people
        self.port, self.sim_port = ports

    async def answers(self) -> bool:
        """Whether the web process serves from its database."""
        async with httpx.AsyncClient(trust_env=False) as http:
            try:
                return (await http.get(f"http://127.0.0.1:{self.port}/readyz")).status_code == 200
            except httpx.TransportError:
                return False

    async def started(self, supervisor: Program) -> None:
        """Wait until everything runs."""

        async def up() -> bool:
            assert supervisor.is_alive, supervisor.words
            return "Ctrl-C" in supervisor.words and await self.answers()

        await eventually(up, within_seconds=120)


async def load_small_city(var: Path, *, households: int, sim_port: int) -> People:
    """A data directory with the demo city and everybody logged in."""
    write_secrets(var, sim_port=sim_port)
    with EmbeddedPostgres(var) as postgres:
        settings = {"DATABASE_URL": postgres.dsn, "VAR_DIR": str(var), "DEMO": "1"}
        with mock.patch.dict(os.environ, settings | {"SIM_PORT": str(sim_port)}):
            await load_city(households=households, seed=1, districts=10)
        async with patient(postgres.dsn) as database:
            return await people_of(database)


@contextmanager
def nothing_left(var: Path) -> Iterator[None]:
    """Whatever still runs on this `var` after the block is killed."""
    try:
        yield
    finally:
        for process in processes_of(var.parent):
            process.kill()


@asynccontextmanager
async def supervised(
    var: Path, people: People, *, ports: tuple[int, int]
) -> AsyncIterator[tuple[Whole, Program]]:
    """Everything running on a loaded `var`; ended as Ctrl-C ends it."""
    environment = {
        "VAR_DIR": str(var),
        "PORT": str(ports[0]),
        "SIM_PORT": str(ports[1]),
        "PLAY": "0",
    }
    command = Command("tests.load.supervised", (), environment, var.parent / "screen.txt")
    with nothing_left(var), programs() as started:
        supervisor = started.start(command)
        async with patient(EmbeddedPostgres(var).dsn) as database:
            whole = Whole(var, database, people, ports)
            await whole.started(supervisor)
            yield whole, supervisor
        supervisor.signal(signal.SIGTERM)
        assert await supervisor.ended(within_seconds=60) == 0, supervisor.words
    assert processes_of(var.parent) == []


@asynccontextmanager
async def open_var() -> AsyncIterator[Path]:
    """A `var` of its own."""
    with open_folder() as home:
        var = home / "var"
        var.mkdir(0o755)
        yield var


def two_ports() -> tuple[int, int]:
    """For web and simulators."""
    return free_port(), free_port()
