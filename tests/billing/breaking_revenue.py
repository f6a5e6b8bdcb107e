"""Rows that break an invariant of revenue or of the ledger's totals, each one only its own."""

from datetime import timedelta

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from app.billing.models import LedgerDailyTotal
from app.billing.repository.totals import close_dates
from app.billing.service import post
from app.core.ids import new_id
from app.delivery.models import Delivery, DeliveryStatus, LineEarning
from app.delivery.service.earning import post_day
from app.orders.models import Order
from app.orders.states import OrderStatus
from tests.billing.breaking import Plant
from tests.factories.delivery import RunningLine
from tests.factories.revenue import bring, noon, paid_line
from tests.factories.world import MORNING, TODAY, World


async def earned(session: AsyncSession, world: World) -> RunningLine:
    """A line of which two bottles were brought and posted."""
    line = await paid_line(session, world)
    await bring(session, world, line, TODAY, bottles=2)
    await post_day(session, day=TODAY, now=noon(TODAY))
    return line


async def move(session: AsyncSession, line: RunningLine, debit: str, credit: str, fen: int) -> None:
    await post(
        session,
        customer_id=line.customer_id,
        debit=debit,
        credit=credit,
        amount_fen=fen,
        cause="test",
        reference_id=new_id(),
        source_id=new_id(),
        now=MORNING,
    )


async def revenue_nobody_earned(session: AsyncSession, world: World) -> None:
    await move(session, await earned(session, world), "prepaid", "revenue", 1)


async def bottle_counted_that_was_not_brought(session: AsyncSession, world: World) -> None:
    line = await earned(session, world)
    await session.execute(
        update(Delivery)
        .where(Delivery.order_line_id == line.order_line_id)
        .values(status=DeliveryStatus.FAILED, quantity_delivered=0)
    )


async def bottle_valued_twice(session: AsyncSession, world: World) -> None:
    line = await earned(session, world)
    await session.execute(
        update(LineEarning)
        .where(LineEarning.order_line_id == line.order_line_id)
        .values(earned_fen=LineEarning.earned_fen + 332)
    )
    await move(session, line, "prepaid", "revenue", 332)


async def order_that_ended_and_was_not_settled(session: AsyncSession, world: World) -> None:
    line = await earned(session, world)
    await session.execute(
        update(Order)
        .where(Order.order_id == line.order_id)
        .values(status=OrderStatus.COMPLETED, ended_at=MORNING)
    )


async def more_than_was_prepaid(session: AsyncSession, world: World) -> None:
    line = await earned(session, world)
    await move(session, line, "prepaid", "balance", 29_900)


async def total_that_lacks_a_transfer(session: AsyncSession, world: World) -> None:
    await close_dates(session, first=TODAY - timedelta(days=3), last=TODAY)
    line = await paid_line(session, world)
    await close_dates(session, first=TODAY, last=TODAY)
    await move(session, line, "opening", "suspense", 1)
    await move(session, line, "suspense", "opening", 1)


async def total_of_nothing(session: AsyncSession, world: World) -> None:
    session.add(LedgerDailyTotal(booked_date=TODAY, account="prepaid", debit_fen=0, credit_fen=1))


PLANTS: list[tuple[Plant, str]] = [
    (revenue_nobody_earned, "I12 revenue booked is what lines have earned"),
    (bottle_counted_that_was_not_brought, "I12 earnings count the bottles that were brought"),
    (bottle_valued_twice, "I12 a line has earned the value of its bottles"),
    (order_that_ended_and_was_not_settled, "I12 a line has earned the value of its bottles"),
    (more_than_was_prepaid, "I12 revenue takes no more from a customer than was prepaid"),
    (total_that_lacks_a_transfer, "I13 a closed date's totals are its transfers"),
    (total_of_nothing, "I13 a closed date's totals are its transfers"),
]
