"""SQL of promotions."""

from collections.abc import Collection
from datetime import date
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.catalog.errors import ProductUnknown
from app.catalog.models import PriceChannel, Product, Promotion
from app.catalog.promotions import Offered, Ruled
from app.core.db import fetch

_HELD = """
SELECT id, name, rule, product_ids, buy_bottles, gift_bottles, gift_every, off_permille, off_fen,
       forbids
FROM promotions
WHERE valid @> $2::date AND (channel IS NULL OR channel = $3)
  AND (product_ids IS NULL OR product_ids && $1::uuid[])
ORDER BY id
"""


async def list_offered(
    session: AsyncSession,
    *,
    product_ids: Collection[UUID],
    on: date,
    channel: PriceChannel | None,
) -> dict[UUID, list[Offered]]:
    """The promotions of each product on a day through a channel."""
    found: dict[UUID, list[Offered]] = {product_id: [] for product_id in product_ids}
    for row in await fetch(session, _HELD, list(found), on, channel):
        offered = Offered(
            promotion_id=row["id"],
            name=row["name"],
            rule=row["rule"],
            buy_bottles=row["buy_bottles"],
            gift_bottles=row["gift_bottles"],
            gift_every=row["gift_every"],
            off_permille=row["off_permille"],
            off_fen=row["off_fen"],
            forbids=frozenset(map(Ruled, row["forbids"])),
        )
        for product_id, held in found.items():
            if row["product_ids"] is None or product_id in row["product_ids"]:
                held.append(offered)
    return found


async def find_promotions(
    session: AsyncSession, promotion_ids: Collection[UUID]
) -> dict[UUID, Promotion]:
    """Promotions by id, on or over."""
    if not promotion_ids:
        return {}
    rows = await session.scalars(select(Promotion).where(Promotion.id.in_(promotion_ids)))
    return {row.id: row for row in rows}


async def require_products(session: AsyncSession, product_ids: Collection[UUID]) -> None:
    """Raise ProductUnknown unless all of these products are there."""
    count = await session.scalar(
        select(func.count()).select_from(Product).where(Product.id.in_(product_ids))
    )
    if count != len(set(product_ids)):
        raise ProductUnknown
