"""SQL of period discounts."""

from collections.abc import Collection
from datetime import date
from uuid import UUID

from sqlalchemy import func, select, tuple_
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from app.catalog.discounts import Tier
from app.catalog.errors import DiscountOverlap, DiscountUnknown
from app.catalog.models import PeriodDiscount
from app.core.db import fetch

_EXCLUDED = "23P01"
_TIERS = """
SELECT id, name, product_id, min_days, min_bottles, off_permille, off_fen FROM period_discounts
WHERE valid @> $2::date AND (product_id IS NULL OR product_id = ANY($1::uuid[]))
"""


async def list_tiers(
    session: AsyncSession, *, product_ids: Collection[UUID], on: date
) -> dict[UUID, list[Tier]]:
    """The discounts of each product on a day, those of every product too."""
    found: dict[UUID, list[Tier]] = {product_id: [] for product_id in product_ids}
    for row in await fetch(session, _TIERS, list(found), on):
        tier = Tier(
            discount_id=row["id"],
            name=row["name"],
            min_days=row["min_days"],
            min_bottles=row["min_bottles"],
            off_permille=row["off_permille"],
            off_fen=row["off_fen"],
        )
        for product_id in found if row["product_id"] is None else (row["product_id"],):
            found[product_id].append(tier)
    return found


async def list_discounts(
    session: AsyncSession, *, on: date | None, limit: int, after: tuple[date, UUID] | None
) -> list[PeriodDiscount]:
    """Discounts of a day or all of them, the latest first day first."""
    first = func.lower(PeriodDiscount.valid)
    query = select(PeriodDiscount).order_by(first.desc(), PeriodDiscount.id.desc()).limit(limit)
    if on is not None:
        query = query.where(PeriodDiscount.valid.contains(on))
    if after is not None:
        query = query.where(tuple_(first, PeriodDiscount.id) < tuple_(*after))
    return list(await session.scalars(query))


async def lock_discount(session: AsyncSession, discount_id: UUID) -> PeriodDiscount:
    """One discount, locked; raises DiscountUnknown."""
    found = await session.get(
        PeriodDiscount, discount_id, with_for_update=True, populate_existing=True
    )
    if found is None:
        raise DiscountUnknown
    return found


async def add_discount(session: AsyncSession, discount: PeriodDiscount) -> None:
    """Insert a discount; raises DiscountOverlap."""
    try:
        async with session.begin_nested():
            session.add(discount)
    except DBAPIError as error:
        raise _overlap(error) from error


async def set_period(session: AsyncSession, discount: PeriodDiscount, period: Range[date]) -> None:
    """Give a discount another period; raises DiscountOverlap."""
    try:
        async with session.begin_nested():
            discount.valid = period
    except DBAPIError as error:
        raise _overlap(error) from error


def _overlap(error: DBAPIError) -> Exception:
    return DiscountOverlap() if getattr(error.orig, "sqlstate", None) == _EXCLUDED else error
