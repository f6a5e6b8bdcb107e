"""Period discounts: written for days to come, ended, taken back; what was bought keeps its own."""

from collections.abc import Collection
from datetime import date, datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.catalog import repository
from app.catalog.discounts import Tier
from app.catalog.errors import DiscountTooEarly
from app.catalog.models import PeriodDiscount
from app.catalog.repository import dated, discounts
from app.catalog.service import period_of
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
    await dated.add_row(session, discount)
    return discount


async def list_tiers(
    session: AsyncSession, *, product_ids: Collection[UUID], on: date
) -> dict[UUID, list[Tier]]:
    """The discounts of each product on a day, those of every product too."""
    return await discounts.list_tiers(session, product_ids=product_ids, on=on)
