"""Products for tests."""

from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.ext.asyncio import AsyncSession

from app.catalog.models import Product, ProductPrice, ProductVatRate, StorageClass
from app.core.ids import new_id
from tests.factories.world import ALWAYS, MORNING


async def add_product(
    session: AsyncSession,
    *,
    code: str,
    name: str,
    specification: str = "195ml 玻璃瓶",
    aliases: tuple[str, ...] = (),
    price_fen: int | None = 350,
    vat_permille: int | None = 90,
    valid: Range[date] = ALWAYS,
    storage_class: StorageClass = StorageClass.CHILLED,
    max_celsius: Decimal | None = Decimal("6.0"),
    **columns: Any,
) -> UUID:
    """A product with one price and VAT rate, unless they are None."""
    product_id = new_id()
    session.add(
        Product(
            id=product_id,
            code=code,
            name=name,
            specification=specification,
            aliases=list(aliases),
            storage_class=storage_class,
            max_celsius=max_celsius if storage_class is StorageClass.CHILLED else None,
            created_at=MORNING,
            **{"shelf_life_days": 7, "lead_days": 0, "on_sale": True} | columns,
        )
    )
    await session.flush()
    if price_fen is not None:
        session.add(
            ProductPrice(id=new_id(), product_id=product_id, valid=valid, price_fen=price_fen)
        )
    if vat_permille is not None:
        session.add(
            ProductVatRate(id=new_id(), product_id=product_id, valid=valid, permille=vat_permille)
        )
    await session.flush()
    return product_id
