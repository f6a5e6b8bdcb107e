"""A browser's requests over plain sockets: pages by their first byte, event streams by their events."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field

from bench.load import Refused, length_of

COOKIE = "__Host-suixinding"
"""What an installation that is no demo names its cookie."""
LONGEST_LINE = 2**20


@dataclass(frozen=True, slots=True)
class Page:
    """An answer as it travelled; `first_byte` is the time to it in seconds."""

    first_byte: float
    head: bytes
    body: bytes


@dataclass(slots=True)
class Browser:
    """One keep-alive connection with the cookie of a session."""

    host: str
    port: int
    token: str
    _streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = field(default=None)

    async def get(self, path: str) -> Page:
        """A page, gzipped where the server does so; raises Refused unless its status is 200."""
        reader, writer = await self._connected()
        loop = asyncio.get_running_loop()
        started = loop.time()
        writer.write(self._head(path, "accept-encoding: gzip\r\n"))
        first = await reader.readexactly(1)
        took = loop.time() - started
        head = first + await reader.readuntil(b"\r\n\r\n")
        body = await reader.readexactly(length_of(head))
        _require_success(path, head)
        return Page(took, head, body)

    async def listen(self, path: str) -> AsyncIterator[str]:
        """The ids of a stream's events, each once its event is whole; raises Refused."""
        reader, writer = await self._connected()
        writer.write(self._head(path, "accept: text/event-stream\r\n"))
        _require_success(path, await reader.readuntil(b"\r\n\r\n"))
        name = b""
        async for line in reader:
            if line.startswith(b"id: "):
                name = line[4:].strip()
            elif name and not line.strip():
                yield name.decode()
                name = b""

    async def close(self) -> None:
        """Hang up."""
        if self._streams is not None:
            self._streams[1].close()
            with suppress(ConnectionError):
                await self._streams[1].wait_closed()

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._streams is None:
            self._streams = await asyncio.open_connection(self.host, self.port, limit=LONGEST_LINE)
        return self._streams

    def _head(self, path: str, more: str) -> bytes:
        return (
            f"GET {path} HTTP/1.1\r\nhost: {self.host}\r\ncookie: {COOKIE}={self.token}\r\n"
            f"{more}\r\n"
        ).encode()


def _require_success(path: str, head: bytes) -> None:
    if head[9:12] != b"200":
        raise Refused(f"GET {path}: {head[:500].decode(errors='replace')}")
