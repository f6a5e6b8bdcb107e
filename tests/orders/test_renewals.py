"""Renewal: a new order that goes on where another ends, wherever that end moves to (S1 4.2.5)."""

from typing import Any

import httpx
from sqlalchemy import func, select

from app.core.db import Database
from app.core.ids import public_single, read_pair
from app.identity.models import Role
from app.links.models import Link
from app.notifications.models import SmsMessage
from app.orders.changes.telling import notice_renewals
from app.orders.models import Order
from tests.factories import orders
from tests.factories.world import MORNING, World, once
from tests.fixtures.invariants import assert_invariants
from tests.fixtures.payments import Payments
from tests.orders.conftest import Deliver, pay
from tests.orders.test_changes import Drain
from tests.orders.test_kinds_of_change import Json, bottles, iso, on, undo

AGREED = {"kind": "renew", "agreement_version": "2026-01"}


async def renew(
    client: httpx.AsyncClient, world: World, payments: Payments, drain_jobs: Drain, order: Json
) -> Json:
    """Renew an order and pay it: the new one as it is then."""
    receipt = await orders.change(client, order["id"], world.household, **AGREED)
    await pay(client, payments, receipt["renewal_order_id"], world.household)
    await payments.deliver_notifications()
    await drain_jobs()
    return await orders.read(client, receipt["renewal_order_id"], world.household)


async def refused(client: httpx.AsyncClient, world: World, order: Json, **said: Any) -> str:
    answer = await client.post(
        f"/orders/{order['id']}/changes/preview",
        json=AGREED | said,
        headers=world.household.headers,
    )
    assert answer.status_code == 409, answer.text
    return str(answer.json()["code"])


async def test_a_renewal_begins_the_day_after_and_is_paid_by_itself(
    client: httpx.AsyncClient,
    world: World,
    paid_order: Deliver,
    payments: Payments,
    database: Database,
    drain_jobs: Drain,
) -> None:
    order = await paid_order(bottles=3)
    receipt = await orders.change(client, order["id"], world.household, **AGREED)
    assert (receipt["label"], receipt["pay_fen"], receipt["effective_date"]) == (
        "续订",
        3 * 350,
        iso(4),
    )
    assert receipt["lines"][0]["end_date_before"] == iso(3)
    assert receipt["lines"][0]["end_date_after"] == iso(6)
    waiting = await orders.read(client, receipt["renewal_order_id"], world.household)
    assert (waiting["status"], waiting["price_fen"]) == ("pending_payment", 1050)
    assert await bottles(database, order) == {1: 1, 2: 1, 3: 1}
    assert await refused(client, world, order) == "renewal_exists"

    await pay(client, payments, waiting["id"], world.household)
    await payments.deliver_notifications()
    await drain_jobs()
    assert await bottles(database, waiting) == {4: 1, 5: 1, 6: 1}
    again = await renew(client, world, payments, drain_jobs, waiting)
    assert await bottles(database, again) == {7: 1, 8: 1, 9: 1}
    async with database.transaction() as session:
        # Only the last of the three has nothing after it, and nothing but it is told to renew.
        await notice_renewals(session, now=MORNING)
        await assert_invariants(session, MORNING)


async def test_a_renewal_moves_along_with_the_end_before_it(
    client: httpx.AsyncClient,
    world: World,
    paid_order: Deliver,
    payments: Payments,
    database: Database,
    drain_jobs: Drain,
) -> None:
    first = await paid_order(bottles=4)
    second = await renew(client, world, payments, drain_jobs, first)
    third = await renew(client, world, payments, drain_jobs, second)
    assert await bottles(database, second) == {5: 1, 6: 1, 7: 1, 8: 1}
    skipped = await orders.change(client, first["id"], world.household, kind="skip", date=on(2))
    assert await bottles(database, second) == {6: 1, 7: 1, 8: 1, 9: 1}
    assert await bottles(database, third) == {10: 1, 11: 1, 12: 1, 13: 1}
    await orders.change(client, second["id"], world.household, kind="skip", date=on(7))
    assert await bottles(database, second) == {6: 1, 8: 1, 9: 1, 10: 1}
    undone = await undo(client, first, world, skipped["id"])
    assert undone.status_code == 201, undone.text
    assert await bottles(database, second) == {5: 1, 6: 1, 8: 1, 9: 1}, "its own skip stays"
    assert await bottles(database, third) == {10: 1, 11: 1, 12: 1, 13: 1}
    async with database.transaction() as session:
        await assert_invariants(session, MORNING)


async def test_a_renewal_waits_while_the_order_before_it_waits(
    client: httpx.AsyncClient,
    world: World,
    paid_order: Deliver,
    payments: Payments,
    database: Database,
    drain_jobs: Drain,
) -> None:
    first = await paid_order(bottles=4)
    second = await renew(client, world, payments, drain_jobs, first)
    await orders.change(client, first["id"], world.household, kind="pause", from_date=on(3))
    assert await bottles(database, second) == {}
    shown = await orders.read(client, second["id"], world.household)
    assert shown["lines"][0]["bottles_left"] == 4
    assert await refused(client, world, first) == "renewal_exists"
    await orders.change(client, first["id"], world.household, kind="resume", from_date=on(6))
    assert await bottles(database, first) == {1: 1, 2: 1, 6: 1, 7: 1}
    assert await bottles(database, second) == {8: 1, 9: 1, 10: 1, 11: 1}
    await orders.change(client, first["id"], world.household, kind="cancel")
    assert min(await bottles(database, second)) == 5, "nothing comes before it: as first shown"
    async with database.transaction() as session:
        await assert_invariants(session, MORNING)


async def test_without_the_agreement_or_an_end_nothing_is_renewed(
    client: httpx.AsyncClient, world: World, paid_order: Deliver, database: Database
) -> None:
    order = await paid_order(bottles=4)
    headers = world.household.headers
    shown = await client.post(
        f"/orders/{order['id']}/changes/preview", json={"kind": "renew"}, headers=headers
    )
    token = {"token": shown.json()["token"]}
    done = await client.post(f"/orders/{order['id']}/changes", json=token, headers=headers | once())
    assert (done.status_code, done.json()["code"]) == (409, "agreement_not_accepted")
    await orders.change(client, order["id"], world.household, kind="pause", from_date=on(3))
    assert await refused(client, world, order) == "end_unknown"
    async with database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(Order)) == 1


async def test_an_agent_renews_and_the_caller_pays_by_link(
    client: httpx.AsyncClient, world: World, paid_order: Deliver, database: Database
) -> None:
    order = await paid_order(bottles=4)
    agent = world.staff[Role.SERVICE_AGENT].headers
    shown = await client.post(
        f"/orders/{order['id']}/changes/preview", json={"kind": "renew"}, headers=agent
    )
    assert shown.status_code == 200, shown.text
    done = await client.post(
        f"/orders/{order['id']}/changes",
        json={"token": shown.json()["token"]},
        headers=agent | once(),
    )
    assert done.status_code == 201, done.text
    customer_id, row_id = read_pair("ord", done.json()["renewal_order_id"])
    async with database.transaction() as session:
        renewal = await session.get(Order, (customer_id, row_id))
        assert renewal is not None
        assert (renewal.source, renewal.agreement_version) == ("phone", None)
        link = (await session.scalars(select(Link))).one()
        assert link.subject_id == row_id
        assert "phone_order_link" in set(await session.scalars(select(SmsMessage.template)))


async def test_a_renewal_goes_on_with_who_comes_already(
    client: httpx.AsyncClient,
    world: World,
    paid_order: Deliver,
    payments: Payments,
    database: Database,
    drain_jobs: Drain,
) -> None:
    """An address a reviewer had to decide about is not reviewed once more."""
    async with database.transaction() as session:
        unclear = await world.add_household(
            session, compound="", street="漕溪北路", house_no="", block=0
        )
    order = await paid_order(unclear, bottles=2)
    if order["status"] == "under_review":
        decided = await client.post(
            f"/orders/{order['id']}/review",
            json={"decision": "approve", "block_id": public_single("blk", world.blocks[0])},
            headers=world.staff[Role.REVIEWER].headers | once(),
        )
        assert decided.status_code == 201, decided.text
    receipt = await orders.change(client, order["id"], unclear, **AGREED)
    await pay(client, payments, receipt["renewal_order_id"], unclear)
    await payments.deliver_notifications()
    await drain_jobs()
    renewal = await orders.read(client, receipt["renewal_order_id"], unclear)
    assert renewal["status"] == "delivering"
