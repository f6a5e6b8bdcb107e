"""SQL of deposit rates."""

from collections.abc import Collection
from datetime import date
from uuid import UUID

from sqlalchemy import func, select, tuple_
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from app.catalog.errors import DepositRateOverlap, DepositRateUnknown
from app.catalog.models import DepositKind, DepositRate, Product
from app.core.db import fetch

_EXCLUDED = "23P01"


async def list_rates(
    session: AsyncSession, *, on: date | None, limit: int, after: tuple[date, UUID] | None
) -> list[DepositRate]:
    """Rates of a day or all of them, the latest first day first."""
    first = func.lower(DepositRate.valid)
    query = select(DepositRate).order_by(first.desc(), DepositRate.id.desc()).limit(limit)
    if on is not None:
        query = query.where(DepositRate.valid.contains(on))
    if after is not None:
        query = query.where(tuple_(first, DepositRate.id) < tuple_(*after))
    return list(await session.scalars(query))


_ON_DAY = """
SELECT kind, product_id, amount_fen FROM deposit_rates
WHERE valid @> $2::date AND (product_id IS NULL OR product_id = ANY($1::uuid[]))
"""


async def list_rates_on(
    session: AsyncSession, *, product_ids: Collection[UUID], on: date
) -> list[tuple[DepositKind, UUID | None, int]]:
    """The rate of a box and those of these products' bottles on a day, in fen."""
    found = await fetch(session, _ON_DAY, list(product_ids), on)
    return [(DepositKind(kind), product_id, amount) for kind, product_id, amount in found]


async def list_needing_box(session: AsyncSession, product_ids: Collection[UUID]) -> set[UUID]:
    """Those of these products that are left in a box."""
    found = await session.scalars(
        select(Product.id).where(Product.id.in_(product_ids), Product.needs_box)
    )
    return set(found)


async def lock_rate(session: AsyncSession, rate_id: UUID) -> DepositRate:
    """One rate, locked; raises DepositRateUnknown."""
    found = await session.get(DepositRate, rate_id, with_for_update=True, populate_existing=True)
    if found is None:
        raise DepositRateUnknown
    return found


async def add_rate(session: AsyncSession, rate: DepositRate) -> None:
    """Insert a rate; raises DepositRateOverlap."""
    try:
        async with session.begin_nested():
            session.add(rate)
    except DBAPIError as error:
        raise _overlap(error) from error


async def set_period(session: AsyncSession, rate: DepositRate, period: Range[date]) -> None:
    """Give a rate another period; raises DepositRateOverlap."""
    try:
        async with session.begin_nested():
            rate.valid = period
    except DBAPIError as error:
        raise _overlap(error) from error


def _overlap(error: DBAPIError) -> Exception:
    return DepositRateOverlap() if getattr(error.orig, "sqlstate", None) == _EXCLUDED else error
