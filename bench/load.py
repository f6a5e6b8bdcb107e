"""Clients that keep a server busy: plain sockets, so that the load costs less than what it loads."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

LONGEST_LINE = 2**20


class Refused(Exception):
    """The server answered something else than success."""


@dataclass(slots=True)
class Connection:
    """A keep-alive connection, opened anew where the server has closed it for being idle."""

    host: str
    port: int
    _streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = field(
        default=None, kw_only=True
    )

    async def ask(self, head: str, body: bytes = b"") -> tuple[asyncio.StreamReader, bytes]:
        """Send a request; its answer's first byte, and where the rest comes from.

        Raises Refused when the server hangs up instead.
        """
        if self._streams is not None and self._streams[0].at_eof():
            await self.close()
        if self._streams is None:
            self._streams = await asyncio.open_connection(self.host, self.port, limit=LONGEST_LINE)
        reader, writer = self._streams
        writer.write(head.encode() + body)
        first = await reader.read(1)
        if not first:
            raise Refused(f"no answer to {head.partition(' HTTP')[0]}")
        return reader, first

    async def close(self) -> None:
        """Hang up."""
        if self._streams is not None:
            self._streams[1].close()
            with suppress(ConnectionError):
                await self._streams[1].wait_closed()
            self._streams = None


@dataclass(slots=True)
class Client(Connection):
    """Sends a request and waits for its answer."""

    async def send(self, method: str, path: str, *, token: str, key: str, body: bytes) -> bytes:
        """The answer's body; raises Refused unless its status is 2xx."""
        headers = {"authorization": f"Bearer {token}", "idempotency-key": key}
        return await self.send_with(method, path, headers, body)

    async def send_with(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> bytes:
        """The same with any headers beside those of every request."""
        own = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        head = (
            f"{method} {path} HTTP/1.1\r\nhost: {self.host}\r\n{own}"
            f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        reader, first = await self.ask(head, body)
        answer_head = first + await reader.readuntil(b"\r\n\r\n")
        if answer_head[9:12] == b"204":
            return b""
        answer = await reader.readexactly(length_of(answer_head))
        if answer_head[9:10] != b"2":
            raise Refused(f"{method} {path}: {answer_head[9:12].decode()} {answer[:500].decode()}")
        return answer


def length_of(head: bytes) -> int:
    """Bytes of the body that follows an answer's head; raises Refused when it does not say."""
    before, found, after = head.lower().partition(b"\r\ncontent-length: ")
    if not found:
        raise Refused(f"an answer without a length: {before[:200]!r}")
    return int(after.partition(b"\r\n")[0])


async def drive(
    host: str,
    port: int,
    work: Callable[[Client, int], Awaitable[None]],
    *,
    clients: int,
    first: int,
    count: int,
) -> float:
    """Let `clients` do pieces `first` to `first + count` as fast as they get answers; seconds."""
    numbers = iter(range(first, first + count))

    async def keep_busy() -> None:
        client = Client(host, port)
        try:
            for number in numbers:
                await work(client, number)
        finally:
            await client.close()

    loop = asyncio.get_running_loop()
    started = loop.time()
    async with asyncio.TaskGroup() as group:
        for _ in range(clients):
            group.create_task(keep_busy())
    return loop.time() - started
