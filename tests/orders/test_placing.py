"""A household asks, orders, pays; the order is reviewed by its address and told by SMS."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select, update

from app.billing.models import Payment
from app.core.clock import wall_now
from app.core.db import Database
from app.core.idempotency import LEASE, IdempotencyKey
from app.core.ids import public_single
from app.core.jobs import JobContext
from app.delivery.models import Delivery, PlanException
from app.delivery.service import plan_day
from app.identity.models import Role
from app.notifications.models import SmsMessage
from app.orders.jobs import sweep
from app.orders.models import Order
from tests.factories import orders
from tests.factories.orders import ADDRESS
from tests.factories.world import MORNING, TODAY, World, once
from tests.fixtures.application import SetClock
from tests.fixtures.hearing import nobody_hears
from tests.fixtures.invariants import assert_invariants
from tests.fixtures.payments import Payments
from tests.orders.conftest import Deliver, pay

TOMORROW = TODAY + timedelta(days=1)
Drain = Callable[[], Awaitable[list[str]]]


async def test_a_quote_names_every_day_and_the_price(
    client: httpx.AsyncClient, world: World
) -> None:
    answer = await client.post(
        "/orders/quote", json={"address": ADDRESS, "lines": [orders.line(world, bottles=3)]}
    )
    assert answer.status_code == 200, answer.text
    quoted = answer.json()
    assert quoted["first_possible_date"] == TOMORROW.isoformat()
    assert quoted["price_fen"] == 3 * 350
    assert quoted["warnings"] == []
    assert quoted["lines"][0]["deliveries"] == [
        {"date": (TOMORROW + timedelta(days=step)).isoformat(), "bottles": 1} for step in range(3)
    ]


async def test_after_the_cutoff_the_first_day_moves(
    client: httpx.AsyncClient, world: World, clock: SetClock
) -> None:
    clock.set(MORNING + timedelta(hours=6))
    answer = await client.post(
        "/orders/quote", json={"address": ADDRESS, "lines": [orders.line(world, bottles=1)]}
    )
    assert answer.json()["first_possible_date"] == (TOMORROW + timedelta(days=1)).isoformat()


async def test_an_uncovered_address_is_a_warning_on_the_quote(
    client: httpx.AsyncClient, world: World
) -> None:
    answer = await client.post(
        "/orders/quote",
        json={"address": ADDRESS | {"compound": "无人小区"}, "lines": [orders.line(world)]},
    )
    assert answer.status_code == 200
    assert [warning["code"] for warning in answer.json()["warnings"]] == ["uncovered"]


async def test_a_paid_order_on_a_served_street_goes_into_delivery(
    client: httpx.AsyncClient, world: World, paid_order: Deliver, database: Database
) -> None:
    order = await paid_order(bottles=30)
    assert order["status"] == "delivering"
    assert order["shown_status"] == "not_started"
    assert order["lines"][0]["start_date"] == TOMORROW.isoformat()
    assert order["lines"][0]["end_date"] == (TODAY + timedelta(days=30)).isoformat()
    moves = await client.get(f"/orders/{order['id']}/history", headers=world.household.headers)
    assert [move["to_status"] for move in moves.json()["moves"]] == [
        "pending_payment",
        "under_review",
        "delivering",
    ]
    async with database.transaction() as session:
        templates = await session.scalars(
            select(SmsMessage.template).order_by(SmsMessage.message_id)
        )
        assert list(templates) == ["order_paid", "order_confirmed"]
        await assert_invariants(session, MORNING)


async def test_a_new_household_may_have_milk_before_the_day_it_wished_for(
    client: httpx.AsyncClient, world: World, paid_order: Deliver, database: Database
) -> None:
    async with database.transaction() as session:
        newcomer = await world.add_household(session, block=None)
    order = await paid_order(newcomer, start_date=(TODAY + timedelta(days=4)).isoformat())
    await orders.change(
        client, order["id"], newcomer, kind="one_day_quantity", date=TOMORROW, quantity=2
    )
    async with database.transaction() as session:
        await plan_day(
            session,
            stations=[world.station_id],
            service_date=TOMORROW,
            now=MORNING + timedelta(hours=7),
        )
        due = await session.execute(select(Delivery.service_date, Delivery.quantity))
        assert due.all() == [(TOMORROW, 2)]
        assert (await session.scalars(select(PlanException))).all() == []


async def test_outside_of_the_area_the_order_is_rejected_and_the_money_goes_back(
    client: httpx.AsyncClient,
    world: World,
    payments: Payments,
    database: Database,
    drain_jobs: Drain,
) -> None:
    async with database.transaction() as session:
        far = await world.add_household(session, compound="无人小区", street="不通路", block=None)
    placed = await orders.place(client, world, far)
    number = await pay(client, payments, placed["id"], far)
    await payments.deliver_notifications()
    await drain_jobs()
    order = await orders.read(client, placed["id"], far)
    assert order["status"] == "rejected"
    refunds = await client.get("/refunds", headers=far.headers)
    assert [refund["status"] for refund in refunds.json()["items"]] == ["processing"]
    await payments.finish_refunds()
    await drain_jobs()
    refunds = await client.get("/refunds", headers=far.headers)
    assert [refund["status"] for refund in refunds.json()["items"]] == ["succeeded"]
    assert [(fen, status) for _, fen, status in payments.refunds(number)] == [
        (order["price_fen"], "SUCCESS")
    ]
    async with database.transaction() as session:
        templates = set(await session.scalars(select(SmsMessage.template)))
        assert templates == {"order_paid", "order_rejected", "refund_sent", "refund_done"}
        await assert_invariants(session, MORNING)


async def test_an_unclear_address_waits_for_a_reviewer_who_names_the_block(
    client: httpx.AsyncClient,
    world: World,
    payments: Payments,
    database: Database,
    drain_jobs: Drain,
) -> None:
    async with database.transaction() as session:
        unclear = await world.add_household(session, compound="", street="", block=None)
    placed = await orders.place(client, world, unclear)
    await pay(client, payments, placed["id"], unclear)
    await payments.deliver_notifications()
    await drain_jobs()
    reviewer = world.staff[Role.REVIEWER].headers
    queue = await client.get("/reviews", headers=reviewer)
    assert [item["order_id"] for item in queue.json()["items"]] == [placed["id"]]
    answer = await client.post(
        f"/orders/{placed['id']}/review",
        json={"decision": "approve", "block_id": public_single("blk", world.blocks[1])},
        headers=reviewer | once(),
    )
    assert answer.status_code == 201, answer.text
    assert answer.json()["status"] == "delivering"
    assert (await client.get("/reviews", headers=reviewer)).json()["items"] == []
    again = await client.post(
        f"/orders/{placed['id']}/review",
        json={"decision": "reject", "reason": "太远"},
        headers=reviewer | once(),
    )
    assert (again.status_code, again.json()["code"]) == (409, "no_review_waiting")


async def test_two_payments_of_one_order_give_one_back(
    client: httpx.AsyncClient,
    world: World,
    payments: Payments,
    database: Database,
    drain_jobs: Drain,
) -> None:
    placed = await orders.place(client, world)
    first = await pay(client, payments, placed["id"], world.household)
    second = await pay(client, payments, placed["id"], world.household)
    await payments.deliver_notifications()
    await drain_jobs()
    await payments.finish_refunds()
    await drain_jobs()
    assert (await orders.read(client, placed["id"], world.household))["status"] == "delivering"
    given_back = [number for number in (first, second) if payments.refunds(number)]
    assert len(given_back) == 1
    async with database.transaction() as session:
        await assert_invariants(session, MORNING)


async def test_a_payment_whose_process_died_before_its_answer_is_one_attempt(
    client: httpx.AsyncClient, world: World, payments: Payments, database: Database
) -> None:
    """The attempt is committed, the answer is not stored; the client asks again."""
    placed = await orders.place(client, world)
    headers = world.household.headers | once()
    path = f"/orders/{placed['id']}/payments"
    first = await client.post(path, json={"method": "native"}, headers=headers)
    async with database.transaction() as session:
        await session.execute(
            update(IdempotencyKey)
            .where(IdempotencyKey.key == headers["Idempotency-Key"])
            .values(status=None, body=None, started_at=wall_now() - 2 * LEASE)
        )
    again = await client.post(path, json={"method": "native"}, headers=headers)
    assert (again.status_code, again.json()) == (201, first.json())
    async with database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(Payment)) == 1


async def test_an_unpaid_order_expires_and_a_late_payment_is_returned(
    client: httpx.AsyncClient,
    world: World,
    payments: Payments,
    clock: SetClock,
    database: Database,
    drain_jobs: Drain,
) -> None:
    placed = await orders.place(client, world)
    number = await pay(client, payments, placed["id"], world.household)
    clock.set(MORNING + timedelta(hours=2))
    await sweep(JobContext(database=database, clock=clock), {})
    assert (await orders.read(client, placed["id"], world.household))["status"] == "expired"
    await payments.deliver_notifications()
    await drain_jobs()
    assert [fen for _, fen, _ in payments.refunds(number)] == [placed["price_fen"]]


async def test_an_order_whose_payment_is_known_waits_for_a_worker_that_was_away(
    client: httpx.AsyncClient,
    world: World,
    payments: Payments,
    clock: SetClock,
    database: Database,
    drain_jobs: Drain,
) -> None:
    placed = await orders.place(client, world)
    await pay(client, payments, placed["id"], world.household)
    with nobody_hears():
        await payments.deliver_notifications()
    clock.set(MORNING + timedelta(hours=2))
    await sweep(JobContext(database=database, clock=clock), {})
    assert (await orders.read(client, placed["id"], world.household))["status"] == "pending_payment"
    await drain_jobs()
    paid = await orders.read(client, placed["id"], world.household)
    assert paid["status"] == "delivering"


@pytest.mark.parametrize(
    ("said", "status", "code"),
    [
        ({"start_date": TODAY.isoformat(), "bottles": 1}, 409, "start_too_early"),
        ({"start_date": "2027-12-01", "bottles": 1}, 400, "start_too_late"),
        ({"product_id": "prd_nonsense"}, 404, "not_found"),
        ({"bottles": 1, "cycle_days": 30}, 422, "validation_failed"),
        ({"bottles": 0}, 422, "validation_failed"),
        ({"bottles": 10_000}, 422, "validation_failed"),
        ({"pattern": {"kind": "weekdays", "quantities": [0] * 7}}, 422, "validation_failed"),
        ({"pattern": {"kind": "every_days", "quantity": 0}}, 422, "validation_failed"),
        ({"pattern": {"kind": "never"}}, 422, "validation_failed"),
        ({"start_date": "2026-02-30"}, 422, "validation_failed"),
        ({"surprise": 1}, 422, "validation_failed"),
    ],
)
async def test_impossible_orders_leave_nothing_behind(
    client: httpx.AsyncClient,
    world: World,
    database: Database,
    said: dict[str, Any],
    status: int,
    code: str,
) -> None:
    answer = await client.post(
        "/orders",
        json=orders.order_body(world, world.household, **said),
        headers=world.household.headers | once(),
    )
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    async with database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(Order)) == 0


async def test_another_agreement_is_refused_and_the_current_one_named(
    client: httpx.AsyncClient, world: World
) -> None:
    body = orders.order_body(world, world.household) | {"agreement_version": "2020-01"}
    answer = await client.post("/orders", json=body, headers=world.household.headers | once())
    assert (answer.status_code, answer.json()["code"]) == (409, "agreement_outdated")
    assert answer.json()["facts"]["current_version"] == "2026-01"
    assert (await client.get("/order-agreement")).json()["version"] == "2026-01"


async def test_another_household_sees_nothing(
    client: httpx.AsyncClient, world: World, database: Database
) -> None:
    async with database.transaction() as session:
        neighbour = await world.add_household(session)
    placed = await orders.place(client, world)
    missing = placed["id"][:-4] + "aaaa"
    for path in (
        f"/orders/{placed['id']}",
        f"/orders/{placed['id']}/history",
        f"/orders/{missing}",
    ):
        answer = await client.get(path, headers=neighbour.headers)
        assert answer.status_code == 404, path
    own = orders.order_body(world, world.household)
    answer = await client.post("/orders", json=own, headers=neighbour.headers | once())
    assert answer.status_code == 404


async def test_the_same_request_twice_is_one_order(
    client: httpx.AsyncClient, world: World, database: Database
) -> None:
    body, headers = orders.order_body(world, world.household), world.household.headers | once()
    first = await client.post("/orders", json=body, headers=headers)
    second = await client.post("/orders", json=body, headers=headers)
    assert first.json() == second.json()
    assert second.headers["idempotent-replayed"] == "true"
    async with database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(Order)) == 1
