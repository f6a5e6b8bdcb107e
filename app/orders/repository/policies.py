"""SQL of what cancelling gives back: dated rows, and what a household has had before."""

from datetime import date
from uuid import UUID

from sqlalchemy import delete, func, select, tuple_, update
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.ids import new_id
from app.orders.errors import PolicyChangedMeanwhile
from app.orders.models import CancelPolicy, Order, OrderLine
from app.orders.states import CardArithmetic

_EXCLUDED = "23P01"


async def policy_on(session: AsyncSession, day: date) -> CancelPolicy:
    """The row in force on a day."""
    found = await session.scalar(select(CancelPolicy).where(CancelPolicy.valid.contains(day)))
    if found is None:
        raise LookupError(f"no cancel policy holds on {day}")
    return found


async def list_policies(session: AsyncSession) -> list[CancelPolicy]:
    """Every row ever in force, by date."""
    return list(
        await session.scalars(
            select(CancelPolicy).order_by(func.lower(CancelPolicy.valid).nulls_first())
        )
    )


async def list_had_before(session: AsyncSession, order: Order) -> frozenset[UUID]:
    """Products the household had confirmed orders of before it placed this one."""
    rows = await session.scalars(
        select(OrderLine.product_id)
        .join(
            Order,
            (Order.customer_id == OrderLine.customer_id) & (Order.order_id == OrderLine.order_id),
        )
        .where(
            Order.customer_id == order.customer_id,
            Order.confirmed_at.is_not(None),
            tuple_(Order.placed_at, Order.order_id) < (order.placed_at, order.order_id),
        )
        .distinct()
    )
    return frozenset(rows)


async def replace_policy(
    session: AsyncSession,
    *,
    from_date: date,
    articles: str,
    full_refund_days: int,
    card_days: int,
    card_arithmetic: CardArithmetic,
    actor: str,
) -> CancelPolicy:
    """Let a row hold from a date to come on; what held before ends there.

    Raises PolicyChangedMeanwhile when another change came first.
    """
    await session.execute(select(CancelPolicy.id).with_for_update())
    await session.execute(delete(CancelPolicy).where(func.lower(CancelPolicy.valid) >= from_date))
    await session.execute(
        update(CancelPolicy)
        .where(CancelPolicy.valid.contains(from_date))
        .values(valid=func.daterange(func.lower(CancelPolicy.valid), from_date, "[)"))
        .execution_options(synchronize_session=False)
    )
    policy = CancelPolicy(
        id=new_id(),
        valid=Range(from_date, None, bounds="[)"),
        articles=articles,
        full_refund_days=full_refund_days,
        card_days=card_days,
        card_arithmetic=card_arithmetic,
        created_by=actor,
    )
    session.add(policy)
    try:
        await session.flush()
    except IntegrityError as error:
        if getattr(error.orig, "sqlstate", None) == _EXCLUDED:
            raise PolicyChangedMeanwhile from error
        raise
    return policy
