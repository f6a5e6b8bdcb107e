"""All SQL of the catalogue."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import Select, and_, func, or_, select, true, tuple_
from sqlalchemy.dialects.postgresql import Range, insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from app.catalog.errors import (
    AnnouncementUnknown,
    PriceCityUnknown,
    PriceOverlap,
    PriceUnknown,
    ProductUnknown,
    VatRateOverlap,
    VatRateUnknown,
)
from app.catalog.markets import Market
from app.catalog.models import (
    Announcement,
    PriceChannel,
    Product,
    ProductPrice,
    ProductVatRate,
    StorageClass,
)
from app.core.db import fetch

EXCLUSION_VIOLATION = "23P01"
FOREIGN_KEY_VIOLATION = "23503"


@dataclass(frozen=True, slots=True)
class PricedProduct:
    """A product with the price (fen) and VAT rate (permille) of one day, if it has them."""

    product: Product
    price_fen: int | None
    vat_permille: int | None


def _priced(on: date, market: Market, *, offered_only: bool = False) -> Select[Product, int, int]:
    price = (
        select(ProductPrice.price_fen)
        .where(
            ProductPrice.product_id == Product.id,
            ProductPrice.valid.contains(on),
            or_(ProductPrice.city_code.is_(None), ProductPrice.city_code == market.city_code),
            or_(ProductPrice.channel.is_(None), ProductPrice.channel == market.channel),
        )
        .order_by(ProductPrice.city_code.is_(None), ProductPrice.channel.is_(None))
        .limit(1)
        .correlate(Product)
        .lateral("price")
    )
    rate = and_(ProductVatRate.product_id == Product.id, ProductVatRate.valid.contains(on))
    return (
        select(Product, price.c.price_fen, ProductVatRate.permille)
        .select_from(Product)
        .join(price, true(), isouter=not offered_only)
        .join(ProductVatRate, rate, isouter=not offered_only)
    )


_OFFERED = """
SELECT p.id, p.code, p.name, p.specification, p.storage_class, p.lead_days, p.shelf_life_days,
       p.on_sale, p.needs_box, c.price_fen, v.permille AS vat_permille
FROM products p
LEFT JOIN LATERAL (
    SELECT x.price_fen FROM product_prices x
    WHERE x.product_id = p.id AND x.valid @> $2::date
      AND (x.city_code IS NULL OR x.city_code = $3) AND (x.channel IS NULL OR x.channel = $4)
    ORDER BY x.city_code IS NULL, x.channel IS NULL
    LIMIT 1
) c ON true
LEFT JOIN product_vat_rates v ON v.product_id = p.id AND v.valid @> $2::date
WHERE p.id = ANY($1::uuid[])
"""


async def list_offered(
    session: AsyncSession, *, product_ids: Collection[UUID], on: date, market: Market
) -> list[Mapping[str, Any]]:
    """What a quote needs of these products, with the day's price and VAT rate if there are any."""
    return list(
        await fetch(session, _OFFERED, list(product_ids), on, market.city_code, market.channel)
    )


async def list_priced(
    session: AsyncSession, *, product_ids: Collection[UUID], on: date, market: Market
) -> list[PricedProduct]:
    """These products with the day's price in a market, and VAT rate."""
    rows = await session.execute(_priced(on, market).where(Product.id.in_(product_ids)))
    return [PricedProduct(product, price, vat) for product, price, vat in rows]


async def list_catalogue(
    session: AsyncSession,
    *,
    on: date,
    market: Market,
    limit: int,
    after_code: str | None,
    search: str | None,
    storage_class: StorageClass | None,
    on_sale: bool | None,
    offered_only: bool,
) -> list[PricedProduct]:
    """Products by code; `offered_only` keeps those on sale with price and VAT rate that day."""
    query = _priced(on, market, offered_only=offered_only).order_by(Product.code).limit(limit)
    if after_code is not None:
        query = query.where(Product.code > after_code)
    if search:
        query = query.where(
            or_(
                Product.name.icontains(search, autoescape=True),
                Product.code.icontains(search, autoescape=True),
                func.array_to_string(Product.aliases, "\n").icontains(search, autoescape=True),
            )
        )
    if storage_class is not None:
        query = query.where(Product.storage_class == storage_class)
    if on_sale is not None:
        query = query.where(Product.on_sale.is_(on_sale))
    if offered_only:
        query = query.where(Product.on_sale)
    rows = await session.execute(query)
    return [PricedProduct(product, price, vat) for product, price, vat in rows]


async def list_products(session: AsyncSession) -> list[Product]:
    """The whole catalogue."""
    return list(await session.scalars(select(Product).order_by(Product.code)))


_LEAD_DAYS = """
SELECT p.id, p.lead_days FROM unnest((SELECT $1::uuid[])) AS k(id) JOIN products p ON p.id = k.id
"""


async def list_lead_days(
    session: AsyncSession, *, product_ids: Collection[UUID]
) -> dict[UUID, int]:
    """Lead days of these products."""
    return {row[0]: row[1] for row in await fetch(session, _LEAD_DAYS, list(product_ids))}


async def get_product(session: AsyncSession, product_id: UUID, *, lock: bool = False) -> Product:
    """One product; raises ProductUnknown."""
    product = await session.get(
        Product, product_id, with_for_update=lock or None, populate_existing=lock
    )
    if product is None:
        raise ProductUnknown
    return product


async def add_product(session: AsyncSession, product: Product) -> bool:
    """Insert a product; false when its code is taken."""
    values = {
        column.key: getattr(product, column.key) for column in Product.__mapper__.column_attrs
    }
    added = await session.scalar(
        insert(Product).values(values).on_conflict_do_nothing().returning(Product.id)
    )
    return added is not None


async def list_prices(
    session: AsyncSession,
    product_id: UUID,
    *,
    city_code: str | None = None,
    channel: PriceChannel | None = None,
) -> list[ProductPrice]:
    """Prices of a product, all or those written for a city or a channel, oldest first."""
    query = (
        select(ProductPrice)
        .where(ProductPrice.product_id == product_id)
        .order_by(ProductPrice.valid, ProductPrice.id)
    )
    if city_code is not None:
        query = query.where(ProductPrice.city_code == city_code)
    if channel is not None:
        query = query.where(ProductPrice.channel == channel)
    return list(await session.scalars(query))


async def list_vat_rates(session: AsyncSession, product_id: UUID) -> list[ProductVatRate]:
    """All VAT rates of a product, oldest first."""
    return list(
        await session.scalars(
            select(ProductVatRate)
            .where(ProductVatRate.product_id == product_id)
            .order_by(ProductVatRate.valid)
        )
    )


async def lock_price(session: AsyncSession, *, product_id: UUID, price_id: UUID) -> ProductPrice:
    """One price of a product, locked; raises PriceUnknown."""
    price = await session.scalar(
        select(ProductPrice)
        .where(ProductPrice.id == price_id, ProductPrice.product_id == product_id)
        .with_for_update()
    )
    if price is None:
        raise PriceUnknown
    return price


async def add_price(session: AsyncSession, price: ProductPrice) -> None:
    """Insert a price; raises PriceOverlap, PriceCityUnknown."""
    try:
        async with session.begin_nested():
            session.add(price)
    except DBAPIError as error:
        if _sqlstate(error) == EXCLUSION_VIOLATION:
            raise PriceOverlap from error
        if _sqlstate(error) == FOREIGN_KEY_VIOLATION:
            raise PriceCityUnknown from error
        raise


async def set_price_period(session: AsyncSession, price: ProductPrice, period: Range[date]) -> None:
    """Give a price another period; raises PriceOverlap."""
    try:
        async with session.begin_nested():
            price.valid = period
    except DBAPIError as error:
        if _sqlstate(error) == EXCLUSION_VIOLATION:
            raise PriceOverlap from error
        raise


async def add_vat_rate(session: AsyncSession, rate: ProductVatRate) -> None:
    """Insert a VAT rate; raises VatRateOverlap."""
    try:
        async with session.begin_nested():
            session.add(rate)
    except DBAPIError as error:
        if _sqlstate(error) == EXCLUSION_VIOLATION:
            raise VatRateOverlap from error
        raise


async def lock_vat_rate(
    session: AsyncSession, *, product_id: UUID, rate_id: UUID
) -> ProductVatRate:
    """One VAT rate of a product, locked; raises VatRateUnknown."""
    rate = await session.scalar(
        select(ProductVatRate)
        .where(ProductVatRate.id == rate_id, ProductVatRate.product_id == product_id)
        .with_for_update()
    )
    if rate is None:
        raise VatRateUnknown
    return rate


async def set_vat_period(session: AsyncSession, rate: ProductVatRate, period: Range[date]) -> None:
    """Give a VAT rate another period; raises VatRateOverlap."""
    try:
        async with session.begin_nested():
            rate.valid = period
    except DBAPIError as error:
        if _sqlstate(error) == EXCLUSION_VIOLATION:
            raise VatRateOverlap from error
        raise


def _sqlstate(error: DBAPIError) -> str | None:
    return getattr(error.orig, "sqlstate", None)


async def list_vat_on(
    session: AsyncSession, product_ids: Collection[UUID], on: date
) -> dict[UUID, int]:
    """VAT rate by product on a date; 0 where none is recorded."""
    rows = await session.execute(
        select(ProductVatRate.product_id, ProductVatRate.permille).where(
            ProductVatRate.product_id.in_(product_ids), ProductVatRate.valid.contains(on)
        )
    )
    return dict.fromkeys(product_ids, 0) | {row.product_id: row.permille for row in rows}


async def list_announcements(
    session: AsyncSession, *, on: date | None, limit: int, before: tuple[date, UUID] | None
) -> list[Announcement]:
    """News of a day or all of it, the latest first day first."""
    first = func.lower(Announcement.valid)
    asked = select(Announcement).order_by(first.desc(), Announcement.id.desc()).limit(limit)
    if on is not None:
        asked = asked.where(Announcement.valid.contains(on))
    if before is not None:
        asked = asked.where(tuple_(first, Announcement.id) < tuple_(*before))
    return list(await session.scalars(asked))


async def lock_announcement(session: AsyncSession, announcement_id: UUID) -> Announcement:
    """One announcement, locked; raises AnnouncementUnknown."""
    found = await session.get(Announcement, announcement_id, with_for_update=True)
    if found is None:
        raise AnnouncementUnknown
    return found
