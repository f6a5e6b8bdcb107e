"""Statements asked of the driver itself stand in the session's transaction, and fail like others."""

from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.core.db import Database, fetch
from app.core.ids import new_id

CLAIM = "INSERT INTO order_numbers (number, customer_id, order_id) VALUES ($1, $2, $2)"
CLAIM_NEW = f"{CLAIM} ON CONFLICT DO NOTHING RETURNING number, order_id"


class Abandoned(Exception):
    """The work is given up."""


async def count(database: Database) -> int:
    async with database.transaction() as session:
        return int(await session.scalar(text("SELECT count(*) FROM order_numbers")) or 0)


async def claim(
    database: Database, *numbers: str, asked_first: bool = False, then_fails: bool = False
) -> None:
    async with database.transaction() as session:
        if asked_first:
            await session.execute(text("SELECT 1"))
        for number in numbers:
            await fetch(session, CLAIM, number, new_id())
        if then_fails:
            raise Abandoned


@pytest.mark.parametrize("asked_first", [False, True])
async def test_what_was_fetched_ends_with_the_transaction(
    live_database: Database, asked_first: bool
) -> None:
    with pytest.raises(Abandoned):
        await claim(live_database, "A", "B", asked_first=asked_first, then_fails=True)
    assert await count(live_database) == 0
    await claim(live_database, "A", "B", asked_first=asked_first)
    assert await count(live_database) == 2


async def test_rows_are_read_by_name_and_by_place(live_database: Database) -> None:
    order_id = new_id()
    async with live_database.transaction() as session:
        for number in ("A", "B"):  # the first begins the transaction, the second is in it
            (row,) = await fetch(session, CLAIM_NEW, number, order_id)
            assert row["number"] == row[0] == number
            assert isinstance(row["order_id"], UUID)
            assert row["order_id"] == order_id
            assert await fetch(session, CLAIM_NEW, number, order_id) == []


@pytest.mark.parametrize("numbers", [["A"], ["B", "A"]])
async def test_a_refusal_of_the_server_has_its_sqlstate(
    live_database: Database, numbers: list[str]
) -> None:
    await claim(live_database, "A")
    with pytest.raises(DBAPIError) as refused:
        await claim(live_database, *numbers)
    assert getattr(refused.value.orig, "sqlstate", None) == "23505"
    assert not refused.value.connection_invalidated
    assert refused.value.params is None
    assert await count(live_database) == 1


async def test_one_row_is_its_own_transaction(live_database: Database) -> None:
    row = await live_database.fetch_row(CLAIM_NEW, "A", new_id())
    assert row is not None
    assert row["number"] == "A"
    assert await live_database.fetch_row(CLAIM_NEW, "A", new_id()) is None
    assert await count(live_database) == 1


async def lose_connection(database: Database, *, earlier: int) -> None:
    async with database.transaction() as session:
        pid = await session.scalar(text("SELECT pg_backend_pid()"))
        for number in range(earlier):
            await fetch(session, CLAIM, f"A{number}", new_id())
        async with database.transaction() as other:
            await other.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})
        await fetch(session, CLAIM, "B", new_id())


@pytest.mark.parametrize("earlier", [0, 1])
async def test_a_lost_connection_is_told_and_replaced(
    live_database: Database, earlier: int
) -> None:
    with pytest.raises(DBAPIError):
        await lose_connection(live_database, earlier=earlier)
    assert await count(live_database) == 0
    await claim(live_database, "C")
    assert await count(live_database) == 1
