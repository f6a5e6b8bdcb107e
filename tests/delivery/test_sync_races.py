"""Phones that send at the same moment: one effect, and the later tap stands."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select, update

from app.core.clock import wall_now
from app.core.db import Database
from app.core.ids import new_id
from app.delivery.models import DeliveryStatus, RouteSheet, StopState, SyncEvent
from app.orders.models import Order
from app.orders.repository import list_terms
from tests.delivery.conftest import AT_THE_DOOR, SYNC_AT, Round, build_round
from tests.factories.delivery import stop_done
from tests.factories.world import World
from tests.fixtures.application import SetClock, app_over, make_test_runtime
from tests.orders.test_door_orders import door_order


@pytest.fixture
async def live_round(
    live_database: Database, clock: SetClock, tmp_path: Path
) -> AsyncIterator[Round]:
    """A planned round over a database with real commits."""
    runtime = make_test_runtime(live_database, clock, tmp_path)
    async with live_database.transaction() as session:
        world = await World.build(session, runtime.keys)
        lines = await build_round(session, world)
    clock.set(SYNC_AT)
    transport = httpx.ASGITransport(app=app_over(runtime))
    async with httpx.AsyncClient(transport=transport, base_url="http://test/api/v1") as client:
        yield Round(client, live_database, world, clock, *lines, sent_at=wall_now())
    await runtime.http.aclose()


async def test_the_same_batch_sent_at_once_has_one_effect(live_round: Round) -> None:
    morning = live_round
    key = (morning.milk.customer_id, morning.milk.order_line_id)
    async with morning.database.transaction() as session:
        before = (await list_terms(session, [key]))[key[1]]
    at = morning.phone_time(AT_THE_DOOR)
    sale = {
        "event_id": str(new_id()),
        "kind": "offline_order",
        "device_at": at.isoformat(),
        "order": door_order(morning.world),
    }
    events = [
        stop_done(morning.milk, device_at=at, outcome="not_delivered", reason="milk_damaged"),
        stop_done(morning.neighbour, device_at=at),
        sale,
    ]
    async with asyncio.timeout(60):
        answers = await asyncio.gather(*(morning.send(*events) for _ in range(8)))
    for position in range(3):
        statuses = sorted(one[position]["status"] for one in answers)
        assert statuses == ["accepted"] + ["duplicate"] * 7
        facts = {json.dumps(one[position].get("facts"), sort_keys=True) for one in answers}
        assert len(facts) == 1
    async with morning.database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(SyncEvent)) == 3
        door = Order.deliverer_id == morning.world.deliverers[0]
        assert await session.scalar(select(func.count()).select_from(Order).where(door)) == 1
        after = (await list_terms(session, [key]))[key[1]]
    brought = [
        sum(count for term in terms for _, count in term.deliveries()) for terms in (before, after)
    ]
    assert brought[1] == brought[0] + 2
    assert (await morning.delivery(morning.milk)).restored_bottles == 2


async def test_two_phones_hammering_one_stop_leave_the_latest_tap(live_round: Round) -> None:
    morning = live_round
    async with morning.database.transaction() as session:
        await session.execute(
            update(RouteSheet)
            .where(RouteSheet.block_id == morning.world.blocks[0])
            .values(deliverer_id=morning.world.deliverers[1])
        )

    def taps(phone: int) -> list[dict[str, Any]]:
        return [
            stop_done(
                line,
                device_at=morning.phone_time(AT_THE_DOOR + timedelta(seconds=2 * number + phone)),
                outcome="delivered" if phone else "not_delivered",
                reason=None if phone else "other",
            )
            for number in range(12)
            for line in (morning.milk, morning.neighbour)
        ]

    async def send_one_by_one(phone: int) -> None:
        for event in taps(phone):
            answers = await morning.send(event, deliverer=phone)
            assert answers[0]["status"] == "accepted", answers

    async with asyncio.timeout(60):
        await asyncio.gather(send_one_by_one(0), send_one_by_one(1))
    for line in (morning.milk, morning.yogurt, morning.neighbour):
        found, stop = await morning.delivery(line), await morning.stop(line)
        assert found.status is DeliveryStatus.DELIVERED
        assert found.done_at == AT_THE_DOOR + timedelta(seconds=23)
        assert (stop.state, stop.made_at) == (StopState.MADE, found.done_at)
        assert found.deliverer_id == stop.deliverer_id == morning.world.deliverers[1]


async def test_batches_over_the_same_stops_in_opposite_order_do_not_lock_up(
    live_round: Round,
) -> None:
    morning = live_round
    at = morning.phone_time(AT_THE_DOOR)
    lines = (morning.milk, morning.neighbour)

    async def send_many(order: int) -> None:
        for _ in range(10):
            events = [stop_done(line, device_at=at) for line in lines[::order]]
            assert (await morning.post(*events)).status_code == 200

    async with asyncio.timeout(60):
        await asyncio.gather(send_many(1), send_many(-1), send_many(1), send_many(-1))
