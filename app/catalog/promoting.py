"""Promotions: written for days to come, ended, taken back; what was bought keeps its own."""

from collections.abc import Collection
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.catalog.errors import PromotionTooEarly
from app.catalog.models import PriceChannel, Promotion
from app.catalog.promotions import Ruled
from app.catalog.repository import promotions
from app.catalog.service import period_of
from app.core.ids import new_id


async def add_promotion(
    session: AsyncSession,
    *,
    product_ids: Collection[UUID] | None,
    channel: PriceChannel | None,
    forbids: Collection[Ruled],
    from_date: date,
    to_date: date | None,
    actor: str,
    now: datetime,
    today: date,
    **words_and_grant: Any,
) -> Promotion:
    """Let a promotion hold from a day to come on, the last day included.

    Raises PromotionTooEarly, PeriodInvalid, ProductUnknown.
    """
    if from_date <= today:
        raise PromotionTooEarly
    if product_ids is not None:
        await promotions.require_products(session, product_ids)
    promotion = Promotion(
        id=new_id(),
        product_ids=None if product_ids is None else list(product_ids),
        channel=channel,
        forbids=sorted(forbids),
        valid=period_of(from_date, to_date),
        created_by=actor,
        created_at=now,
        **words_and_grant,
    )
    session.add(promotion)
    await session.flush()
    return promotion


async def find_promotions(
    session: AsyncSession, promotion_ids: Collection[UUID]
) -> dict[UUID, Promotion]:
    """Promotions by id, on or over."""
    return await promotions.find_promotions(session, promotion_ids)
