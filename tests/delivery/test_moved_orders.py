"""Orders that move: withdrawals on either side of the move, and bottles that come back by our fault."""

from uuid import UUID

import httpx
import pytest

from app.core.db import Database
from app.core.ids import public_single, read_pair
from app.network.models import PlanDayState
from app.orders.service import RestoreItem, restore_failed
from tests.delivery.test_wide_withdrawal import ahead, ask, withdraw
from tests.factories import network
from tests.factories.world import MORNING, World
from tests.fixtures.invariants import assert_invariants
from tests.orders.conftest import Deliver, paid_order
from tests.orders.test_kinds_of_change import Json
from tests.orders.test_moves import doors, far, move, new_address

__all__ = ["far", "paid_order"]


@pytest.fixture
async def moving(
    client: httpx.AsyncClient, world: World, paid_order: Deliver, far: tuple[UUID, UUID]
) -> tuple[Json, str, str]:
    """Six bottles, the first two to the old address: (order, old, new)."""
    order = await paid_order(bottles=6)
    new = await new_address(client, world)
    await move(client, world, order, new, from_date=ahead(3))
    return order, order["address_id"], new


async def hold_true(database: Database) -> None:
    async with database.transaction() as session:
        await assert_invariants(session, MORNING)


async def test_days_withdrawn_before_the_move_roll_to_the_new_address(
    client: httpx.AsyncClient,
    world: World,
    moving: tuple[Json, str, str],
    far: tuple[UUID, UUID],
    database: Database,
) -> None:
    order, old, new = moving
    before = await doors(database, order)
    made = await withdraw(
        client, world, first_date=ahead(1).isoformat(), last_date=ahead(2).isoformat()
    )
    assert await doors(database, order) == dict.fromkeys(range(3, 9), new)
    undone = await ask(client, world, f"/{made['id']}/undo")
    assert (undone.status_code, undone.json()["kept_lines"]) == (200, 0), undone.text
    assert await doors(database, order) == before
    assert before[2] == old
    await hold_true(database)


async def test_days_withdrawn_at_the_new_station_hit_only_what_it_brings(
    client: httpx.AsyncClient,
    world: World,
    moving: tuple[Json, str, str],
    far: tuple[UUID, UUID],
    database: Database,
) -> None:
    order, old, new = moving
    before = await doors(database, order)
    made = await withdraw(
        client,
        world,
        stations=[public_single("stn", far[0])],
        first_date=ahead(1).isoformat(),
        last_date=ahead(4).isoformat(),
    )
    assert (made["lines"], made["bottles"]) == (1, 2)
    assert await doors(database, order) == {1: old, 2: old} | dict.fromkeys(range(5, 9), new)
    undone = await ask(client, world, f"/{made['id']}/undo")
    assert undone.status_code == 200, undone.text
    assert await doors(database, order) == before
    await hold_true(database)


async def test_an_end_that_rolls_over_the_day_of_the_move_goes_to_the_new_address(
    client: httpx.AsyncClient,
    world: World,
    paid_order: Deliver,
    far: tuple[UUID, UUID],
    database: Database,
) -> None:
    order = await paid_order(bottles=4)
    old, new = order["address_id"], await new_address(client, world)
    await move(client, world, order, new, from_date=ahead(4))
    assert await doors(database, order) == {1: old, 2: old, 3: old, 4: new}
    await withdraw(client, world, first_date=ahead(2).isoformat(), last_date=ahead(3).isoformat())
    assert await doors(database, order) == {1: old, 4: new, 5: new, 6: new}
    await hold_true(database)


async def test_bottles_that_come_back_are_brought_to_the_door_of_their_day(
    world: World,
    moving: tuple[Json, str, str],
    far: tuple[UUID, UUID],
    database: Database,
) -> None:
    order, old, new = moving
    line = read_pair("lin", order["lines"][0]["id"])
    async with database.transaction() as session:
        await network.close_day(session, far[0], ahead(7), PlanDayState.WITHDRAWN)
        item = RestoreItem(line[0], line[1], ahead(1), 0, 1)
        await restore_failed(session, items=[item], now=MORNING)
    assert await doors(database, order) == {1: old, 2: old} | dict.fromkeys((3, 4, 5, 6, 8), new)
