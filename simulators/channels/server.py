"""Serve the channel simulators on this machine."""

import asyncio
from dataclasses import replace
from pathlib import Path

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from simulators.channels.app import create_app
from simulators.channels.config import SimulatorConfig
from simulators.channels.wire import CONNECTION


class ConnectionAwareProtocol(HttpToolsProtocol):
    """Shows each request the connection it came over, so that a fault can cut it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """Remember the connection in the state of its requests."""
        super().connection_made(transport)
        self.app_state = {**self.app_state, CONNECTION: transport}


def make_server(port: int, *, config: SimulatorConfig, host: str = "127.0.0.1") -> uvicorn.Server:
    """A server not yet started; nothing personal is logged (no access log)."""
    return uvicorn.Server(
        uvicorn.Config(
            create_app(config),
            host=host,
            port=port,
            http=ConnectionAwareProtocol,
            access_log=False,
            log_level="warning",
            timeout_graceful_shutdown=2,
        )
    )


def serve(port: int, *, var: Path = Path("var"), config: SimulatorConfig | None = None) -> None:
    """Serve until SIGINT or SIGTERM; keys, settings and orders lie under `var/demo`."""
    base = config or SimulatorConfig(var=var)
    make_server(port, config=replace(base, base_url=f"http://127.0.0.1:{port}")).run()
