"""The restore drill: a loaded city is dumped, restored elsewhere, and is the same city (F14)."""

import time

import pytest
from sqlalchemy import text

from app.core.clock import wall_now
from app.core.db import Database
from tests.fixtures.figures import note_figure
from tests.fixtures.invariants import assert_invariants
from tests.load.calling import Call, caller
from tests.load.city import People
from tests.load.commands import SAFETY, Clients
from tests.load.installation import Installation

pytestmark = pytest.mark.processes

COMMANDS = 12
LIMIT_SECONDS = 3600
_TABLES = """
SELECT relname FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
ORDER BY relname
"""


async def contents(database: Database) -> dict[str, tuple[int, str]]:
    """Rows of every table, and a digest of them in no order."""
    found = {}
    async with database.connection() as connection:
        for table in await connection.scalars(text(_TABLES)):
            digest = f"SELECT count(*), coalesce(sum(hashtextextended(t::text, 0)), 0)::text FROM {table} t"
            found[table] = tuple((await connection.execute(text(digest))).one())
    return found


async def ended_well(installation: Installation, *words: str) -> float:
    """Run a command to its end; seconds."""
    began = time.monotonic()
    program = installation.run(*words)
    assert await program.ended(within_seconds=LIMIT_SECONDS) == 0, program.words
    return time.monotonic() - began


async def test_a_restored_city_is_the_same_and_serves(city: Installation, people: People) -> None:
    web = await city.serve()
    async with caller(city.port) as calls:
        clients = Clients(people, calls, city.database, with_channel=False)
        for number in range(COMMANDS):
            await clients.acts[number % len(clients.acts)]()
    await web.kill()
    dump = city.var / "city.dump"
    note_figure("backup_seconds", await ended_well(city, "backup", str(dump)), "s")
    assert dump.stat().st_mode & 0o077 == 0
    note_figure("backup_size", dump.stat().st_size / 1e6, "MB")
    before = await contents(city.database)
    assert before["deliveries"][0] > 0

    async with city.moved_to_an_empty_database() as copy:
        began = time.monotonic()
        await ended_well(copy, "restore", "--yes", str(dump))
        assert await contents(copy.database) == before
        async with copy.database.transaction() as session:
            await assert_invariants(session, wall_now(), only=SAFETY)
        await copy.serve()
        note_figure("restore_seconds_until_it_serves", time.monotonic() - began, "s", LIMIT_SECONDS)
        async with caller(copy.port) as calls:
            for call, first in clients.answers:
                again = await calls.until_answered(call)
                assert (again.status, again.body) == (first.status, first.body)
            home = people.households[-1]
            assert (
                await calls.until_answered(Call("GET", f"/orders/{home.order}", home.token))
            ).ok()
