"""Requests of the product beside bare FastAPI + asyncpg endpoints with as many statements and commits.

A piece of work is some requests over HTTP to a server process of its own. The bare side gets as many
requests: each runs the transactions recorded from the product's own request, statement by statement
and commit by commit. Either as many statements (`bench.bare`: select by key, insert or update of one
row), or the very same ones (`bench.same`).
"""

import json
import os
import statistics
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from app.core.clock import BusinessClock
from app.core.config import InstallationSettings
from app.core.crypto import load_keys, new_key_file
from app.core.db import Database
from app.core.runtime import Runtime
from app.main import create_app
from bench import bare
from bench.counting import Recorder, Transaction, recorded
from bench.figures import Figure, against_rate
from bench.load import Client, drive
from bench.same import write_same
from bench.serving import HOST, PLAN, ServerProcess, Side, server_process, without_channel

ROUNDS = 5
CLIENTS = 16
WARM_UP = CLIENTS * 4
"""Pieces of a first round, which opens connections and fills caches."""
Work = Callable[[Client, int], Awaitable[None]]
Plan = list[list[Transaction]]
"""The transactions of each request."""


@dataclass(frozen=True, slots=True)
class Sides:
    """Two servers on one database, and the environment they run in."""

    product: ServerProcess
    bare: ServerProcess
    environment: dict[str, str]
    folder: Path


@contextmanager
def key_file() -> Iterator[Path]:
    """Fresh keys in a folder that goes with the block."""
    with tempfile.TemporaryDirectory() as made:
        path = Path(made) / "keys.json"
        path.write_text(json.dumps(new_key_file()))
        yield path


@asynccontextmanager
async def both_sides(
    database: Database, keys: Path, plan: Plan, *, same: bool = False
) -> AsyncIterator[Sides]:
    """The product, and the bare endpoints of a plan; of the `same` statements if asked."""
    limit: Side = "same" if same else "bare"
    async with database.statement() as connection:
        for statement in bare.TABLES:
            await connection.exec_driver_sql(statement)
    folder = keys.parent
    environment = {
        **os.environ,
        "DATABASE_URL": database.url,
        "KEYS_FILE": str(keys),
        "DEMO": "0",
        PLAN: str(folder / "plan"),
    }
    write = write_same if same else bare.write_plan
    write(plan, Path(environment[PLAN]))
    async with (
        server_process("product", environment, log=folder / "product.log") as product,
        server_process(limit, environment, log=folder / "bare.log") as bare_one,
    ):
        yield Sides(product, bare_one, environment, folder)


async def compare_rates(
    name: str, sides: Sides, *, ours: Work, bare: Work, count: int, unit: str
) -> Figure:
    """Let both sides do `count` pieces in turns; the medians of their rates."""
    our_rates, bare_rates = [], []
    first = 0
    for number in range(ROUNDS + 1):
        size = count if number else WARM_UP
        seconds = [
            await drive(HOST, port, work, clients=CLIENTS, first=first, count=size)
            for port, work in ((sides.product.port, ours), (sides.bare.port, bare))
        ]
        first += size
        if number:
            our_rates.append(size / seconds[0])
            bare_rates.append(size / seconds[1])
    return against_rate(
        name, ours=statistics.median(our_rates), bare=statistics.median(bare_rates), unit=unit
    )


@dataclass(slots=True)
class Recording:
    """Sends requests to the product in this process and notes what they ask of the database."""

    client: httpx.AsyncClient
    recorder: Recorder
    plan: Plan

    async def send(self, path: str, body: bytes, *, token: str) -> bytes:
        """POST; the answer's body. Raises httpx.HTTPStatusError."""
        headers = {
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json",
            "Idempotency-Key": f"recorded-{len(self.plan)}",
        }
        answer = await self.client.post(f"http://bench{path}", content=body, headers=headers)
        answer.raise_for_status()
        self.plan.append(self.recorder.take())
        return answer.content


@asynccontextmanager
async def recording(database: Database, keys: Path) -> AsyncIterator[Recording]:
    """A product whose requests are recorded; no channel is asked."""
    runtime = Runtime(
        database=database,
        keys=load_keys(keys),
        clock=BusinessClock(),
        http=httpx.AsyncClient(),
        installation=InstallationSettings(demo=False),
    )
    with without_channel(), recorded() as recorder:
        transport = httpx.ASGITransport(app=create_app(runtime))
        async with runtime.http, httpx.AsyncClient(transport=transport) as client:
            yield Recording(client, recorder, [])
