"""A marketplace's refund meets an order its household has changed meanwhile."""

from typing import Any

import httpx
import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.ids import public_pair, public_single
from app.notifications.models import SmsMessage
from app.orders.models import EntitlementEntry, OrderLine, OrderTerm
from tests.factories import orders
from tests.factories.marketplaces import WHOLE, Market, given_back, our_order, pushed
from tests.fixtures.application import SetClock
from tests.fixtures.invariants import assert_invariants
from tests.fixtures.payments import Payments
from tests.marketplaces.test_refunds import balance, given_up, outcome
from tests.orders.test_changes_with_money import pay
from tests.orders.test_kinds_of_change import Json, on, undo


@pytest.fixture
async def bought(market: Market, session: AsyncSession, drain_jobs: Any) -> Json:
    """A month of milk that the household bought on Tmall, being delivered."""
    await market.open_shop()
    phone = market.world.household.phone
    await market.push(pushed("T1", receiver=WHOLE | {"phone": phone}))
    await drain_jobs()
    order = await our_order(session, "T1")
    assert order.customer_id == market.world.household.customer_id
    public_id = public_pair("ord", order.customer_id, order.order_id)
    return await orders.read(market.client, public_id, market.world.household)


async def refunded(market: Market, refund_no: str, amount_fen: int, drain_jobs: Any) -> None:
    await market.push(refunds=[given_back("T1", refund_no, amount_fen)])
    await drain_jobs()


async def cancelling(client: httpx.AsyncClient, market: Market, order: Json) -> httpx.Response:
    return await client.post(
        f"/orders/{order['id']}/changes/preview",
        json={"kind": "cancel"},
        headers=market.world.household.headers,
    )


async def test_what_was_added_here_is_not_taken_back_there(
    client: httpx.AsyncClient,
    market: Market,
    bought: Json,
    payments: Payments,
    session: AsyncSession,
    clock: SetClock,
    drain_jobs: Any,
) -> None:
    world = market.world
    added = await orders.change(
        client,
        bought["id"],
        world.household,
        kind="add_product",
        product_id=public_single("prd", world.yogurt_id),
        pattern={"kind": "every_days", "interval_days": 1, "quantity": 1},
        bottles=10,
    )
    number = await pay(client, payments, bought, world, added["id"])
    await drain_jobs()
    both = await cancelling(client, market, bought)
    assert (both.status_code, both.json()["code"]) == (409, "refund_on_marketplace")

    await refunded(market, "R1", 9000, drain_jobs)
    assert await given_up(session) == [(30, 9000)]
    cut = await outcome(session, "R1")
    assert (cut.outcome, cut.bottles, cut.difference_fen) == ("cut", 30, 0)
    assert (await our_order(session, "T1")).status == "delivering", "the yogurt goes on"
    products = {term.product_id for term in await session.scalars(select(OrderTerm))}
    assert products == {world.yogurt_id}
    await assert_invariants(session, clock.now())

    receipt = await orders.change(client, bought["id"], world.household, kind="cancel")
    assert receipt["refund_fen"] == 4200, "nothing is asked of the marketplace any more"
    await drain_jobs()
    assert [fen for _, fen, _ in payments.refunds(number)] == [4200]
    assert (await our_order(session, "T1")).status == "cancelled"
    assert await balance(session, "balance") == 0
    await assert_invariants(session, clock.now(), only={"I1", "I2", "I3", "I5"})


async def test_bottles_that_wait_for_a_resume_go_first(
    client: httpx.AsyncClient,
    market: Market,
    bought: Json,
    session: AsyncSession,
    clock: SetClock,
    drain_jobs: Any,
) -> None:
    household = market.world.household
    await orders.change(client, bought["id"], household, kind="pause", from_date=on(5))
    await refunded(market, "R1", 3100, drain_jobs)
    session.expire_all()
    line = (await session.scalars(select(OrderLine))).one()
    assert line.unscheduled_bottles == 30 - 4 - 10
    assert await given_up(session) == [(10, 3000)]
    await assert_invariants(session, clock.now())
    await refunded(market, "R2", 5500, drain_jobs)
    session.expire_all()
    line = (await session.scalars(select(OrderLine))).one()
    assert line.unscheduled_bottles == 0, "16 that wait, and the last two with a day"
    assert await given_up(session) == [(10, 3000), (18, 5400)]
    order = await orders.read(client, bought["id"], household)
    assert order["status"] == "delivering"
    await assert_invariants(session, clock.now())


async def test_a_swapped_bottle_is_worth_what_was_swapped_for_it(
    client: httpx.AsyncClient,
    market: Market,
    bought: Json,
    payments: Payments,
    session: AsyncSession,
    clock: SetClock,
    drain_jobs: Any,
) -> None:
    world = market.world
    swap = await orders.change(
        client,
        bought["id"],
        world.household,
        kind="swap",
        product_id=public_single("prd", world.yogurt_id),
        from_date=on(11),
        settle="money",
    )
    assert swap["pay_fen"] == 20 * (420 - 300)
    await pay(client, payments, bought, world, swap["id"])
    await drain_jobs()
    await refunded(market, "R1", 9000, drain_jobs)
    rows = await session.scalars(
        select(EntitlementEntry).where(EntitlementEntry.kind == "refunded").order_by("entry_id")
    )
    assert [(row.product_id, row.bottles, row.value_fen) for row in rows] == [
        (world.yogurt_id, 20, 8400),
        (None, 2, 600),
    ]
    assert (await our_order(session, "T1")).status == "delivering", "the rest was paid here"
    await assert_invariants(session, clock.now())


async def test_a_cut_is_listed_told_and_closes_the_way_back(
    client: httpx.AsyncClient,
    market: Market,
    bought: Json,
    session: AsyncSession,
    clock: SetClock,
    drain_jobs: Any,
) -> None:
    world = market.world
    skipped = await orders.change(
        client, bought["id"], world.household, kind="skip", date=on(4).isoformat()
    )
    await refunded(market, "R1", 900, drain_jobs)
    listed = await client.get(f"/orders/{bought['id']}/changes", headers=world.household.headers)
    kinds = {one["kind"]: one["status"] for one in listed.json()["items"]}
    assert kinds == {"skip": "applied", "marketplace_refund": "applied"}
    texts = [row.cause for row in await session.scalars(select(SmsMessage))]
    assert len([cause for cause in texts if cause.startswith("marketplace_refund:")]) == 1
    refused = await undo(client, bought, world, skipped["id"])
    assert (refused.status_code, refused.json()["code"]) == (409, "change_built_upon")
    cut = next(one for one in listed.json()["items"] if one["kind"] == "marketplace_refund")
    refused = await undo(client, bought, world, cut["id"])
    assert (refused.status_code, refused.json()["code"]) == (409, "change_not_undoable")
    assert await given_up(session) == [(3, 900)]
    await assert_invariants(session, clock.now())


async def test_a_free_line_ends_with_what_was_paid_and_not_with_a_part(
    market: Market, session: AsyncSession, clock: SetClock, drain_jobs: Any
) -> None:
    await market.open_shop()
    await market.map("GIFT", bottles=5)
    milk = pushed("T1")["lines"][0]
    free = {"line_no": "0", "sku": "GIFT", "title": "赠品", "units": 1, "paid_fen": 0}
    await market.push(pushed("T1", lines=[free, milk]))
    await drain_jobs()
    await refunded(market, "R1", 600, drain_jobs)
    assert await given_up(session) == [(2, 600)], "the free bottles stay"
    await refunded(market, "R2", 8400, drain_jobs)
    assert (await our_order(session, "T1")).status == "cancelled"
    assert list(await session.scalars(select(OrderTerm))) == []
    await assert_invariants(session, clock.now())
