"""SQL of period discounts."""

from collections.abc import Collection
from datetime import date
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.catalog.discounts import Tier
from app.core.db import fetch

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
