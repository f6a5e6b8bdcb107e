"""Administrators look after staff; what they change holds from the next request on."""

import asyncio
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from app.core.db import Database
from app.core.ids import new_id, public_single
from app.identity import service
from app.identity.errors import LastAdmin
from app.identity.models import Role, StaffAccount
from tests.factories.identity import PASSWORD, hire
from tests.factories.world import World, bearer, once
from tests.fixtures.application import SetClock, make_test_runtime


def _body(**changes: Any) -> dict[str, Any]:
    return {
        "login": "Wang.Fang",
        "display_name": "王芳",
        "password": PASSWORD,
        "roles": ["service_agent"],
    } | changes


async def _create(client: httpx.AsyncClient, world: World, **changes: Any) -> httpx.Response:
    return await client.post(
        "/staff", json=_body(**changes), headers=world.staff[Role.ADMIN].headers | once()
    )


async def _log_in(client: httpx.AsyncClient, login: str, password: str) -> dict[str, str]:
    answer = await client.post("/auth/login", json={"login": login, "password": password})
    assert answer.status_code == 200, answer.text
    tokens: dict[str, str] = answer.json()
    return bearer(tokens["access_token"])


async def test_a_new_member_of_staff_can_log_in(client: httpx.AsyncClient, world: World) -> None:
    created = await _create(client, world)
    assert created.status_code == 201
    assert created.json()["login"] == "wang.fang"
    assert "password" not in created.text
    headers = await _log_in(client, "wang.fang", PASSWORD)
    me = (await client.get("/auth/me", headers=headers)).json()
    assert me["id"] == created.json()["id"]
    listed = await client.get("/staff", headers=world.staff[Role.ADMIN].headers)
    assert created.json() in listed.json()["items"]


async def test_creating_twice_under_one_key_makes_one(
    client: httpx.AsyncClient, world: World, database: Database
) -> None:
    headers = world.staff[Role.ADMIN].headers | once()
    first = await client.post("/staff", json=_body(), headers=headers)
    second = await client.post("/staff", json=_body(), headers=headers)
    assert (second.status_code, second.json()) == (201, first.json())
    other_key = await _create(client, world, login="WANG.FANG")
    assert (other_key.status_code, other_key.json()["code"]) == (409, "login_taken")
    async with database.transaction() as session:
        named = select(func.count()).where(StaffAccount.login == "wang.fang")
        assert await session.scalar(named) == 1


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"password": "short"}, 400, "password_too_weak"),
        ({"password": "password1234"}, 400, "password_too_weak"),
        ({"password": "wang.fang-2026"}, 400, "password_too_weak"),
        ({"roles": []}, 422, "validation_failed"),
        ({"roles": ["customer"]}, 422, "validation_failed"),
        ({"roles": ["station_manager"]}, 400, "roles_invalid"),
        ({"roles": ["deliverer"]}, 400, "roles_invalid"),
        ({"deliverer_id": public_single("dlv", new_id())}, 400, "roles_invalid"),
        ({"station_id": "stn_" + "z" * 26}, 404, "not_found"),
        ({"login": "王芳"}, 422, "validation_failed"),
        ({"login": "a b"}, 422, "validation_failed"),
        ({"display_name": "王\x00芳"}, 422, "validation_failed"),
        ({"is_active": False}, 422, "validation_failed"),
    ],
)
async def test_what_does_not_fit_is_refused_and_adds_nobody(
    client: httpx.AsyncClient,
    world: World,
    database: Database,
    changes: dict[str, Any],
    status: int,
    code: str,
) -> None:
    refused = await _create(client, world, **changes)
    assert (refused.status_code, refused.json()["code"]) == (status, code)
    async with database.transaction() as session:
        named = select(func.count()).where(StaffAccount.display_name.startswith("王"))
        assert await session.scalar(named) == 0


async def test_a_role_taken_away_is_gone_with_the_next_request(
    client: httpx.AsyncClient, world: World
) -> None:
    admin = world.staff[Role.ADMIN].headers
    staff_id = (await _create(client, world, roles=["admin"])).json()["id"]
    headers = await _log_in(client, "wang.fang", PASSWORD)
    assert (await client.get("/staff", headers=headers)).status_code == 200
    changed = await client.patch(f"/staff/{staff_id}", json={"roles": ["quality"]}, headers=admin)
    assert changed.json()["roles"] == ["quality"]
    assert (await client.get("/staff", headers=headers)).status_code == 403
    station = public_single("stn", world.station_id)
    changed = await client.patch(
        f"/staff/{staff_id}",
        json={"roles": ["station_manager"], "station_id": station},
        headers=admin,
    )
    assert changed.json()["station_id"] == station
    me = (await client.get("/auth/me", headers=headers)).json()
    assert (me["roles"], me["station_id"]) == (["station_manager"], station)
    refused = await client.patch(f"/staff/{staff_id}", json={"station_id": None}, headers=admin)
    assert refused.json()["code"] == "roles_invalid"
    kept = await client.get(f"/staff/{staff_id}", headers=admin)
    assert kept.json()["station_id"] == station


async def test_deactivation_ends_sessions_and_forbids_new_ones(
    client: httpx.AsyncClient, world: World
) -> None:
    admin = world.staff[Role.ADMIN].headers
    staff_id = (await _create(client, world)).json()["id"]
    headers = await _log_in(client, "wang.fang", PASSWORD)
    gone = await client.patch(f"/staff/{staff_id}", json={"is_active": False}, headers=admin)
    assert gone.json()["is_active"] is False
    assert (await client.get("/auth/me", headers=headers)).status_code == 401
    again = await client.post("/auth/login", json={"login": "wang.fang", "password": PASSWORD})
    assert again.status_code == 401
    active = await client.get("/staff?is_active=true", headers=admin)
    assert staff_id not in [member["id"] for member in active.json()["items"]]


async def test_a_password_reset_ends_sessions(client: httpx.AsyncClient, world: World) -> None:
    admin = world.staff[Role.ADMIN].headers
    staff_id = (await _create(client, world)).json()["id"]
    headers = await _log_in(client, "wang.fang", PASSWORD)
    weak = await client.post(f"/staff/{staff_id}/password", json={"password": "x"}, headers=admin)
    assert weak.json()["code"] == "password_too_weak"
    assert (await client.get("/auth/me", headers=headers)).status_code == 200
    reset = await client.post(
        f"/staff/{staff_id}/password", json={"password": "tram-lantern-quilt"}, headers=admin
    )
    assert reset.status_code == 204
    assert (await client.get("/auth/me", headers=headers)).status_code == 401
    await _log_in(client, "wang.fang", "tram-lantern-quilt")


async def test_the_last_administrator_cannot_leave(client: httpx.AsyncClient, world: World) -> None:
    admin = world.staff[Role.ADMIN]
    own_id = public_single("stf", admin.account_id)
    for change in ({"is_active": False}, {"roles": ["manager"]}):
        refused = await client.patch(f"/staff/{own_id}", json=change, headers=admin.headers)
        assert (refused.status_code, refused.json()["code"]) == (409, "last_admin")
    assert (await client.get("/staff", headers=admin.headers)).status_code == 200


async def test_two_administrators_cannot_remove_each_other_at_once(
    live_database: Database, clock: SetClock, tmp_path: object
) -> None:
    make_test_runtime(live_database, clock, tmp_path)  # type: ignore[arg-type]  # a path
    async with live_database.transaction() as session:
        pair = [await hire(session, Role.ADMIN, login=login) for login in ("first", "second")]

    async def remove(staff_id: object) -> bool:
        try:
            async with live_database.transaction() as session:
                await service.change_staff(
                    session,
                    staff_id=staff_id,  # type: ignore[arg-type]  # ids of above
                    changes={"is_active": False},
                )
        except LastAdmin:
            return False
        return True

    assert sorted(await asyncio.gather(*map(remove, pair))) == [False, True]


async def test_foreign_and_made_up_ids_are_not_found(
    client: httpx.AsyncClient, world: World
) -> None:
    admin = world.staff[Role.ADMIN].headers
    for made_up in (public_single("stf", new_id()), "stf_x", public_single("prd", new_id())):
        assert (await client.get(f"/staff/{made_up}", headers=admin)).status_code == 404
        patch = await client.patch(f"/staff/{made_up}", json={}, headers=admin)
        assert patch.status_code == 404


async def test_staff_is_listed_page_by_page(client: httpx.AsyncClient, world: World) -> None:
    admin = world.staff[Role.ADMIN].headers
    seen: list[str] = []
    cursor = ""
    while True:
        page = (await client.get(f"/staff?limit=4{cursor}", headers=admin)).json()
        seen += [member["id"] for member in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    whole = (await client.get("/staff", headers=admin)).json()["items"]
    assert seen == [member["id"] for member in whole]
    bad = await client.get("/staff?cursor=WyJ4Il0", headers=admin)
    assert (bad.status_code, bad.json()["code"]) == (400, "bad_cursor")
