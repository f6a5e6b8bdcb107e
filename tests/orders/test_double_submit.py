"""Fifty at once: one key, or fifty keys for one thing, have one effect on a real database."""

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from app.core.clock import wall_now
from app.core.db import Database
from app.core.ids import new_id, read_pair
from app.core.jobs import JobContext
from app.delivery.models import DeliveryStatus
from tests.factories import orders
from tests.factories.aftersales import add_delivery
from tests.factories.delivery import TOMORROW, RunningLine, batch, stop_done
from tests.factories.world import MORNING, Household, World, once
from tests.fixtures.application import SetClock, app_over, make_test_runtime
from tests.fixtures.database import cloned_database
from tests.fixtures.doses import dose
from tests.fixtures.invariants import assert_invariants
from tests.fixtures.jobs import drain
from tests.fixtures.payments import Payments, open_payments
from tests.orders.conftest import pay
from tests.orders.test_door_orders import door_order

AT_ONCE = 50
ROUNDS = dose(1, 250)
"""Four stories of so many rounds: a thousand in the long run."""


@dataclass
class Live:
    """The product over several connections."""

    database: Database
    world: World
    payments: Payments
    client: httpx.AsyncClient
    context: JobContext
    clock: SetClock

    async def household(self) -> Household:
        """A new one."""
        async with self.database.transaction() as session:
            return await self.world.add_household(session)

    async def count(self, sql: str, household: Household) -> int:
        """Rows of a household."""
        async with self.database.transaction() as session:
            found = await session.scalar(text(sql), {"customer": household.customer_id})
            return int(found or 0)

    async def post(
        self, path: str, body: dict[str, Any], headers: Callable[[], dict[str, str]]
    ) -> tuple[Counter[int | str], set[bytes]]:
        """The same request fifty times at once: how it was answered, and what good answers said."""
        answers = await asyncio.gather(
            *(self.client.post(path, json=body, headers=headers()) for _ in range(AT_ONCE))
        )
        told = Counter(
            answer.status_code if answer.status_code < 300 else str(answer.json()["code"])
            for answer in answers
        )
        return told, {answer.content for answer in answers if answer.status_code < 300}

    async def hold(self) -> None:
        """Every invariant of money and bottles."""
        async with self.database.transaction() as session:
            only = ("I1", "I2", "I3", "I4", "I5", "I8")
            await assert_invariants(session, self.clock.now(), only=only)


@pytest.fixture(scope="module")
async def live(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Live]:
    """One clone for all rounds."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    async with cloned_database(f"double_{worker}_{os.getpid()}") as database:
        clock = SetClock(MORNING)
        runtime = make_test_runtime(database, clock, tmp_path_factory.mktemp("var"))
        async with database.transaction() as session:
            world = await World.build(session, runtime.keys)
            await session.execute(
                text(
                    "UPDATE sessions SET access_expires_at = access_expires_at + interval '9 days'"
                )
            )
        transport = httpx.ASGITransport(app=app_over(runtime), raise_app_exceptions=False)
        async with (
            open_payments(runtime, parallel=True) as payments,
            httpx.AsyncClient(transport=transport, base_url="http://test/api/v1") as client,
        ):
            context = JobContext(database=database, clock=clock)
            yield Live(database, world, payments, client, context, clock)
        await runtime.http.aclose()


ORDERS = "SELECT count(*) FROM orders WHERE customer_id = :customer"
CHANGES = "SELECT count(*) FROM order_changes WHERE customer_id = :customer"
REFUNDED = "SELECT coalesce(sum(amount_fen), 0) FROM refunds WHERE customer_id = :customer"


async def running(live: Live, household: Household) -> dict[str, Any]:
    """An order that is paid and being brought."""
    placed = await orders.place(live.client, live.world, household, bottles=4)
    await pay(live.client, live.payments, placed["id"], household)
    await live.payments.deliver_notifications()
    await drain(live.context)
    return await orders.read(live.client, placed["id"], household)


@pytest.mark.parametrize("_", range(ROUNDS))
async def test_one_order_under_one_key(live: Live, _: int) -> None:
    household = await live.household()
    key = household.headers | once()
    body = orders.order_body(live.world, household, bottles=4)
    told, said = await live.post("/orders", body, lambda: key)
    assert told.keys() <= {201, "still_running"}
    assert len(said) == 1
    assert await live.count(ORDERS, household) == 1
    again, repeated = await live.post("/orders", body, lambda: key)
    assert (again, repeated) == (Counter({201: AT_ONCE}), said)
    assert await live.count(ORDERS, household) == 1


@pytest.mark.parametrize("_", range(ROUNDS))
async def test_one_cancellation_under_fifty_keys(live: Live, _: int) -> None:
    household = await live.household()
    order = await running(live, household)
    path = f"/orders/{order['id']}/changes"
    shown = await live.client.post(
        f"{path}/preview", json={"kind": "cancel"}, headers=household.headers
    )
    told, _said = await live.post(
        path, {"token": shown.json()["token"]}, lambda: household.headers | once()
    )
    assert told[201] == 1, told
    assert told.keys() <= {201, "preview_outdated", "order_finished", "unavailable"}, told
    assert await live.count(CHANGES, household) == 1
    assert await live.count(REFUNDED, household) == 4 * 350
    await drain(live.context)
    await live.hold()


@pytest.mark.parametrize("_", range(ROUNDS))
async def test_one_door_order_under_fifty_keys(live: Live, _: int) -> None:
    body = door_order(live.world, phone=f"137{new_id().int % 10**8:08d}")
    deliverer = live.world.deliverer_staff[0].headers
    told, said = await live.post("/offline-orders", body, lambda: deliverer | once())
    assert told.keys() <= {201, "unavailable"}, told
    assert told[201] >= 1
    first = {answer for answer in said if b'"repeated":false' in answer}
    assert len(first) == 1
    async with live.database.transaction() as session:
        made = await session.scalar(
            text("SELECT count(*) FROM receipts WHERE receipt_no = :no"),
            {"no": body["receipt_no"]},
        )
    assert made == 1
    await live.hold()


@pytest.mark.parametrize("_", range(ROUNDS))
async def test_one_tap_sent_fifty_times(live: Live, _: int) -> None:
    household = await live.household()
    order = await running(live, household)
    line = RunningLine(
        customer_id=household.customer_id,
        order_id=read_pair("ord", order["id"])[1],
        order_line_id=read_pair("lin", order["lines"][0]["id"])[1],
        address_id=household.address_id,
        address_version_id=household.address_version_id,
        product_id=live.world.milk_id,
    )
    async with live.database.transaction() as session:
        planned = DeliveryStatus.PLANNED
        await add_delivery(session, live.world, line, TOMORROW, status=planned)
    sent_at = wall_now()
    failed: dict[str, Any] = {"outcome": "not_delivered", "reason": "milk_damaged"}
    body = batch(stop_done(line, device_at=sent_at, **failed), sent_at=sent_at)
    deliverer = live.world.deliverer_staff[0].headers
    live.clock.set(MORNING + timedelta(days=1))
    told, _said = await live.post("/sync", body, lambda: deliverer)
    live.clock.set(MORNING)
    assert told.keys() <= {200, "unavailable"}, told
    restored = "SELECT sum(restored_bottles) FROM deliveries WHERE customer_id = :customer"
    assert await live.count(restored, household) == 1
    await live.hold()
