"""The scratch databases of a run: a migrated template, cloned for each benchmark, dropped after it."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import asyncpg
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core import migrate
from app.core.config import DatabaseSettings
from app.core.db import Database
from app.core.embedded import EmbeddedPostgres

SERVER = "BENCH_DATABASE_SERVER"
"""Names a server with its usual settings, e.g. postgresql://app@host/postgres; its databases
`bench_…` are dropped."""
LONGEST_STATEMENT_MS = 3_600_000
TEMPLATE = "bench_template"


@dataclass(frozen=True, slots=True)
class Server:
    """A PostgreSQL server on which databases may be made."""

    address: str

    def url(self, name: str) -> str:
        """Address of one database."""
        head, _, query = self.address.partition("?")
        return f"{head.rpartition('/')[0]}/{name}" + (f"?{query}" if query else "")

    async def run(self, *statements: str) -> None:
        """Run statements outside of any scratch database."""
        admin = await asyncpg.connect(self.url("postgres"))
        try:
            for statement in statements:
                await admin.execute(statement)
        finally:
            await admin.close()


@contextmanager
def scratch_server(var: Path) -> Iterator[Server]:
    """The server BENCH_DATABASE_SERVER names, else the embedded one under `var`.

    The embedded one runs with the settings of every installation: fsync and synchronous commits.
    Raises EmbeddedError.
    """
    given = os.environ.get(SERVER)
    if given:
        yield Server(given)
        return
    with EmbeddedPostgres(var) as postgres:
        server = Server(postgres.dsn)
        asyncio.run(_allow_checkpoints(server))
        yield server


async def _allow_checkpoints(server: Server) -> None:
    admin = await asyncpg.connect(server.url("postgres"), user="postgres")
    try:
        await admin.execute("GRANT pg_checkpoint TO app")
    finally:
        await admin.close()


async def make_template(server: Server, *, today: date) -> None:
    """Migrate an empty database once; the run's databases are its clones."""
    await drop_database(server, TEMPLATE)
    await server.run(f"CREATE DATABASE {TEMPLATE}")
    making = _open(server, TEMPLATE)
    await migrate.upgrade(making.engine, today=today)
    await making.dispose()


async def drop_database(server: Server, name: str) -> None:
    """Take a scratch database away, whoever is connected to it."""
    try:
        await server.run(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    except asyncpg.InsufficientPrivilegeError:  # autovacuum looks at it, and ends by itself
        await server.run(f"DROP DATABASE IF EXISTS {name}")


@asynccontextmanager
async def scratch_database(server: Server, name: str) -> AsyncIterator[Database]:
    """An empty, migrated database; dropped afterwards."""
    await drop_database(server, name)
    await server.run(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY file_copy")
    database = _open(server, name)
    try:
        yield database
    finally:
        await database.dispose()
        await drop_database(server, name)


def _open(server: Server, name: str) -> Database:
    return Database(
        DatabaseSettings(
            database_url=server.url(name), database_statement_timeout_ms=LONGEST_STATEMENT_MS
        ),
        application="suixinding-bench",
    )


async def run_script(connection: AsyncConnection, script: str, facts: Mapping[str, object]) -> None:
    """Run a seed's statements one after the other, each with those of the facts that it names."""
    for statement in script.split(";\n"):
        bound = text(statement)
        names = set(bound.compile().params)
        await connection.execute(bound, {name: facts[name] for name in names})


async def tidy(database: Database) -> None:
    """Leave a database as autovacuum and a checkpoint would, so that neither comes in the middle.

    On a server of somebody else's a checkpoint may be refused; then it comes when it comes.
    """
    async with database.statement() as connection:
        await connection.execute(text("VACUUM ANALYZE"))
        with suppress(ProgrammingError):
            await connection.execute(text("CHECKPOINT"))
