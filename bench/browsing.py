"""A browser's requests over plain sockets: pages by their first byte, event streams by their events."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

from bench.load import Connection, Refused, length_of

COOKIE = "__Host-suixinding"
"""What an installation that is no demo names its cookie."""


@dataclass(frozen=True, slots=True)
class Page:
    """An answer as it travelled; `first_byte` is the time to it in seconds."""

    first_byte: float
    head: bytes
    body: bytes


@dataclass(slots=True)
class Browser(Connection):
    """A visitor with the cookie of a session."""

    token: str

    async def get(self, path: str) -> Page:
        """A page, gzipped where the server does so; raises Refused unless its status is 200."""
        loop = asyncio.get_running_loop()
        started = loop.time()
        reader, first = await self.ask(self._head(path, "accept-encoding: gzip\r\n"))
        took = loop.time() - started
        head = first + await reader.readuntil(b"\r\n\r\n")
        body = await reader.readexactly(length_of(head))
        _require_success(path, head)
        return Page(took, head, body)

    async def listen(self, path: str) -> AsyncIterator[str]:
        """The ids of a stream's events, each once its event is whole; raises Refused."""
        reader, first = await self.ask(self._head(path, "accept: text/event-stream\r\n"))
        _require_success(path, first + await reader.readuntil(b"\r\n\r\n"))
        name = b""
        async for line in reader:
            if line.startswith(b"id: "):
                name = line[4:].strip()
            elif name and not line.strip():
                yield name.decode()
                name = b""

    def _head(self, path: str, more: str) -> str:
        return (
            f"GET {path} HTTP/1.1\r\nhost: {self.host}\r\ncookie: {COOKIE}={self.token}\r\n"
            f"{more}\r\n"
        )


def _require_success(path: str, head: bytes) -> None:
    if head[9:12] != b"200":
        raise Refused(f"GET {path}: {head[:500].decode(errors='replace')}")
