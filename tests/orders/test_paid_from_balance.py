"""A household pays from its balance: at once, wholly, once; and gets it back there."""

from uuid import UUID

import httpx
from sqlalchemy.ext.asyncio import AsyncSession

from app.billing.repository.ledger import find_balance
from app.billing.service import pay_credit
from app.core.db import Database
from app.core.ids import new_id
from tests.factories import orders
from tests.factories.billing import booked
from tests.factories.world import MORNING, World, once
from tests.fixtures.application import SetClock
from tests.fixtures.invariants import assert_invariants
from tests.orders.test_changes import Drain

BALANCE = {"channel": "balance"}


async def grant(database: Database, customer_id: UUID, fen: int) -> None:
    """A credit, as a ticket gives it."""
    async with database.transaction() as session:
        await pay_credit(
            session,
            customer_id=customer_id,
            reference_id=new_id(),
            source_id=new_id(),
            amount_fen=fen,
            cause="ticket_compensation",
            now=MORNING,
        )


async def balance(session: AsyncSession, customer_id: UUID) -> int:
    return await find_balance(session, customer_id=customer_id, account="balance")


async def test_an_order_is_paid_from_the_balance_and_given_back_to_it(
    client: httpx.AsyncClient,
    world: World,
    database: Database,
    session: AsyncSession,
    clock: SetClock,
    drain_jobs: Drain,
) -> None:
    household = world.household
    placed = await orders.place(client, world, bottles=10)
    price = placed["price_fen"]
    await grant(database, household.customer_id, price + 500)
    path, headers = f"/orders/{placed['id']}/payments", household.headers | once()
    paid = await client.post(path, json=BALANCE, headers=headers)
    assert (paid.status_code, paid.json()["status"]) == (201, "captured"), paid.text
    again = await client.post(path, json=BALANCE, headers=headers)
    assert again.json() == paid.json()
    assert await balance(session, household.customer_id) == 500
    await drain_jobs()
    assert (await orders.read(client, placed["id"], household))["status"] == "delivering"
    second = await client.post(path, json=BALANCE, headers=household.headers | once())
    assert second.status_code == 409

    changes = f"/orders/{placed['id']}/changes"
    shown = await client.post(
        f"{changes}/preview", json={"kind": "cancel"}, headers=household.headers
    )
    assert shown.json()["refund_fen"] == price
    done = await client.post(
        changes, json={"token": shown.json()["token"]}, headers=household.headers | once()
    )
    assert done.status_code == 201, done.text
    assert await balance(session, household.customer_id) == price + 500
    moved = [row[:3] for row in await booked(database, household.customer_id)]
    assert ("refund_succeeded", "refund_payable", "balance") in moved
    await assert_invariants(session, clock.now(), only=("I1", "I2", "I3", "I9", "I12"))


async def test_a_short_balance_pays_nothing(
    client: httpx.AsyncClient, world: World, database: Database, session: AsyncSession
) -> None:
    household = world.household
    placed = await orders.place(client, world, bottles=10)
    await grant(database, household.customer_id, placed["price_fen"] - 1)
    before = await booked(database, household.customer_id)
    answer = await client.post(
        f"/orders/{placed['id']}/payments", json=BALANCE, headers=household.headers | once()
    )
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (409, "balance_short")
    assert problem["facts"]["balance_fen"] == placed["price_fen"] - 1
    assert await booked(database, household.customer_id) == before
    assert (await orders.read(client, placed["id"], household))["status"] == "pending_payment"


async def test_a_credit_that_was_spent_is_not_undone(
    client: httpx.AsyncClient,
    world: World,
    database: Database,
    session: AsyncSession,
    drain_jobs: Drain,
) -> None:
    household = world.household
    first = await orders.place(client, world, bottles=10)
    await grant(database, household.customer_id, first["price_fen"])
    pay = f"/orders/{first['id']}/payments"
    await client.post(pay, json=BALANCE, headers=household.headers | once())
    await drain_jobs()
    changes = f"/orders/{first['id']}/changes"
    day = str(first["lines"][0]["start_date"])
    shown = await client.post(
        f"{changes}/preview",
        json={"kind": "skip", "date": day, "settle": "money"},
        headers=household.headers,
    )
    made = await client.post(
        changes, json={"token": shown.json()["token"]}, headers=household.headers | once()
    )
    assert made.status_code == 201, made.text
    credit = await balance(session, household.customer_id)
    assert credit > 0
    second = await orders.place(client, world, bottles=1)
    assert second["price_fen"] == credit
    spent = await client.post(
        f"/orders/{second['id']}/payments", json=BALANCE, headers=household.headers | once()
    )
    assert spent.status_code == 201
    undo = await client.post(
        f"{changes}/{made.json()['id']}/undo", headers=household.headers | once()
    )
    assert (undo.status_code, undo.json()["code"]) == (409, "balance_short")
    assert await balance(session, household.customer_id) == 0
