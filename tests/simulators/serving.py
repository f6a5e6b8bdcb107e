"""A simulator served over real sockets, for what only a connection can show."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from typing import Any

import httpx

from simulators.channels.config import SimulatorConfig
from simulators.channels.credentials import ChannelCredentials
from simulators.channels.server import make_server
from simulators.channels.simulator import ChannelSimulator
from tests.simulators.support import Shop


@contextlib.asynccontextmanager
async def serving(
    credentials: ChannelCredentials, shop: Shop, **settings: Any
) -> AsyncIterator[tuple[ChannelSimulator, str]]:
    """The simulator inside a running server, and the server's address."""
    # a listening socket takes connections before the server runs: no waiting, no lost port
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    base_url = f"http://127.0.0.1:{port}"
    config = SimulatorConfig(
        base_url=base_url,
        credentials=credentials,
        transport=httpx.ASGITransport(shop),
        signtest_every=0,
        **settings,
    )
    server = make_server(port, config=config)
    running = asyncio.create_task(server.serve(sockets=[listener]))
    app: Any = server.config.app
    try:
        yield app.state.simulator, base_url
    finally:
        server.should_exit = True
        await running
