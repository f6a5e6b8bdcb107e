"""Paid lines and what was brought of them, for tests of revenue."""

from datetime import date, datetime, time
from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.billing.models import LedgerTransfer
from app.billing.service import post
from app.core.clock import local_instant
from app.core.ids import new_id
from app.delivery.models import Delivery, DeliveryStatus, RouteSheet
from tests.factories.delivery import RunningLine, add_line
from tests.factories.world import MORNING, TODAY, Household, World


def noon(day: date) -> datetime:
    """When a day's deliveries are posted."""
    return local_instant(day, time(12, 5))


async def paid_line(
    session: AsyncSession,
    world: World,
    household: Household | None = None,
    *,
    bottles: int = 90,
    paid_fen: int = 29_900,
    first: date = TODAY,
) -> RunningLine:
    """A line in delivery whose price stands in `prepaid`."""
    line = await add_line(
        session,
        household or world.household,
        world.milk_id,
        bottles=bottles,
        paid_fen=paid_fen,
        first=first,
    )
    await prepay(session, line, paid_fen)
    return line


async def prepay(session: AsyncSession, line: RunningLine, amount_fen: int) -> None:
    """Money for an order comes in from an imported book."""
    await post(
        session,
        customer_id=line.customer_id,
        debit="opening",
        credit="prepaid",
        amount_fen=amount_fen,
        cause="opening_balance",
        reference_id=line.order_id,
        source_id=new_id(),
        now=MORNING,
    )


async def add_round(session: AsyncSession, world: World, day: date, *, block: int = 0) -> None:
    """A block's round of a day, as the plan leaves it."""
    session.add(
        RouteSheet(
            block_id=world.blocks[block],
            service_date=day,
            station_id=world.station_id,
            stops=1,
            bottles=1,
            planned_at=MORNING,
        )
    )
    await session.flush()


async def bring(
    session: AsyncSession,
    world: World,
    line: RunningLine,
    day: date,
    *,
    bottles: int = 1,
    status: DeliveryStatus = DeliveryStatus.DELIVERED,
    **changed: Any,
) -> None:
    """A delivery of a line, by default brought in full in the morning."""
    is_done = status is not DeliveryStatus.PLANNED
    facts: dict[str, Any] = {
        "customer_id": line.customer_id,
        "service_date": day,
        "order_line_id": line.order_line_id,
        "delivery_no": 0,
        "product_id": line.product_id,
        "quantity": bottles,
        "quantity_delivered": bottles if status is DeliveryStatus.DELIVERED else 0,
        "address_id": line.address_id,
        "address_version_id": line.address_version_id,
        "station_id": world.station_id,
        "block_id": world.blocks[0],
        "stop_no": 1,
        "status": status,
        "recorded_at": local_instant(day, time(6)) if is_done else None,
    }
    session.add(Delivery(**facts | changed))
    await session.flush()


async def report(
    session: AsyncSession, line: RunningLine, day: date, status: DeliveryStatus, *, at: datetime
) -> None:
    """A phone says what became of a line's bottles of a day."""
    await session.execute(
        update(Delivery)
        .where(
            Delivery.customer_id == line.customer_id,
            Delivery.order_line_id == line.order_line_id,
            Delivery.service_date == day,
            Delivery.delivery_no == 0,
        )
        .values(
            status=status,
            quantity_delivered=(Delivery.quantity if status is DeliveryStatus.DELIVERED else 0),
            recorded_at=at,
        )
    )


async def revenue_of(session: AsyncSession, customer_id: UUID) -> list[tuple[date, str, int]]:
    """What was booked: date, cause and fen, below 0 where it was taken back."""
    found = await session.scalars(
        select(LedgerTransfer)
        .where(
            LedgerTransfer.customer_id == customer_id,
            LedgerTransfer.cause.in_(("milk_delivered", "revenue_corrected")),
        )
        .order_by(LedgerTransfer.booked_at, LedgerTransfer.amount_fen)
    )
    return [
        (
            one.booked_date,
            one.cause,
            one.amount_fen if one.credit_account == "revenue" else -one.amount_fen,
        )
        for one in found
    ]
