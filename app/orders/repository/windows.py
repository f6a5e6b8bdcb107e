"""How long phone orders may wait for their payment, and what their lines are called."""

from datetime import date, timedelta
from uuid import UUID

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.catalog.models import Product
from app.core.ids import new_id
from app.orders.errors import WindowChangedMeanwhile
from app.orders.models import OrderLine, PaymentWindow

_EXCLUDED = "23P01"


async def window_on(session: AsyncSession, day: date) -> timedelta:
    """How long a phone order of a day may wait."""
    minutes = await session.scalar(
        select(PaymentWindow.minutes).where(PaymentWindow.valid.contains(day))
    )
    if minutes is None:
        raise LookupError(f"no payment window holds on {day}")
    return timedelta(minutes=minutes)


async def list_windows(session: AsyncSession) -> list[PaymentWindow]:
    """Every window ever in force, by date."""
    return list(
        await session.scalars(
            select(PaymentWindow).order_by(func.lower(PaymentWindow.valid).nulls_first())
        )
    )


async def replace_window(session: AsyncSession, *, minutes: int, from_date: date) -> PaymentWindow:
    """Let a window hold from a date on; what held before ends there.

    Raises WindowChangedMeanwhile when another change came first.
    """
    await session.execute(select(PaymentWindow.id).with_for_update())
    await session.execute(delete(PaymentWindow).where(func.lower(PaymentWindow.valid) >= from_date))
    await session.execute(
        update(PaymentWindow)
        .where(PaymentWindow.valid.contains(from_date))
        .values(valid=func.daterange(func.lower(PaymentWindow.valid), from_date, "[)"))
        .execution_options(synchronize_session=False)
    )
    window = PaymentWindow(id=new_id(), valid=Range(from_date, None, bounds="[)"), minutes=minutes)
    session.add(window)
    try:
        await session.flush()
    except IntegrityError as error:
        if getattr(error.orig, "sqlstate", None) == _EXCLUDED:
            raise WindowChangedMeanwhile from error
        raise
    return window


async def list_named_lines(
    session: AsyncSession, customer_id: UUID, order_id: UUID
) -> list[tuple[OrderLine, Product]]:
    """The lines of an order with their products."""
    rows = await session.execute(
        select(OrderLine, Product)
        .join(Product, Product.id == OrderLine.product_id)
        .where(OrderLine.customer_id == customer_id, OrderLine.order_id == order_id)
        .order_by(OrderLine.order_line_id)
    )
    return [(line, product) for line, product in rows]
