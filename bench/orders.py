"""Order placement beside bare endpoints that run as many statements and commits (`bench.sides`).

One placement is the three requests of a customer's client: `POST /orders/quote`, `POST /orders` and
`POST /orders/{id}/payments`. The last ends when the attempt to pay is committed, is read back and
its answer is stored under the request's key; the talk with the channel, which would begin there, is
left out.
"""

import asyncio
import json
from pathlib import Path

from app.core.clock import wall_now
from app.core.db import Database
from app.core.jobs import oldest_due_age_seconds
from bench.figures import Figure, against_limit
from bench.load import Client
from bench.serving import resident_mb, worker_process
from bench.shop import Shop, open_shop
from bench.sides import CLIENTS, Plan, both_sides, compare_rates, key_file, recording

PLACEMENTS = 400
"""In one round, of each side."""
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
    with key_file() as keys:
        plan = await record_placement(database, shop, keys)
        placing = Placing(shop)
        async with both_sides(database, keys, plan) as sides:
            placed = await compare_rates(
                "order_placement",
                sides,
                ours=placing.place,
                bare=placing.place_bare,
                count=count,
                unit="placements/s",
            )
            web_mb = resident_mb(sides.product.pid)
        worker_mb = await _work_off(
            database, sides.environment | NO_SMS, log=sides.folder / "worker.log"
        )
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


async def record_placement(database: Database, shop: Shop, keys: Path) -> Plan:
    """The transactions of one placement's requests, as the product runs them."""
    token = shop.household(RECORDED).token
    async with recording(database, keys) as record:
        await record.send(f"{ORDERS}/quote", shop.quote_body(RECORDED), token=token)
        placed = await record.send(ORDERS, shop.order_body(RECORDED), token=token)
        path = f"{ORDERS}/{json.loads(placed)['id']}/payments"
        await record.send(path, b"{}", token=token)
        return record.plan
