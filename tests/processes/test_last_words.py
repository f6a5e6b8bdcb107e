"""A server that says goodbye on an idle connection, and is asked something before it hangs up."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.core.config import DatabaseSettings
from app.core.db import Database
from tests.fixtures.foundation import eventually, scalar
from tests.processes.proxy import proxied


@pytest.mark.parametrize("by_session", [True, False], ids=["session", "driver"])
async def test_a_connection_that_is_ending_is_given_up(real: Database, by_session: bool) -> None:
    async with proxied(real) as (proxy, url):
        database = Database(DatabaseSettings(database_url=url, database_pool_size=1))

        async def ask() -> object:
            if by_session:
                async with database.transaction() as session:
                    return await session.scalar(text("SELECT pg_backend_pid()"))
            row = await database.fetch_row("SELECT pg_backend_pid() AS pid")
            return row and row["pid"]

        pid = await ask()
        proxy.hide_ends()
        assert await scalar(real, "SELECT pg_terminate_backend(:pid)", pid=pid)

        async def hung_up() -> bool:
            return proxy.hidden_ends > 0

        await eventually(hung_up)
        with pytest.raises(DBAPIError) as caught:
            await ask()
        assert caught.value.connection_invalidated
        assert await ask() != pid
        await database.dispose()
