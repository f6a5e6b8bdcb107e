"""SQL of deposit rates."""

from collections.abc import Collection
from datetime import date
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.catalog.models import DepositRate, Product


async def list_rates_on(
    session: AsyncSession, *, product_ids: Collection[UUID], on: date
) -> list[DepositRate]:
    """The rate of a box and those of these products' bottles on a day."""
    found = await session.scalars(
        select(DepositRate).where(
            DepositRate.valid.contains(on),
            or_(DepositRate.product_id.is_(None), DepositRate.product_id.in_(product_ids)),
        )
    )
    return list(found)


async def list_needing_box(session: AsyncSession, product_ids: Collection[UUID]) -> set[UUID]:
    """Those of these products that are left in a box."""
    found = await session.scalars(
        select(Product.id).where(Product.id.in_(product_ids), Product.needs_box)
    )
    return set(found)
