"""A web process is killed in the middle of requests: who retries with his key gets one effect."""

import asyncio
import multiprocessing.context
import random
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from app.core.db import Database
from tests.factories.world import MORNING, World, once
from tests.fixtures.application import test_keys
from tests.fixtures.doses import dose
from tests.fixtures.foundation import eventually, scalar
from tests.fixtures.invariants import assert_invariants
from tests.orders.test_door_orders import door_order
from tests.processes.web_entry import WebSettings
from tests.processes.web_entry import run as run_web_process

pytestmark = pytest.mark.processes

KILLS = dose(3, 500)
CLIENTS = 6
UNFINISHED = {"still_running", "unavailable"}


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    """A port whose callers wait while nobody serves it."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as opened:
        yield opened


@dataclass
class Deliverers:
    """Phones that send each order until they have an answer."""

    client: httpx.AsyncClient
    world: World
    answered: list[str] = field(default_factory=list)
    retried: int = 0
    over: bool = False

    async def work(self, number: int) -> None:
        """One phone: order after order."""
        count = 0
        while not self.over:
            count += 1
            await self._send(f"137{number:02}{count:06}")

    async def have_more_than(self, count: int) -> bool:
        """Whether some order was answered since."""
        return len(self.answered) > count

    async def _send(self, phone: str) -> None:
        body = door_order(self.world, phone=phone)
        headers = self.world.deliverer_staff[0].headers | once()
        while True:
            answer = await self._try(body, headers)
            if answer is None or answer.json().get("code") in UNFINISHED:
                self.retried += 1
                await asyncio.sleep(0.05)
                continue
            assert answer.status_code == 201, answer.text
            self.answered.append(answer.json()["order_id"])
            return

    async def _try(self, body: dict[str, Any], headers: dict[str, str]) -> httpx.Response | None:
        try:
            return await self.client.post("/offline-orders", json=body, headers=headers)
        except httpx.TransportError:
            return None


async def free_keys_of_the_dead(database: Database) -> None:
    """Half a minute passes for the keys that a killed process held."""
    async with database.transaction() as session:
        await session.execute(
            text(
                "UPDATE idempotency_keys SET started_at = started_at - interval '31 seconds'"
                " WHERE status IS NULL"
            )
        )


async def test_kill_9_in_the_middle_of_requests_leaves_one_effect_each(
    live_database: Database,
    tmp_path: Path,
    listening: socket.socket,
    forks: multiprocessing.context.ForkServerContext,
) -> None:
    async with live_database.transaction() as session:
        world = await World.build(session, test_keys())
        await session.execute(
            text("UPDATE sessions SET access_expires_at = access_expires_at + interval '9 days'")
        )
    settings = WebSettings(url=live_database.url, var=tmp_path)
    chance = random.Random(20260315)
    limits = httpx.Limits(max_keepalive_connections=0)
    url = f"http://127.0.0.1:{listening.getsockname()[1]}/api/v1"
    async with httpx.AsyncClient(base_url=url, timeout=30, limits=limits) as client:
        phones = Deliverers(client, world)
        tasks = [asyncio.create_task(phones.work(number)) for number in range(CLIENTS)]
        for _ in range(KILLS):
            process = started(forks, settings, listening)
            before = len(phones.answered)
            await eventually(partial(phones.have_more_than, before), within_seconds=120)
            await asyncio.sleep(chance.uniform(0, 0.1))
            kill(process)
            await free_keys_of_the_dead(live_database)
        process = started(forks, settings, listening)
        phones.over = True
        await asyncio.wait_for(asyncio.gather(*tasks), 120)
        kill(process)
    assert phones.retried > 0, "no kill struck a request"
    assert len(set(phones.answered)) == len(phones.answered)
    for table in ("orders", "receipts", "payments"):
        found = await scalar(live_database, f"SELECT count(*) FROM {table}")
        assert found == len(phones.answered), table
    async with live_database.transaction() as session:
        await assert_invariants(session, MORNING)


def started(
    forks: multiprocessing.context.ForkServerContext,
    settings: WebSettings,
    listening: socket.socket,
) -> BaseProcess:
    """A web process that serves the port."""
    process = forks.Process(target=run_web_process, args=(settings, listening), daemon=True)
    process.start()
    return process


def kill(process: BaseProcess) -> None:
    """As the kernel does it when memory runs out."""
    process.kill()
    process.join()
    process.close()
