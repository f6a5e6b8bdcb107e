"""The weight of each page beside its budget, over the demo city: KB a browser loads the first time.

The city is small, but its pages are full: names and texts are real, the queue is longer than its
page, and the ticket has been talked about.
"""

import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import httpx
from sqlalchemy import Row, text

from app.core.clock import wall_now
from app.core.db import Database
from app.core.ids import new_id, public_pair
from bench.figures import Figure, against_limit
from bench.phones import open_sessions, token_of
from bench.serving import HOST, server_process
from bench.weight import DASHBOARD, DELIVERER, QUEUE, TICKET, Budget, in_kb, weigh
from simulators.city.load import load_city

HOUSEHOLDS, DISTRICTS = 600, 4
TICKETS = 60
MANAGER, AGENT, DELIVERER_LOGIN = "manager", "agent", "deliverer"
COOKIE = "suixinding"
"""What a demo on this machine names its cookie."""
_ORDERS = "SELECT customer_id, order_id FROM orders WHERE status = 'delivering' LIMIT :count"
CATEGORIES = ("leaking", "late", "missing", "taste", "temperature", "manner", "billing")
COMPLAINT = "今天早上奶箱里少了一瓶，孩子没喝上奶，昨天也是快八点才送到，请尽快处理。"
TALK: Sequence[tuple[str, Mapping[str, Any]]] = (
    ("assign", {}),
    ("classify", {"severity": "major", "reason": "连续两天，影响较大"}),
    ("reply", {"body": "您好，给您添麻烦了。我们已联系奶站核实，一小时内回复您。"}),
    ("reply", {"body": "奶站说领奶时少点了一箱，送奶员已知情。", "audience": "internal"}),
    ("reply", {"body": "已核实是奶站少发，明天一早为您补送一瓶，并提前半小时出发。"}),
)
"""What is done about the ticket that is weighed."""


@dataclass(frozen=True, slots=True)
class Weighed:
    """A page, who opens it, and its budget."""

    budget: Budget
    path: str
    login: str


async def run(database: Database, *, scale: float) -> list[Figure]:
    """Weigh the pages of a demo city in an empty, migrated database; `scale` has no meaning here."""
    del scale
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        settings = {"DATABASE_URL": database.url, "VAR_DIR": made, "DEMO": "1"}
        await _mark(database)
        with mock.patch.dict(os.environ, settings):
            await load_city(households=HOUSEHOLDS, seed=1, districts=DISTRICTS)
        await open_sessions(database)
        environment = {**os.environ, **settings}
        async with server_process("product", environment, log=folder / "web.log") as web:
            address = f"http://{HOST}:{web.port}"
            ticket = await _file_tickets(database, address)
            pages = (
                Weighed(DASHBOARD, "/manager", MANAGER),
                Weighed(QUEUE, "/service", AGENT),
                Weighed(TICKET, f"/service/tickets/{ticket}", AGENT),
                Weighed(DELIVERER, "/deliverer", DELIVERER_LOGIN),
            )
            return [await _weigh(address, one) for one in pages]


async def _mark(database: Database) -> None:
    async with database.connection() as connection:
        await connection.execute(
            text("INSERT INTO demo_mark (singleton, marked_at) VALUES (true, :at)"),
            {"at": wall_now()},
        )


async def _weigh(address: str, page: Weighed) -> Figure:
    async with httpx.AsyncClient(
        base_url=address, cookies={COOKIE: token_of(page.login)}, timeout=30
    ) as client:
        weights = await weigh(client, page.path)
    return against_limit(
        f"page_bytes_{page.budget.name}",
        ours=in_kb(weights),
        limit=page.budget.most_kb,
        unit="KB",
    )


async def _file_tickets(database: Database, address: str) -> str:
    """Fill the queue as the desk does; answers the ticket that was talked about most."""
    async with database.connection() as connection:
        orders = (await connection.execute(text(_ORDERS), {"count": TICKETS - 1})).all()
    headers = {"Authorization": f"Bearer {token_of(AGENT)}"}
    async with httpx.AsyncClient(
        base_url=f"{address}/api/v1", headers=headers, timeout=30
    ) as client:
        filed = [await _file(client, number, one) for number, one in enumerate(orders)]
        last = await _file(client, len(orders), orders[0])
        for action, body in TALK:
            await _post(client, f"/tickets/{last}/{action}", body)
    if len(filed) < TICKETS - 1:
        raise AssertionError(f"only {len(filed)} orders to complain about")
    return last


async def _file(client: httpx.AsyncClient, number: int, order: Row[Any]) -> str:
    body = {
        "kind": "complaint",
        "category": CATEGORIES[number % len(CATEGORIES)],
        "channel": "phone",
        "body": COMPLAINT,
        "order_id": public_pair("ord", order.customer_id, order.order_id),
    }
    ticket: str = (await _post(client, "/tickets", body))["id"]
    return ticket


async def _post(client: httpx.AsyncClient, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
    answer = await client.post(path, json=body, headers={"Idempotency-Key": str(new_id())})
    answer.raise_for_status()
    found: dict[str, Any] = answer.json()
    return found
