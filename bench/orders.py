"""Order placement beside bare FastAPI + asyncpg endpoints that run as many statements and commits.

One placement is the three requests of a customer's client, over HTTP to a server process of its
own: `POST /orders/quote`, `POST /orders` and `POST /orders/{id}/payments`. The last ends when the
attempt to pay is committed, is read back and its answer is stored under the request's key; the
talk with the channel, which would begin there, is left out. The bare side gets three requests as
well: each runs the transactions recorded from the product's own request, statement by statement
(select by key, insert or update of one row) and commit by commit.
"""

import asyncio
import json
import os
import statistics
import tempfile
from pathlib import Path

import httpx

from app.core.clock import BusinessClock, wall_now
from app.core.config import InstallationSettings
from app.core.crypto import load_keys, new_key_file
from app.core.db import Database
from app.core.jobs import oldest_due_age_seconds
from app.core.runtime import Runtime
from app.main import create_app
from bench import bare
from bench.counting import Transaction, recorded
from bench.figures import Figure, against_limit, against_rate
from bench.load import Client, drive
from bench.serving import HOST, resident_mb, server_process, without_channel, worker_process
from bench.shop import Shop, open_shop

PLACEMENTS = 400
"""In one round, of each side."""
ROUNDS = 5
CLIENTS = 16
STEPS = 3
"""Requests of one placement."""
WEB_MB, WORKER_MB = 250.0, 200.0
WORKER_SECONDS = 15.0
"""Long enough for the clock's first slots."""
PATIENCE_SECONDS = 120.0
NO_SMS = {
    "ALIYUN_SMS_BASE_URL": "https://sms.invalid",
    "ALIYUN_SMS_ACCESS_KEY_ID": "bench",
    "ALIYUN_SMS_ACCESS_KEY_SECRET": "bench",
    "ALIYUN_SMS_SIGN_NAME": "bench",
}
"""A worker does not start without an account; nothing here sends an SMS."""
RECORDED = 1
"""An order of one line: the bare side does the least that an order asks for."""
ORDERS = "/api/v1/orders"


async def run(database: Database, *, scale: float) -> list[Figure]:
    """Place `PLACEMENTS` x `scale` orders a round in an empty, migrated database.

    Both sides take turns; the medians of their rates (placements/s) are compared.
    """
    shop = await open_shop(database, now=wall_now())
    count = max(CLIENTS, int(PLACEMENTS * scale))
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        keys = folder / "keys.json"
        keys.write_text(json.dumps(new_key_file()))
        plan = await record_placement(database, shop, keys)
        async with database.statement() as connection:
            for statement in bare.TABLES:
                await connection.exec_driver_sql(statement)
        environment = {
            **os.environ,
            "DATABASE_URL": database.url,
            "KEYS_FILE": str(keys),
            "DEMO": "0",
            bare.PLAN: bare.write_plan(plan),
        }
        async with (
            server_process("product", environment, log=folder / "product.log") as product,
            server_process("bare", environment, log=folder / "bare.log") as bare_one,
        ):
            placed = await _compare(shop, product.port, bare_one.port, count)
            web_mb = resident_mb(product.pid)
        worker_mb = await _work_off(database, environment | NO_SMS, log=folder / "worker.log")
    return [
        placed,
        against_limit("web_memory", ours=web_mb, limit=WEB_MB, unit="MB"),
        against_limit("worker_memory", ours=worker_mb, limit=WORKER_MB, unit="MB"),
    ]


async def _work_off(database: Database, environment: dict[str, str], *, log: Path) -> float:
    """Let a worker do what the placements left behind; the most memory it held, in MB."""
    most = 0.0
    async with worker_process(environment, log=log) as pid, asyncio.timeout(PATIENCE_SECONDS):
        ends_at = asyncio.get_running_loop().time() + WORKER_SECONDS
        while asyncio.get_running_loop().time() < ends_at or await _is_waiting(database):
            most = max(most, resident_mb(pid))
            await asyncio.sleep(0.25)
    return most


async def _is_waiting(database: Database) -> bool:
    async with database.transaction() as session:
        return await oldest_due_age_seconds(session) > 0


async def _compare(shop: Shop, product_port: int, bare_port: int, count: int) -> Figure:
    ours, limit = [], []
    first = 0
    for number in range(ROUNDS + 1):
        size = (
            count if number else CLIENTS * 4
        )  # the first round opens connections and fills caches
        placing = await drive(
            HOST, product_port, Placing(shop).place, clients=CLIENTS, first=first, count=size
        )
        working = await drive(
            HOST, bare_port, Placing(shop).place_bare, clients=CLIENTS, first=first, count=size
        )
        first += size
        if number:
            ours.append(size / placing)
            limit.append(size / working)
    return against_rate(
        "order_placement",
        ours=statistics.median(ours),
        bare=statistics.median(limit),
        unit="placements/s",
    )


class Placing:
    """The requests of a placement, on either side."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    async def place(self, client: Client, number: int) -> None:
        """Quote, order and open the payment."""
        shop, token = self._shop, self._shop.household(number).token

        async def post(path: str, body: bytes) -> bytes:
            key = f"placement-{number}-{len(path)}"
            return await client.send("POST", path, token=token, key=key, body=body)

        await post(f"{ORDERS}/quote", shop.quote_body(number))
        order = json.loads(await post(ORDERS, shop.order_body(number)))
        await post(f"{ORDERS}/{order['id']}/payments", b"{}")

    async def place_bare(self, client: Client, number: int) -> None:
        """The same bodies to the bare endpoints."""
        bodies = (self._shop.quote_body(number), self._shop.order_body(number), b"{}")
        token = self._shop.household(number).token
        for step, body in enumerate(bodies):
            path = f"/bare/{step}"
            await client.send("POST", path, token=token, key=f"placement-{number}", body=body)


async def record_placement(database: Database, shop: Shop, keys: Path) -> list[list[Transaction]]:
    """The transactions of one placement's requests, as the product runs them."""
    runtime = Runtime(
        database=database,
        keys=load_keys(keys),
        clock=BusinessClock(),
        http=httpx.AsyncClient(),
        installation=InstallationSettings(demo=False),
    )
    steps: list[list[Transaction]] = []
    with without_channel(), recorded() as recorder:
        transport = httpx.ASGITransport(app=create_app(runtime))
        async with runtime.http, httpx.AsyncClient(transport=transport) as client:
            path, body = f"{ORDERS}/quote", shop.quote_body(RECORDED)
            for number in range(STEPS):
                headers = {
                    "Authorization": f"Bearer {shop.household(RECORDED).token}",
                    "Content-Type": "application/json",
                    "Idempotency-Key": f"recorded-{number}",
                }
                answer = await client.post(f"http://bench{path}", content=body, headers=headers)
                answer.raise_for_status()
                steps.append(recorder.take())
                if number == 0:
                    path, body = ORDERS, shop.order_body(RECORDED)
                else:
                    path, body = f"{ORDERS}/{answer.json()['id']}/payments", b"{}"
    return steps
