"""Requests over several connections: together they never pass what was paid."""

import asyncio
from collections import Counter
from pathlib import Path

import httpx
from sqlalchemy import func, select

from app.core.db import Database
from app.core.ids import public_pair
from app.identity.models import Role
from app.invoices.models import InvoiceBatch, InvoiceRequest
from app.orders.models import Order
from tests.factories.invoices import wanted
from tests.factories.world import MORNING, World, once
from tests.fixtures.application import SetClock, app_over, make_test_runtime
from tests.fixtures.invariants import assert_invariants
from tests.orders.test_door_orders import door_order, send

AT_ONCE = 6
PART = 4_000


async def test_parallel_requests_and_batches(
    live_city: tuple[Database, World], tmp_path: Path
) -> None:
    database, world = live_city
    runtime = make_test_runtime(database, SetClock(MORNING), tmp_path)
    transport = httpx.ASGITransport(app=app_over(runtime), raise_app_exceptions=False)
    agent = world.staff[Role.SERVICE_AGENT].headers
    finance = world.staff[Role.FINANCE].headers
    async with httpx.AsyncClient(transport=transport, base_url="http://test/api/v1") as client:
        assert (await send(client, world, door_order(world, amount_fen=10_500))).status_code == 201
        async with database.transaction() as session:
            order = (await session.scalars(select(Order))).one()
        path = f"/orders/{public_pair('ord', order.customer_id, order.order_id)}/invoices"
        asked = await asyncio.gather(
            *(
                client.post(path, json=wanted(amount_fen=PART), headers=agent | once())
                for _ in range(AT_ONCE)
            )
        )
        assert Counter(one.status_code for one in asked) == {201: 2, 409: AT_ONCE - 2}
        clicked = agent | once()
        rest = {"json": wanted(), "headers": clicked}
        double = await asyncio.gather(*(client.post(path, **rest) for _ in range(AT_ONCE)))  # type: ignore[arg-type]  # body and headers
        assert {one.status_code for one in double} <= {201, 409}
        assert any(one.status_code == 201 for one in double)
        batches = await asyncio.gather(
            *(client.post("/invoice-batches", headers=finance | once()) for _ in range(AT_ONCE))
        )
        assert Counter(one.status_code for one in batches) == {201: 1, 409: AT_ONCE - 1}
    async with database.transaction() as session:
        amounts = list(await session.scalars(select(InvoiceRequest.amount_fen)))
        assert sorted(amounts) == [2_500, PART, PART]
        assert await session.scalar(select(func.sum(InvoiceBatch.requests))) == 3
        await assert_invariants(session, MORNING, only={"I1", "I2"})
    await runtime.http.aclose()
