"""What a marketplace tells of people: sealed, given to its customer, forgotten with him."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.customers.service import erase_customer, export_customer
from app.marketplaces.intake import Receiver
from app.marketplaces.models import ExternalOrder
from app.marketplaces.service.sealing import open_raw, open_receiver
from tests.factories.marketplaces import Market, given_back, our_order, outside, pushed
from tests.fixtures.application import SetClock


async def test_it_is_sealed_exported_and_forgotten(
    market: Market, session: AsyncSession, clock: SetClock, drain_jobs: Any
) -> None:
    await market.open_shop()
    await market.push(pushed("T1", remark="门口有狗"))
    await drain_jobs()
    row = (await session.scalars(select(ExternalOrder))).one()
    for plain in ("李雷", "13712340001", "门口有狗"):
        assert plain.encode() not in row.raw_sealed + row.receiver_sealed
    customer_id = (await our_order(session, "T1")).customer_id

    own = await export_customer(session, customer_id=customer_id)
    (told,) = own["marketplace_orders"]
    assert (told["number"], told["told"]["remark"]) == ("T1", "门口有狗")

    await session.commit()
    await market.push(refunds=[given_back("T1", "R1", 9000)])
    await drain_jobs()
    await erase_customer(session, customer_id=customer_id, now=clock.now())
    await session.commit()
    kept = await outside(session, "T1")
    assert (open_raw(kept), open_receiver(kept)) == (None, Receiver())
    assert (kept.number, kept.paid_fen) == ("T1", 9000)
    story = await market.one("T1")
    assert (story["receiver"], story["receiver_phone"]) == ("顾客", "")
