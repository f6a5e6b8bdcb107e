"""A line that was set aside: mended into the plan, given another day, or dismissed."""

from datetime import date, timedelta

import httpx
import pytest
from sqlalchemy import Update, func, select, update
from sqlalchemy.dialects.postgresql import Range

from app.core.db import Database
from app.delivery.models import Delivery, PlanException, RouteSheet, Stop, StopState
from app.delivery.service import freeze_and_plan
from app.identity.models import Role
from app.network.models import AddressBlock, Block
from app.orders.repository import list_terms
from tests.factories.delivery import TOMORROW, RunningLine, add_line
from tests.factories.world import MORNING, World
from tests.fixtures.application import SetClock

AFTER_CUTOFF = MORNING + timedelta(hours=7)


@pytest.fixture
async def lost(database: Database, world: World, clock: SetClock) -> RunningLine:
    """A line nobody served when its day was planned; its neighbour is in the plan."""
    async with database.transaction() as session:
        await add_line(session, world.household, world.milk_id)
        home = await world.add_household(session)
        line = await add_line(session, home, world.milk_id, quantity=3)
        await session.execute(_serve(line, until=date(2020, 1, 2)))
    await freeze_and_plan(database, now=AFTER_CUTOFF)
    clock.set(AFTER_CUTOFF)
    return line


def _serve(line: RunningLine, *, until: date | None = None) -> Update:
    return (
        update(AddressBlock)
        .where(AddressBlock.customer_id == line.customer_id)
        .values(valid=Range(date(2020, 1, 1), until, bounds="[)"))
    )


async def resolve(
    client: httpx.AsyncClient,
    world: World,
    line: RunningLine,
    resolution: str,
    role: Role = Role.MANAGER,
) -> httpx.Response:
    return await client.post(
        f"/plan-exceptions/{line.public_id}/{TOMORROW}/resolve",
        json={"resolution": resolution},
        headers=world.staff[role].headers,
    )


async def test_set_aside_lines_are_listed_with_their_reason(
    client: httpx.AsyncClient, world: World, lost: RunningLine
) -> None:
    listed = await client.get("/plan-exceptions", headers=world.staff[Role.MANAGER].headers)
    (item,) = listed.json()["items"]
    assert (item["line_id"], item["reason"]) == (lost.public_id, "no_block")
    station = await client.get(
        "/plan-exceptions", headers=world.staff[Role.STATION_MANAGER].headers
    )
    assert station.json()["items"] == []


async def test_a_mended_line_joins_the_plan(
    client: httpx.AsyncClient, world: World, lost: RunningLine, database: Database
) -> None:
    refused = await resolve(client, world, lost, "planned")
    assert (refused.status_code, refused.json()["code"]) == (409, "still_not_plannable")
    async with database.transaction() as session:
        await session.execute(_serve(lost))
    done = await resolve(client, world, lost, "planned")
    assert (done.status_code, done.json()["resolution"]) == (200, "planned")
    async with database.transaction() as session:
        planned = (
            await session.scalars(
                select(Delivery).where(Delivery.order_line_id == lost.order_line_id)
            )
        ).one()
        stop = await session.get(
            Stop, (lost.customer_id, TOMORROW, lost.address_id), populate_existing=True
        )
        assert stop is not None
        assert (planned.quantity, stop.bottles, stop.state) == (3, 3, StopState.PLANNED)
        assert await session.scalar(select(func.sum(RouteSheet.bottles))) == 4
    again = await resolve(client, world, lost, "planned")
    assert (again.status_code, again.json()["code"]) == (409, "plan_exception_resolved")


async def test_the_cause_may_be_another_one_by_now(
    client: httpx.AsyncClient, world: World, lost: RunningLine, database: Database
) -> None:
    async with database.transaction() as session:
        await session.execute(_serve(lost))
        await session.execute(update(Block).values(is_active=False))
    refused = await resolve(client, world, lost, "planned")
    assert refused.json()["facts"] == {"reason": "block_inactive"}
    async with database.transaction() as session:
        assert await session.scalar(select(PlanException.resolved_at)) is None
        assert await session.scalar(select(func.count()).select_from(Delivery)) == 1


async def test_its_bottles_may_come_after_the_last_day(
    client: httpx.AsyncClient, world: World, lost: RunningLine, database: Database
) -> None:
    async with database.transaction() as session:
        await session.execute(_serve(lost))
    done = await resolve(client, world, lost, "day_added")
    assert done.status_code == 200, done.text
    async with database.transaction() as session:
        key = (lost.customer_id, lost.order_line_id)
        terms = (await list_terms(session, [key]))[lost.order_line_id]
        assert sum(count for term in terms for _, count in term.deliveries()) == 3 * 31
        assert await session.scalar(select(func.count()).select_from(Delivery)) == 1


async def test_a_dismissed_line_stays_out(
    client: httpx.AsyncClient, world: World, lost: RunningLine, database: Database
) -> None:
    assert (await resolve(client, world, lost, "dismissed")).status_code == 200
    async with database.transaction() as session:
        await session.execute(_serve(lost))
    await freeze_and_plan(database, now=AFTER_CUTOFF)
    async with database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(Delivery)) == 1


async def test_a_station_deals_with_its_own_lines_only(
    client: httpx.AsyncClient, world: World, lost: RunningLine
) -> None:
    refused = await resolve(client, world, lost, "dismissed", Role.STATION_MANAGER)
    assert refused.status_code == 404
    unknown = await client.post(
        f"/plan-exceptions/{lost.public_id}/{TOMORROW + timedelta(days=1)}/resolve",
        json={"resolution": "dismissed"},
        headers=world.staff[Role.MANAGER].headers,
    )
    assert (unknown.status_code, unknown.json()["code"]) == (404, "plan_exception_not_found")
