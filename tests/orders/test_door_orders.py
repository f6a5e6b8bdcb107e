"""Orders taken at the door, for cash or by POS, safe to send twice (S1 4.2.3, 4.3.2)."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from app.billing.models import LedgerTransfer, Receipt
from app.core.db import Database
from app.core.ids import new_id, public_single
from app.notifications.models import SmsMessage
from app.orders.models import Order
from tests.factories.orders import EVERY_DAY
from tests.factories.world import MORNING, TODAY, World, once
from tests.fixtures.invariants import assert_invariants

SLIP = {
    "merchant_no": "898310158120001",
    "terminal_no": "12345678",
    "batch_no": "000001",
    "trace_no": "000123",
    "reference_no": "123456789012",
    "card_first6": "622848",
    "card_last4": "1234",
}


def door_order(world: World, **said: Any) -> dict[str, Any]:
    return {
        "client_order_id": str(new_id()),
        "customer_name": "陈先生",
        "phone": "13811112222",
        "address": {
            "city_code": "310000",
            "district": "徐汇区",
            "street": "漕溪北路",
            "house_no": "12号",
            "door": "502室",
            "recipient": "陈先生",
            "phone": "13811112222",
        },
        "product_id": public_single("prd", world.milk_id),
        "pattern": EVERY_DAY,
        "bottles": 30,
        "amount_fen": 10500,
        "pay_channel": "cash",
        "receipt_no": f"R-{new_id().hex[-8:]}",
        "agreement_version": "2026-01",
        "taken_at": MORNING.isoformat(),
    } | said


async def send(client: httpx.AsyncClient, world: World, body: dict[str, Any]) -> httpx.Response:
    return await client.post(
        "/offline-orders", json=body, headers=world.deliverer_staff[0].headers | once()
    )


async def test_cash_at_the_door_is_an_order_at_once(
    client: httpx.AsyncClient, world: World, database: Database
) -> None:
    body = door_order(world)
    answer = await send(client, world, body)
    assert answer.status_code == 201, answer.text
    assert answer.json()["first_date"] == (TODAY + timedelta(days=1)).isoformat()
    repeated = await send(client, world, body)
    assert repeated.status_code == 201, repeated.text
    assert repeated.json() == answer.json() | {"repeated": True}
    async with database.transaction() as session:
        order = (await session.scalars(select(Order))).one()
        assert (order.status, order.confirmation, order.source) == ("delivering", "offline", "door")
        transfer = (await session.scalars(select(LedgerTransfer))).one()
        assert transfer.debit_account == f"cash:{world.deliverers[0]}"
        assert (transfer.credit_account, transfer.amount_fen) == ("prepaid", 10500)
        assert await session.scalar(select(func.count()).select_from(Receipt)) == 1
        assert set(await session.scalars(select(SmsMessage.template))) == {"offline_receipt"}
        await assert_invariants(session, MORNING)


async def test_pos_needs_its_slip_and_keeps_no_card_number(
    client: httpx.AsyncClient, world: World, database: Database
) -> None:
    missing = await send(client, world, door_order(world, pay_channel="pos"))
    assert (missing.status_code, missing.json()["code"]) == (422, "validation_failed")
    answer = await send(client, world, door_order(world, pay_channel="pos", pos_slip=SLIP))
    assert answer.status_code == 201, answer.text
    twice = await send(client, world, door_order(world, pay_channel="pos", pos_slip=SLIP))
    assert twice.status_code == 409, twice.text
    async with database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(Order)) == 1


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({"amount_fen": 0}, 422),
        ({"bottles": 0}, 422),
        ({"phone": "12345"}, 422),
        ({"client_order_id": "not-a-uuid"}, 422),
        ({"taken_at": "2026-03-15T10:00:00"}, 422),
        ({"agreement_version": "1999"}, 409),
        ({"product_id": "prd_" + "a" * 26}, 404),
    ],
)
async def test_a_wrong_door_order_leaves_nothing(
    client: httpx.AsyncClient, world: World, database: Database, said: dict[str, Any], status: int
) -> None:
    answer = await send(client, world, door_order(world, **said))
    assert answer.status_code == status, answer.text
    async with database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(Order)) == 0
        assert await session.scalar(select(func.count()).select_from(LedgerTransfer)) == 0


async def test_households_cannot_write_door_orders(client: httpx.AsyncClient, world: World) -> None:
    answer = await client.post(
        "/offline-orders", json=door_order(world), headers=world.household.headers | once()
    )
    assert answer.status_code == 403
