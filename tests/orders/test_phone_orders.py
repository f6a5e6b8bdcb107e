"""A caller orders by phone: the agent enters it, the caller accepts and pays by SMS link."""

from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.billing.models import Payment
from app.core.ids import public_pair
from app.core.jobs import JobContext
from app.customers.models import Address, Customer
from app.identity.models import Role
from app.orders.jobs import sweep
from app.orders.models import Order
from tests.factories import orders
from tests.factories.links import tokens_of
from tests.factories.world import MORNING, TODAY, World, once
from tests.fixtures.application import SetClock
from tests.fixtures.invariants import assert_invariants
from tests.fixtures.payments import Payments

CALLER = "13712345678"
DAY = timedelta(days=1)
Drain = Callable[[], Awaitable[list[str]]]


def said(world: World, **changed: Any) -> dict[str, Any]:
    """Body of POST /phone-orders."""
    address = orders.ADDRESS | {"door": "602室", "recipient": "赵先生", "phone": CALLER}
    return {
        "phone": CALLER,
        "customer_name": "赵先生",
        "address": address,
        "lines": [orders.line(world)],
    } | changed


async def enter(
    client: httpx.AsyncClient, world: World, *, status: int = 201, **changed: Any
) -> dict[str, Any]:
    answer = await client.post(
        "/phone-orders",
        json=said(world, **changed),
        headers=world.staff[Role.SERVICE_AGENT].headers | once(),
    )
    assert answer.status_code == status, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def token_of(session: AsyncSession, order: dict[str, Any]) -> str:
    customer_id, _ = orders.ids_of(order)
    return (await tokens_of(session, customer_id, "phone_order_link"))[-1]


async def by_link(
    client: httpx.AsyncClient, token: str, action: str, *, status: int, **body: Any
) -> dict[str, Any]:
    answer = await client.post(f"/links/{token}/{action}", json=body, headers=once())
    assert answer.status_code == status, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def row_of(session: AsyncSession, order: dict[str, Any]) -> Order:
    return await session.get_one(Order, orders.ids_of(order), populate_existing=True)


async def test_from_the_call_to_the_milk(
    client: httpx.AsyncClient,
    world: World,
    session: AsyncSession,
    payments: Payments,
    drain_jobs: Drain,
    clock: SetClock,
) -> None:
    order = await enter(client, world)
    assert (order["status"], order["source"], order["agreement_version"]) == (
        "pending_payment",
        "phone",
        None,
    )
    assert order["pay_before_at"] == (MORNING + DAY).isoformat().replace("+00:00", "Z")
    token = await token_of(session, order)

    page = await client.get(f"/links/{token}")
    assert page.status_code == 200, page.text
    assert page.headers["cache-control"] == "no-store"
    about = page.json()["about"]
    assert (about["order_no"], about["price_fen"]) == (order["order_no"], 30 * 350)
    assert about["lines"][0]["product"] == "鲜牛奶"
    assert "梅陇一村" in about["building"]
    assert about["agreement"] == {
        "version": "2026-01",
        "text": "订奶协议……",
        "effective_date": "2026-01-01",
    }
    assert (about["accepted_version"], about["can_pay"]) == (None, True)
    for secret in (CALLER, "赵先生", "602室"):
        assert secret not in page.text

    refused = await by_link(client, token, "payments", status=409)
    assert refused["code"] == "agreement_not_accepted"
    assert await session.scalar(select(func.count()).select_from(Payment)) == 0

    clock.set(MORNING + timedelta(hours=3))
    accepted = await by_link(client, token, "accept", status=200, agreement_version="2026-01")
    assert accepted["agreed_through"] == "sms_link"
    clock.set(MORNING + timedelta(hours=4))
    again = await by_link(client, token, "accept", status=200, agreement_version="2026-01")
    assert again == accepted, "accepted once, at the first tap"

    started = await by_link(client, token, "payments", status=201, method="h5")
    assert started["amount_fen"] == 30 * 350
    payment = (await session.scalars(select(Payment))).one()
    payments.pay(payment.out_trade_no)
    await payments.deliver_notifications()
    assert (await row_of(session, order)).status == "under_review", "reviewed like any online one"
    await drain_jobs()
    row = await row_of(session, order)
    assert (row.status, row.confirmation) == ("delivering", "online")
    shown = (await client.get(f"/links/{token}")).json()["about"]
    assert (shown["label"], shown["can_pay"]) == ("配送中", False)
    late = await by_link(client, token, "payments", status=409)
    assert late["code"] == "order_not_payable"
    await assert_invariants(session, clock.now())


async def test_a_known_caller_orders_for_an_address_he_has(
    client: httpx.AsyncClient, world: World, session: AsyncSession
) -> None:
    household = world.household
    address_id = public_pair("adr", household.customer_id, household.address_id)
    order = await enter(client, world, phone=household.phone, address=None, address_id=address_id)
    assert orders.ids_of(order)[0] == household.customer_id
    assert order["address_id"] == address_id
    assert await session.scalar(select(func.count()).select_from(Address)) == 1


async def test_anothers_address_is_refused(
    client: httpx.AsyncClient, world: World, session: AsyncSession
) -> None:
    household = world.household
    foreign = public_pair("adr", household.customer_id, household.address_id)
    refused = await enter(client, world, status=400, address=None, address_id=foreign)
    assert refused["code"] == "address_not_named"
    assert await session.scalar(select(func.count()).select_from(Order)) == 0
    assert await session.scalar(select(func.count()).select_from(Customer)) == 1
    both = await enter(client, world, status=422, address_id=foreign)
    assert both["code"] == "validation_failed"


async def test_the_same_key_is_the_same_order(
    client: httpx.AsyncClient, world: World, session: AsyncSession
) -> None:
    headers = world.staff[Role.SERVICE_AGENT].headers | once()
    first = await client.post("/phone-orders", json=said(world), headers=headers)
    again = await client.post("/phone-orders", json=said(world), headers=headers)
    assert first.json() == again.json()
    assert await session.scalar(select(func.count()).select_from(Order)) == 1
    assert len(await tokens_of(session, orders.ids_of(first.json())[0], "phone_order_link")) == 1


async def test_an_outdated_agreement_is_not_accepted(
    client: httpx.AsyncClient, world: World, session: AsyncSession
) -> None:
    order = await enter(client, world)
    token = await token_of(session, order)
    refused = await by_link(client, token, "accept", status=409, agreement_version="2020-01")
    assert (refused["code"], refused["facts"]) == (
        "agreement_outdated",
        {"current_version": "2026-01"},
    )
    row = await row_of(session, order)
    assert (row.agreement_version, row.agreed_at, row.agreed_through) == (None, None, None)


async def test_an_unpaid_call_expires_after_its_own_time(
    client: httpx.AsyncClient,
    world: World,
    session: AsyncSession,
    clock: SetClock,
    job_context: JobContext,
) -> None:
    order = await enter(client, world)
    token = await token_of(session, order)
    clock.set(MORNING + timedelta(hours=23))
    await sweep(job_context, {})
    assert (await row_of(session, order)).status == "pending_payment", "not after half an hour"
    clock.set(MORNING + DAY + timedelta(minutes=16))
    for action, body in (("accept", {"agreement_version": "2026-01"}), ("payments", {})):
        refused = await by_link(client, token, action, status=409, **body)
        assert refused["code"] == "order_not_payable"
    await sweep(job_context, {})
    assert (await row_of(session, order)).status == "expired"
    shown = (await client.get(f"/links/{token}")).json()["about"]
    assert (shown["label"], shown["can_pay"]) == ("已过期", False)


async def test_a_lost_sms_is_sent_again_and_the_old_link_ends(
    client: httpx.AsyncClient, world: World, session: AsyncSession
) -> None:
    order = await enter(client, world)
    old = await token_of(session, order)
    agent = world.staff[Role.SERVICE_AGENT].headers
    path = f"/phone-orders/{order['id']}/link"
    sent = await client.post(path, headers=agent | once())
    assert sent.status_code == 201, sent.text
    fresh = await token_of(session, order)
    assert fresh != old
    assert (await client.get(f"/links/{old}")).json()["code"] == "link_expired"
    assert (await client.get(f"/links/{fresh}")).status_code == 200
    for _ in range(3):
        assert (await client.post(path, headers=agent | once())).status_code == 201
    refused = await client.post(path, headers=agent | once())
    assert (refused.status_code, refused.json()["code"]) == (409, "link_limit_reached")
    assert len(await tokens_of(session, orders.ids_of(order)[0], "phone_order_link")) == 5


async def test_no_link_for_an_order_that_is_not_by_phone(
    client: httpx.AsyncClient, world: World
) -> None:
    order = await orders.place(client, world)
    answer = await client.post(
        f"/phone-orders/{order['id']}/link",
        headers=world.staff[Role.SERVICE_AGENT].headers | once(),
    )
    assert (answer.status_code, answer.json()["code"]) == (409, "order_not_payable")


async def test_how_long_calls_wait_is_a_dated_row(
    client: httpx.AsyncClient, world: World, clock: SetClock
) -> None:
    manager = world.staff[Role.MANAGER].headers
    tomorrow = TODAY + DAY

    async def set_window(minutes: int, from_date: date) -> httpx.Response:
        return await client.post(
            "/payment-windows",
            json={"minutes": minutes, "from_date": from_date.isoformat()},
            headers=manager | once(),
        )

    early = await set_window(120, TODAY - DAY)
    assert (early.status_code, early.json()["code"]) == (400, "window_too_early")
    assert (await set_window(120, tomorrow)).status_code == 201
    listed = (await client.get("/payment-windows", headers=manager)).json()["items"]
    assert [(one["minutes"], one["from_date"], one["until_date"]) for one in listed] == [
        (1440, None, TODAY.isoformat()),
        (120, tomorrow.isoformat(), None),
    ]
    today = await enter(client, world)
    assert today["pay_before_at"] == (MORNING + DAY).isoformat().replace("+00:00", "Z")
    clock.set(MORNING + DAY)
    later = await enter(client, world, phone="13712345679")
    two_hours = MORNING + DAY + timedelta(hours=2)
    assert later["pay_before_at"] == two_hours.isoformat().replace("+00:00", "Z")


@pytest.mark.parametrize("role", [Role.REVIEWER, Role.STATION_MANAGER, Role.MANAGER])
async def test_only_agents_enter_calls(
    client: httpx.AsyncClient, world: World, session: AsyncSession, role: Role
) -> None:
    answer = await client.post(
        "/phone-orders", json=said(world), headers=world.staff[role].headers | once()
    )
    assert answer.status_code == 403
    assert await session.scalar(select(func.count()).select_from(Order)) == 0


async def test_an_own_online_order_says_where_its_agreement_was_accepted(
    client: httpx.AsyncClient, world: World, session: AsyncSession
) -> None:
    order = await orders.place(client, world)
    assert (await row_of(session, order)).agreed_through == "mini_program"
