"""Orders that are paid and being delivered."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from app.billing.rules import channel_number
from app.core.ids import read_pair
from tests.factories import orders
from tests.factories.world import Household, World, once
from tests.fixtures.payments import Payments

Deliver = Callable[..., Awaitable[dict[str, Any]]]


@pytest.fixture
def paid_order(
    client: httpx.AsyncClient,
    world: World,
    payments: Payments,
    drain_jobs: Callable[[], Awaitable[list[str]]],
) -> Deliver:
    """Place an order, pay it at the channel, and let the jobs run: its JSON afterwards."""

    async def make(household: Household | None = None, **said: Any) -> dict[str, Any]:
        orderer = household or world.household
        placed = await orders.place(client, world, orderer, **said)
        await pay(client, payments, placed["id"], orderer)
        await payments.deliver_notifications()
        await drain_jobs()
        return await orders.read(client, placed["id"], orderer)

    return make


async def pay(
    client: httpx.AsyncClient, payments: Payments, order_id: str, household: Household
) -> str:
    """Start a payment and pay it at the channel; answers our number there."""
    started = await client.post(
        f"/orders/{order_id}/payments",
        json={"method": "native"},
        headers=household.headers | once(),
    )
    assert started.status_code == 201, started.text
    _, payment_id = read_pair("pay", started.json()["id"])
    number = channel_number("P", payment_id)
    payments.pay(number)
    return number
