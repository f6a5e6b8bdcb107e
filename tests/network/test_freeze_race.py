"""Changes hammered across the freeze: each accepted one is in the plan, each other is refused."""

import asyncio
from datetime import timedelta
from uuid import UUID

from sqlalchemy import text

from app.core.config import DatabaseSettings
from app.core.db import Database
from app.network import service
from app.network.errors import DayClosed
from app.network.models import City, PlanDayState
from tests.factories.network import CITY, add_station
from tests.factories.world import MORNING, TODAY

TOMORROW = TODAY + timedelta(days=1)
AFTER_THE_CUTOFF = MORNING + timedelta(hours=7)
WRITERS = 6
PARTS = 5
"""Statements of one change: what it writes is seen whole or not at all."""


async def prepare(database: Database, *stations: str) -> list[UUID]:
    async with database.transaction() as session:
        session.add(City(code=CITY, name="上海市"))
        await session.flush()
        made = [await add_station(session, code=code, days=2) for code in stations]
        await session.execute(text("CREATE TABLE changes (station_id uuid, number int, part int)"))
    return made


async def count(database: Database) -> int:
    async with database.transaction() as session:
        return int(await session.scalar(text("SELECT count(*) FROM changes")) or 0)


async def test_each_change_is_in_the_plan_or_refused(live_database: Database) -> None:
    (station_id,) = await prepare(live_database, "ST01")
    accepted = 0
    refused = asyncio.Event()
    begun = asyncio.Semaphore(0)

    async def change_until_refused() -> None:
        """A customer's process whose clock still stands before the cut-off."""
        nonlocal accepted
        for number in range(10_000):
            try:
                async with live_database.transaction() as session:
                    await service.hold_open_day(
                        session, station_id=station_id, service_date=TOMORROW, now=MORNING
                    )
                    for part in range(PARTS):
                        await session.execute(
                            text("INSERT INTO changes VALUES (:station, :number, :part)"),
                            {"station": station_id, "number": number, "part": part},
                        )
                accepted += PARTS
                begun.release()
            except DayClosed:
                refused.set()
                return
        raise AssertionError("the day was never frozen")

    async def freeze() -> int:
        """The planner: freezes in its own transaction, then reads what it plans."""
        for _ in range(WRITERS * 3):
            await begun.acquire()
        async with live_database.transaction() as session:
            frozen = await service.freeze_days(session, now=AFTER_THE_CUTOFF)
        assert frozen == [(station_id, TOMORROW)]
        return await count(live_database)

    async with asyncio.timeout(30):
        planned, *_ = await asyncio.gather(
            freeze(), *(change_until_refused() for _ in range(WRITERS))
        )
    assert refused.is_set()
    assert accepted >= WRITERS * 3 * PARTS
    assert planned == accepted == await count(live_database)


async def test_the_freeze_waits_for_a_change_and_later_ones_are_refused(
    live_database: Database,
) -> None:
    (station_id,) = await prepare(live_database, "ST01")
    held, let_go = asyncio.Event(), asyncio.Event()

    async def slow_change() -> None:
        async with live_database.transaction() as session:
            await service.hold_open_day(
                session, station_id=station_id, service_date=TOMORROW, now=MORNING
            )
            held.set()
            await let_go.wait()
            await session.execute(
                text("INSERT INTO changes VALUES (:station, 1, 1)"), {"station": station_id}
            )

    async def freeze() -> int:
        async with live_database.transaction() as session:
            await service.freeze_days(session, now=AFTER_THE_CUTOFF)
        return await count(live_database)

    async with asyncio.timeout(30):
        changing = asyncio.create_task(slow_change())
        await held.wait()
        freezing = asyncio.create_task(freeze())
        await until_somebody_waits(live_database)
        assert not freezing.done()
        let_go.set()
        await changing
        assert await freezing == 1

    async with live_database.transaction() as session:
        days = await service.list_days(
            session, station_id=station_id, from_date=TOMORROW, until=TOMORROW + timedelta(days=1)
        )
    assert [day.state for day in days] == [PlanDayState.FROZEN]


async def test_a_change_waiting_behind_the_freeze_is_refused(live_database: Database) -> None:
    (station_id,) = await prepare(live_database, "ST01")
    async with asyncio.timeout(30):
        async with live_database.transaction() as session:
            await service.freeze_days(session, now=AFTER_THE_CUTOFF)
            waiting = asyncio.create_task(change(live_database, station_id))
            await until_somebody_waits(live_database)
        assert await waiting is False
    assert await count(live_database) == 0


async def test_a_withdrawal_and_a_change_exclude_each_other(live_database: Database) -> None:
    (station_id,) = await prepare(live_database, "ST01")
    async with asyncio.timeout(30):
        async with live_database.transaction() as session:
            await service.withdraw_days(
                session,
                stations=[station_id],
                first=TOMORROW,
                last=TOMORROW,
                reason="停电",
                now=MORNING,
            )
            waiting = asyncio.create_task(change(live_database, station_id))
            await until_somebody_waits(live_database)
        assert await waiting is False


async def change(database: Database, station_id: UUID) -> bool:
    try:
        async with database.transaction() as session:
            await service.hold_open_day(
                session, station_id=station_id, service_date=TOMORROW, now=MORNING
            )
            await session.execute(
                text("INSERT INTO changes VALUES (:station, 1, 1)"), {"station": station_id}
            )
    except DayClosed:
        return False
    return True


async def until_somebody_waits(database: Database) -> None:
    """Return once a connection of this database waits for a row."""
    watcher = Database(DatabaseSettings(database_url=database.url), application="watcher")
    try:
        while True:
            async with watcher.statement() as connection:
                waiting = await connection.scalar(
                    text(
                        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                        " AND wait_event_type = 'Lock'"
                    )
                )
            if waiting:
                return
            await asyncio.sleep(0.01)
    finally:
        await watcher.dispose()
