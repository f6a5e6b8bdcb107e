"""Clients that keep a server busy: plain sockets, so that the load costs less than what it loads."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field


class Refused(Exception):
    """The server answered something else than success."""


@dataclass(slots=True)
class Client:
    """One keep-alive connection that sends a request and waits for its answer."""

    host: str
    port: int
    _streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = field(default=None)

    async def send(self, method: str, path: str, *, token: str, key: str, body: bytes) -> bytes:
        """The answer's body; raises Refused unless its status is 2xx."""
        if self._streams is None:
            self._streams = await asyncio.open_connection(self.host, self.port)
        reader, writer = self._streams
        head = (
            f"{method} {path} HTTP/1.1\r\nhost: {self.host}\r\nauthorization: Bearer {token}\r\n"
            f"idempotency-key: {key}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\n\r\n"
        )
        writer.write(head.encode() + body)
        answer_head = await reader.readuntil(b"\r\n\r\n")
        answer = await reader.readexactly(length_of(answer_head))
        if answer_head[9:10] != b"2":
            raise Refused(f"{method} {path}: {answer_head[9:12].decode()} {answer[:500].decode()}")
        return answer

    async def close(self) -> None:
        """Hang up."""
        if self._streams is not None:
            self._streams[1].close()
            with suppress(ConnectionError):
                await self._streams[1].wait_closed()


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
