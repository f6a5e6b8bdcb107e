"""Changes that cost money or free some: they wait for their payment, and happen, or it goes back."""

from datetime import timedelta
from typing import Any

import httpx
from sqlalchemy import select, text

from app.billing.rules import channel_number
from app.core.db import Database
from app.core.ids import new_id, public_single, read_pair
from app.delivery.make_up import add_make_up
from app.notifications.models import SmsMessage
from app.orders.jobs import sweep
from app.orders.models import ChangeHistory
from tests.factories import orders
from tests.factories.world import MORNING, World, once
from tests.fixtures.application import SetClock
from tests.fixtures.invariants import assert_invariants
from tests.fixtures.payments import Payments
from tests.orders.conftest import Deliver
from tests.orders.test_changes import Drain
from tests.orders.test_kinds_of_change import (
    Json,
    balance,
    bottles,
    calendar,
    cheap_yogurt,
    iso,
    on,
    terms_of,
    undo,
)


def to_yogurt(world: World, **said: Any) -> Json:
    """A swap to yogurt, which costs 420 fen; milk costs 350."""
    return {"kind": "swap", "product_id": public_single("prd", world.yogurt_id)} | said


async def start(client: httpx.AsyncClient, order: Json, world: World, change_id: str) -> Any:
    return await client.post(
        f"/orders/{order['id']}/changes/{change_id}/payments",
        json={"method": "native"},
        headers=world.household.headers | once(),
    )


async def pay(
    client: httpx.AsyncClient, payments: Payments, order: Json, world: World, change_id: str
) -> str:
    """Pay a change at the channel; our number there."""
    started = await start(client, order, world, change_id)
    assert started.status_code == 201, started.text
    number = channel_number("P", read_pair("pay", started.json()["id"])[1])
    payments.pay(number)
    await payments.deliver_notifications()
    return number


async def status_of(client: httpx.AsyncClient, order: Json, world: World) -> list[str]:
    listed = await client.get(f"/orders/{order['id']}/changes", headers=world.household.headers)
    return [one["status"] for one in listed.json()["items"]]


async def test_a_dearer_product_comes_when_it_is_paid(
    client: httpx.AsyncClient,
    world: World,
    paid_order: Deliver,
    payments: Payments,
    database: Database,
    drain_jobs: Drain,
) -> None:
    order = await paid_order(bottles=6)
    before = await terms_of(database, order)
    receipt = await orders.change(
        client, order["id"], world.household, **to_yogurt(world, from_date=on(3), settle="money")
    )
    assert (receipt["status"], receipt["pay_fen"]) == ("awaiting_payment", 4 * 70)
    assert await terms_of(database, order) == before, "nothing happens before the money is there"
    await pay(client, payments, order, world, receipt["id"])
    await drain_jobs()
    assert await status_of(client, order, world) == ["applied"]
    async with database.transaction() as session:
        days = await calendar(session, order)
        assert {day: product for day, (_, product) in days.items()} == {
            1: world.milk_id,
            2: world.milk_id,
            3: world.yogurt_id,
            4: world.yogurt_id,
            5: world.yogurt_id,
            6: world.yogurt_id,
        }
        moves = await session.scalars(select(ChangeHistory.to_status).order_by("entry_id"))
        assert list(moves) == ["awaiting_payment", "paid", "applied"]
        await assert_invariants(session, MORNING)
    again = await start(client, order, world, receipt["id"])
    assert (again.status_code, again.json()["code"]) == (409, "change_not_payable")


async def test_what_was_paid_for_a_change_goes_back_with_the_order_or_the_undo(
    client: httpx.AsyncClient,
    world: World,
    paid_order: Deliver,
    payments: Payments,
    database: Database,
    drain_jobs: Drain,
) -> None:
    order = await paid_order(bottles=6)
    before = await terms_of(database, order)
    wanted = to_yogurt(world, from_date=on(3), settle="money")
    first = await orders.change(client, order["id"], world.household, **wanted)
    number = await pay(client, payments, order, world, first["id"])
    await drain_jobs()
    undone = await undo(client, order, world, first["id"])
    assert undone.status_code == 201, undone.text
    await drain_jobs()
    assert [fen for _, fen, _ in payments.refunds(number)] == [280]
    assert await terms_of(database, order) == before
    second = await orders.change(client, order["id"], world.household, **wanted)
    number = await pay(client, payments, order, world, second["id"])
    await drain_jobs()
    receipt = await orders.change(client, order["id"], world.household, kind="cancel")
    assert receipt["refund_fen"] == 6 * 350 + 280
    await drain_jobs()
    assert [fen for _, fen, _ in payments.refunds(number)] == [280]
    await payments.finish_refunds()
    await drain_jobs()
    async with database.transaction() as session:
        gone = await session.execute(
            text("SELECT sum(amount_fen) FROM refunds WHERE status = 'succeeded'")
        )
        assert gone.scalar_one() == 280 + 280 + 6 * 350
        await assert_invariants(session, MORNING, only={"I1", "I2", "I3", "I5"})


async def test_a_dearer_product_may_end_sooner_instead(
    client: httpx.AsyncClient, world: World, paid_order: Deliver, database: Database
) -> None:
    order = await paid_order(bottles=7)
    receipt = await orders.change(
        client, order["id"], world.household, **to_yogurt(world, from_date=on(3))
    )
    # Five bottles of milk, 1750 fen, are four of yogurt, 1680 fen; 70 fen are left.
    assert (receipt["pay_fen"], receipt["credit_fen"], receipt["rule"]) == (0, 70, "period")
    assert await bottles(database, order) == {1: 1, 2: 1, 3: 1, 4: 1, 5: 1, 6: 1}
    async with database.transaction() as session:
        assert await balance(session) == 70
        await assert_invariants(session, MORNING)


async def test_a_cheaper_product_comes_longer_or_is_credited(
    client: httpx.AsyncClient, world: World, paid_order: Deliver, database: Database
) -> None:
    await cheap_yogurt(database, world)
    order = await paid_order(bottles=7)
    before = await terms_of(database, order)
    longer = await orders.change(
        client, order["id"], world.household, **to_yogurt(world, from_date=on(2))
    )
    assert longer["credit_fen"] == 0
    assert await bottles(database, order) == dict.fromkeys(range(1, 9), 1)
    assert (await undo(client, order, world, longer["id"])).status_code == 201
    assert await terms_of(database, order) == before
    credited = await orders.change(
        client, order["id"], world.household, **to_yogurt(world, from_date=on(2), settle="money")
    )
    assert credited["credit_fen"] == 6 * 50
    assert await bottles(database, order) == dict.fromkeys(range(1, 8), 1)
    async with database.transaction() as session:
        assert await balance(session) == 300
        await assert_invariants(session, MORNING)


async def test_milk_skipped_before_a_swap_stays_milk(
    client: httpx.AsyncClient, world: World, paid_order: Deliver, database: Database
) -> None:
    order = await paid_order(bottles=7)
    await orders.change(client, order["id"], world.household, **to_yogurt(world, from_date=on(4)))
    await orders.change(client, order["id"], world.household, kind="skip", date=on(2))
    async with database.transaction() as session:
        products = [product for _, product in (await calendar(session, order)).values()]
        milk, yogurt = world.milk_id, world.yogurt_id
        assert products == [milk, milk, yogurt, yogurt, yogurt, milk]
        await assert_invariants(session, MORNING)


async def test_money_that_comes_when_the_day_is_over_goes_back(
    client: httpx.AsyncClient,
    world: World,
    paid_order: Deliver,
    payments: Payments,
    database: Database,
    clock: SetClock,
    drain_jobs: Drain,
) -> None:
    order = await paid_order(bottles=6)
    before = await terms_of(database, order)
    clock.set(MORNING + timedelta(hours=5, minutes=50))
    receipt = await orders.change(
        client, order["id"], world.household, **to_yogurt(world, settle="money")
    )
    assert receipt["effective_date"] == iso(1)
    clock.set(MORNING + timedelta(hours=6, minutes=5))
    number = await pay(client, payments, order, world, receipt["id"])
    await drain_jobs()
    assert await status_of(client, order, world) == ["refused"]
    assert [fen for _, fen, _ in payments.refunds(number)] == [receipt["pay_fen"]]
    assert await terms_of(database, order) == before
    async with database.transaction() as session:
        assert "change_refused" in set(await session.scalars(select(SmsMessage.template)))
        reason = await session.scalar(
            select(ChangeHistory.reason).where(ChangeHistory.to_status == "refused")
        )
        assert reason == "preview_outdated"
        await assert_invariants(session, clock.now(), only={"I1", "I2", "I3", "I5"})


async def test_a_change_that_nobody_pays_expires_and_late_money_returns(
    client: httpx.AsyncClient,
    world: World,
    paid_order: Deliver,
    payments: Payments,
    database: Database,
    clock: SetClock,
    drain_jobs: Drain,
    job_context: Any,
) -> None:
    order = await paid_order(bottles=6)
    before = await terms_of(database, order)
    wanted = {
        "kind": "one_day_product",
        "date": iso(3),
        "product_id": public_single("prd", world.yogurt_id),
    }
    receipt = await orders.change(client, order["id"], world.household, **wanted)
    assert (receipt["status"], receipt["pay_fen"]) == ("awaiting_payment", 70)
    started = await start(client, order, world, receipt["id"])
    number = channel_number("P", read_pair("pay", started.json()["id"])[1])
    clock.set(MORNING + timedelta(minutes=46))
    await sweep(job_context, {})
    assert await status_of(client, order, world) == ["expired"]
    payments.pay(number)
    await payments.deliver_notifications()
    await drain_jobs()
    assert await status_of(client, order, world) == ["expired"]
    assert await terms_of(database, order) == before
    late = await start(client, order, world, receipt["id"])
    assert (late.status_code, late.json()["code"]) == (409, "change_not_payable")


async def test_the_sweep_settles_what_a_lost_job_left_paid(
    client: httpx.AsyncClient,
    world: World,
    paid_order: Deliver,
    payments: Payments,
    database: Database,
    drain_jobs: Drain,
    job_context: Any,
) -> None:
    order = await paid_order(bottles=6)
    receipt = await orders.change(
        client, order["id"], world.household, **to_yogurt(world, settle="money")
    )
    await pay(client, payments, order, world, receipt["id"])
    async with database.transaction() as session:
        await session.execute(
            text("DELETE FROM pgqueuer WHERE entrypoint = 'orders.settle_change'")
        )
    assert await status_of(client, order, world) == ["paid"]
    for _ in range(2):
        await sweep(job_context, {})
        await drain_jobs()
    assert await status_of(client, order, world) == ["applied"]
    async with database.transaction() as session:
        await assert_invariants(session, MORNING)


async def test_a_second_product_is_a_line_of_its_own(
    client: httpx.AsyncClient,
    world: World,
    paid_order: Deliver,
    payments: Payments,
    database: Database,
    drain_jobs: Drain,
) -> None:
    order = await paid_order(bottles=6)
    wanted = {
        "kind": "add_product",
        "product_id": public_single("prd", world.yogurt_id),
        "pattern": {"kind": "every_days", "interval_days": 2, "quantity": 1},
        "bottles": 3,
        "from_date": iso(2),
    }
    receipt = await orders.change(client, order["id"], world.household, **wanted)
    assert (receipt["status"], receipt["pay_fen"]) == ("awaiting_payment", 3 * 420)
    assert receipt["lines"][0]["line_id"] is None
    number = await pay(client, payments, order, world, receipt["id"])
    await drain_jobs()
    shown = await orders.read(client, order["id"], world.household)
    assert [line["bottles_left"] for line in shown["lines"]] == [6, 3]
    added = shown["lines"][1]
    assert (added["start_date"], added["end_date"]) == (iso(2), iso(6))
    unnamed = await client.post(
        f"/orders/{order['id']}/changes/preview",
        json={"kind": "change_quantity", "quantity": 2},
        headers=world.household.headers,
    )
    assert (unnamed.status_code, unnamed.json()["code"]) == (400, "line_not_named")
    named = await orders.change(
        client,
        order["id"],
        world.household,
        kind="one_day_quantity",
        date=on(4),
        quantity=2,
        line_id=added["id"],
    )
    assert (await undo(client, order, world, named["id"])).status_code == 201
    undone = await undo(client, order, world, receipt["id"])
    assert undone.status_code == 201, undone.text
    await drain_jobs()
    assert [fen for _, fen, _ in payments.refunds(number)] == [3 * 420]
    shown = await orders.read(client, order["id"], world.household)
    assert [line["bottles_left"] for line in shown["lines"]] == [6, 0]
    await orders.change(client, order["id"], world.household, kind="skip", date=on(1))
    await orders.change(client, order["id"], world.household, kind="cancel")
    await drain_jobs()
    async with database.transaction() as session:
        await assert_invariants(session, MORNING, only={"I1", "I2", "I3", "I5"})


async def test_a_make_up_takes_nothing_from_what_goes_back(
    client: httpx.AsyncClient, world: World, paid_order: Deliver, database: Database
) -> None:
    order = await paid_order(bottles=6)
    customer_id, line_id = read_pair("lin", order["lines"][0]["id"])
    async with database.transaction() as session:
        await add_make_up(
            session,
            customer_id=customer_id,
            order_line_id=line_id,
            service_date=on(2),
            bottles=2,
            cause_id=new_id(),
            now=MORNING,
        )
    paused = await orders.change(
        client,
        order["id"],
        world.household,
        kind="pause",
        from_date=on(2),
        until_date=on(3),
        settle="money",
    )
    assert paused["credit_fen"] == 2 * 350
    receipt = await orders.change(client, order["id"], world.household, kind="cancel")
    assert receipt["refund_fen"] == 4 * 350
