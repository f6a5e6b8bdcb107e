"""The morning live: one look for all viewers, nobody waits for a slow one, restarts lose nothing."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
import uvicorn
from sqlalchemy import event, text

from app.core.config import DatabaseSettings
from app.core.db import Database
from app.core.ids import new_id, public_single
from app.delivery.models import StopState
from app.delivery.repository.mornings import rebuild_mornings
from app.identity.models import Role
from app.kpi.api.hubs import render
from app.kpi.definitions import ScopeKind
from app.kpi.morning.hub import LOOK_AGAIN_SECONDS, LiveEvent, MorningHub
from app.kpi.scopes import OPERATOR, Scope
from app.main import create_app
from tests.factories.history import History
from tests.factories.world import TODAY, World
from tests.fixtures.application import SetClock, make_test_runtime

PATIENCE = 30


async def add_stop(database: Database, world: World, block: int = 0, **said: Any) -> None:
    """One more stop of today, counted."""
    async with database.transaction() as session:
        await History(session, world).stop(TODAY, block=block, **said)
        await rebuild_mornings(session, [(world.blocks[block], TODAY)])


@asynccontextmanager
async def watching(
    hub: MorningHub, *scopes: Scope, last_id: str | None = None
) -> AsyncIterator[list[AsyncIterator[LiveEvent]]]:
    """Viewers whose streams have begun; the hub ticks only when the test says so."""
    streams = [hub.watch(scope, last_id=last_id, seconds=PATIENCE) for scope in scopes]
    waiting = [asyncio.ensure_future(anext(stream)) for stream in streams]
    while hub.viewers < len(scopes):
        await asyncio.wait(waiting, timeout=0.01)
    try:
        yield [_from(first, stream) for first, stream in zip(waiting, streams, strict=True)]
    finally:
        for first in waiting:
            first.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        for stream in streams:
            await stream.aclose()  # type: ignore[attr-defined]  # an async generator


async def _from(
    first: asyncio.Future[LiveEvent], stream: AsyncIterator[LiveEvent]
) -> AsyncIterator[LiveEvent]:
    yield await first
    async for one in stream:
        yield one


@pytest.fixture
def hub(database: Database, clock: SetClock, monkeypatch: pytest.MonkeyPatch) -> MorningHub:
    made = MorningHub(database, clock, render=render)
    monkeypatch.setattr(made, "_keep_ticking", lambda: None)
    return made


@pytest.fixture
async def sent(database: Database) -> AsyncIterator[list[str]]:
    """Every query, through the session and past it."""
    queries: list[str] = []

    def note(query: asyncpg.connection.LoggedQuery) -> None:
        queries.append(query.query)

    def note_cursor(_c: object, _cursor: object, statement: str, *_rest: object) -> None:
        queries.append(statement)

    async with database.statement() as connection:
        driver: Any = (await connection.get_raw_connection()).driver_connection
    driver.add_query_logger(note)
    event.listen(database.engine.sync_engine, "before_cursor_execute", note_cursor)
    yield queries
    driver.remove_query_logger(note)
    event.remove(database.engine.sync_engine, "before_cursor_execute", note_cursor)


def due(seen: LiveEvent) -> int:
    found: int = json.loads(seen.text)["morning"]["whole"]["counts"]["due"]
    return found


async def test_fifty_viewers_cost_the_queries_of_one(
    hub: MorningHub, database: Database, world: World, sent: list[str]
) -> None:
    station = Scope(ScopeKind.STATION, row_id=world.station_id)
    costs = []
    # The driver asks for the types of a statement's parameters once for each connection.
    for scopes in ([OPERATOR], [OPERATOR], [OPERATOR, station] * 25):
        await add_stop(database, world)
        async with watching(hub, *scopes) as streams:
            sent.clear()
            await hub.tick()
            costs.append(len(sent))
            events = await asyncio.gather(*(anext(stream) for stream in streams))
            assert {due(one) for one in events} == {len(costs)}
    assert costs[1] == costs[2] >= 3


async def test_a_look_without_a_change_reads_the_marker_only(
    hub: MorningHub, database: Database, world: World, sent: list[str]
) -> None:
    await add_stop(database, world)
    async with watching(hub, OPERATOR) as (stream,):
        await hub.tick()
        first = await anext(stream)
        sent.clear()
        await hub.tick()
        assert len([query for query in sent if "SELECT" in query]) == 1
        await add_stop(database, world)
        await hub.tick()
        second = await anext(stream)
        assert (due(first), due(second), first.id != second.id) == (1, 2, True)


async def test_the_clock_alone_brings_news(
    hub: MorningHub, database: Database, world: World, clock: SetClock
) -> None:
    await add_stop(database, world)
    async with watching(hub, OPERATOR) as (stream,):
        await hub.tick()
        first = await anext(stream)
        clock.set(clock.now() + timedelta(seconds=LOOK_AGAIN_SECONDS))
        await hub.tick()
        assert (await anext(stream)).id != first.id


async def test_a_slow_viewer_gets_the_newest_and_holds_nobody_up(
    hub: MorningHub, database: Database, world: World
) -> None:
    async with watching(hub, OPERATOR, OPERATOR) as (fast, slow):
        for count in (1, 2, 3):
            await add_stop(database, world)
            await hub.tick()
            assert due(await anext(fast)) == count
        first_of_slow = await anext(slow)
        assert due(first_of_slow) in {1, 3}
        if due(first_of_slow) == 1:
            assert due(await anext(slow)) == 3


async def test_each_viewer_sees_his_scope_alone(
    hub: MorningHub, database: Database, world: World
) -> None:
    await add_stop(database, world, block=0)
    await add_stop(database, world, block=1, state=StopState.PLANNED)
    scopes = [
        Scope(ScopeKind.BLOCK, row_id=world.blocks[1]),
        Scope(ScopeKind.STATION, row_id=new_id()),
        Scope(ScopeKind.CITY, city_code="310000"),
        Scope(ScopeKind.BLOCK, row_id=world.blocks[1], within_station_id=new_id()),
    ]
    async with watching(hub, *scopes) as streams:
        await hub.tick()
        events = [await anext(stream) for stream in streams]
        assert [due(one) for one in events] == [1, 0, 2, 0]


async def test_a_viewer_who_has_it_already_gets_nothing_twice(
    database: Database, world: World, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ids come from the data: another process, or this one restarted, makes the same."""
    await add_stop(database, world)
    ids: list[str] = []
    for last_id in (None, "same", "2026-03-15.0.0"):
        hub = MorningHub(database, clock, render=render)
        monkeypatch.setattr(hub, "_keep_ticking", lambda: None)
        given = ids[0] if last_id == "same" else last_id
        async with watching(hub, OPERATOR, last_id=given) as (stream,):
            await hub.tick()
            await add_stop(database, world, block=1) if last_id == "same" else None
            await hub.tick()
            ids.append((await anext(stream)).id)
    assert ids[0] != ids[1] == ids[2]


@asynccontextmanager
async def serving(database: Database, clock: SetClock, var: Path) -> AsyncIterator[str]:
    """The application behind a real socket."""
    runtime = make_test_runtime(database, clock, var)
    config = uvicorn.Config(create_app(runtime), log_config=None, timeout_graceful_shutdown=1)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(config)
        running = asyncio.create_task(server.serve([listening]))
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/api/v1"
        finally:
            server.should_exit = True
            await running


async def events_of(
    address: str,
    headers: dict[str, str],
    scope: str,
    wanted: Callable[[list[dict[str, str]]], bool],
) -> list[dict[str, str]]:
    """Events of a stream until there are enough."""
    found: list[dict[str, str]] = []
    current: dict[str, str] = {}
    async with (
        asyncio.timeout(PATIENCE),
        httpx.AsyncClient(timeout=PATIENCE) as client,
        client.stream("GET", f"{address}/kpi/stream?scope={scope}", headers=headers) as answer,
    ):
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        async for line in answer.aiter_lines():
            if line:
                name, _, value = line.partition(": ")
                current[name] = value
            elif current:
                found.append(current)
                current = {}
                if wanted(found):
                    return found
    return found


async def test_over_http_and_across_a_restart(
    live_database: Database, clock: SetClock, tmp_path: Path
) -> None:
    async with live_database.transaction() as session:
        runtime = make_test_runtime(live_database, clock, tmp_path)
        world = await World.build(session, runtime.keys)
    await runtime.http.aclose()
    await add_stop(live_database, world)
    headers = world.staff[Role.MANAGER].headers
    async with serving(live_database, clock, tmp_path) as address:
        (first,) = await events_of(address, headers, "operator", lambda found: len(found) == 1)
        assert (first["event"], first["retry"]) == ("morning", "2000")
        assert json.loads(first["data"])["morning"]["whole"]["counts"]["due"] == 1
        manager = world.staff[Role.STATION_MANAGER].headers
        async with httpx.AsyncClient(base_url=address, headers=manager) as client:
            other = f"station:{public_single('stn', new_id())}"
            for scope in ("operator", other):
                answer = await client.get("/kpi/stream", params={"scope": scope})
                assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
            assert (await client.get("/kpi/stream", params={"scope": "x"})).status_code == 400
        async with live_database.statement() as connection:
            open_now = await connection.scalar(
                text(
                    "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in%'"
                    " AND datname = current_database()"
                )
            )
        assert open_now == 0, "no viewer keeps a connection"
    await add_stop(live_database, world)
    async with (
        live_database_again(live_database) as again,
        serving(again, clock, tmp_path) as address,
    ):
        (second,) = await events_of(
            address,
            headers | {"Last-Event-ID": first["id"]},
            "operator",
            lambda found: len(found) == 1,
        )
        assert json.loads(second["data"])["morning"]["whole"]["counts"]["due"] == 2
        assert second["id"] != first["id"]


@asynccontextmanager
async def live_database_again(database: Database) -> AsyncIterator[Database]:
    """The same database, as a process started anew finds it."""
    plain = database.url.replace("+asyncpg", "")
    again = Database(DatabaseSettings(database_url=plain))
    try:
        yield again
    finally:
        await again.dispose()
