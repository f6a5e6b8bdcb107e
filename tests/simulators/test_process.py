"""The simulator as its own process: killed, started again, and asked to end."""

import asyncio
import contextlib
import json
import signal
import socket
import stat
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from simulators.channels.credentials import ensure_credentials, load_credentials
from tests.simulators.support import Merchant

pytestmark = pytest.mark.processes

START = "import sys; from pathlib import Path; from simulators.channels.server import serve; serve(int(sys.argv[1]), var=Path(sys.argv[2]))"


@contextlib.asynccontextmanager
async def started(port: int, var: Path) -> AsyncIterator[Process]:
    """A running simulator process; killed at the end whatever happened."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", START, str(port), str(var), stdout=PIPE, stderr=PIPE
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_killed_and_started_again_it_knows_the_payment_and_ends_when_asked(
    tmp_path: Path,
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    base_url = f"http://127.0.0.1:{port}"
    settings = ensure_credentials(tmp_path, base_url)
    credentials = load_credentials(tmp_path)
    assert credentials is not None
    transport = httpx.AsyncHTTPTransport(retries=10)  # waits for the port to open
    async with httpx.AsyncClient(transport=transport, base_url=base_url, timeout=20) as client:
        merchant = Merchant(client=client, credentials=credentials, base_url=base_url)
        async with started(port, tmp_path) as process:
            assert (await merchant.place("X00001")).status_code == 200
            await client.post("/control/wechat/orders/X00001/pay")
            await client.post("/control/faults", json={"kind": "connection_reset", "count": 1})
            with pytest.raises(httpx.ReadError):
                await merchant.query("X00001")
            process.kill()
        async with started(port, tmp_path) as process:
            assert (await merchant.query("X00001"))["trade_state"] == "SUCCESS"
            process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(10):
                out, err = await process.communicate()
    # uvicorn hands the signal on after a clean shutdown
    assert process.returncode in {0, -signal.SIGTERM}
    assert (out, err) == (b"", b"")
    written = json.loads((tmp_path / "demo" / "channels.json").read_text())
    assert written == settings
    books = list((tmp_path / "demo").glob("channels.sqlite*"))
    assert books
    assert {stat.S_IMODE(path.stat().st_mode) for path in books} == {0o600}
