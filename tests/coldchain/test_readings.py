"""A gateway sends batches: late, repeated, partly wrong. Fresh warmth raises one alarm."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.coldchain import service
from app.coldchain.models import TemperatureReading
from app.coldchain.rules import Outcome
from app.coldchain.service import NewReading
from app.core.alerts import Alert
from app.core.db import Database
from app.core.ids import public_single
from app.identity.models import Role
from tests.factories.coldchain import add_device, add_outage, add_store, add_trip
from tests.factories.network import add_station
from tests.factories.world import MORNING, TODAY, World


@pytest.fixture
async def store_device(world: World, database: Database) -> str:
    """A thermometer in the station's cold store."""
    async with database.transaction() as session:
        store_id = await add_store(session, world.station_id)
        await add_device(session, code="CS-01", store_id=store_id)
    return "CS-01"


def sensor(world: World) -> dict[str, str]:
    return world.staff[Role.QUALITY].headers


def reading(device: str, minutes_ago: float, celsius: float) -> dict[str, Any]:
    instant = MORNING - timedelta(minutes=minutes_ago)
    return {"device": device, "at": instant.isoformat(), "celsius": celsius}


async def kept(database: Database) -> int:
    async with database.transaction() as session:
        return await session.scalar(select(func.count()).select_from(TemperatureReading)) or 0


async def send(
    client: httpx.AsyncClient, world: World, *readings: dict[str, Any]
) -> dict[str, Any]:
    answer = await client.post(
        "/coldchain/readings", json={"readings": readings}, headers=sensor(world)
    )
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def test_each_reading_of_a_batch_gets_its_answer(
    client: httpx.AsyncClient, world: World, database: Database, store_device: str
) -> None:
    batch = [
        reading(store_device, 20, 3.96),
        reading(store_device, 20, 9.9),
        reading("CS-99", 20, 4),
        reading("\u0000", 20, 4),
        reading("雪", 20, 4),
        reading(store_device, 19, 80.1),
        reading(store_device, 18, -60.1),
        reading(store_device, -24 * 60 - 1, 4),
        reading(store_device, -24 * 60, 4),
        reading(store_device, 15 * 31 * 24 * 60, 4),
        {"device": store_device, "at": "2026-03-15T18:00:00+08:00", "celsius": 4},
        {"device": store_device, "at": "0001-01-01T00:00:00+14:00", "celsius": 4},
        {"device": store_device, "at": "9999-12-31T23:59:59-12:00", "celsius": 4},
    ]
    answer = await send(client, world, *batch)
    assert answer["results"] == [
        "accepted",
        "duplicate",
        "unknown_device",
        "unknown_device",
        "unknown_device",
        "implausible",
        "implausible",
        "in_the_future",
        "accepted",
        "too_old",
        "accepted",
        "too_old",
        "in_the_future",
    ]
    assert (answer["accepted"], answer["duplicate"], answer["refused"]) == (3, 1, 9)
    again = await send(client, world, *batch)
    assert (again["accepted"], again["duplicate"], again["refused"]) == (0, 4, 9)
    assert await kept(database) == 3
    async with database.transaction() as session:
        first = await session.scalar(select(func.min(TemperatureReading.celsius)))
    assert str(first) == "4.0", "kept to a tenth of a degree; the first one told stays"


async def test_devices_speak_by_code_or_id(
    client: httpx.AsyncClient, world: World, store_device: str
) -> None:
    listed = await client.get("/coldchain/devices", headers=sensor(world))
    public = listed.json()["items"][0]["id"]
    answer = await send(client, world, reading(public, 5, 4), reading(store_device, 5, 4))
    assert answer["results"] == ["accepted", "duplicate"]


async def test_months_late_is_welcome(
    client: httpx.AsyncClient, world: World, database: Database, store_device: str
) -> None:
    instants = [datetime(2025, month, 1, tzinfo=UTC) for month in range(1, 13)]
    instants += [datetime(2025, 1, 31, 23, 59, 59, 999999, tzinfo=UTC)]
    answer = await send(
        client,
        world,
        *({"device": store_device, "at": at.isoformat(), "celsius": 9} for at in instants),
    )
    assert answer["accepted"] == 13
    assert await open_alarms(database) == []


async def test_a_full_batch_is_one_statement(world: World, session: AsyncSession) -> None:
    store_id = await add_store(session, world.station_id)
    for number in range(50):
        await add_device(session, code=f"T-{number}", store_id=store_id)
    batch = [
        NewReading(f"T-{number % 50}", MORNING - timedelta(minutes=number // 50), 4.0)
        for number in range(5_000)
    ]
    assert (
        await service.record_readings(session, readings=batch, now=MORNING)
        == [Outcome.ACCEPTED] * 5_000
    )
    assert set(await service.record_readings(session, readings=batch, now=MORNING)) == {
        Outcome.DUPLICATE
    }
    await session.execute(text("ANALYZE temperature_readings"))


async def test_a_station_manager_speaks_for_the_own_station(
    client: httpx.AsyncClient, world: World, database: Database, store_device: str
) -> None:
    async with database.transaction() as session:
        other = await add_station(session, code="ST02")
        await add_device(session, code="CS-02", store_id=await add_store(session, other))
        await add_device(session, code="VAN-01", vehicle_id=world.vehicle_id)
    answer = await client.post(
        "/coldchain/readings",
        json={
            "readings": [
                reading(store_device, 5, 4),
                reading("CS-02", 5, 4),
                reading("VAN-01", 5, 4),
            ]
        },
        headers=world.staff[Role.STATION_MANAGER].headers,
    )
    assert answer.json()["results"] == ["accepted", "unknown_device", "accepted"]
    for role in (Role.DELIVERER, Role.MANAGER, Role.AUDITOR):
        refused = await client.post(
            "/coldchain/readings",
            json={"readings": [reading(store_device, 4, 4)]},
            headers=world.staff[role].headers,
        )
        assert refused.status_code == 403
    assert await kept(database) == 2


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"readings": []},
        {"readings": [{"device": "CS-01", "at": "2026-03-15T10:00:00", "celsius": 4}]},
        {"readings": [{"device": "CS-01", "at": "yesterday", "celsius": 4}]},
        {"readings": [{"device": "CS-01", "at": "2026-03-15T10:00:00Z", "celsius": "NaN"}]},
        {"readings": [{"device": "CS-01", "at": "2026-03-15T10:00:00Z"}]},
        {"readings": [reading("CS-01", 1, 4)] * 5_001},
    ],
    ids=["nothing", "empty", "no zone", "no instant", "nan", "no value", "too many"],
)
async def test_malformed_batches_are_refused_whole(
    client: httpx.AsyncClient, world: World, database: Database, store_device: str, body: Any
) -> None:
    answer = await client.post("/coldchain/readings", json=body, headers=sensor(world))
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")
    assert await kept(database) == 0


# The live alarm


async def open_alarms(database: Database) -> list[Alert]:
    async with database.transaction() as session:
        return list(
            await session.scalars(
                select(Alert).where(Alert.kind == "too_warm", Alert.resolved_at.is_(None))
            )
        )


async def test_two_warm_points_in_a_row_raise_one_alarm_until_it_is_cool_again(
    client: httpx.AsyncClient, world: World, database: Database, store_device: str
) -> None:
    await send(client, world, reading(store_device, 14, 6.1))
    assert await open_alarms(database) == [], "one warm point may be a door"
    await send(client, world, reading(store_device, 12, 7.5))
    (alarm,) = await open_alarms(database)
    assert alarm.facts["code"] == "CS-01"
    assert (alarm.facts["celsius"], alarm.facts["limit_celsius"]) == (7.5, 6.0)
    await send(client, world, reading(store_device, 10, 8), reading(store_device, 8, 8.5))
    assert [one.id for one in await open_alarms(database)] == [alarm.id]
    await send(client, world, reading(store_device, 20, 3))
    assert len(await open_alarms(database)) == 1, "a cool point of before says nothing now"
    await send(client, world, reading(store_device, 6, 6.0))
    assert await open_alarms(database) == []
    await send(client, world, reading(store_device, 4, 9))
    assert await open_alarms(database) == []
    await send(client, world, reading(store_device, 2, 9))
    assert len(await open_alarms(database)) == 1


async def test_late_warmth_raises_no_alarm(
    client: httpx.AsyncClient, world: World, database: Database, store_device: str
) -> None:
    await send(client, world, *(reading(store_device, 60 - n, 9) for n in range(45)))
    assert await open_alarms(database) == []
    await send(client, world, reading(store_device, 1, 4))
    await send(client, world, reading(store_device, 3, 9), reading(store_device, 2, 9))
    assert await open_alarms(database) == [], "it is cool by now"


async def test_points_of_the_future_wait_for_their_time(
    client: httpx.AsyncClient, world: World, database: Database, store_device: str
) -> None:
    await send(client, world, reading(store_device, -30, 9), reading(store_device, -31, 9))
    assert await open_alarms(database) == []


async def test_a_device_out_of_service_and_a_parked_van_raise_no_alarm(
    client: httpx.AsyncClient, world: World, database: Database, store_device: str
) -> None:
    async with database.transaction() as session:
        device_id = await add_device(session, code="VAN-01", vehicle_id=world.vehicle_id)
        store_id = await add_store(session, world.station_id)
        shut = await add_device(session, code="CS-03", store_id=store_id)
        await add_outage(session, shut, MORNING - timedelta(hours=1), MORNING)
        gone = MORNING - timedelta(minutes=30)
        await add_device(session, code="CS-04", store_id=store_id, in_service_until=gone)
    warm = [reading(code, n, 30) for code in ("VAN-01", "CS-03", "CS-04") for n in (5, 4)]
    assert (await send(client, world, *warm))["accepted"] == 6
    assert await open_alarms(database) == []

    async with database.transaction() as session:
        await add_trip(
            session,
            vehicle_id=world.vehicle_id,
            station_id=world.station_id,
            service_date=TODAY,
            legs=[(MORNING - timedelta(minutes=10), None)],
            arrived_at=None,
        )
    await send(client, world, reading("VAN-01", 3, 30))
    (alarm,) = await open_alarms(database)
    assert alarm.subject == public_single("dev", device_id)
    assert alarm.facts["vehicle"] == public_single("veh", world.vehicle_id)
