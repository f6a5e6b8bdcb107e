"""The demo city: sold by its terms, with boxes and deposits, and every invariant holds."""

import time

import httpx
import pytest
from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.catalog.models import (
    DepositKind,
    DepositRate,
    PeriodDiscount,
    PriceChannel,
    ProductPrice,
    Promotion,
)
from app.core.clock import local_date, wall_now
from app.core.db import Database
from app.core.ids import public_pair
from app.core.runtime import Runtime
from app.delivery.repository.mornings import rebuild_mornings
from app.identity.models import Role
from app.orders.models import BoxInstallation, Deposit, Order, OrderTerm
from app.orders.states import DepositState, InstallationState, OrderStatus
from simulators.city.homes import write_homes
from simulators.city.load import write_history, write_network
from simulators.city.plan import CityPlan
from tests.factories.world import World, once
from tests.fixtures.application import SetClock
from tests.fixtures.invariants import assert_invariants

HOUSEHOLDS = 3000


def plan_of(seed: int) -> CityPlan:
    return CityPlan(seed=seed, today=local_date(wall_now()), households=HOUSEHOLDS, districts=2)


@pytest.fixture
async def city(database: Database, runtime: Runtime) -> CityPlan:
    """A city in an empty database."""
    plan = plan_of(7)
    async with database.transaction() as session:
        await write_network(session, plan)
        await write_homes(session, plan, runtime.keys)
        await write_history(session, plan, time.monotonic())
    return plan


async def count(session: AsyncSession, table: type, *where: object) -> int:
    found = await session.scalar(select(func.count()).select_from(table).where(*where))  # type: ignore[arg-type]  # conditions
    return found or 0


def test_a_seed_makes_the_same_city_again() -> None:
    assert plan_of(3).homes == plan_of(3).homes
    assert plan_of(3).season_id == plan_of(3).season_id
    assert plan_of(3).homes != plan_of(4).homes


async def test_the_city_sells_by_its_terms_and_all_invariants_hold(
    city: CityPlan, database: Database
) -> None:
    async with database.transaction() as session:
        blocks = [(one.block_id, city.today) for one in city.blocks]
        await rebuild_mornings(session, blocks)
        await assert_invariants(session, wall_now())
        assert await count(session, ProductPrice, ProductPrice.channel == PriceChannel.SHOP) == 5
        season = (
            await session.scalars(select(PeriodDiscount).where(PeriodDiscount.name == "季卡"))
        ).one()
        assert season.valid.contains(city.today)
        assert await session.scalar(
            text("SELECT count(*) FROM order_lines WHERE discount_id = :id AND discount_fen > 0"),
            {"id": season.id},
        )
        assert (await session.scalars(select(Promotion))).one().gift_bottles == 2
        assert {one.kind for one in await session.scalars(select(DepositRate))} == {
            "box",
            "bottles",
        }
        for state in (DepositState.HELD, DepositState.DUE_BACK, DepositState.KEPT):
            assert await count(session, Deposit, Deposit.state == state), state
        for kind in DepositKind:
            is_due = (Deposit.state == DepositState.DUE_BACK, Deposit.kind == kind)
            assert await count(session, Deposit, *is_due), kind
        for hung in (InstallationState.OPEN, InstallationState.DONE):
            assert await count(session, BoxInstallation, BoxInstallation.state == hung), hung
        over = await count(session, Order, Order.status == OrderStatus.COMPLETED)
        assert 0 < over < HOUSEHOLDS / 50


async def test_an_open_box_of_the_city_is_hung_up_and_its_order_begins(
    city: CityPlan,
    database: Database,
    client: httpx.AsyncClient,
    clock: SetClock,
    runtime: Runtime,
) -> None:
    del city
    clock.set(wall_now())
    async with database.transaction() as session:
        world = World(runtime.keys)
        manager = await world.add_staff(session, Role.MANAGER)
        box = (
            await session.scalars(
                select(BoxInstallation)
                .where(BoxInstallation.state == InstallationState.OPEN)
                .limit(1)
            )
        ).one()
        before = await count(session, OrderTerm, OrderTerm.customer_id == box.customer_id)
    path = f"/box-installations/{public_pair('box', box.customer_id, box.installation_id)}"
    for act, begun in (("done", True), ("undo", False), ("done", True)):
        answer = await client.post(f"{path}/{act}", json={}, headers=manager.headers | once())
        assert answer.status_code == 201, (answer.url, answer.text)
        async with database.transaction() as session:
            after = await count(session, OrderTerm, OrderTerm.customer_id == box.customer_id)
        assert (after > before) is begun
    async with database.transaction() as session:
        await assert_invariants(session, clock.now(), only=("I1", "I2", "I3", "I4", "I5"))
