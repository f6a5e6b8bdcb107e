"""Bring a database to the schema of this code, and tell when it is newer."""

from datetime import date
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.core.clock import local_date, wall_now
from app.core.config import DatabaseSettings
from app.core.db import Database, check_server
from app.core.demo import mark_demo
from app.core.errors import SetupError
from app.core.partitions import ensure_partitions

MIGRATION_TIMEOUT_MS = 3_600_000
ROOT = Path(__file__).resolve().parents[2]


def config(connection: Connection | None = None) -> Config:
    """Alembic's configuration, on a connection of ours."""
    made = Config(str(ROOT / "alembic.ini"))
    made.attributes["connection"] = connection
    return made


def head() -> str:
    """The newest revision this code knows."""
    found = ScriptDirectory.from_config(config()).get_current_head()
    if found is None:
        raise SetupError(
            "No migrations were found beside the code: the installation is incomplete."
        )
    return found


async def current_revision(connection: AsyncConnection) -> str | None:
    """The database's revision; none for an empty one."""
    return await connection.run_sync(
        lambda plain: MigrationContext.configure(plain).get_current_revision()
    )


async def require_not_newer(connection: AsyncConnection) -> None:
    """Raise SetupError when the database was migrated by newer code."""
    revision = await current_revision(connection)
    script = ScriptDirectory.from_config(config())
    known = {item.revision for item in script.walk_revisions()}
    if revision is not None and revision not in known:
        raise SetupError(
            f"The database is at revision {revision}, newer than this code ({head()}): "
            "start the newer version, or restore a backup made by this one."
        )


async def upgrade(engine: AsyncEngine, *, today: date, revision: str = "head") -> None:
    """Migrate to the head and make partitions around today."""
    async with engine.connect() as connection:
        await require_not_newer(connection)
        await connection.rollback()
        await connection.run_sync(lambda plain: command.upgrade(config(plain), revision))
        await connection.commit()
    async with engine.begin() as connection:
        await ensure_partitions(connection, around=today)


async def downgrade(engine: AsyncEngine, *, revision: str) -> None:
    """Take the schema back to a revision (tests only prove that it works)."""
    async with engine.connect() as connection:
        await connection.run_sync(lambda plain: command.downgrade(config(plain), revision))
        await connection.commit()


async def bring_up_to_date(*, demo: bool) -> None:
    """Check the server, migrate, and mark an empty database as a demo if it is to be one.

    Raises SetupError with the mend.
    """
    database = Database(DatabaseSettings(database_statement_timeout_ms=MIGRATION_TIMEOUT_MS))
    try:
        await check_server(database)
        async with database.engine.connect() as connection:
            was_empty = await current_revision(connection) is None
        await upgrade(database.engine, today=local_date(wall_now()))
        if demo:
            async with database.transaction() as session:
                await mark_demo(session, was_empty=was_empty)
    finally:
        await database.dispose()
