"""Staff see customers masked; who looks closer leaves a trace."""

import httpx
import pytest
from sqlalchemy import func, select

from app.core.db import Database
from app.core.ids import new_id, public_single
from app.identity.models import AccessLogEntry, Role
from tests.factories.world import World

DESK = (Role.SERVICE_AGENT, Role.REVIEWER, Role.MANAGER)


def _id(world: World) -> str:
    return public_single("cus", world.household.customer_id)


@pytest.mark.parametrize("written", ["{}", "+86 {}", "{} "])
async def test_a_customer_is_found_by_the_whole_phone_and_shown_masked(
    client: httpx.AsyncClient, world: World, written: str
) -> None:
    agent = world.staff[Role.SERVICE_AGENT].headers
    phone = world.household.phone
    found = await client.post(
        "/customers/search", json={"phone": written.format(phone)}, headers=agent
    )
    (item,) = found.json()["items"]
    assert item["id"] == _id(world)
    assert (item["name"], item["phone"]) == ("王**", f"{phone[:3]}****{phone[-4:]}")
    assert phone not in found.text
    assert "女士" not in found.text
    nobody = await client.post("/customers/search", json={"phone": "13899998888"}, headers=agent)
    assert nobody.json() == {"items": []}
    tail = await client.post("/customers/search", json={"phone": phone[-4:]}, headers=agent)
    assert tail.status_code == 422


async def test_a_customer_is_shown_down_to_the_building(
    client: httpx.AsyncClient, world: World, database: Database
) -> None:
    shown = await client.get(f"/customers/{_id(world)}", headers=world.staff[Role.REVIEWER].headers)
    assert shown.status_code == 200
    assert [a["building"] for a in shown.json()["addresses"]] == ["徐汇区梅陇路12号梅陇一村"]
    for secret in (world.household.phone, "301室", "王女士"):
        assert secret not in shown.text
    async with database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(AccessLogEntry)) == 0


async def test_looking_closer_takes_a_reason_and_is_kept(
    client: httpx.AsyncClient, world: World
) -> None:
    agent, path = world.staff[Role.SERVICE_AGENT], f"/customers/{_id(world)}/reveal"
    for body in ({}, {"reason": ""}, {"reason": "  看 "}):
        assert (await client.post(path, json=body, headers=agent.headers)).status_code == 422
    auditor = world.staff[Role.AUDITOR].headers
    assert (await client.get("/access-log", headers=auditor)).json()["items"] == []
    opened = await client.post(path, json={"reason": "回电核对地址"}, headers=agent.headers)
    assert opened.json()["phone"] == world.household.phone
    assert opened.json()["name"] == "王女士"
    assert opened.json()["addresses"][0]["door"] == "301室"
    assert opened.headers["cache-control"] == "no-store"
    (entry,) = (await client.get("/access-log", headers=auditor)).json()["items"]
    assert entry["staff_id"] == public_single("stf", agent.account_id)
    assert entry["customer_id"] == _id(world)
    assert (entry["subject"], entry["reason"]) == ("contact", "回电核对地址")


async def test_an_unknown_customer_opens_nothing_and_leaves_no_trace(
    client: httpx.AsyncClient, world: World, database: Database
) -> None:
    agent = world.staff[Role.SERVICE_AGENT].headers
    for made_up in (public_single("cus", new_id()), "cus_x", _id(world).upper()):
        assert (await client.get(f"/customers/{made_up}", headers=agent)).status_code == 404
        opened = await client.post(
            f"/customers/{made_up}/reveal", json={"reason": "回电核对地址"}, headers=agent
        )
        assert opened.status_code == 404
    async with database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(AccessLogEntry)) == 0


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.CUSTOMER])
async def test_who_may_look_at_customers(
    client: httpx.AsyncClient, world: World, role: Role
) -> None:
    headers = world.staff[role].headers
    masked = await client.get(f"/customers/{_id(world)}", headers=headers)
    assert masked.status_code == (200 if role in {*DESK, Role.ADMIN} else 403)
    opened = await client.post(
        f"/customers/{_id(world)}/reveal", json={"reason": "回电核对地址"}, headers=headers
    )
    assert opened.status_code == (200 if role in DESK else 403)
    log = await client.get("/access-log", headers=headers)
    assert log.status_code == (200 if role in {Role.AUDITOR, Role.ADMIN} else 403)


async def test_the_access_log_is_read_page_by_page_and_filtered(
    client: httpx.AsyncClient, world: World, database: Database
) -> None:
    async with database.transaction() as session:
        other = await world.add_household(session)
    for role, customer_id in (
        (Role.SERVICE_AGENT, world.household.customer_id),
        (Role.MANAGER, world.household.customer_id),
        (Role.SERVICE_AGENT, other.customer_id),
    ):
        path = f"/customers/{public_single('cus', customer_id)}/reveal"
        body = {"reason": f"{role.value} 回电"}
        assert (await client.post(path, json=body, headers=world.staff[role].headers)).is_success
    auditor = world.staff[Role.AUDITOR].headers
    first = (await client.get("/access-log?limit=2", headers=auditor)).json()
    rest = (
        await client.get(f"/access-log?limit=2&cursor={first['next_cursor']}", headers=auditor)
    ).json()
    assert rest["next_cursor"] is None
    entries = first["items"] + rest["items"]
    assert [entry["reason"].split()[0] for entry in entries] == [
        "service_agent",
        "manager",
        "service_agent",
    ]
    agent = public_single("stf", world.staff[Role.SERVICE_AGENT].account_id)
    by_staff = await client.get(f"/access-log?staff={agent}", headers=auditor)
    assert len(by_staff.json()["items"]) == 2
    by_customer = await client.get(f"/access-log?customer={_id(world)}", headers=auditor)
    assert len(by_customer.json()["items"]) == 2
    nobody = await client.get("/access-log?staff=stf_x", headers=auditor)
    assert nobody.json()["items"] == []
