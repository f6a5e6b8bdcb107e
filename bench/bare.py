"""The limit of order placement: bare FastAPI + asyncpg endpoints with the same number of statements
and commits, each a select by primary key, or an insert or update of one row."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
from fastapi import FastAPI, Request

from app.core.clock import wall_now
from app.core.ids import new_id
from bench.counting import Transaction

POOL = 10
"""As many connections as the product's pool has."""

TABLES = (
    "CREATE TABLE bare_items AS SELECT * FROM products",
    "ALTER TABLE bare_items ADD PRIMARY KEY (id)",
    "CREATE TABLE bare_orders (LIKE orders INCLUDING DEFAULTS INCLUDING INDEXES INCLUDING CONSTRAINTS)",
    "VACUUM ANALYZE bare_items",
)
"""Tables of the product's own kind, with its columns, keys, indexes and checks."""
_SELECT = "SELECT * FROM bare_items WHERE id = $1"
_INSERT = """
INSERT INTO bare_orders (customer_id, order_id, order_no, status, confirmation, source, address_id,
                         price_fen, agreement_version, agreed_at, placed_at, pay_before_at, version)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
"""
_UPDATE = "UPDATE bare_orders SET version = version + 1 WHERE customer_id = $1 AND order_id = $2"
_DELETE = "DELETE FROM bare_orders WHERE customer_id = $1 AND order_id = $2"


def write_plan(steps: list[list[Transaction]], path: Path) -> None:
    """The steps' transactions as a file for the server."""
    kinds = [[[item.is_bare, item.statements] for item in step] for step in steps]
    path.write_text(json.dumps(kinds))


class _Step:
    """One request's statements on trivial rows."""

    def __init__(self, at: datetime, items: list[UUID]) -> None:
        self._at = at
        self._items = items
        self._key = (new_id(), new_id())

    async def run(self, connection: asyncpg.Connection, statements: list[str]) -> None:
        """Run them one after the other."""
        for number, kind in enumerate(statements):
            if kind == "select":
                await connection.fetchrow(_SELECT, self._items[number % len(self._items)])
            elif kind == "insert":
                await connection.execute(_INSERT, *self._row())
            else:
                await connection.execute(_UPDATE if kind == "update" else _DELETE, *self._key)

    def _row(self) -> tuple[object, ...]:
        self._key = customer_id, order_id = new_id(), new_id()
        at, status = self._at, ("pending_payment", "online", "web")
        return (customer_id, order_id, "N", *status, order_id, 10_500, None, at, at, at, 1)


async def _keep(_connection: asyncpg.Connection) -> None:
    """Give a connection back as it is: nothing on it needs to be reset."""


def create_app(dsn: str, path: Path) -> FastAPI:
    """One endpoint, which does the work of the step it is asked for."""
    plan: list[list[tuple[bool, list[str]]]] = json.loads(path.read_text())

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with asyncpg.create_pool(dsn, min_size=POOL, max_size=POOL, reset=_keep) as pool:
            app.state.pool = pool
            app.state.items = [row["id"] for row in await pool.fetch("SELECT id FROM bare_items")]
            yield

    app = FastAPI(lifespan=lifespan)

    @app.post("/bare/{number}")
    async def step(number: int, body: dict[str, Any], request: Request) -> dict[str, int]:
        """Run one step's transactions."""
        work = _Step(wall_now(), request.app.state.items)
        for is_bare, statements in plan[number]:
            async with request.app.state.pool.acquire() as connection:
                if is_bare:
                    await work.run(connection, statements)
                else:
                    async with connection.transaction():
                        await work.run(connection, statements)
        return {"fields": len(body)}

    return app
