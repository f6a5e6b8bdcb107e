"""A van is pre-cooled, loaded, driven and emptied; product temperature is confirmed on the way."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from app.catalog.models import StorageClass
from app.coldchain.ids import public_trip, read_trip
from app.coldchain.models import HandoverCheck, Trip
from app.core.alerts import Alert
from app.core.db import Database
from app.core.errors import NotFound
from app.core.ids import new_id, public_single
from app.identity.models import Role
from app.network import service as network
from tests.factories.catalog import add_product
from tests.factories.coldchain import add_trip
from tests.factories.network import add_block, add_station
from tests.factories.world import MORNING, TODAY, World, once

MINUTE = timedelta(minutes=1)


def recorder(world: World) -> dict[str, str]:
    return world.staff[Role.STATION_MANAGER].headers | once()


class Van:
    """Speaks for one trip of the world's van."""

    def __init__(self, client: httpx.AsyncClient, world: World, trip: dict[str, Any]) -> None:
        self.client = client
        self.world = world
        self.id = trip["id"]

    async def do(self, step: str, **body: Any) -> httpx.Response:
        if "at" in body:
            body["at"] = (MORNING + body["at"] * MINUTE).isoformat()
        return await self.client.post(
            f"/trips/{self.id}/{step}", json=body, headers=recorder(self.world)
        )

    async def refused(self, step: str, **body: Any) -> tuple[int, str]:
        before = await self.read()
        answer = await self.do(step, **body)
        assert await self.read() == before, "a refusal changes nothing"
        return answer.status_code, answer.json()["code"]

    async def read(self) -> dict[str, Any]:
        answer = await self.client.get(f"/trips/{self.id}", headers=recorder(self.world))
        assert answer.status_code == 200
        body: dict[str, Any] = answer.json()
        return body


async def open_trip(client: httpx.AsyncClient, world: World, **changes: Any) -> httpx.Response:
    body = {"vehicle": public_single("veh", world.vehicle_id), "service_date": str(TODAY)}
    return await client.post("/trips", json=body | changes, headers=recorder(world))


@pytest.fixture
async def van(client: httpx.AsyncClient, world: World) -> Van:
    """A trip that has just been opened."""
    opened = await open_trip(client, world)
    assert opened.status_code == 201, opened.text
    assert opened.json()["trip_no"] == 1
    return Van(client, world, opened.json())


async def test_a_trip_from_precooling_to_the_last_block(van: Van, world: World) -> None:
    assert await van.refused("load") == (409, "precool_not_passed")
    warm = await van.do("precool", celsius=15.1, cleaned=True, at=-60)
    assert warm.json()["precool_passed"] is False
    assert await van.refused("load") == (409, "precool_not_passed")
    dirty = await van.do("precool", celsius=15.0, cleaned=False, at=-50)
    assert dirty.json()["precool_passed"] is True
    assert await van.refused("load") == (409, "vehicle_not_cleaned")
    loading = {"kind": "loading", "celsius": 4.2}
    assert await van.refused("handovers", **loading) == (409, "vehicle_not_cleaned")
    await van.do("precool", celsius=9.5, cleaned=True, at=-45)

    assert (await van.do("handovers", **loading, at=-44)).json()["passed"] is True
    assert await van.refused("depart") == (409, "trip_step_not_allowed")
    loaded = await van.do("load", at=-40)
    assert loaded.status_code == 200
    assert loaded.json()["loaded_at"] == "2026-03-15T01:20:00Z"
    assert await van.refused("load") == (409, "trip_step_not_allowed")
    assert await van.refused("precool", celsius=4, cleaned=True) == (409, "trip_step_not_allowed")

    assert (await van.do("depart", at=-35)).status_code == 200
    started = await van.do("legs", at=-35)
    assert started.status_code == 201
    assert await van.refused("legs", at=-30) == (409, "trip_step_not_allowed")
    await van.do("legs/1/end", at=-20)
    await van.do("legs", at=-15)
    station = await van.do("handovers", kind="vehicle_to_station", celsius=5.9, at=-5)
    assert station.json()["block"] is None
    block = public_single("blk", world.blocks[0])
    share = await van.do("handovers", kind="station_to_deliverer", celsius=6, block=block)
    assert (share.json()["block"], share.json()["passed"]) == (block, True)
    arrived = (await van.do("arrive", at=-1)).json()
    assert arrived["legs"] == [
        {
            "leg_no": 1,
            "started_at": "2026-03-15T01:25:00Z",
            "ended_at": "2026-03-15T01:40:00Z",
        },
        {
            "leg_no": 2,
            "started_at": "2026-03-15T01:45:00Z",
            "ended_at": "2026-03-15T01:59:00Z",
        },
    ]
    assert [item["kind"] for item in arrived["handovers"]] == [
        "loading",
        "vehicle_to_station",
        "station_to_deliverer",
    ]
    assert await van.refused("arrive") == (409, "trip_step_not_allowed")
    assert await van.refused("legs") == (409, "trip_step_not_allowed")


async def ready(van: Van) -> None:
    await van.do("precool", celsius=10, cleaned=True, at=-60)
    assert (await van.do("load", at=-50)).status_code == 200


async def test_the_limit_is_the_products_own(van: Van, world: World, database: Database) -> None:
    async with database.transaction() as session:
        strict = await add_product(session, code="ICE", name="冰", max_celsius=Decimal(-18))
        ambient = await add_product(
            session, code="UHT", name="常温奶", storage_class=StorageClass.AMBIENT
        )
    await ready(van)
    for product_id, celsius, limit, passed in (
        (world.milk_id, 6.0, 6.0, True),
        (world.milk_id, 6.1, 6.0, False),
        (strict, -17.9, -18.0, False),
        (ambient, 25.0, None, True),
        (None, 6.1, 6.0, False),
    ):
        body: dict[str, Any] = {"kind": "vehicle_to_station", "celsius": celsius}
        if product_id is not None:
            body["product"] = public_single("prd", product_id)
        check = (await van.do("handovers", **body)).json()
        assert (check["limit_celsius"], check["passed"]) == (limit, passed)
    async with database.transaction() as session:
        numbers = await session.scalars(
            select(HandoverCheck.check_no).order_by(HandoverCheck.check_no)
        )
        assert list(numbers) == [0, 1, 2, 3, 4], "a second look does not wipe out the first"
        alerts = list(await session.scalars(select(Alert).where(Alert.kind == "handover_too_warm")))
    assert len(alerts) == 1
    assert alerts[0].facts["trip"] == van.id


async def test_handovers_name_what_they_must(van: Van, world: World, database: Database) -> None:
    async with database.transaction() as session:
        station_id = await add_station(session, code="ST02")
        foreign = await add_block(session, station_id=station_id, code="ST02-01")
    own = public_single("blk", world.blocks[0])
    assert await van.refused("handovers", kind="vehicle_to_station", celsius=4) == (
        409,
        "trip_step_not_allowed",
    )
    await ready(van)
    for body, expected in (
        ({"kind": "station_to_deliverer"}, (400, "handover_invalid")),
        ({"kind": "loading", "block": own}, (400, "handover_invalid")),
        (
            {"kind": "station_to_deliverer", "block": public_single("blk", foreign)},
            (400, "handover_invalid"),
        ),
        (
            {"kind": "station_to_deliverer", "block": public_single("blk", new_id())},
            (404, "block_not_found"),
        ),
        (
            {"kind": "loading", "product": public_single("prd", new_id())},
            (404, "product_not_found"),
        ),
        ({"kind": "loading", "at": -61}, (400, "instant_invalid")),
        ({"kind": "at_the_door"}, (422, "validation_failed")),
        ({"kind": "loading", "celsius": 81}, (422, "validation_failed")),
    ):
        assert await van.refused("handovers", **{"celsius": 4} | body) == expected, body


async def test_time_does_not_run_backwards(van: Van) -> None:
    assert await van.refused("precool", celsius=9, cleaned=True, at=6) == (400, "instant_invalid")
    assert await van.refused("precool", celsius=9, cleaned=True, at=-60 * 48) == (
        400,
        "instant_invalid",
    )
    await van.do("precool", celsius=9, cleaned=True, at=-60)
    assert await van.refused("precool", celsius=9, cleaned=True, at=-61) == (400, "instant_invalid")
    assert await van.refused("load", at=-61) == (400, "instant_invalid")
    await van.do("load", at=-50)
    assert await van.refused("depart", at=-51) == (400, "instant_invalid")
    await van.do("depart", at=-50)
    await van.do("legs", at=-40)
    assert await van.refused("legs/1/end", at=-40) == (400, "instant_invalid")
    assert await van.refused("legs/2/end", at=-30) == (404, "leg_not_found")
    assert await van.refused("legs/0/end", at=-30) == (404, "leg_not_found")
    assert await van.refused("arrive", at=-45) == (400, "instant_invalid")
    await van.do("legs/1/end", at=-30)
    assert await van.refused("legs/1/end", at=-20) == (409, "trip_step_not_allowed")
    assert await van.refused("legs", at=-31) == (400, "instant_invalid")


async def test_a_van_makes_one_trip_at_a_time(
    client: httpx.AsyncClient, van: Van, world: World, database: Database
) -> None:
    running = await open_trip(client, world)
    assert (running.status_code, running.json()["code"]) == (409, "trip_running")
    assert running.json()["facts"]["trip"] == van.id
    tomorrow = await open_trip(client, world, service_date=str(TODAY + timedelta(days=1)))
    assert tomorrow.status_code == 201
    await ready(van)
    await van.do("depart", at=-40)
    await van.do("arrive", at=-30)
    second = await open_trip(client, world)
    assert (second.status_code, second.json()["trip_no"]) == (201, 2)
    async with database.transaction() as session:
        assert len(list(await session.scalars(select(Trip)))) == 3


async def test_trips_that_cannot_be_opened(
    client: httpx.AsyncClient, world: World, database: Database
) -> None:
    async with database.transaction() as session:
        station_id = await add_station(session, code="ST02")
        foreign = await network.create_vehicle(session, plate="沪B1", station_id=station_id)
    for changes, expected in (
        ({"service_date": "2026-03-07"}, (400, "service_date_invalid")),
        ({"service_date": "2026-03-23"}, (400, "service_date_invalid")),
        ({"vehicle": public_single("veh", foreign.id)}, (404, "vehicle_not_found")),
        ({"vehicle": public_single("veh", new_id())}, (404, "vehicle_not_found")),
        ({"service_date": "2026-02-30"}, (422, "validation_failed")),
    ):
        answer = await open_trip(client, world, **changes)
        assert (answer.status_code, answer.json()["code"]) == expected
    async with database.transaction() as session:
        await network.change_vehicle(
            session, vehicle_id=world.vehicle_id, changes={"is_active": False}
        )
    answer = await open_trip(client, world)
    assert (answer.status_code, answer.json()["code"]) == (409, "vehicle_out_of_use")


async def test_trips_are_listed_by_day_and_station(
    client: httpx.AsyncClient, world: World, database: Database
) -> None:
    async with database.transaction() as session:
        other = await add_station(session, code="ST02")
        foreign = await network.create_vehicle(session, plate="沪B1", station_id=other)
        for day in range(3):
            service_date = TODAY - timedelta(days=day)
            await add_trip(
                session,
                vehicle_id=world.vehicle_id,
                station_id=world.station_id,
                service_date=service_date,
                legs=[(MORNING, None)],
            )
        await add_trip(
            session, vehicle_id=foreign.id, station_id=other, service_date=TODAY, trip_no=1
        )
    quality = world.staff[Role.QUALITY].headers

    async def listed(query: str, headers: dict[str, str]) -> list[tuple[str, int]]:
        answer = await client.get(f"/trips?{query}", headers=headers)
        assert answer.status_code == 200, answer.text
        return [(item["service_date"], len(item["legs"])) for item in answer.json()["items"]]

    assert len(await listed("", quality)) == 2
    period = "from=2026-03-13&to=2026-03-15"
    assert len(await listed(period, quality)) == 4
    own = world.staff[Role.STATION_MANAGER].headers
    assert await listed(period, own) == [("2026-03-13", 1), ("2026-03-14", 1), ("2026-03-15", 1)]
    assert await listed(f"vehicle={public_single('veh', foreign.id)}", own) == []
    first = (await client.get(f"/trips?{period}&limit=3", headers=quality)).json()
    assert len(await listed(f"{period}&cursor={first['next_cursor']}", quality)) == 1

    theirs = f"/trips/{public_trip(foreign.id, TODAY, 1)}"
    missing = f"/trips/{public_trip(new_id(), TODAY, 1)}"
    for path in (theirs, missing):
        answer = await client.get(path, headers=own)
        assert (answer.status_code, answer.json()["code"]) == (404, "trip_not_found")
        answer = await client.post(f"{path}/load", json={}, headers=own)
        assert answer.status_code == 404
    for bad in ("from=2026-03-15&to=2026-03-14", "from=2025-01-01&to=2026-01-01"):
        answer = await client.get(f"/trips?{bad}", headers=quality)
        assert (answer.status_code, answer.json()["code"]) == (400, "service_date_invalid")
    bad_cursor = await client.get("/trips?cursor=WyJ4Il0", headers=quality)
    assert (bad_cursor.status_code, bad_cursor.json()["code"]) == (400, "bad_cursor")


async def test_the_same_request_opens_one_trip(client: httpx.AsyncClient, world: World) -> None:
    headers = recorder(world)
    body = {"vehicle": public_single("veh", world.vehicle_id), "service_date": str(TODAY)}
    first = await client.post("/trips", json=body, headers=headers)
    again = await client.post("/trips", json=body, headers=headers)
    assert first.json() == again.json()
    for role in (Role.DELIVERER, Role.MANAGER, Role.CUSTOMER):
        other = world.household.headers if role is Role.CUSTOMER else world.staff[role].headers
        refused = await client.post("/trips", json=body, headers=other | once())
        assert refused.status_code == 403


@given(st.uuids(), st.dates(), st.integers(0, 255))
def test_trip_ids_return(vehicle_id: UUID, day: date, trip_no: int) -> None:
    text = public_trip(vehicle_id, day, trip_no)
    assert len(text) == 4 + 32
    assert read_trip(text) == (vehicle_id, day, trip_no)


@given(st.text(max_size=40), st.sampled_from(["", "trp_", "trp_" + "a" * 25 + "77777", "ord_"]))
def test_made_up_trip_ids_are_not_found(text: str, head: str) -> None:
    try:
        found = read_trip(head + text)
    except NotFound:
        return
    assert public_trip(*found) == head + text
