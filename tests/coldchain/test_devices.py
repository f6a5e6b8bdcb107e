"""Cold stores and their thermometers: registered, read, out of service."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from app.core.db import Database
from app.core.ids import new_id, public_single
from app.identity.models import Role
from tests.factories.coldchain import add_device, add_outage, add_readings, add_store
from tests.factories.network import add_station
from tests.factories.world import MORNING, World, once
from tests.fixtures.application import SetClock


def quality(world: World) -> dict[str, str]:
    return world.staff[Role.QUALITY].headers | once()


async def test_quality_sets_up_a_store_and_its_thermometer(
    client: httpx.AsyncClient, world: World
) -> None:
    station = public_single("stn", world.station_id)
    store = await client.post(
        "/coldchain/stores", json={"station": station, "name": "一号库"}, headers=quality(world)
    )
    assert store.status_code == 201
    body = {
        "code": "CS-01",
        "store": store.json()["id"],
        "min_celsius": 0,
        "max_celsius": 6,
        "slot_seconds": 600,
    }
    made = await client.post("/coldchain/devices", json=body, headers=quality(world))
    assert made.status_code == 201, made.text
    device = made.json()
    assert (device["state"], device["last_at"], device["station"]) == ("silent", None, station)
    again = await client.post("/coldchain/devices", json=body, headers=quality(world))
    assert (again.status_code, again.json()["code"]) == (409, "device_code_taken")
    stores = await client.get("/coldchain/stores", headers=quality(world))
    assert [item["name"] for item in stores.json()["items"]] == ["一号库"]

    batch = [{"device": "CS-01", "at": MORNING.isoformat(), "celsius": 4}]
    await client.post("/coldchain/readings", json={"readings": batch}, headers=quality(world))
    seen = await client.get(f"/coldchain/devices/{device['id']}", headers=quality(world))
    assert (seen.json()["state"], seen.json()["last_celsius"]) == ("in_range", 4.0)


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"store": None}, 400, "device_invalid"),
        ({"vehicle": "veh_x"}, 404, "not_found"),
        ({"store": public_single("sto", new_id())}, 404, "cold_store_not_found"),
        ({"store": None, "vehicle": public_single("veh", new_id())}, 404, "vehicle_not_found"),
        ({"min_celsius": 6}, 400, "device_invalid"),
        ({"slot_seconds": 5}, 422, "validation_failed"),
        ({"slot_seconds": 60.5}, 422, "validation_failed"),
        ({"max_celsius": "NaN"}, 422, "validation_failed"),
        ({"code": "冷库"}, 422, "validation_failed"),
        ({"in_service_from": "2026-03-15T00:00:00"}, 422, "validation_failed"),
        ({"in_service_from": "9999-12-31T00:00:00Z"}, 422, "validation_failed"),
    ],
)
async def test_devices_that_cannot_be_are_refused(
    client: httpx.AsyncClient,
    world: World,
    database: Database,
    changes: dict[str, Any],
    status: int,
    code: str,
) -> None:
    async with database.transaction() as session:
        store_id = await add_store(session, world.station_id)
    body = {
        "code": "CS-01",
        "store": public_single("sto", store_id),
        "max_celsius": 6,
        "slot_seconds": 600,
    }
    answer = await client.post("/coldchain/devices", json=body | changes, headers=quality(world))
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert (await client.get("/coldchain/devices", headers=quality(world))).json()["items"] == []


async def test_the_overview_says_what_each_device_says(
    client: httpx.AsyncClient, world: World, database: Database, clock: SetClock
) -> None:
    minute = timedelta(minutes=1)
    async with database.transaction() as session:
        store_id = await add_store(session, world.station_id)
        says: dict[str, list[tuple[int, float]]] = {
            "A-cool": [(30, 9), (20, 4)],
            "B-warm": [(30, 4), (5, 6.1)],
            "C-cold": [(5, -0.1)],
            "D-silent": [(21, 4)],
            "E-never": [],
            "F-long-ago": [(60 * 24 * 40, 4)],
            "G-shut": [(5, 4)],
            "H-retired": [(5, 4)],
            "I-to-come": [],
        }
        for code, points in says.items():
            columns: dict[str, Any] = {"min_celsius": 0, "store_id": store_id}
            if code == "H-retired":
                columns["in_service_until"] = MORNING
            if code == "I-to-come":
                columns["in_service_from"] = MORNING + minute
            device_id = await add_device(session, code=code, **columns)
            await add_readings(session, device_id, [(MORNING - n * minute, c) for n, c in points])
            if code == "G-shut":
                await add_outage(session, device_id, MORNING, MORNING + minute)
        await add_device(session, code="V-van", vehicle_id=world.vehicle_id)

    listed = (await client.get("/coldchain/devices", headers=quality(world))).json()["items"]
    assert {item["code"]: (item["state"], item["last_celsius"]) for item in listed} == {
        "A-cool": ("in_range", 4.0),
        "B-warm": ("too_warm", 6.1),
        "C-cold": ("too_cold", -0.1),
        "D-silent": ("silent", 4.0),
        "E-never": ("silent", None),
        "F-long-ago": ("silent", None),
        "G-shut": ("out_of_service", 4.0),
        "H-retired": ("out_of_service", 4.0),
        "I-to-come": ("out_of_service", None),
        "V-van": ("silent", None),
    }
    assert [item["code"] for item in listed] == sorted(item["code"] for item in listed)

    async def codes(query: str) -> list[str]:
        answer = await client.get(f"/coldchain/devices?{query}", headers=quality(world))
        assert answer.status_code == 200, answer.text
        return [item["code"] for item in answer.json()["items"]]

    assert await codes("state=too_warm") == ["B-warm"]
    assert await codes(f"vehicle={public_single('veh', world.vehicle_id)}") == ["V-van"]
    assert len(await codes(f"store={public_single('sto', store_id)}")) == 9
    first = await client.get("/coldchain/devices?limit=6", headers=quality(world))
    rest = await codes(f"cursor={first.json()['next_cursor']}")
    assert rest == ["G-shut", "H-retired", "I-to-come", "V-van"]
    clock.set(MORNING + 2 * minute)
    assert "G-shut" in await codes("state=in_range")
    one = await client.get(f"/coldchain/devices/{listed[1]['id']}", headers=quality(world))
    assert one.json()["code"] == "B-warm"


async def test_outages_are_recorded_without_overlap(
    client: httpx.AsyncClient, world: World, database: Database
) -> None:
    async with database.transaction() as session:
        store_id = await add_store(session, world.station_id)
        device = public_single("dev", await add_device(session, code="CS-01", store_id=store_id))
    path = f"/coldchain/devices/{device}/outages"

    async def record(from_at: str, until: str, reason: str = "检修") -> httpx.Response:
        body = {"from_at": from_at, "until": until, "reason": reason}
        return await client.post(path, json=body, headers=quality(world))

    assert (await record("2026-03-01T00:00:00Z", "2026-03-01T06:00:00Z")).status_code == 201
    overlap = await record("2026-03-01T05:59:59Z", "2026-03-01T07:00:00Z")
    assert (overlap.status_code, overlap.json()["code"]) == (409, "outage_overlap")
    assert (await record("2026-03-01T06:00:00Z", "2026-03-01T07:00:00Z")).status_code == 201
    for from_at, until in (
        ("2026-03-02T06:00:00Z", "2026-03-02T06:00:00Z"),
        ("2026-03-02T06:00:00Z", "2028-03-02T06:00:00Z"),
    ):
        wrong = await record(from_at, until)
        assert (wrong.status_code, wrong.json()["code"]) == (400, "outage_invalid")
    assert (await record("2026-04-01T00:00:00Z", "2026-04-02T00:00:00Z", " ")).status_code == 422
    listed = (await client.get(path, headers=quality(world))).json()["items"]
    assert [item["from_at"] for item in listed] == ["2026-03-01T06:00:00Z", "2026-03-01T00:00:00Z"]


async def test_a_device_is_retired_but_not_backwards(
    client: httpx.AsyncClient, world: World, database: Database, clock: SetClock
) -> None:
    async with database.transaction() as session:
        store_id = await add_store(session, world.station_id)
        device = public_single("dev", await add_device(session, code="CS-01", store_id=store_id))
    path = f"/coldchain/devices/{device}"

    async def retire(hours: int) -> httpx.Response:
        body = {"in_service_until": (MORNING + timedelta(hours=hours)).isoformat()}
        return await client.patch(path, json=body, headers=quality(world))

    backwards = await retire(-1)
    assert (backwards.status_code, backwards.json()["code"]) == (400, "device_invalid")
    assert (await retire(2)).json()["in_service_until"] == "2026-03-15T04:00:00Z"
    assert (await retire(1)).json()["in_service_until"] == "2026-03-15T03:00:00Z"
    clock.set(MORNING + timedelta(hours=1))
    over = await retire(3)
    assert (over.status_code, over.json()["code"]) == (409, "device_retired")


async def test_a_station_manager_reads_the_own_cold_chain(
    client: httpx.AsyncClient, world: World, database: Database
) -> None:
    async with database.transaction() as session:
        other = await add_station(session, code="ST02")
        own_store = await add_store(session, world.station_id)
        own = public_single("dev", await add_device(session, code="CS-01", store_id=own_store))
        foreign_store = await add_store(session, other)
        foreign = public_single(
            "dev", await add_device(session, code="CS-02", store_id=foreign_store)
        )
    headers = world.staff[Role.STATION_MANAGER].headers
    listed = (await client.get("/coldchain/devices", headers=headers)).json()["items"]
    assert [item["code"] for item in listed] == ["CS-01"]
    stores = (await client.get("/coldchain/stores", headers=headers)).json()["items"]
    assert [store["id"] for store in stores] == [public_single("sto", own_store)]
    for part in ("", "/outages", "/readings", "/slots"):
        assert (
            await client.get(f"/coldchain/devices/{own}{part}", headers=headers)
        ).status_code == 200
        missing = await client.get(f"/coldchain/devices/{foreign}{part}", headers=headers)
        assert (missing.status_code, missing.json()["code"]) == (404, "device_not_found")
    for path in ("/coldchain/stores", "/coldchain/devices"):
        elsewhere = await client.get(
            path, params={"station": public_single("stn", other)}, headers=headers
        )
        assert elsewhere.status_code == 404
        assert (await client.post(path, json={}, headers=headers | once())).status_code == 403


async def test_readings_turn_pages(
    client: httpx.AsyncClient, world: World, database: Database
) -> None:
    async with database.transaction() as session:
        store_id = await add_store(session, world.station_id)
        device_id = await add_device(session, code="CS-01", store_id=store_id)
        points = [(MORNING - timedelta(minutes=n), float(n)) for n in range(7)]
        await add_readings(session, device_id, points)
    path = f"/coldchain/devices/{public_single('dev', device_id)}/readings"
    seen: list[float] = []
    params: dict[str, str] = {"limit": "3"}
    for _ in range(3):
        page = (await client.get(path, params=params, headers=quality(world))).json()
        seen += [item["celsius"] for item in page["items"]]
        params = {"limit": "3", "cursor": page["next_cursor"] or ""}
    assert seen == [6.0, 5.0, 4.0, 3.0, 2.0, 1.0, 0.0]
    assert page["next_cursor"] is None
    for cursor in ("W10", "WyJ4Il0", "Wy0xXQ", "WzFlMzBd"):
        bad = await client.get(path, params={"cursor": cursor}, headers=quality(world))
        assert (bad.status_code, bad.json()["code"]) == (400, "bad_cursor")
