"""A customer looks after the own profile, addresses and consents."""

from datetime import date
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select, text

from app.core.crypto import Cell
from app.core.db import Database
from app.core.ids import public_pair, read_pair
from app.core.runtime import Runtime
from app.customers import service
from app.customers.models import Address, AddressVersion, Consent, ConsentPurpose
from app.identity.models import Role
from tests.factories.customers import address_in, publish_text
from tests.factories.world import World, once


async def _add(client: httpx.AsyncClient, world: World, **changes: Any) -> httpx.Response:
    return await client.post(
        "/me/addresses", json=address_in(**changes), headers=world.household.headers | once()
    )


async def test_the_own_profile_is_shown_in_full_and_changed(
    client: httpx.AsyncClient, world: World, runtime: Runtime, database: Database
) -> None:
    headers = world.household.headers
    me = (await client.get("/me", headers=headers)).json()
    assert (me["name"], me["phone"]) == ("王女士", world.household.phone)
    changed = await client.patch(
        "/me", json={"name": "王小明", "heard_from": "邻居"}, headers=headers
    )
    assert (changed.json()["name"], changed.json()["heard_from"]) == ("王小明", "邻居")
    cleared = await client.patch("/me", json={"heard_from": None}, headers=headers)
    assert (cleared.json()["name"], cleared.json()["heard_from"]) == ("王小明", None)
    async with database.transaction() as session:
        sealed = await session.scalar(text("SELECT name_sealed FROM customers"))
    assert "王小明".encode() not in sealed
    cell = Cell("customers", "name", world.household.customer_id)
    assert runtime.keys.open(sealed, cell) == "王小明"


@pytest.mark.parametrize(
    "body", [{"phone": "13900000000"}, {"kind": "school"}, {"name": ""}, {"name": "\x00"}]
)
async def test_what_is_not_the_customers_to_write_is_refused(
    client: httpx.AsyncClient, world: World, body: dict[str, str]
) -> None:
    before = (await client.get("/me", headers=world.household.headers)).json()
    refused = await client.patch("/me", json=body, headers=world.household.headers)
    assert refused.status_code == 422
    assert (await client.get("/me", headers=world.household.headers)).json() == before


async def test_staff_has_no_customer_page(client: httpx.AsyncClient, world: World) -> None:
    for path in ("/me", "/me/addresses", "/me/consents", "/me/export"):
        assert (await client.get(path, headers=world.staff[Role.ADMIN].headers)).status_code == 403
        assert (await client.get(path)).status_code == 401


async def test_an_address_is_written_down_and_shown(
    client: httpx.AsyncClient, world: World, database: Database
) -> None:
    headers = world.household.headers | once()
    added = await client.post("/me/addresses", json=address_in(), headers=headers)
    assert added.status_code == 201
    assert added.json()["building"] == "徐汇区漕溪北路18号实业公寓"
    for secret in ("1203", "赵敏", "13511112222", "奶箱"):
        assert secret not in added.text
    again = await client.post("/me/addresses", json=address_in(), headers=headers)
    assert (again.status_code, again.content) == (201, added.content)
    shown = await client.get(f"/me/addresses/{added.json()['id']}", headers=headers)
    assert shown.json()["door"] == "2号楼1203室"
    assert shown.json()["recipient"] == "赵敏"
    listed = (await client.get("/me/addresses", headers=headers)).json()["items"]
    assert [item["id"] for item in listed][1:] == [added.json()["id"]]
    async with database.transaction() as session:
        dump = str((await session.execute(text("SELECT * FROM address_versions"))).all())
        kept = str((await session.execute(text("SELECT body FROM idempotency_keys"))).all())
    for secret in ("1203", "赵敏", "13511112222", "奶箱"):
        assert secret not in dump
        assert secret not in kept


@pytest.mark.parametrize(
    "changes",
    [
        {"door": ""},
        {"door": "x" * 101},
        {"recipient": "\x00"},
        {"phone": "12345"},
        {"phone": "+1 415 555 2671"},
        {"city_code": "上海"},
        {"street": "", "compound": ""},
        {"longitude": None},
        {"longitude": 181},
        {"latitude": "NaN"},
        {"house_no": "\x01"},
        {"house_no": "9" * 21},
        {"customer_id": "cus_x"},
    ],
)
async def test_an_address_that_cannot_be_is_refused(
    client: httpx.AsyncClient, world: World, database: Database, changes: dict[str, Any]
) -> None:
    refused = await _add(client, world, **changes)
    assert refused.status_code in {400, 422}
    async with database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(Address)) == 1
        assert await session.scalar(select(func.count()).select_from(AddressVersion)) == 1


async def test_without_a_key_nothing_is_written(
    client: httpx.AsyncClient, world: World, database: Database
) -> None:
    refused = await client.post("/me/addresses", json=address_in(), headers=world.household.headers)
    assert (refused.status_code, refused.json()["code"]) == (400, "idempotency_key_missing")
    async with database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(Address)) == 1


async def test_a_correction_is_a_new_version_beside_the_old_one(
    client: httpx.AsyncClient, world: World, database: Database
) -> None:
    headers = world.household.headers
    address_id = (await _add(client, world)).json()["id"]
    path = f"/me/addresses/{address_id}"
    changed = await client.patch(path, json={"door": "2号楼1302室", "note": None}, headers=headers)
    assert (changed.json()["door"], changed.json()["note"]) == ("2号楼1302室", None)
    assert changed.json()["recipient"] == "赵敏"
    moved = await client.patch(path, json={"house_no": "20"}, headers=headers)
    assert moved.status_code == 422
    customer_id, plain_id = read_pair("adr", address_id)
    async with database.transaction() as session:
        versions = (
            await session.scalars(
                select(AddressVersion.address_version_id)
                .where(AddressVersion.address_id == plain_id)
                .order_by(AddressVersion.address_version_id)
            )
        ).all()
        current = await session.scalar(
            select(Address.current_version_id).where(Address.address_id == plain_id)
        )
        assert [current] == versions[1:]
        doors = await service.open_door_details(
            session, pairs=[(customer_id, version) for version in versions]
        )
    assert [doors[version].door for version in versions] == ["2号楼1203室", "2号楼1302室"]
    assert doors[versions[0]].note == "放奶箱"


async def test_a_removed_address_is_gone_from_the_list_and_kept_for_its_deliveries(
    client: httpx.AsyncClient, world: World, database: Database
) -> None:
    household, headers = world.household, world.household.headers
    path = f"/me/addresses/{public_pair('adr', household.customer_id, household.address_id)}"
    assert (await client.delete(path, headers=headers)).status_code == 204
    assert (await client.get("/me/addresses", headers=headers)).json()["items"] == []
    for method in ("GET", "PATCH", "DELETE"):
        body = {"door": "1"} if method == "PATCH" else None
        gone = await client.request(method, path, headers=headers, json=body)
        assert (gone.status_code, gone.json()["code"]) == (404, "address_unknown")
    async with database.transaction() as session:
        place = await service.get_address(
            session,
            customer_id=household.customer_id,
            address_id=household.address_id,
            include_removed=True,
        )
        assert place.compound == "梅陇一村"
        doors = await service.open_door_details(
            session, pairs=[(household.customer_id, household.address_version_id)]
        )
    assert doors[household.address_version_id].door == "301室"


async def test_another_households_address_does_not_exist(
    client: httpx.AsyncClient, world: World, database: Database
) -> None:
    async with database.transaction() as session:
        other = await world.add_household(session)
    foreign = public_pair("adr", other.customer_id, other.address_id)
    crossed = public_pair("adr", world.household.customer_id, other.address_id)
    for made_up in (foreign, crossed, "adr_x", "adr_" + "a" * 52):
        for method in ("GET", "PATCH", "DELETE"):
            body = {"door": "1"} if method == "PATCH" else None
            answer = await client.request(
                method, f"/me/addresses/{made_up}", headers=world.household.headers, json=body
            )
            assert answer.status_code == 404, (method, made_up)
    untouched = (await client.get("/me/addresses", headers=other.headers)).json()["items"]
    assert [item["door"] for item in untouched] == ["301室"]


async def test_twenty_addresses_are_enough(client: httpx.AsyncClient, world: World) -> None:
    for number in range(19):
        assert (await _add(client, world, door=f"{number}室")).status_code == 201
    refused = await _add(client, world)
    assert (refused.status_code, refused.json()["code"]) == (409, "too_many_addresses")
    listed = await client.get("/me/addresses", headers=world.household.headers)
    assert len(listed.json()["items"]) == 20


async def _say(client: httpx.AsyncClient, world: World, **body: Any) -> httpx.Response:
    return await client.post(
        "/me/consents",
        json={"channel": "web"} | body,
        headers=world.household.headers | once(),
    )


async def test_consent_is_given_to_the_text_in_force_and_withdrawn_as_easily(
    client: httpx.AsyncClient, world: World, database: Database
) -> None:
    async with database.transaction() as session:
        await publish_text(session)
        await publish_text(session, purpose=ConsentPurpose.MARKETING_SMS, version="m1")
    states = (await client.get("/me/consents", headers=world.household.headers)).json()["items"]
    assert [state["given"] for state in states] == [False, False, False]
    for _ in range(2):
        given = await _say(client, world, purpose="marketing_sms", given=True, text_version="m1")
        assert given.status_code == 201
    state = next(s for s in given.json()["items"] if s["purpose"] == "marketing_sms")
    assert (state["given"], state["text_version"], state["channel"]) == (True, "m1", "web")
    customer_id = world.household.customer_id
    async with database.transaction() as session:
        purpose = ConsentPurpose.MARKETING_SMS
        assert await service.has_consent(session, customer_id=customer_id, purpose=purpose)
    for _ in range(2):
        await _say(client, world, purpose="marketing_sms", given=False)
    async with database.transaction() as session:
        assert not await service.has_consent(session, customer_id=customer_id, purpose=purpose)
        said = (await session.scalars(select(Consent.given).order_by(Consent.consent_id))).all()
    assert said == [True, False]


async def test_an_outdated_text_cannot_be_agreed_to(
    client: httpx.AsyncClient, world: World, database: Database
) -> None:
    nothing = await _say(client, world, purpose="privacy_terms", given=True, text_version="2026-01")
    assert (nothing.status_code, nothing.json()["code"]) == (404, "privacy_text_unknown")
    async with database.transaction() as session:
        await publish_text(session)
        await publish_text(session, version="2026-03", effective_date=date(2026, 3, 15))
        await publish_text(session, version="2026-04", effective_date=date(2026, 3, 16))
    for version in ("2026-01", "2026-04", None):
        refused = await _say(
            client, world, purpose="privacy_terms", given=True, text_version=version
        )
        assert (refused.status_code, refused.json()["code"]) == (409, "privacy_text_outdated")
        assert refused.json()["facts"] == {"current_version": "2026-03"}
    shown = (await client.get("/privacy-texts")).json()["items"]
    assert [text["version"] for text in shown] == ["2026-03"]
    async with database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(Consent)) == 0


async def test_a_published_text_is_never_rewritten(client: httpx.AsyncClient, world: World) -> None:
    text_in = {
        "purpose": "privacy_terms",
        "version": "2026-03",
        "title": "隐私条款",
        "text": "甲" * 20_000,
        "effective_date": "2026-03-15",
    }
    manager = world.staff[Role.MANAGER].headers
    added = await client.post("/privacy-texts", json=text_in, headers=manager | once())
    assert added.status_code == 201
    for changes in ({"text": "乙"}, {"version": "2026-02", "effective_date": "2026-03-14"}):
        refused = await client.post(
            "/privacy-texts", json=text_in | changes, headers=manager | once()
        )
        assert (refused.status_code, refused.json()["code"]) == (409, "privacy_text_taken")
    shown = (await client.get("/privacy-texts")).json()["items"]
    assert [text["text"] for text in shown] == ["甲" * 20_000]
    agent = world.staff[Role.SERVICE_AGENT].headers
    forbidden = await client.post("/privacy-texts", json=text_in, headers=agent | once())
    assert forbidden.status_code == 403
