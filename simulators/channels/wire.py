"""Broken answers: a connection that stalls or is reset, served and in process alike."""

import asyncio
import contextlib
import socket
import struct
from typing import Final, Protocol, cast

import httpx
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

CONNECTION: Final = "simulator.connection"
"""Key of the request state under which the server puts the connection's transport."""


class _Connection(Protocol):
    """What asyncio's and uvloop's transports share; they have no common base class."""

    def abort(self) -> None: ...
    def get_extra_info(self, name: str) -> socket.socket | None: ...


def _connection(scope: Scope) -> _Connection | None:
    return cast("_Connection | None", scope.get("state", {}).get(CONNECTION))


async def _wait_for_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


class StalledAnswer(Response):
    """Says nothing for `seconds` (real time), then drops the connection.

    In process, where no connection exists, the caller meets httpx.ReadTimeout at once.
    """

    def __init__(self, *, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Keep the caller waiting."""
        del send
        connection = _connection(scope)
        if connection is None:
            raise httpx.ReadTimeout("the simulated channel never answers")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._seconds):
                await _wait_for_disconnect(receive)
                return
        connection.abort()
        await _wait_for_disconnect(receive)


class ResetConnection(Response):
    """Resets the connection (TCP RST) instead of answering.

    In process, where no connection exists, the caller meets httpx.ReadError.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Cut the line."""
        del send
        connection = _connection(scope)
        if connection is None:
            raise httpx.ReadError("the simulated channel reset the connection")
        sock = connection.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.abort()
        await _wait_for_disconnect(receive)
