"""SQL of deposit rates."""

from collections.abc import Collection
from datetime import date
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.catalog.models import DepositKind, Product
from app.core.db import fetch

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
