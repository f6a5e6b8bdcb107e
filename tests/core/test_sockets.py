"""The edge behind a real server: giant bodies, slow readers and clients that hang up."""

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator

import psutil
import pytest
import uvicorn
from fastapi import FastAPI
from sqlalchemy import text

from app.core.db import Database, SessionDep
from app.core.http import Edge, install_error_handlers
from app.core.schemas import Request
from app.core.unit import UnitRoute
from tests.fixtures.doses import dose
from tests.fixtures.foundation import effects, eventually, scalar

MEGABYTE = b"x" * 1_000_000
HEAD = b"POST /notes HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\n"
MOST_SECONDS = 20


class Note(Request):
    """What is stored, slowly."""

    name: str


def small_app(database: Database) -> FastAPI:
    app = FastAPI()
    app.router.route_class = UnitRoute
    app.state.database = database
    install_error_handlers(app)
    app.add_middleware(Edge)

    @app.post("/notes")
    async def write(note: Note, session: SessionDep) -> dict[str, str]:
        await session.execute(text("INSERT INTO probe (name) VALUES (:n)"), {"n": note.name})
        await session.execute(text("SELECT pg_sleep(0.3)"))
        return {"status": "stored"}

    return app


@pytest.fixture
async def port(real: Database) -> AsyncIterator[int]:
    server = uvicorn.Server(
        uvicorn.Config(small_app(real), port=0, log_config=None, access_log=False, lifespan="off")
    )
    task = asyncio.create_task(server.serve())

    async def listening() -> bool:
        return server.started

    await eventually(listening)
    yield int(server.servers[0].sockets[0].getsockname()[1])
    server.should_exit = True
    await asyncio.wait_for(task, MOST_SECONDS)


async def read_answer(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    (length,) = re.findall(rb"content-length: (\d+)", head)
    return head, await reader.readexactly(int(length))


async def send(port: int, head: bytes, pieces: list[bytes]) -> tuple[bytes, bytes, int]:
    """The answer's head and body, and how many pieces had been sent when it came."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        answer = asyncio.create_task(read_answer(reader))
        writer.write(HEAD + head + b"\r\n")
        sent = 0
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            sent += 1
            if answer.done():
                break
        return *(await asyncio.wait_for(answer, MOST_SECONDS)), sent
    finally:
        await hang_up(writer)


async def hang_up(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()


@pytest.mark.parametrize("announced", [True, False])
async def test_20_megabytes_are_refused_before_they_are_taken(
    real: Database, port: int, announced: bool
) -> None:
    before = psutil.Process().memory_info().rss
    if announced:
        head, body, sent = await send(port, b"Content-Length: 20000000\r\n", [MEGABYTE] * 20)
    else:
        chunk = b"%x\r\n%b\r\n" % (len(MEGABYTE), MEGABYTE)
        head, body, sent = await send(port, b"Transfer-Encoding: chunked\r\n", [chunk] * 20)
    assert sent < 20
    assert head.startswith(b"HTTP/1.1 413 ")
    assert json.loads(body)["code"] == "body_too_large"
    assert psutil.Process().memory_info().rss - before < 50_000_000
    assert await scalar(real, "SELECT count(*) FROM probe") == 0


async def test_clients_that_hang_up_leave_no_connection_behind(real: Database, port: int) -> None:
    async def ask_and_leave(number: int) -> None:
        body = json.dumps({"name": f"n{number}"}).encode()
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()
        await asyncio.sleep(0.01 * (number % 40))
        await hang_up(writer)

    for start in range(0, dose(40, 5000), 40):
        await asyncio.gather(*(ask_and_leave(start + number) for number in range(40)))

    async def quiet() -> bool:
        busy = await scalar(
            real,
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid() AND state <> 'idle'",
        )
        return busy == 0 and real.engine.pool.checkedout() == 0  # type: ignore[attr-defined]  # queue pool

    await eventually(quiet)
    stored = await scalar(real, "SELECT count(*) FROM probe")
    assert await scalar(real, "SELECT count(DISTINCT name) FROM probe") == stored


async def test_a_body_that_stops_half_way_stores_nothing(real: Database, port: int) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(HEAD + b'Content-Length: 100\r\n\r\n{"name": "half')
    await writer.drain()
    await hang_up(writer)
    whole, _, _ = await send(port, b"Content-Length: 16\r\n", [b'{"name": "milk"}'])
    assert whole.startswith(b"HTTP/1.1 200 ")
    assert (await effects(real, "milk"), await effects(real, "half")) == (1, 0)
