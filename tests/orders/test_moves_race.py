"""Moves and confirmations against the freeze, and against themselves, over several connections."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import select

from app.core.db import Database
from app.core.errors import AppError
from app.customers.service import AddressText, add_address
from app.delivery.models import Delivery
from app.delivery.service import plan_day
from app.network.service import freeze_days
from app.orders.changes import recording
from app.orders.changes.wanted import WantedChange
from app.orders.models import ChangeHistory, OrderChange
from app.orders.repository import list_terms
from app.orders.service import apply_change, preview_change
from tests.factories import network
from tests.factories.delivery import TOMORROW, RunningLine, add_line
from tests.factories.world import MORNING, World
from tests.fixtures.application import SetClock, make_test_runtime, test_keys

LATE = MORNING + timedelta(hours=6, minutes=1)


@dataclass
class Stage:
    """A running line, another address of its household, and the station that covers it."""

    database: Database
    world: World
    line: RunningLine
    address_id: UUID
    station_id: UUID

    @property
    def order(self) -> dict[str, UUID]:
        """As services name it."""
        return {"customer_id": self.line.customer_id, "order_id": self.line.order_id}

    async def token(self) -> str:
        """A preview of the move, from the first possible day on."""
        async with self.database.transaction() as session:
            _, token = await preview_change(
                session,
                test_keys(),
                **self.order,
                wanted=WantedChange("move", address_id=self.address_id),
                now=MORNING,
            )
        return token


@pytest.fixture
async def stage(live_database: Database, tmp_path: Path) -> Stage:
    """Committed, for several connections."""
    make_test_runtime(live_database, SetClock(MORNING), tmp_path)
    async with live_database.transaction() as session:
        world = await World.build(session, test_keys())
        line = await add_line(session, world.household, world.milk_id, bottles=30)
        station_id = await network.add_station(session, code="ST02", days=100)
        block_id = await network.add_block(session, station_id=station_id, code="ST02-01")
        await network.add_rule(session, block_id, district="徐汇区", compound="双界花园")
        address = AddressText(
            city_code="310000",
            district="徐汇区",
            street="",
            house_no="3号",
            compound="双界花园",
            longitude=None,
            latitude=None,
            door="502室",
            recipient="王女士",
            phone=world.household.phone,
        )
        made = await add_address(
            session, customer_id=line.customer_id, address=address, now=MORNING
        )
    return Stage(live_database, world, line, made.address_id, station_id)


async def test_the_freeze_of_both_stations_waits_for_a_move_and_one_of_them_brings(
    stage: Stage,
) -> None:
    token = await stage.token()
    moved, release = asyncio.Event(), asyncio.Event()

    async def move() -> None:
        async with stage.database.transaction() as session:
            await apply_change(
                session, test_keys(), **stage.order, token=token, actor="customer", now=MORNING
            )
            moved.set()
            await release.wait()

    async def freeze() -> list[tuple[UUID, object]]:
        await moved.wait()
        async with stage.database.transaction() as session:
            return list(await freeze_days(session, now=LATE))

    moving, freezing = asyncio.create_task(move()), asyncio.create_task(freeze())
    await moved.wait()
    done, _ = await asyncio.wait({freezing}, timeout=0.3)
    assert not done, "both days are held"
    release.set()
    await moving
    frozen = await asyncio.wait_for(freezing, 20)
    assert {station for station, _ in frozen} == {stage.world.station_id, stage.station_id}
    for station_id in (stage.world.station_id, stage.station_id):
        async with stage.database.transaction() as session:
            await plan_day(session, stations=[station_id], service_date=TOMORROW, now=LATE)
    async with stage.database.transaction() as session:
        assert list(await session.scalars(select(Delivery.station_id))) == [stage.station_id]


async def test_of_two_moves_at_once_one_happens(stage: Stage) -> None:
    tokens = [await stage.token() for _ in range(3)]

    async def move(token: str) -> str:
        try:
            async with stage.database.transaction() as session:
                await apply_change(
                    session, test_keys(), **stage.order, token=token, actor="customer", now=MORNING
                )
        except AppError as error:
            return error.code
        return "done"

    told = sorted(await asyncio.gather(*(move(token) for token in tokens)))
    assert told == ["done", "preview_outdated", "preview_outdated"]
    async with stage.database.transaction() as session:
        assert len(list(await session.scalars(select(OrderChange)))) == 1


async def test_a_yes_given_many_times_at_once_counts_once(stage: Stage) -> None:
    wanted = WantedChange("skip", first_date=TOMORROW, last_date=TOMORROW)
    async with stage.database.transaction() as session:
        change = await recording.record_change(
            session,
            **stage.order,
            wanted=wanted,
            deliverer_id=stage.world.deliverers[0],
            now=MORNING,
        )
        asked = await recording.view_recorded(
            session,
            customer_id=change.customer_id,
            change_id=change.change_id,
            now=MORNING,
        )
    seen = asked.seen
    assert seen is not None

    async def confirm() -> str:
        async with stage.database.transaction() as session:
            done = await recording.confirm_recorded(
                session,
                customer_id=change.customer_id,
                change_id=change.change_id,
                seen=seen,
                actor="customer",
                now=MORNING,
            )
            return done.status.value

    assert set(await asyncio.gather(*(confirm() for _ in range(5)))) == {"applied"}
    async with stage.database.transaction() as session:
        moves = await session.scalars(select(ChangeHistory.to_status))
        assert sorted(moves) == ["applied", "awaiting_confirmation"]
        key = (stage.line.customer_id, stage.line.order_line_id)
        terms = (await list_terms(session, [key]))[key[1]]
        days = [day for term in terms for day, _ in term.deliveries()]
        assert (TOMORROW in days, len(days)) == (False, 30), "rolled to the end, once"
