"""Changes and renewals cost what the order's own city and channel ask today."""

from datetime import timedelta

import httpx

from app.core.ids import public_single
from app.identity.models import Role
from tests.factories import orders
from tests.factories.world import MORNING, TODAY, World, once
from tests.fixtures.application import SetClock
from tests.orders.conftest import Deliver
from tests.orders.test_changes import preview


async def price(
    client: httpx.AsyncClient, world: World, product: str, fen: int, **market: str
) -> None:
    answer = await client.post(
        f"/products/{product}/prices",
        json={"price_fen": fen, "from_date": TODAY.isoformat()} | market,
        headers=world.staff[Role.FINANCE].headers | once(),
    )
    assert answer.status_code == 201, answer.text


async def test_added_and_swapped_products_cost_what_the_orders_channel_asks(
    client: httpx.AsyncClient, world: World, paid_order: Deliver
) -> None:
    yogurt = public_single("prd", world.yogurt_id)
    order = await paid_order(bottles=10)
    await price(client, world, yogurt, 410, channel="web", city_code="310000")
    await price(client, world, yogurt, 990, channel="phone")
    added = await preview(
        client,
        order,
        world,
        kind="add_product",
        product_id=yogurt,
        bottles=3,
        pattern=orders.EVERY_DAY,
    )
    assert added.json()["pay_fen"] == 3 * 410
    swapped = await preview(client, order, world, kind="swap", product_id=yogurt, settle="money")
    assert swapped.json()["pay_fen"] == 10 * (410 - 350)


async def test_a_renewal_costs_what_its_channel_asks(
    client: httpx.AsyncClient, world: World, paid_order: Deliver, clock: SetClock
) -> None:
    milk = public_single("prd", world.milk_id)
    order = await paid_order(bottles=10)
    clock.set(MORNING + timedelta(days=1))
    await price(client, world, milk, 340, channel="web")
    await price(client, world, milk, 360, channel="phone")
    said = {"kind": "renew", "agreement_version": "2026-01"}
    mine = await preview(client, order, world, **said)
    assert mine.json()["pay_fen"] == 3400
    by_phone = await client.post(
        f"/orders/{order['id']}/changes/preview",
        json={"kind": "renew"},
        headers=world.staff[Role.SERVICE_AGENT].headers,
    )
    assert by_phone.json()["pay_fen"] == 3600
