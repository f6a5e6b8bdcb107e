"""`python -m bench.serving SIDE FD`: one HTTP process on a socket that is listening already.

Both sides run under the same server with the settings of `python -m app serve`.
"""

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Literal, cast
from unittest import mock
from uuid import UUID

import psutil
import uvicorn
import uvloop
from fastapi import FastAPI

from app.billing.channels.accounts import use_gateway
from app.billing.channels.protocol import PaymentGateway
from app.billing.models import Payment, PaymentChannel
from app.core.bulk import as_row
from app.core.config import DatabaseSettings
from app.core.db import Database
from app.core.logging import set_up_logging
from app.core.runtime import leave_start_uncollected
from app.kpi.morning import hub
from app.main import create_app, make_runtime
from app.orders import api as orders_api
from bench import bare, bare_notices, bare_rows, same, ticks

HOST = "127.0.0.1"
PLAN = "BENCH_PLAN"
"""Names the file that says what bare endpoints do."""
Side = Literal["product", "notified", "counted", "unkept", "bare", "same", "rows", "notices"]
"""The product as it is; with its merchant account; counting what its live viewers cost; reading each board anew; the limits."""


class NoChannel:
    """A merchant account whose channel is never asked."""

    merchant = "9900000001"
    appid = "wx9900000001"


async def _attempt_only(
    database: Database, *, customer_id: UUID, payment_id: UUID, **_: object
) -> Payment:
    row = await database.fetch_row(
        "SELECT * FROM payments WHERE customer_id = $1 AND payment_id = $2",
        customer_id,
        payment_id,
    )
    if row is None:
        raise LookupError(payment_id)
    return as_row(Payment, row)


@contextmanager
def without_channel() -> Iterator[None]:
    """Let a payment request end at its committed attempt: the channel is not asked for anything."""
    use_gateway(PaymentChannel.WECHAT, cast("PaymentGateway", NoChannel()))
    try:
        with mock.patch.object(orders_api, "ask_channel", _attempt_only):
            yield
    finally:
        use_gateway(PaymentChannel.WECHAT, None)


async def _app(side: str) -> FastAPI:
    dsn = DatabaseSettings().require_url().replace("+asyncpg", "")
    if side == "bare":
        return bare.create_app(dsn, Path(os.environ[PLAN]))
    if side == "same":
        return same.create_app(dsn, Path(os.environ[PLAN]))
    if side == "rows":
        return bare_rows.create_app(dsn)
    if side == "notices":
        return bare_notices.create_app(dsn)
    app = create_app(await make_runtime(application="suixinding-web"))
    if side == "counted":
        ticks.count_ticks(app)
    elif side == "unkept":
        hub.NAMES_HOLD = timedelta()  # type: ignore[misc]  # final for the product
    return app


async def _serve(side: str, listening: socket.socket) -> None:
    config = uvicorn.Config(
        await _app(side), log_config=None, access_log=False, server_header=False
    )
    leave_start_uncollected()
    with nullcontext() if side == "notified" else without_channel():
        await uvicorn.Server(config).serve([listening])


def main() -> None:
    """Serve until SIGTERM."""
    set_up_logging()
    side, descriptor = sys.argv[1:]
    uvloop.run(_serve(side, socket.socket(fileno=int(descriptor))))


@dataclass(frozen=True, slots=True)
class ServerProcess:
    """A server that runs, and where it listens."""

    port: int
    pid: int


@asynccontextmanager
async def server_process(
    side: Side, environment: Mapping[str, str], *, log: Path
) -> AsyncIterator[ServerProcess]:
    """A process that serves one side and logs to a file. Ends with the block."""
    with socket.create_server((HOST, 0)) as listening, log.open("wb") as written:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "bench.serving", side, str(listening.fileno())),
            env=dict(environment),
            pass_fds=(listening.fileno(),),
            stderr=written,
        )
        port = int(listening.getsockname()[1])
    try:
        yield ServerProcess(port, process.pid)
    finally:
        if process.returncode is None:
            process.terminate()
        else:
            _show_end(side, log)
        await process.wait()


@asynccontextmanager
async def worker_process(environment: Mapping[str, str], *, log: Path) -> AsyncIterator[int]:
    """`python -m app worker`, logging to a file; answers its pid. Ends with the block."""
    with log.open("wb") as written:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "app", "worker"), env=dict(environment), stderr=written
        )
    try:
        yield process.pid
    finally:
        if process.returncode is None:
            process.terminate()
        else:
            _show_end("worker", log)
        await process.wait()


def resident_mb(pid: int) -> float:
    """Memory a process holds now, in MB (10^6 bytes); raises psutil.NoSuchProcess."""
    return psutil.Process(pid).memory_info().rss / 1e6


def _show_end(what: str, log: Path) -> None:
    sys.stderr.write(f"The {what} process ended early:\n{log.read_text()[-3000:]}\n")


if __name__ == "__main__":
    main()
