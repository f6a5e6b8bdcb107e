"""Which block serves a door, and in which order the round goes."""

import asyncio
from datetime import date, timedelta
from uuid import UUID

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.db import Database
from app.core.ids import new_id, public_pair, public_single
from app.identity.models import Role
from app.network import service
from app.network.errors import StopsChanged
from app.network.models import AddressBlock, City
from app.network.service import Assignment, Serving
from tests.factories.network import CITY, add_block, add_station
from tests.factories.world import TODAY, Household, World

TOMORROW = TODAY + timedelta(days=1)


def ahead(days: int) -> date:
    return TODAY + timedelta(days=days)


async def assigned(
    session: AsyncSession, customer_id: UUID, address_id: UUID
) -> list[tuple[UUID, int, date | None, date | None]]:
    rows = await session.scalars(
        select(AddressBlock)
        .where(AddressBlock.customer_id == customer_id, AddressBlock.address_id == address_id)
        .order_by(AddressBlock.valid)
        .execution_options(populate_existing=True)
    )
    return [(row.block_id, row.stop_no, row.valid.lower, row.valid.upper) for row in rows]


async def test_an_address_gets_its_block_moves_and_stays(
    world: World, session: AsyncSession
) -> None:
    home = await world.add_household(session, block=None)
    key = {"customer_id": home.customer_id, "address_id": home.address_id}
    first, second = world.blocks
    assert await service.find_serving(session, **key, on=TOMORROW) is None

    async def assign(block_id: UUID, stop_no: int, valid_from: date) -> None:
        await service.assign_address(
            session, **key, block_id=block_id, stop_no=stop_no, valid_from=valid_from
        )

    await assign(first, 12, TOMORROW)
    await assign(first, 12, TOMORROW)
    await assign(first, 12, ahead(30))
    assert await assigned(session, **key) == [(first, 12, TOMORROW, None)]
    assert await service.find_serving(session, **key, on=TODAY) is None
    assert await service.find_serving(session, **key, on=TOMORROW) == Serving(
        first, world.station_id, CITY, 12, world.deliverers[0]
    )

    await assign(second, 7, ahead(10))
    assert await assigned(session, **key) == [
        (first, 12, TOMORROW, ahead(10)),
        (second, 7, ahead(10), None),
    ]
    await assign(second, 8, ahead(10))
    assert (await assigned(session, **key))[-1] == (second, 8, ahead(10), None)
    await assign(first, 3, ahead(5))
    assert await assigned(session, **key) == [
        (first, 12, TOMORROW, ahead(5)),
        (first, 3, ahead(5), None),
    ]
    await assign(second, 1, TODAY)
    assert await assigned(session, **key) == [(second, 1, TODAY, None)]


STEPS = st.lists(
    st.tuples(st.integers(0, 1), st.integers(1, 3), st.integers(0, 9)), min_size=1, max_size=6
)


@given(steps=STEPS)
async def test_the_last_assignment_holds_from_its_day_on(
    world: World, session: AsyncSession, steps: list[tuple[int, int, int]]
) -> None:
    key = {"customer_id": new_id(), "address_id": new_id()}
    expected: dict[int, tuple[UUID, int]] = {}
    for block, stop_no, day in steps:
        await service.assign_address(
            session,
            **key,
            block_id=world.blocks[block],
            stop_no=stop_no,
            valid_from=ahead(day),
        )
        expected |= dict.fromkeys(range(day, 12), (world.blocks[block], stop_no))
    for day in range(12):
        serving = await service.find_serving(session, **key, on=ahead(day))
        found = None if serving is None else (serving.block_id, serving.stop_no)
        assert found == expected.get(day)


async def test_two_requests_give_an_address_one_block(live_database: Database) -> None:
    async with live_database.transaction() as session:
        session.add(City(code=CITY, name="上海市"))
        await session.flush()
        station_id = await add_station(session, code="ST01")
        block_id = await add_block(session, station_id=station_id, code="ST01-01")
    key = {"customer_id": new_id(), "address_id": new_id()}

    async def assign(stop_no: int) -> None:
        async with live_database.transaction() as session:
            await service.assign_address(
                session, **key, block_id=block_id, stop_no=stop_no, valid_from=TOMORROW
            )

    async with asyncio.timeout(30):
        await asyncio.gather(*(assign(5) for _ in range(6)))
    async with live_database.transaction() as session:
        assert await assigned(session, **key) == [(block_id, 5, TOMORROW, None)]


async def test_an_import_assigns_what_has_no_block_yet(world: World, session: AsyncSession) -> None:
    fresh = [Assignment(new_id(), new_id(), world.blocks[1], n, TOMORROW) for n in range(50)]
    served = Assignment(
        world.household.customer_id, world.household.address_id, world.blocks[1], 1, TOMORROW
    )
    assert await service.assign_many(session, assignments=[*fresh, served]) == 50
    assert await service.assign_many(session, assignments=fresh) == 0
    assert await service.assign_many(session, assignments=[]) == 0
    kept = await service.find_serving(
        session, customer_id=served.customer_id, address_id=served.address_id, on=TOMORROW
    )
    assert kept is not None
    assert kept.block_id == world.blocks[0]


# The round's order


@pytest.fixture
async def round_of_four(world: World, database: Database) -> list[Household]:
    """Four more doors of the first block, two of them in one building."""
    async with database.transaction() as session:
        return [
            await world.add_household(session, house_no=house, stop_no=stop_no)
            for house, stop_no in (("3号", 103), ("3号", 103), ("5号", 105), ("99号", 199))
        ]


async def test_the_station_manager_puts_the_round_in_order(
    client: httpx.AsyncClient, world: World, round_of_four: list[Household]
) -> None:
    headers = world.staff[Role.STATION_MANAGER].headers
    path = f"/blocks/{public_single('blk', world.blocks[0])}/stops"
    before = (await client.get(path, headers=headers)).json()
    assert before["service_date"] == "2026-03-16"
    numbers = [stop["stop_no"] for stop in before["items"]]
    assert numbers == sorted(numbers)
    shown = str(before)
    assert "王" not in shown, "no name"
    assert "301" not in shown, "no door"
    assert round_of_four[0].phone not in shown

    addresses = [stop["address"] for stop in before["items"]]
    wanted = [addresses[-1], *addresses[:-1]]
    after = (await client.patch(path, json={"addresses": wanted}, headers=headers)).json()
    assert [stop["address"] for stop in after["items"]] == wanted
    moved = [stop["stop_no"] for stop in after["items"]]
    assert moved == sorted(set(moved)), "every door has its own number now"
    assert moved[0] == numbers[0], "the block keeps its numbers"
    repeated = (await client.patch(path, json={"addresses": wanted}, headers=headers)).json()
    assert repeated == after


async def test_an_order_must_name_every_stop_once(
    client: httpx.AsyncClient, world: World, round_of_four: list[Household]
) -> None:
    headers = world.staff[Role.STATION_MANAGER].headers
    path = f"/blocks/{public_single('blk', world.blocks[0])}/stops"
    before = (await client.get(path, headers=headers)).json()
    addresses = [stop["address"] for stop in before["items"]]
    stranger = public_pair("adr", new_id(), new_id())
    for wrong in (
        addresses[1:],
        [*addresses, addresses[0]],
        [*addresses[1:], addresses[1]],
        [*addresses[1:], stranger],
    ):
        answer = await client.patch(path, json={"addresses": wrong}, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (409, "stops_changed")
    assert (await client.get(path, headers=headers)).json() == before
    malformed = await client.patch(path, json={"addresses": ["adr_x"]}, headers=headers)
    assert malformed.status_code == 404


async def test_the_order_of_a_day_leaves_other_blocks_and_days_alone(
    world: World, session: AsyncSession
) -> None:
    homes = [await world.add_household(session, stop_no=n, block=1) for n in (10, 10, 30)]
    later = await world.add_household(session, block=None)
    await service.assign_address(
        session,
        customer_id=later.customer_id,
        address_id=later.address_id,
        block_id=world.blocks[1],
        stop_no=20,
        valid_from=ahead(9),
    )
    order = [(home.customer_id, home.address_id) for home in reversed(homes)]
    stops = await service.order_stops(session, block_id=world.blocks[1], order=order, on=TOMORROW)
    assert [(stop.customer_id, stop.address_id) for stop in stops] == order
    assert [stop.stop_no for stop in stops] == [10, 11, 30]
    assert (await assigned(session, later.customer_id, later.address_id))[0][1] == 20
    first_block = await service.list_stops(session, block_id=world.blocks[0], on=TOMORROW)
    assert len(first_block) == 1
    with pytest.raises(StopsChanged):
        await service.order_stops(session, block_id=world.blocks[1], order=order, on=ahead(9))


async def test_stops_of_a_block_come_from_its_index(world: World, session: AsyncSession) -> None:
    await session.execute(
        text(
            "INSERT INTO address_blocks (customer_id, address_id, valid_from, valid, block_id,"
            " stop_no) SELECT uuidv7(), uuidv7(), '2026-01-01', daterange('2026-01-01', NULL),"
            " CASE n % 50 WHEN 0 THEN CAST(:one AS uuid) ELSE CAST(:other AS uuid) END, n"
            " FROM generate_series(1, 5000) AS n"
        ),
        {"one": world.blocks[0], "other": world.blocks[1]},
    )
    await session.execute(text("ANALYZE address_blocks"))
    lines = await session.scalars(
        text(
            "EXPLAIN SELECT customer_id FROM address_blocks"
            " WHERE block_id = :block AND valid @> CAST(:on AS date)"
        ),
        {"block": world.blocks[0], "on": TOMORROW},
    )
    assert "ix_address_blocks_block_id" in "\n".join(lines)
