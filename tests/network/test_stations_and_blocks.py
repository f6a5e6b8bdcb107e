"""A manager keeps cities, stations, blocks and vans; blocks are handed from one to another."""

from datetime import date, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.db import Database
from app.core.ids import new_id, public_single
from app.identity.models import Role
from app.network import service
from app.network.errors import BlockUnknown
from tests.factories.network import add_block, add_station
from tests.factories.world import TODAY, World, once
from tests.fixtures.application import SetClock


def keeper(world: World) -> dict[str, str]:
    return world.staff[Role.MANAGER].headers | once()


async def test_cities_are_read_by_all_and_added_once(
    client: httpx.AsyncClient, world: World
) -> None:
    city = {"code": "320500", "name": "苏州市"}
    assert (await client.post("/cities", json=city, headers=keeper(world))).status_code == 201
    again = await client.post("/cities", json=city, headers=keeper(world))
    assert (again.status_code, again.json()["code"]) == (409, "city_code_taken")
    listed = await client.get("/cities")
    assert [item["code"] for item in listed.json()["items"]] == ["310000", "320500"]
    bad = await client.post("/cities", json={"code": "32", "name": "x"}, headers=keeper(world))
    assert bad.status_code == 422


async def test_stations_are_renamed_and_closed(client: httpx.AsyncClient, world: World) -> None:
    path = f"/stations/{public_single('stn', world.station_id)}"
    changed = await client.patch(
        path, json={"name": "徐汇一站", "is_active": False}, headers=keeper(world)
    )
    assert (changed.json()["name"], changed.json()["is_active"]) == ("徐汇一站", False)
    active = await client.get("/stations?is_active=true", headers=keeper(world))
    assert active.json() == {"items": [], "next_cursor": None}
    listed = await client.get("/stations?city_code=310000", headers=keeper(world))
    assert [item["name"] for item in listed.json()["items"]] == ["徐汇一站"]
    unknown = await client.patch(
        f"/stations/{public_single('stn', new_id())}", json={}, headers=keeper(world)
    )
    assert (unknown.status_code, unknown.json()["code"]) == (404, "station_not_found")


async def test_a_block_is_handed_over_and_the_former_one_ends(
    client: httpx.AsyncClient, world: World
) -> None:
    path = f"/blocks/{public_single('blk', world.blocks[0])}/deliverers"
    successor = public_single("dlv", world.deliverers[1])
    answer = await client.post(
        path, json={"deliverer": successor, "from_date": "2026-04-01"}, headers=keeper(world)
    )
    assert answer.status_code == 201, answer.text
    assert [
        (item["deliverer_name"], item["from_date"], item["to_date"])
        for item in answer.json()["items"]
    ] == [("送奶员1", "2020-01-01", "2026-03-31"), ("送奶员2", "2026-04-01", None)]


async def test_a_stand_in_serves_some_days_and_the_former_goes_on(
    client: httpx.AsyncClient, world: World, session: AsyncSession, clock: SetClock
) -> None:
    path = f"/blocks/{public_single('blk', world.blocks[0])}/deliverers"
    stand_in = public_single("dlv", world.deliverers[1])
    body = {"deliverer": stand_in, "from_date": "2026-03-20", "to_date": "2026-03-22"}
    answer = await client.post(path, json=body, headers=keeper(world))
    assert [
        (item["deliverer_name"], item["from_date"], item["to_date"])
        for item in answer.json()["items"]
    ] == [
        ("送奶员1", "2020-01-01", "2026-03-19"),
        ("送奶员2", "2026-03-20", "2026-03-22"),
        ("送奶员1", "2026-03-23", None),
    ]
    for day, number in ((19, 0), (20, 1), (22, 1), (23, 0)):
        serving = await service.find_serving(
            session,
            customer_id=world.household.customer_id,
            address_id=world.household.address_id,
            on=date(2026, 3, day),
        )
        assert serving is not None
        assert serving.deliverer_id == world.deliverers[number]
    blocks = await service.list_blocks_of_deliverer(
        session, deliverer_id=world.deliverers[1], on=date(2026, 3, 21)
    )
    assert blocks == [(block_id, world.station_id) for block_id in world.blocks]

    clock.set(clock.now() + timedelta(days=6))
    listed = (await client.get("/blocks", headers=keeper(world))).json()["items"]
    assert [item["deliverer_name"] for item in listed] == ["送奶员2", "送奶员2"]


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"from_date": "2026-03-14"}, 409, "period_over"),
        ({"to_date": "2026-03-14"}, 400, "period_invalid"),
        ({"deliverer": public_single("dlv", new_id())}, 404, "deliverer_not_found"),
        ({"deliverer": "dlv_x"}, 404, "not_found"),
    ],
)
async def test_refused_hand_overs_change_nothing(
    client: httpx.AsyncClient, world: World, changes: dict[str, Any], status: int, code: str
) -> None:
    path = f"/blocks/{public_single('blk', world.blocks[0])}/deliverers"
    body = {"deliverer": public_single("dlv", world.deliverers[1]), "from_date": str(TODAY)}
    answer = await client.post(path, json=body | changes, headers=keeper(world))
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    listed = (await client.get(path, headers=keeper(world))).json()["items"]
    assert [item["deliverer_name"] for item in listed] == ["送奶员1"]


async def test_blocks_belong_to_a_station(
    client: httpx.AsyncClient, world: World, session: AsyncSession
) -> None:
    station = public_single("stn", world.station_id)
    body = {"code": "ST01-03", "name": "三区", "station": station}
    made = await client.post("/blocks", json=body, headers=keeper(world))
    assert (made.status_code, made.json()["deliverer"]) == (201, None)
    again = await client.post("/blocks", json=body, headers=keeper(world))
    assert (again.status_code, again.json()["code"]) == (409, "block_code_taken")
    nowhere = await client.post(
        "/blocks",
        json=body | {"code": "X-1", "station": public_single("stn", new_id())},
        headers=keeper(world),
    )
    assert (nowhere.status_code, nowhere.json()["code"]) == (404, "station_not_found")
    closed = await client.patch(
        f"/blocks/{made.json()['id']}", json={"is_active": False}, headers=keeper(world)
    )
    assert closed.json()["is_active"] is False
    assert await service.get_block_station(session, block_id=world.blocks[0]) == world.station_id
    with pytest.raises(BlockUnknown):
        await service.get_block_station(session, block_id=new_id())


async def test_a_station_manager_sees_the_own_blocks_and_vans(
    client: httpx.AsyncClient, world: World, database: Database
) -> None:
    async with database.transaction() as session:
        other = await add_station(session, code="ST02")
        foreign = public_single("blk", await add_block(session, station_id=other, code="ST02-01"))
        await service.create_vehicle(session, plate="沪B00001", station_id=other)
    headers = world.staff[Role.STATION_MANAGER].headers
    blocks = (await client.get("/blocks", headers=headers)).json()["items"]
    assert [block["code"] for block in blocks] == ["ST01-01", "ST01-02"]
    vans = (await client.get("/vehicles", headers=headers)).json()["items"]
    assert [van["plate"] for van in vans] == ["沪A12345"]
    everything = (await client.get("/vehicles", headers=keeper(world))).json()["items"]
    assert len(everything) == 2

    for path in (
        f"/blocks?station={public_single('stn', other)}",
        f"/vehicles?station={public_single('stn', other)}",
        f"/blocks/{foreign}/deliverers",
        f"/blocks/{foreign}/stops",
    ):
        assert (await client.get(path, headers=headers)).status_code == 404, path
    for path in ("/blocks", "/vehicles", "/coverage-rules"):
        answer = await client.post(path, json={}, headers=headers | once())
        assert answer.status_code == 403


async def test_vans_are_kept(client: httpx.AsyncClient, world: World, database: Database) -> None:
    async with database.transaction() as session:
        other = public_single("stn", await add_station(session, code="ST02"))
    body = {"plate": "沪C12345", "station": public_single("stn", world.station_id)}
    made = await client.post("/vehicles", json=body, headers=keeper(world))
    assert made.status_code == 201
    again = await client.post("/vehicles", json=body, headers=keeper(world))
    assert (again.status_code, again.json()["code"]) == (409, "plate_taken")
    moved = await client.patch(
        f"/vehicles/{made.json()['id']}", json={"station": other}, headers=keeper(world)
    )
    assert moved.json()["station"] == other
    unknown = await client.patch(
        f"/vehicles/{public_single('veh', new_id())}", json={}, headers=keeper(world)
    )
    assert (unknown.status_code, unknown.json()["code"]) == (404, "vehicle_not_found")


async def test_stations_are_found_by_code_or_name(world: World, session: AsyncSession) -> None:
    twin = await add_station(session, code="ST02")
    found = await service.match_stations(session, names=["ST01", "徐汇奶站", "ST02奶站", "无"])
    assert found == {
        "ST01": (world.station_id,),
        "徐汇奶站": (world.station_id,),
        "ST02奶站": (twin,),
        "无": (),
    }
