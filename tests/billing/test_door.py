"""Cash and POS slips at the door: booked at once, under numbers nobody else may use."""

from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.billing.errors import (
    PaymentIdTaken,
    PaymentMethodUnknown,
    PosSlipInvalid,
    PosSlipTaken,
    ReceiptNumberTaken,
)
from app.billing.models import (
    ChannelNumber,
    LedgerTransfer,
    Payment,
    PaymentChannel,
    PaymentStatus,
    Receipt,
)
from app.billing.service import PosSlip, record_door_payment
from app.core.db import Database
from app.core.errors import AppError
from app.core.ids import new_id
from tests.factories.billing import SLIP, Heard, booked, take_cash
from tests.factories.world import MORNING, World
from tests.fixtures.invariants import assert_invariants


async def swipe(session: AsyncSession, world: World, **changed: Any) -> Payment:
    facts: dict[str, Any] = {
        "customer_id": world.household.customer_id,
        "reference_id": new_id(),
        "channel": PaymentChannel.POS,
        "amount_fen": 9_000,
        "collector_id": world.deliverers[0],
        "receipt_no": "A-0002",
        "pos_slip": SLIP,
        "collected_at": MORNING,
        "payment_id": new_id(),
        "now": MORNING,
    }
    return await record_door_payment(session, **facts | changed)


async def count_all(database: Database) -> list[int]:
    async with database.transaction() as session:
        return [
            await session.scalar(select(func.count()).select_from(model)) or 0
            for model in (Payment, Receipt, ChannelNumber, LedgerTransfer)
        ]


async def refused(database: Database, world: World, error: type[AppError], **changed: Any) -> None:
    before = await count_all(database)
    with pytest.raises(error):
        async with database.transaction() as session:
            await swipe(session, world, **changed)
    assert await count_all(database) == before


async def test_cash_is_in_the_deliverers_hand(
    database: Database, world: World, heard: Heard
) -> None:
    collector = world.deliverers[0]
    async with database.transaction() as session:
        payment = await take_cash(session, world.household, collector_id=collector)
    assert (payment.status, payment.captured_fen) == (PaymentStatus.CAPTURED, 9_000)
    assert await booked(database, world.household.customer_id) == [
        ("cash_received", f"cash:{collector}", "prepaid", 9_000)
    ]
    assert heard.events == []
    async with database.transaction() as session:
        await assert_invariants(session, MORNING, only=("I1", "I3", "I4", "I9"))


async def test_a_pos_slip_is_money_at_the_acquirer(database: Database, world: World) -> None:
    async with database.transaction() as session:
        payment = await swipe(session, world, pos_slip=PosSlip(**SLIP))
        receipt = await session.get_one(Receipt, (payment.customer_id, payment.payment_id))
        assert receipt.pos_slip == SLIP
    assert await booked(database, world.household.customer_id) == [
        ("pos_received", f"pos:{SLIP['merchant_no']}", "prepaid", 9_000)
    ]


async def test_the_same_payment_sent_twice_is_one_payment(database: Database, world: World) -> None:
    facts = {"payment_id": new_id(), "reference_id": new_id()}
    async with database.transaction() as session:
        first = await swipe(session, world, **facts)
    before = await count_all(database)
    async with database.transaction() as session:
        again = await swipe(session, world, **facts)
    assert again.payment_id == first.payment_id
    assert await count_all(database) == before == [1, 1, 2, 1]


@pytest.mark.parametrize(
    "changed",
    [
        {"amount_fen": 9_001},
        {"receipt_no": "A-0003"},
        {"collector_id": UUID(int=5)},
        {"reference_id": UUID(int=6)},
        {"pos_slip": SLIP | {"trace_no": "000124"}},
        {"channel": PaymentChannel.CASH, "pos_slip": None},
    ],
)
async def test_the_same_id_for_another_payment_is_refused(
    database: Database, world: World, changed: dict[str, Any]
) -> None:
    facts = {"payment_id": new_id(), "reference_id": new_id()}
    async with database.transaction() as session:
        await swipe(session, world, **facts)
    await refused(database, world, PaymentIdTaken, **facts | changed)


async def test_a_receipt_number_is_used_once(database: Database, world: World) -> None:
    async with database.transaction() as session:
        await take_cash(
            session, world.household, collector_id=world.deliverers[0], receipt_no="A-0002"
        )
    await refused(database, world, ReceiptNumberTaken)


async def test_a_slip_is_used_once(database: Database, world: World) -> None:
    async with database.transaction() as session:
        await swipe(session, world)
    await refused(
        database, world, PosSlipTaken, receipt_no="B-1", pos_slip=SLIP | {"card_last4": "9999"}
    )
    async with database.transaction() as session:
        other_batch = SLIP | {"batch_no": "000008"}
        await swipe(session, world, receipt_no="B-1", pos_slip=other_batch)


@pytest.mark.parametrize(
    "slip",
    [
        None,
        {},
        SLIP | {"merchant_no": "1"},
        SLIP | {"trace_no": "12345６"},
        SLIP | {"card_first6": "62220212"},
        SLIP | {"card_last4": "12a4"},
        SLIP | {"pin": "1234"},
    ],
)
async def test_a_malformed_slip_is_refused(
    database: Database, world: World, slip: dict[str, str] | None
) -> None:
    await refused(database, world, PosSlipInvalid, pos_slip=slip)


async def test_cash_has_no_slip_and_wechat_no_door(database: Database, world: World) -> None:
    await refused(database, world, PosSlipInvalid, channel=PaymentChannel.CASH)
    await refused(database, world, PaymentMethodUnknown, channel=PaymentChannel.WECHAT)
    with pytest.raises(ValueError, match="positive"):
        async with database.transaction() as session:
            await swipe(session, world, amount_fen=0)
