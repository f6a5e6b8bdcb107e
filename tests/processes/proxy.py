"""A loopback listener before the tests' database server that can fall silent without closing."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Self

from app.core.db import Database


class Proxy:
    """Passes bytes on until it is frozen; connections stay open all the same."""

    def __init__(self, host: str, port: int) -> None:
        """`host` may be the directory of a socket."""
        self._host = host
        self._port = port
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._sinks: list[asyncio.StreamWriter] = []
        self._hides_ends = False
        self.hidden_ends = 0
        """Connections whose server has hung up, which their client does not know."""

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for sink in self._sinks:
            sink.close()

    @property
    def port(self) -> int:
        """Where it listens."""
        if self._server is None:
            raise RuntimeError("not started")
        return int(self._server.sockets[0].getsockname()[1])

    def freeze(self) -> None:
        """Pass nothing on any more."""
        self._flowing.clear()

    def hide_ends(self) -> None:
        """Keep connections open from now on when the other side hangs up."""
        self._hides_ends = True

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._host.startswith("/"):
            upstream = asyncio.open_unix_connection(f"{self._host}/.s.PGSQL.{self._port}")
        else:
            upstream = asyncio.open_connection(self._host, self._port)
        upstream_reader, upstream_writer = await upstream
        for source, sink in ((reader, upstream_writer), (upstream_reader, writer)):
            self._sinks.append(sink)
            task = asyncio.create_task(self._pass_on(source, sink))
            self._tasks.add(task)

    async def _pass_on(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            try:
                while data := await source.read(65536):
                    await self._flowing.wait()
                    sink.write(data)
                    await sink.drain()
            finally:
                if self._hides_ends:
                    self.hidden_ends += 1
                else:
                    sink.close()


@asynccontextmanager
async def proxied(database: Database) -> AsyncIterator[tuple[Proxy, str]]:
    """The database behind a listener of ours that can fall silent."""
    url = database.engine.url
    async with Proxy(str(url.query.get("host") or url.host), url.port or 5432) as proxy:
        beyond = url.set(host="127.0.0.1", port=proxy.port, query={"ssl": "disable"})
        yield proxy, beyond.render_as_string(hide_password=False)
