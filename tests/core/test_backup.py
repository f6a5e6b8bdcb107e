"""A backup restored is the database as it was, whatever stands in it by then; or nothing changes."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text

from app.core import backup
from app.core.db import Database
from app.core.errors import SetupError
from tests.fixtures.database import cloned_database
from tests.fixtures.foundation import scalar

SHAPE = """
SELECT string_agg(line, E'\\n' ORDER BY line) FROM (
    SELECT table_name || '.' || column_name || ' ' || data_type AS line
      FROM information_schema.columns WHERE table_schema = 'public'
     UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'
     UNION ALL SELECT conrelid::regclass || ' ' || pg_get_constraintdef(oid) FROM pg_constraint
                WHERE connamespace = 'public'::regnamespace
     UNION ALL SELECT relname || coalesce(relacl::text, '') FROM pg_class
                WHERE relnamespace = 'public'::regnamespace
     UNION ALL SELECT tgname FROM pg_trigger WHERE NOT tgisinternal
     UNION ALL SELECT extname FROM pg_extension) lines
"""


@pytest.fixture(scope="module")
async def shelf() -> AsyncIterator[Database]:
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    async with cloned_database(f"backup_{worker}_{os.getpid()}") as database:
        yield database


async def write(database: Database, *statements: str) -> None:
    async with database.transaction() as session:
        for statement in statements:
            await session.execute(text(statement))


async def content(database: Database) -> object:
    return await scalar(database, "SELECT string_agg(key, ',' ORDER BY key) FROM once_keys")


ONE = "INSERT INTO once_keys VALUES ('before 王小明', '2026-03-15')"


async def test_a_round_trip_brings_back_shape_and_content(shelf: Database, tmp_path: Path) -> None:
    await write(shelf, ONE, "CREATE SEQUENCE own_numbers", "SELECT nextval('own_numbers')")
    shape = await scalar(shelf, SHAPE)
    file = tmp_path / "milk.dump"
    backup.dump(shelf.url, to=file, var=tmp_path)
    assert os.listdir(tmp_path) == ["milk.dump"]  # noqa: PTH208  # a directory of this test
    assert file.stat().st_mode & 0o777 == 0o600
    await write(
        shelf,
        "DELETE FROM once_keys",
        "INSERT INTO once_keys VALUES ('after', '2026-03-16')",
        "CREATE TABLE of_newer_code (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY)",
        "CREATE VIEW seen AS SELECT key FROM once_keys",
        "CREATE TYPE mood AS ENUM ('good')",
        "CREATE TABLE deliveries_2040_01 PARTITION OF deliveries"
        " FOR VALUES FROM ('2040-01-01') TO ('2040-02-01')",
        "ALTER TABLE alerts ADD COLUMN of_newer_code text",
        "SELECT setval('own_numbers', 99)",
    )
    await shelf.dispose()
    for _ in range(2):
        backup.restore(shelf.url, source=file, var=tmp_path)
        assert await content(shelf) == "before 王小明"
        assert await scalar(shelf, SHAPE) == shape
        assert await scalar(shelf, "SELECT last_value FROM own_numbers") == 1
        await shelf.dispose()


async def test_half_a_dump_changes_nothing(shelf: Database, tmp_path: Path) -> None:
    await write(shelf, "DELETE FROM once_keys", ONE)
    file = tmp_path / "milk.dump"
    backup.dump(shelf.url, to=file, var=tmp_path)
    whole = file.read_bytes()
    await write(shelf, "INSERT INTO once_keys VALUES ('later', '2026-03-16')")
    shape = await scalar(shelf, SHAPE)
    await shelf.dispose()
    for size in (0, 100, len(whole) // 2, len(whole) - 200):
        file.write_bytes(whole[:size])
        with pytest.raises(SetupError, match=r"Nothing was changed\.$") as refused:
            backup.restore(shelf.url, source=file, var=tmp_path)
        assert "\n" not in str(refused.value)
        assert await content(shelf) == "before 王小明,later"
        assert await scalar(shelf, SHAPE) == shape
        await shelf.dispose()


async def test_a_file_that_is_no_dump_changes_nothing(shelf: Database, tmp_path: Path) -> None:
    before = await content(shelf)
    await shelf.dispose()
    file = tmp_path / "notes.txt"
    file.write_text("DROP TABLE alerts;")
    with pytest.raises(SetupError, match="pg_restore failed"):
        backup.restore(shelf.url, source=file, var=tmp_path)
    with pytest.raises(SetupError, match="is not a file"):
        backup.restore(shelf.url, source=tmp_path / "none.dump", var=tmp_path)
    assert await content(shelf) == before


def test_a_backup_that_cannot_be_made_leaves_no_file(tmp_path: Path) -> None:
    file = tmp_path / "milk.dump"
    with pytest.raises(SetupError, match="No backup was written") as refused:
        backup.dump("postgresql://app:geheim@127.0.0.1:1/x", to=file, var=tmp_path)
    assert "geheim" not in str(refused.value)
    assert list(tmp_path.iterdir()) == []
    file.write_bytes(b"PGDMP")
    with pytest.raises(SetupError, match=r"psql failed.*Nothing was changed"):
        backup.restore("postgresql://app@127.0.0.1:1/x", source=file, var=tmp_path)


async def test_an_older_backup_is_kept_when_a_newer_one_fails(
    shelf: Database, tmp_path: Path
) -> None:
    file = tmp_path / "milk.dump"
    file.write_bytes(b"older")
    with pytest.raises(SetupError):
        backup.dump("postgresql://app@127.0.0.1:1/x", to=file, var=tmp_path)
    assert file.read_bytes() == b"older"
