"""Migrations: up, down, up; one head; nothing the models say is missing."""

import asyncpg
import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import text

from app.core import migrate
from app.core.config import DatabaseSettings
from app.core.db import Database
from app.core.errors import SetupError
from tests.fixtures.database import AROUND, drop_database
from tests.fixtures.server import database_url


async def test_up_down_up_without_drift() -> None:
    admin = await asyncpg.connect(database_url("postgres"))
    await drop_database(admin, "updown")
    await admin.execute("CREATE DATABASE updown")
    database = Database(DatabaseSettings(database_url=database_url("updown")))
    try:
        await migrate.upgrade(database.engine, today=AROUND)
        await migrate.downgrade(database.engine, revision="base")
        async with database.engine.connect() as connection:
            left = await connection.scalars(
                text(
                    "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p')"
                    " AND relnamespace = 'public'::regnamespace"
                )
            )
            assert set(left) == {"alembic_version"}
        await migrate.upgrade(database.engine, today=AROUND)
        async with database.engine.connect() as connection:
            await connection.run_sync(lambda plain: command.check(migrate.config(plain)))
    finally:
        await database.dispose()
        await drop_database(admin, "updown")
        await admin.close()


def test_one_head() -> None:
    assert len(ScriptDirectory.from_config(migrate.config()).get_heads()) == 1


async def test_a_database_newer_than_the_code_is_refused(live_database: Database) -> None:
    async with live_database.connection() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    async with live_database.engine.connect() as connection:
        with pytest.raises(SetupError, match="9999"):
            await migrate.require_not_newer(connection)
