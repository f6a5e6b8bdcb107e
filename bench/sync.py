"""Phones' uploads beside the bare batched UPDATE of the same rows, committed per batch."""

import json
import os
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime

import httpx
from fastapi import FastAPI
from sqlalchemy import text
from starlette.types import Message

from app.core.clock import BusinessClock
from app.core.config import InstallationSettings
from app.core.crypto import KeyRing
from app.core.db import Database
from app.core.ids import new_id
from app.core.runtime import Runtime
from app.delivery.service import plan_frozen_days
from app.main import create_app
from bench.figures import Figure, against_rate
from bench.milk_round import LINES_PER_BLOCK, seed_city
from bench.phones import Round, batch_of, list_rounds, log_everybody_in

BATCHES = 400
WARM_UP = 6
"""First requests build the routes and prepare the statements; they are not measured."""
STOPS = 100
_DELIVERIES = """
    UPDATE deliveries_{month} d
    SET status = 'delivered', quantity_delivered = d.quantity, done_at = :at, recorded_at = :at,
        event_id = e.event_id
    FROM unnest(CAST(:customers AS uuid[]), CAST(:lines AS uuid[]), CAST(:events AS uuid[]))
        AS e(customer_id, order_line_id, event_id)
    WHERE d.customer_id = e.customer_id AND d.order_line_id = e.order_line_id
      AND d.service_date = :day AND d.delivery_no = 0
"""
_STOPS = """
    UPDATE stops_{month} s SET state = 'made', made_at = :at
    FROM unnest(CAST(:customers AS uuid[]), CAST(:addresses AS uuid[]))
        AS e(customer_id, address_id)
    WHERE s.customer_id = e.customer_id AND s.address_id = e.address_id AND s.service_date = :day
"""


async def run(database: Database, *, scale: float) -> list[Figure]:
    """Confirm `BATCHES` x `scale` rounds of 100 stops by requests, in-process, one after the other.

    The limit updates the same deliveries and stops over the same connection pool, one transaction
    per batch. Ours and bare take turns, on two dates of the same rounds, so that both see the same
    machine; the rates are those of the median batch.
    """
    batches = WARM_UP + max(1, int(BATCHES * scale))
    city = await seed_city(database, lines=batches * LINES_PER_BLOCK)
    ours_on, bare_on = city.date(0), city.date(2)
    await _plan(database, (ours_on, bare_on))
    await log_everybody_in(database)
    rounds = await list_rounds(database, ours_on)
    clock = _StandingClock(datetime.combine(bare_on, datetime.min.time(), UTC))
    ours: list[float] = []
    bare: list[float] = []
    async with _client(database, clock) as client:
        for one in rounds[:WARM_UP]:
            await _upload(client, one, ours_on, sent_at=clock.now())
            await _update(database, one, bare_on, at=clock.now())
        for one in rounds[WARM_UP:]:
            ours.append(await _upload(client, one, ours_on, sent_at=clock.now()))
            bare.append(await _update(database, one, bare_on, at=clock.now()))
    return [
        against_rate(
            f"sync_batches_of_{STOPS}",
            ours=STOPS / statistics.median(ours),
            bare=STOPS / statistics.median(bare),
            unit="confirmations/s",
        )
    ]


class _StandingClock(BusinessClock):
    """Business time that does not move."""

    def __init__(self, at: datetime) -> None:
        super().__init__()
        self._at = at

    def now(self) -> datetime:
        """Always the same."""
        return self._at


async def _plan(database: Database, dates: tuple[date, ...]) -> None:
    async with database.connection() as connection:
        await connection.execute(
            text("UPDATE plan_days SET state = 'frozen' WHERE service_date = ANY(:days)"),
            {"days": list(dates)},
        )
    await plan_frozen_days(database, now=datetime.combine(dates[0], datetime.min.time(), UTC))
    async with database.statement() as connection:
        await connection.execute(text("VACUUM ANALYZE"))


@dataclass(frozen=True, slots=True)
class _Phone:
    """Posts to the product in this process, without a client's own parsing and cookies."""

    app: FastAPI

    async def post(self, path: str, *, content: bytes, token: str) -> bytes:
        """The answer's body."""
        body: list[bytes] = []
        headers = {
            b"host": b"bench",
            b"authorization": f"Bearer {token}".encode(),
            b"content-type": b"application/json",
            b"content-length": str(len(content)).encode(),
        }
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "POST",
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "root_path": "",
            "server": ("bench", 80),
            "client": ("bench", 1),
            "state": {},
            "headers": list(headers.items()),
        }

        async def receive() -> Message:
            return {"type": "http.request", "body": content, "more_body": False}

        async def send(message: Message) -> None:
            body.append(message.get("body", b""))

        await self.app(scope, receive, send)
        return b"".join(body)


@asynccontextmanager
async def _client(database: Database, clock: BusinessClock) -> AsyncIterator[_Phone]:
    runtime = Runtime(
        database=database,
        keys=KeyRing(
            data={"bench": os.urandom(32)},
            current="bench",
            index_key=os.urandom(32),
            token_key=os.urandom(32),
        ),
        clock=clock,
        http=httpx.AsyncClient(),
        installation=InstallationSettings(demo=False),
    )
    async with runtime.http:
        yield _Phone(create_app(runtime))


async def _upload(client: _Phone, one: Round, service_date: date, *, sent_at: datetime) -> float:
    content = json.dumps(batch_of(one.addresses, service_date, sent_at=sent_at)).encode()
    started = time.perf_counter()
    answer = await client.post("/api/v1/sync", content=content, token=one.token)
    seconds = time.perf_counter() - started
    answers = json.loads(answer).get("answers", [])
    if [item["status"] for item in answers] != ["accepted"] * len(one.addresses):
        raise AssertionError(answer[:500].decode())
    return seconds


async def _update(database: Database, one: Round, service_date: date, *, at: datetime) -> float:
    month = f"{service_date:%Y_%m}"
    deliveries, stops = (text(sql.format(month=month)) for sql in (_DELIVERIES, _STOPS))
    shared = {"at": at, "day": service_date}
    brought = {
        "customers": [customer_id for customer_id, _ in one.lines],
        "lines": [line_id for _, line_id in one.lines],
        "events": [new_id() for _ in one.lines],
    }
    doors = {
        "customers": [customer_id for customer_id, _ in one.addresses],
        "addresses": [address_id for _, address_id in one.addresses],
    }
    started = time.perf_counter()
    async with database.connection() as connection:
        await connection.execute(deliveries, shared | brought)
        await connection.execute(stops, shared | doors)
    return time.perf_counter() - started
