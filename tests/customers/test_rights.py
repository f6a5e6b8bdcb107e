"""A copy of the own data, and being forgotten."""

import asyncio
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.core import events
from app.core.db import Database
from app.core.ids import public_single
from app.core.runtime import Runtime
from app.customers import service
from app.customers.errors import AccountInUse, AddressInUse, CustomerUnknown
from app.customers.events import (
    AddressRemovalAsked,
    CustomerErasureAsked,
    CustomerExportAsked,
)
from app.customers.models import Address, AddressVersion, BookNumber, Customer
from app.identity import service as identity
from app.identity.models import AccountKind, PhoneAccount, RefreshToken, Role, SessionRow
from app.notifications.models import SmsMessage
from app.notifications.service import send_sms
from tests.factories.customers import publish_text
from tests.factories.identity import log_in_customer, until_someone_waits
from tests.factories.world import MORNING, World, bearer, once
from tests.fixtures.application import SetClock, make_test_runtime


@pytest.fixture
def react(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Let a test's own handler react to an event, for this test only."""

    def subscribe(event: type[events.Event], handler: Any) -> None:
        present = events._handlers.get(event, [])
        monkeypatch.setitem(events._handlers, event, [*present, handler])

    return subscribe


async def _tell(session: AsyncSession, world: World) -> None:
    await send_sms(
        session,
        customer_id=world.household.customer_id,
        phone=world.household.phone,
        template="ticket_received",
        parameters={"ticket": "T123"},
        cause="ticket:1",
        now=MORNING,
    )


async def test_the_copy_holds_everything_in_full(
    client: httpx.AsyncClient, world: World, database: Database, react: Any
) -> None:
    async def add_orders(session: AsyncSession, event: CustomerExportAsked) -> None:
        event.parts["orders"] = [{"order_no": "A1"}]

    react(CustomerExportAsked, add_orders)
    async with database.transaction() as session:
        await publish_text(session)
        await _tell(session, world)
    headers = world.household.headers
    await client.post(
        "/me/consents",
        json={
            "purpose": "privacy_terms",
            "given": True,
            "text_version": "2026-01",
            "channel": "app",
        },
        headers=headers | once(),
    )
    copy = (await client.get("/me/export", headers=headers)).json()
    assert copy["profile"]["phone"] == world.household.phone
    assert copy["profile"]["name"] == "王女士"
    assert [a["door"] for a in copy["addresses"]] == ["301室"]
    assert [c["text_version"] for c in copy["consents"]] == ["2026-01"]
    assert [m["parameters"] for m in copy["messages"]] == [{"ticket": "T123"}]
    assert copy["orders"] == [{"order_no": "A1"}]


async def test_ten_copies_a_day_are_enough(client: httpx.AsyncClient, world: World) -> None:
    for _ in range(10):
        assert (await client.get("/me/export", headers=world.household.headers)).is_success
    refused = await client.get("/me/export", headers=world.household.headers)
    assert (refused.status_code, refused.json()["code"]) == (429, "throttled")


async def test_an_erased_customer_is_found_no_more(
    client: httpx.AsyncClient, world: World, database: Database, runtime: Runtime
) -> None:
    household = world.household
    async with database.transaction() as session:
        await _tell(session, world)
        session.add(BookNumber(number="0815", customer_id=household.customer_id))
    tokens = await log_in_customer(client, database, runtime.keys, household.phone)
    erased = await client.delete("/me", headers=household.headers)
    assert erased.status_code == 204
    for token in (household.token, tokens["access_token"]):
        assert (await client.get("/me", headers=bearer(token))).status_code == 401
    refresh = {"refresh_token": tokens["refresh_token"]}
    assert (await client.post("/auth/refresh", json=refresh)).status_code == 401
    agent = world.staff[Role.SERVICE_AGENT].headers
    search = await client.post("/customers/search", json={"phone": household.phone}, headers=agent)
    assert search.json() == {"items": []}
    customer = public_single("cus", household.customer_id)
    assert (await client.get(f"/customers/{customer}", headers=agent)).status_code == 404
    async with database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(PhoneAccount)) == 0
        assert await session.scalar(select(func.count()).select_from(BookNumber)) == 0
        ledger_anchor = (await session.scalars(select(Customer))).one()
        assert (ledger_anchor.name_sealed, ledger_anchor.phone_sealed) == (None, b"")
        assert (ledger_anchor.phone_tail, ledger_anchor.erased_at) == ("", MORNING)
        version = (await session.scalars(select(AddressVersion))).one()
        assert version.door_sealed == version.recipient_sealed == version.phone_sealed == b""
        assert (version.street, version.house_no, version.compound) == ("", "", "")
        assert version.district == "徐汇区"
        assert (await session.scalars(select(Address.removed_at))).one() == MORNING
        message = (
            await session.scalars(
                select(SmsMessage).where(SmsMessage.customer_id == household.customer_id)
            )
        ).one()
        assert message.phone_sealed == message.parameters_sealed == b""
        assert (message.status, message.failure) == ("failed", "erased")
        doors = await service.open_door_details(
            session, pairs=[(household.customer_id, household.address_version_id)]
        )
        assert doors[household.address_version_id].recipient == ""
        with pytest.raises(CustomerUnknown):
            await service.contact_phone(session, customer_id=household.customer_id)


async def test_the_same_phone_later_opens_another_account(
    client: httpx.AsyncClient, world: World, database: Database, runtime: Runtime
) -> None:
    phone = world.household.phone
    assert (await client.delete("/me", headers=world.household.headers)).status_code == 204
    tokens = await log_in_customer(client, database, runtime.keys, phone)
    me = (await client.get("/me", headers=bearer(tokens["access_token"]))).json()
    assert me["id"] != public_single("cus", world.household.customer_id)
    assert me["name"] is None
    addresses = await client.get("/me/addresses", headers=bearer(tokens["access_token"]))
    assert addresses.json()["items"] == []


async def test_erasure_is_refused_while_something_is_open_and_changes_nothing(
    client: httpx.AsyncClient, world: World, react: Any
) -> None:
    async def refuse(session: AsyncSession, event: CustomerErasureAsked) -> None:
        raise AccountInUse

    react(CustomerErasureAsked, refuse)
    headers = world.household.headers
    before = (await client.get("/me/addresses", headers=headers)).json()
    refused = await client.delete("/me", headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (409, "account_in_use")
    assert (await client.get("/me", headers=headers)).json()["name"] == "王女士"
    assert (await client.get("/me/addresses", headers=headers)).json() == before
    agent = world.staff[Role.SERVICE_AGENT].headers
    search = await client.post(
        "/customers/search", json={"phone": world.household.phone}, headers=agent
    )
    assert len(search.json()["items"]) == 1


async def test_an_address_in_use_stays(client: httpx.AsyncClient, world: World, react: Any) -> None:
    async def refuse(session: AsyncSession, event: AddressRemovalAsked) -> None:
        raise AddressInUse

    react(AddressRemovalAsked, refuse)
    headers = world.household.headers
    (item,) = (await client.get("/me/addresses", headers=headers)).json()["items"]
    refused = await client.delete(f"/me/addresses/{item['id']}", headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (409, "address_in_use")
    assert (await client.get("/me/addresses", headers=headers)).json()["items"] == [item]


async def test_a_login_under_way_does_not_survive_the_erasure(
    live_database: Database, clock: SetClock, tmp_path: Any
) -> None:
    make_test_runtime(live_database, clock, tmp_path)
    async with live_database.transaction() as session:
        customer_id = await service.ensure_customer(
            session, phone="13812345678", name="李雷", now=MORNING
        )

    async def erase() -> None:
        async with live_database.transaction() as session:
            await service.erase_customer(session, customer_id=customer_id, now=MORNING)

    async with live_database.transaction() as session:
        found, opened = await identity.find_or_open_account(
            session, phone="13812345678", now=MORNING
        )
        assert (found, opened) == (customer_id, False)
        erasing = asyncio.create_task(erase())
        await until_someone_waits(live_database)
        await identity.issue_tokens(session, account_id=found, kind=AccountKind.CUSTOMER)
    await erasing
    async with live_database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(SessionRow)) == 0
        assert await session.scalar(select(func.count()).select_from(RefreshToken)) == 0
