"""Whoever is told "done" finds it done; whatever the database cannot do now is said to be so."""

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from sqlalchemy import Text, bindparam, text
from sqlalchemy.exc import DBAPIError

from app.core.config import DatabaseSettings
from app.core.db import Database, SessionDep, check_server
from app.core.errors import SetupError
from app.core.http import Edge, install_error_handlers
from app.core.schemas import Request
from app.core.unit import UnitRoute
from tests.fixtures.doses import dose
from tests.fixtures.foundation import effects, put, scalar

CANCELS = dose(600, 5000)
AT_ONCE = 10


class Note(Request):
    """What is to be stored, and a statement to be tried."""

    name: str
    once: str | None = None
    sql: str = "SELECT 1"


def small_app(database: Database) -> FastAPI:
    app = FastAPI()
    app.router.route_class = UnitRoute
    app.state.database = database
    install_error_handlers(app)
    app.add_middleware(Edge)

    @app.post("/notes")
    async def write(note: Note, session: SessionDep) -> dict[str, str]:
        await session.execute(
            text("INSERT INTO probe (name, once) VALUES (:name, :once)").bindparams(
                bindparam("once", type_=Text)
            ),
            {"name": note.name, "once": note.once},
        )
        await session.execute(text(note.sql))
        return {"status": "stored"}

    @app.get("/alive")
    async def alive() -> dict[str, str]:
        return {"status": "ok"}

    app.router.add_api_route("/unkept", write, methods=["POST"], route_class_override=APIRoute)
    return app


@asynccontextmanager
async def api_on(database: Database) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=small_app(database))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


@asynccontextmanager
async def tight(real: Database, **settings: float) -> AsyncIterator[Database]:
    """The same database through a pool of one, impatiently."""
    wanted = DatabaseSettings(database_url=real.url, database_pool_size=1)
    database = Database(wanted.model_copy(update=settings))
    try:
        yield database
    finally:
        await database.dispose()


@pytest.mark.parametrize("door", ["transaction", "connection"])
async def test_of_hundreds_of_cancelled_writers_all_that_were_told_done_are_done(
    real: Database, door: str
) -> None:
    chance = random.Random(600)
    told: list[str] = []
    insert = text("INSERT INTO probe (name) VALUES (:name)")

    async def write(name: str) -> None:
        async with getattr(real, door)() as unit:
            await unit.execute(insert, {"name": name})
        told.append(name)

    async def write_and_be_cancelled(name: str) -> None:
        task = asyncio.create_task(write(name))
        await asyncio.sleep(chance.uniform(0, 2 * usual))
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    await real.engine.dispose()  # a cancelled statement costs its connection, so does the measure
    began = time.monotonic()
    await asyncio.gather(*(write("measured") for _ in range(AT_ONCE)))
    usual = time.monotonic() - began
    told.clear()
    for start in range(0, CANCELS, AT_ONCE):
        await asyncio.gather(
            *(write_and_be_cancelled(f"n{number}") for number in range(start, start + AT_ONCE))
        )
    async with real.transaction() as session:
        stored = set(await session.scalars(text("SELECT name FROM probe")))
    assert set(told) <= stored
    assert 0 < len(told) < CANCELS
    assert real.engine.pool.checkedout() == 0  # type: ignore[attr-defined]  # the async queue pool
    assert await idle_in_transaction(real) == 0


async def idle_in_transaction(database: Database) -> object:
    return await scalar(
        database,
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND state LIKE 'idle in transaction%'",
    )


async def test_what_fails_leaves_nothing_and_gives_its_connection_back(real: Database) -> None:
    async def fail() -> None:
        async with real.transaction() as session:
            await session.execute(text("INSERT INTO probe (name) VALUES ('milk')"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert await effects(real, "milk") == 0
    assert real.engine.pool.checkedout() == 0  # type: ignore[attr-defined]  # the async queue pool


async def test_each_statement_of_an_autocommitting_connection_stands_alone(real: Database) -> None:
    async def fail() -> None:
        async with real.statement() as connection:
            await connection.execute(text("INSERT INTO probe (name) VALUES ('kept')"))
            await connection.execute(text("SELECT 1 / 0"))

    with pytest.raises(DBAPIError):
        await fail()
    assert await effects(real, "kept") == 1


async def test_a_commit_that_fails_is_an_error_to_the_client(real: Database) -> None:
    async with api_on(real) as api:
        first = await api.post("/notes", json={"name": "first", "once": "x"})
        assert (first.status_code, first.json()) == (200, {"status": "stored"})
        second = await api.post("/notes", json={"name": "second", "once": "x"})
    assert (second.status_code, second.json()["code"]) == (500, "internal_error")
    assert await effects(real, "second") == 0


async def test_a_route_that_would_never_commit_is_refused(real: Database) -> None:
    async with api_on(real) as api:
        answer = await api.post("/unkept", json={"name": "unkept"})
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert await effects(real, "unkept") == 0


async def test_when_all_connections_are_taken_the_caller_is_asked_to_come_back(
    real: Database,
) -> None:
    async with tight(real, database_pool_timeout_seconds=0.2) as database, api_on(database) as api:
        async with database.transaction() as session:
            await session.execute(text("SELECT 1"))
            busy = await api.post("/notes", json={"name": "milk"})
            assert (await api.get("/alive")).status_code == 200
        assert (busy.status_code, busy.json()["code"]) == (503, "unavailable")
        assert int(busy.headers["retry-after"]) >= 1
        assert (await api.post("/notes", json={"name": "milk"})).status_code == 200
    assert await effects(real, "milk") == 1


@pytest.mark.parametrize(
    ("sql", "settings"),
    [
        ("SELECT pg_sleep(5)", {"database_statement_timeout_ms": 100}),
        ("LOCK TABLE alerts", {"database_lock_timeout_ms": 100}),
        ("SELECT pg_terminate_backend(pg_backend_pid())", {}),
    ],
    ids=["statement takes too long", "lock is not given", "connection is cut"],
)
async def test_what_the_database_cannot_do_now_may_be_tried_again(
    real: Database, sql: str, settings: dict[str, float]
) -> None:
    async with tight(real, **settings) as database, api_on(database) as api:
        async with real.transaction() as holder:
            await holder.execute(text("LOCK TABLE alerts"))
            answer = await api.post("/notes", json={"name": "milk", "sql": sql})
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
        assert "retry-after" in answer.headers
        assert await effects(real, "milk") == 0
        assert (await api.post("/notes", json={"name": "milk"})).status_code == 200


@pytest.mark.parametrize(
    "url",
    ["postgresql://app:geheim@127.0.0.1:1/x", "postgresql://app:geheim@/x?host=/nowhere"],
    ids=["closed port", "no socket"],
)
async def test_a_server_that_is_not_there(url: str) -> None:
    database = Database(DatabaseSettings(database_url=url))
    async with api_on(database) as api:
        answer = await api.post("/notes", json={"name": "milk"})
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    with pytest.raises(SetupError) as refused:
        await check_server(database)
    assert "cannot be reached" in str(refused.value)
    assert "geheim" not in str(refused.value)
    assert "\n" not in str(refused.value)


async def test_a_database_that_does_not_exist_is_one_sentence(real: Database) -> None:
    url = real.url.replace(str(real.engine.url.database), "no_such_database")
    database = Database(DatabaseSettings(database_url=url))
    with pytest.raises(SetupError, match=r"no_such_database.*does not exist"):
        await check_server(database)
    await check_server(real)


async def test_errors_of_the_database_do_not_show_what_was_stored(real: Database) -> None:
    async def fail() -> None:
        async with real.transaction() as session:
            await session.execute(
                text("INSERT INTO probe (name, number) VALUES (:name, 1 / 0)"),
                {"name": "王小明 13800138000"},
            )

    with pytest.raises(DBAPIError) as failed:
        await fail()
    assert "王小明" not in str(failed.value)


@pytest.mark.parametrize("word", ["sslmode", "ssl"])
async def test_an_address_may_name_its_encryption_in_both_ways(real: Database, word: str) -> None:
    joint = "&" if "?" in real.url else "?"
    url = f"{real.url}{joint}{word}=prefer".replace("+asyncpg", "")
    database = Database(DatabaseSettings(database_url=url))
    await put(database, "milk")
    dialled = await database.dial(patience_seconds=5)
    assert await dialled.fetchval("SELECT count(*) FROM probe") == 1
    await dialled.close()
    await database.dispose()
