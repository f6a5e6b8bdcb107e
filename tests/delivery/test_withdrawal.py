"""The operator withdraws a station's day before its freeze; the days roll on, households are told."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import httpx
from sqlalchemy import select

from app.core.db import Database
from app.core.ids import public_single, read_pair
from app.core.jobs import JobContext
from app.delivery.jobs import run_freeze_and_plan
from app.delivery.models import Delivery, Stop
from app.identity.models import Role
from app.notifications.models import SmsMessage
from app.orders.repository import list_terms
from tests.factories.world import MORNING, TODAY, World, once
from tests.fixtures.application import SetClock
from tests.orders.conftest import Deliver, paid_order

TOMORROW = TODAY + timedelta(days=1)
Drain = Callable[[], Awaitable[list[str]]]
__all__ = ["paid_order"]


async def withdraw(
    client: httpx.AsyncClient, world: World, role: Role = Role.STATION_MANAGER
) -> httpx.Response:
    station = public_single("stn", world.station_id)
    return await client.post(
        f"/stations/{station}/plan-days/{TOMORROW}/withdraw",
        json={"reason": "台风，全站停送"},
        headers=world.staff[role].headers | once(),
    )


async def test_a_withdrawn_day_rolls_to_the_end_and_is_told(
    client: httpx.AsyncClient,
    world: World,
    paid_order: Deliver,
    database: Database,
    clock: SetClock,
    drain_jobs: Drain,
) -> None:
    order = await paid_order(bottles=3)
    done = await withdraw(client, world)
    assert done.status_code == 201, done.text
    assert (done.json()["stops"], done.json()["lines"]) == (1, 1)
    await drain_jobs()
    async with database.transaction() as session:
        key = read_pair("lin", order["lines"][0]["id"])
        terms = (await list_terms(session, [key]))[key[1]]
        days = [day for term in terms for day, _ in term.deliveries()]
        assert days == [TODAY + timedelta(days=step) for step in (2, 3, 4)]
        stop = (await session.scalars(select(Stop))).one()
        assert (stop.state, stop.service_date) == ("withdrawn", TOMORROW)
        assert "day_withdrawn" in set(await session.scalars(select(SmsMessage.template)))
    history = await client.get(f"/orders/{order['id']}/history", headers=world.household.headers)
    assert [change["kind"] for change in history.json()["changes"]] == ["day_withdrawn"]
    clock.set(MORNING + timedelta(hours=7))
    await run_freeze_and_plan(JobContext(database=database, clock=clock), {})
    async with database.transaction() as session:
        assert list(await session.scalars(select(Delivery))) == []


async def test_a_frozen_day_cannot_be_withdrawn(
    client: httpx.AsyncClient,
    world: World,
    paid_order: Deliver,
    database: Database,
    clock: SetClock,
) -> None:
    await paid_order(bottles=3)
    clock.set(MORNING + timedelta(hours=7))
    await run_freeze_and_plan(JobContext(database=database, clock=clock), {})
    refused = await withdraw(client, world)
    assert (refused.status_code, refused.json()["code"]) == (409, "day_closed")
    async with database.transaction() as session:
        assert (await session.scalars(select(Stop.state))).one() == "planned"


async def test_only_the_own_station(client: httpx.AsyncClient, world: World) -> None:
    station = public_single("stn", world.blocks[0])
    answer = await client.post(
        f"/stations/{station}/plan-days/{TOMORROW}/withdraw",
        json={"reason": "台风"},
        headers=world.staff[Role.STATION_MANAGER].headers | once(),
    )
    assert answer.status_code == 404
    assert (await withdraw(client, world, Role.FINANCE)).status_code == 403
