"""An installation of its own: database, keys, channel accounts, and the processes that serve it."""

import base64
import hashlib
import json
import os
import random
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import httpx

from app.core.config import DatabaseSettings
from app.core.db import Database
from simulators.channels.credentials import save_credentials
from tests.fixtures.database import cloned_database
from tests.fixtures.doses import SOAK
from tests.fixtures.foundation import eventually
from tests.fixtures.payments import demo_credentials
from tests.load.programs import Command, Program, Programs, programs

LEASE_SECONDS = None if SOAK else 1.0
"""A killed request frees its key after half a minute, which a small dose does not wait for."""
LONGEST_STATEMENT_MS = 3_600_000
_PORTS = range(20_000, 32_000)
"""Below those the system gives to outgoing connections: a server comes back on its port."""


def free_port() -> int:
    """A port nobody listens on."""
    while True:
        port = random.SystemRandom().choice(_PORTS)
        with socket.socket() as door:
            try:
                door.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


@contextmanager
def open_folder() -> Iterator[Path]:
    """An empty `var` that the database's account may enter; it goes with the block."""
    made = Path(tempfile.mkdtemp(prefix="load-")).resolve()
    made.chmod(0o755)
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def write_secrets(var: Path, *, sim_port: int) -> None:
    """Keys and channel accounts where a demo keeps its own; the same for every installation."""

    def key(purpose: str) -> str:
        return base64.b64encode(hashlib.sha256(purpose.encode()).digest()).decode()

    content = {
        "current": "load",
        "data": {"load": key("data")},
        "index": key("index"),
        "token": key("token"),
    }
    (var / "demo").mkdir(parents=True, exist_ok=True)
    (var / "demo" / "keys.json").write_text(json.dumps(content))
    base_url = f"http://127.0.0.1:{sim_port}"
    save_credentials(demo_credentials(), var=var, base_url=base_url)


class Installation:
    """A demo installation over one database, with ports of its own."""

    def __init__(self, *, database: Database, var: Path, programs: Programs) -> None:
        self.database = database
        self.var = var
        self.port, self.sim_port = free_port(), free_port()
        self._programs = programs
        write_secrets(var, sim_port=self.sim_port)

    @property
    def environment(self) -> dict[str, str]:
        """What its processes get."""
        return {
            "DATABASE_URL": self.database.url.replace("+asyncpg", ""),
            "VAR_DIR": str(self.var),
            "DEMO": "1",
            "PORT": str(self.port),
            "SIM_PORT": str(self.sim_port),
        }

    def run(self, *words: str, module: str = "app", **settings: str) -> Program:
        """A command of the product; `settings` are added to its environment."""
        return self._programs.start(
            Command(
                module=module,
                words=words,
                environment=self.environment | settings,
                log=self.var / f"{module}-{words[0]}.log",
                lease_seconds=LEASE_SECONDS,
            )
        )

    @asynccontextmanager
    async def moved_to_an_empty_database(self) -> AsyncIterator["Installation"]:
        """The same keys and folder over a database in which nothing stands."""
        async with (
            cloned_database(own_name("moved"), template="template0") as empty,
            patient(empty.url) as database,
        ):
            try:
                yield Installation(database=database, var=self.var, programs=self._programs)
            finally:
                self._programs.close()

    async def serve(self, **settings: str) -> Program:
        """The web process, when it answers."""
        web = self.run("serve", **settings)
        await until_it_answers(self.port, "/healthz", web)
        return web

    async def work(self) -> Program:
        """The worker, when it works."""
        worker = self.run("worker")

        async def said_so() -> bool:
            assert worker.is_alive, worker.words
            return "jobs.running" in worker.words

        await eventually(said_so, within_seconds=60)
        return worker

    async def simulate(self) -> Program:
        """The channels' simulators, when they answer."""
        channels = self.run("channels", module="simulators")
        await until_it_answers(self.sim_port, "/", channels)
        return channels


async def until_it_answers(port: int, path: str, program: Program) -> None:
    """Wait for the first answer; fails with the log when the process ends."""
    async with httpx.AsyncClient(trust_env=False) as http:

        async def answers() -> bool:
            assert program.is_alive, program.words
            try:
                return (await http.get(f"http://127.0.0.1:{port}{path}")).status_code == 200
            except httpx.TransportError:
                return False

        await eventually(answers, within_seconds=60)


@asynccontextmanager
async def installed(template: str | None = None) -> AsyncIterator[Installation]:
    """An installation on a clone of `template`, or of the empty schema."""
    with open_folder() as var:
        async with (
            cloned_database(own_name("load"), template=template) as clone,
            patient(clone.url) as database,
        ):
            with programs() as started:
                yield Installation(database=database, var=var, programs=started)


def own_name(purpose: str) -> str:
    """A database's name that no other process uses."""
    return f"{purpose}_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}_{os.getpid()}"


@asynccontextmanager
async def patient(url: str) -> AsyncIterator[Database]:
    """The tests' own way into a database: seeding and counting take their time."""
    settings = DatabaseSettings(
        database_url=url, database_statement_timeout_ms=LONGEST_STATEMENT_MS
    )
    database = Database(settings, application="suixinding-load")
    try:
        yield database
    finally:
        await database.dispose()
