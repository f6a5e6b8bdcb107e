"""Deliverers are kept by managers and read by the station they work from."""

from typing import Any

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.db import Database
from app.core.errors import Forbidden
from app.core.ids import new_id, public_single
from app.identity.access import Principal
from app.identity.models import AccountKind, Role
from app.workforce import service
from app.workforce.rules import station_scope
from tests.factories.network import add_station
from tests.factories.world import MORNING, World, once


def keeper(world: World) -> dict[str, str]:
    return world.staff[Role.MANAGER].headers | once()


@pytest.fixture
async def other_station(world: World, database: Database) -> str:
    """Another station's public id."""
    async with database.transaction() as session:
        return public_single("stn", await add_station(session, code="ST02"))


async def test_a_manager_hires_and_a_station_manager_reads(
    client: httpx.AsyncClient, world: World, other_station: str
) -> None:
    own_station = public_single("stn", world.station_id)
    made = {}
    for number, station in (("E100", own_station), ("E200", other_station)):
        answer = await client.post(
            "/deliverers",
            json={"employee_no": number, "name": f"李{number}", "station": station},
            headers=keeper(world),
        )
        assert answer.status_code == 201, answer.text
        made[number] = answer.json()
    assert made["E100"]["station"] == own_station
    assert made["E100"]["is_active"] is True

    headers = world.staff[Role.STATION_MANAGER].headers
    own = (await client.get("/deliverers", headers=headers)).json()["items"]
    assert [deliverer["employee_no"] for deliverer in own] == ["E100"]
    assert (await client.get(f"/deliverers/{made['E100']['id']}", headers=headers)).json() == own[0]
    foreign = await client.get(f"/deliverers/{made['E200']['id']}", headers=headers)
    missing = await client.get(f"/deliverers/{public_single('dlv', new_id())}", headers=headers)
    assert foreign.status_code == missing.status_code == 404
    assert foreign.json()["code"] == missing.json()["code"] == "deliverer_not_found"
    elsewhere = await client.get(f"/deliverers?station={other_station}", headers=headers)
    assert elsewhere.status_code == 404

    everyone = await client.get("/deliverers?limit=3", headers=keeper(world))
    assert [item["employee_no"] for item in everyone.json()["items"]] == ["D001", "D002", "E100"]
    rest = await client.get(
        "/deliverers", params={"cursor": everyone.json()["next_cursor"]}, headers=keeper(world)
    )
    assert [item["employee_no"] for item in rest.json()["items"]] == ["E200"]


async def test_a_deliverer_changes_station_and_leaves(
    client: httpx.AsyncClient, world: World, other_station: str
) -> None:
    path = f"/deliverers/{public_single('dlv', world.deliverers[0])}"
    moved = await client.patch(
        path, json={"station": other_station, "name": "王师傅"}, headers=keeper(world)
    )
    assert (moved.json()["station"], moved.json()["name"]) == (other_station, "王师傅")
    nowhere = await client.patch(
        path, json={"station": public_single("stn", new_id())}, headers=keeper(world)
    )
    assert (nowhere.status_code, nowhere.json()["code"]) == (404, "station_not_found")
    kept = await client.get(path, headers=keeper(world))
    assert kept.json()["station"] == other_station
    gone = await client.patch(path, json={"is_active": False}, headers=keeper(world))
    assert gone.json()["is_active"] is False
    active = await client.get("/deliverers?is_active=true", headers=keeper(world))
    assert [item["employee_no"] for item in active.json()["items"]] == ["D002"]


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"employee_no": "D001"}, 409, "employee_no_taken"),
        ({"station": public_single("stn", new_id())}, 404, "station_not_found"),
        ({"employee_no": "工号一"}, 422, "validation_failed"),
        ({"name": "a\u0000b"}, 422, "validation_failed"),
        ({"salary": 1}, 422, "validation_failed"),
    ],
)
async def test_refused_deliverers_are_not_kept(
    client: httpx.AsyncClient, world: World, changes: dict[str, Any], status: int, code: str
) -> None:
    body = {
        "employee_no": "E100",
        "name": "李四",
        "station": public_single("stn", world.station_id),
    }
    answer = await client.post("/deliverers", json=body | changes, headers=keeper(world))
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    listed = await client.get("/deliverers", headers=keeper(world))
    assert len(listed.json()["items"]) == 2


@pytest.mark.parametrize("role", [Role.STATION_MANAGER, Role.QUALITY, Role.DELIVERER])
async def test_others_do_not_hire(client: httpx.AsyncClient, world: World, role: Role) -> None:
    answer = await client.post("/deliverers", json={}, headers=world.staff[role].headers | once())
    assert answer.status_code == 403


async def test_deliverers_are_found_by_number_or_name(world: World, session: AsyncSession) -> None:
    twin = await service.create_deliverer(
        session, employee_no="D100", name="送奶员1", station_id=world.station_id, now=MORNING
    )
    found = await service.match_deliverers(session, names=["D002", "送奶员1", "无名"])
    assert found == {
        "D002": (world.deliverers[1],),
        "送奶员1": tuple(sorted([world.deliverers[0], twin.id])),
        "无名": (),
    }


def test_a_station_manager_without_a_station_sees_nothing() -> None:
    caller = Principal(
        account_id=new_id(),
        kind=AccountKind.STAFF,
        roles=frozenset({Role.STATION_MANAGER, Role.FINANCE}),
        session_id=new_id(),
    )
    with pytest.raises(Forbidden):
        station_scope(caller, Role.ADMIN)
    assert station_scope(caller, Role.FINANCE) is None
