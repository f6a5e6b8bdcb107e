"""A sensor falls silent, speaks again, is repaired; a parked van may sleep."""

import asyncio
from datetime import date, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.coldchain import service
from app.coldchain.jobs import JOBS, SCHEDULES
from app.core.alerts import Alert, list_open_alerts
from app.core.db import Database
from app.core.ids import public_single
from app.network.models import City
from tests.factories.coldchain import (
    add_device,
    add_outage,
    add_readings,
    add_store,
    add_trip,
    at,
    every,
)
from tests.factories.network import add_station
from tests.factories.world import World

DAY = date(2026, 3, 10)
NOON = at(DAY, 12)
MINUTE = timedelta(minutes=1)


async def told(session: AsyncSession, now: datetime) -> list[str]:
    """Codes of the devices with an open alert, after a sweep."""
    await service.watch_silence(session, now=now)
    alerts = await list_open_alerts(session)
    assert {alert.kind for alert in alerts} <= {"device_silent"}
    return sorted(alert.facts["code"] for alert in alerts)


@pytest.fixture
async def device_id(world: World, session: AsyncSession) -> UUID:
    """A thermometer with a slot of ten minutes that spoke until 11:50."""
    store_id = await add_store(session, world.station_id)
    device_id = await add_device(session, code="CS-01", store_id=store_id)
    await add_readings(session, device_id, every(at(DAY, 9), NOON))
    return device_id


async def test_three_slots_of_silence_and_a_word(session: AsyncSession, device_id: UUID) -> None:
    assert await told(session, NOON) == []
    assert await told(session, NOON + 19 * MINUTE) == []
    assert await told(session, NOON + 20 * MINUTE) == ["CS-01"]
    assert await told(session, NOON + 25 * MINUTE) == ["CS-01"]
    (alert,) = await list_open_alerts(session)
    assert alert.subject == public_single("dev", device_id)
    assert alert.facts["last_reading_at"] == (NOON - 10 * MINUTE).isoformat()
    assert alert.facts["store"].startswith("sto_")

    await add_readings(session, device_id, [(NOON + 26 * MINUTE, 4.0)])
    assert await told(session, NOON + 30 * MINUTE) == []
    assert await told(session, NOON + 56 * MINUTE) == ["CS-01"]
    assert len(list(await session.scalars(select(Alert.id)))) == 2, "a second silence is told anew"


async def test_each_device_has_its_own_patience(
    world: World, session: AsyncSession, device_id: UUID
) -> None:
    store_id = await add_store(session, world.station_id)
    slow = await add_device(session, code="SLOW", store_id=store_id, slot_seconds=3600)
    await add_readings(session, slow, [(NOON - 10 * MINUTE, 4.0)])
    await add_device(session, code="NEW", store_id=store_id, in_service_from=NOON)
    await add_device(session, code="MUTE", store_id=store_id, in_service_from=NOON - 30 * MINUTE)
    assert await told(session, NOON) == ["MUTE"]
    assert await told(session, NOON + 30 * MINUTE) == ["CS-01", "MUTE", "NEW"]
    assert await told(session, NOON + 170 * MINUTE) == ["CS-01", "MUTE", "NEW", "SLOW"]


async def test_an_outage_excuses_and_its_end_begins_anew(
    session: AsyncSession, device_id: UUID
) -> None:
    assert await told(session, NOON + 20 * MINUTE) == ["CS-01"]
    await add_outage(session, device_id, NOON + 15 * MINUTE, NOON + 60 * MINUTE)
    assert await told(session, NOON + 21 * MINUTE) == [], "somebody is at it"
    assert await told(session, NOON + 59 * MINUTE) == []
    assert await told(session, NOON + 89 * MINUTE) == []
    assert await told(session, NOON + 91 * MINUTE) == ["CS-01"], "still silent after the repair"


async def test_a_retired_device_is_quiet(session: AsyncSession, device_id: UUID) -> None:
    assert await told(session, NOON + 20 * MINUTE) == ["CS-01"]
    await service.retire_device(
        session, device_id=device_id, until=NOON + 22 * MINUTE, now=NOON + 21 * MINUTE
    )
    assert await told(session, NOON + 25 * MINUTE) == []


async def test_a_parked_van_may_sleep(world: World, session: AsyncSession) -> None:
    van = await add_device(session, code="VAN", vehicle_id=world.vehicle_id)
    await add_readings(session, van, every(at(DAY, 1), at(DAY, 1, 40)))
    await add_trip(
        session,
        vehicle_id=world.vehicle_id,
        station_id=world.station_id,
        service_date=DAY,
        arrived_at=None,
        legs=[(at(DAY, 1, 35), at(DAY, 3))],
    )
    assert await told(session, at(DAY, 1, 20)) == []
    assert await told(session, at(DAY, 2)) == [], "25 minutes under way"
    assert await told(session, at(DAY, 2, 5)) == ["VAN"]
    assert await told(session, at(DAY, 4)) == ["VAN"], "it has not been heard since"
    await add_readings(session, van, [(at(DAY, 4, 1), 12.0)])
    assert await told(session, at(DAY, 4, 5)) == []
    assert await told(session, at(DAY, 9)) == []


async def test_two_workers_raise_one_alert(live_database: Database) -> None:
    async with live_database.transaction() as session:
        session.add(City(code="310000", name="上海市"))
        await session.flush()
        store_id = await add_store(session, await add_station(session, code="ST01"))
        await add_device(session, code="CS-01", store_id=store_id)

    async def sweep() -> None:
        async with live_database.transaction() as session:
            await service.watch_silence(session, now=NOON)

    await asyncio.gather(*(sweep() for _ in range(4)))
    async with live_database.transaction() as session:
        assert [one.kind for one in await list_open_alerts(session)] == ["device_silent"]


def test_the_clock_watches_every_five_minutes() -> None:
    assert [one.name for one in JOBS] == ["coldchain.watch_silence"]
    assert [(one.job, one.every) for one in SCHEDULES] == [(JOBS[0].name, 5 * MINUTE)]
