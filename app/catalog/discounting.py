"""Period discounts: written for days to come, ended, taken back; what was bought keeps its own."""

from collections.abc import Collection
from datetime import date, datetime
from uuid import UUID

from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.ext.asyncio import AsyncSession

from app.catalog import repository
from app.catalog.discounts import Tier
from app.catalog.errors import DiscountTooEarly, PeriodInvalid, PeriodOver
from app.catalog.models import PeriodDiscount
from app.catalog.repository import discounts
from app.catalog.service import ONE_DAY, period_of
from app.core.ids import new_id


async def add_discount(
    session: AsyncSession,
    *,
    name: str,
    product_id: UUID | None,
    min_days: int | None,
    min_bottles: int | None,
    off_permille: int | None,
    off_fen: int | None,
    from_date: date,
    to_date: date | None,
    actor: str,
    now: datetime,
    today: date,
) -> PeriodDiscount:
    """Let a discount hold from a day to come on, the last day included.

    What is bought today is settled by today's rows, so they cannot change any more. Raises
    DiscountTooEarly, PeriodInvalid, ProductUnknown, DiscountOverlap.
    """
    if from_date <= today:
        raise DiscountTooEarly
    if product_id is not None:
        await repository.get_product(session, product_id)
    discount = PeriodDiscount(
        id=new_id(),
        name=name,
        product_id=product_id,
        min_days=min_days,
        min_bottles=min_bottles,
        off_permille=off_permille,
        off_fen=off_fen,
        valid=period_of(from_date, to_date),
        created_by=actor,
        created_at=now,
    )
    await discounts.add_discount(session, discount)
    return discount


async def end_discount(
    session: AsyncSession, *, discount_id: UUID, to_date: date, today: date
) -> PeriodDiscount:
    """Give a discount another last day, today at the earliest.

    Raises DiscountUnknown, PeriodInvalid, PeriodOver (past, or a last day in the past),
    DiscountOverlap.
    """
    discount = await discounts.lock_discount(session, discount_id)
    first, until = discount.valid.lower, discount.valid.upper
    if to_date < today or (until is not None and until <= today):
        raise PeriodOver
    if first is not None and to_date < first:
        raise PeriodInvalid
    await discounts.set_period(session, discount, Range(first, to_date + ONE_DAY, bounds="[)"))
    return discount


async def drop_discount(session: AsyncSession, *, discount_id: UUID, today: date) -> None:
    """Take back a discount that has not begun; raises DiscountUnknown, PeriodOver."""
    discount = await discounts.lock_discount(session, discount_id)
    if discount.valid.lower is None or discount.valid.lower <= today:
        raise PeriodOver
    await session.delete(discount)
    await session.flush()


async def list_discounts(
    session: AsyncSession, *, on: date | None, limit: int, after: tuple[date, UUID] | None
) -> list[PeriodDiscount]:
    """Discounts that hold on a day, or all where `on` is None; the latest first."""
    return await discounts.list_discounts(session, on=on, limit=limit, after=after)


async def list_tiers(
    session: AsyncSession, *, product_ids: Collection[UUID], on: date
) -> dict[UUID, list[Tier]]:
    """The discounts of each product on a day, those of every product too."""
    return await discounts.list_tiers(session, product_ids=product_ids, on=on)
