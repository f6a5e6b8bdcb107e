"""Use cases of the catalogue: offers, prices with validity, recognition of written names."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.ext.asyncio import AsyncSession

from app.catalog import repository
from app.catalog.discounts import Charged, Tier, charge
from app.catalog.errors import (
    ChilledWithoutLimit,
    PeriodInvalid,
    PeriodOver,
    ProductAmbiguous,
    ProductCodeTaken,
    ProductNotOnSale,
    ProductUnknown,
    ProductWithoutPrice,
)
from app.catalog.markets import ANYWHERE, Market
from app.catalog.models import Product, ProductVatRate, StorageClass
from app.catalog.promotions import Offered
from app.catalog.repository import PricedProduct, discounts, promotions
from app.catalog.rules import NamedProduct, ProductMatch, ProductNames
from app.core.ids import new_id, public_single

ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Offer:
    """What a product costs on a day: price of one bottle in fen, VAT included, and discounts."""

    product_id: UUID
    code: str
    name: str
    specification: str
    storage_class: StorageClass
    lead_days: int
    shelf_life_days: int
    price_fen: int
    vat_permille: int
    needs_box: bool = False
    tiers: tuple[Tier, ...] = ()
    promotions: tuple[Offered, ...] = ()

    def charge(self, *, bottles: int, days: int | None) -> Charged:
        """The price of so many bottles over a paid period (None: not said), its discount taken.

        Of the promotions the one that grants most holds: its discount instead of the period's where
        it is larger, its gifts beside it. One that grants nothing more binds nobody.
        """
        full = bottles * self.price_fen
        charged = charge(self.tiers, full_fen=full, days=days, bottles=bottles)
        return max(
            (charged, *(charged.under(one, bottles=bottles) for one in self.promotions)),
            key=lambda one: one.discount_fen + one.gift_bottles * self.price_fen,
        )


async def get_offers(
    session: AsyncSession, *, product_ids: Collection[UUID], on: date, market: Market
) -> dict[UUID, Offer]:
    """Offers of these products on a day in a market, by product id (S1 4.2.4).

    Raises ProductUnknown, ProductNotOnSale, ProductWithoutPrice (also without a VAT rate); facts
    name the product.
    """
    found = await repository.list_offered(session, product_ids=product_ids, on=on, market=market)
    tiers = await discounts.list_tiers(session, product_ids=product_ids, on=on)
    promoted = await promotions.list_offered(
        session, product_ids=product_ids, on=on, channel=market.channel
    )
    offers = {
        row["id"]: replace(
            _offer(row, on=on),
            tiers=tuple(tiers[row["id"]]),
            promotions=tuple(promoted[row["id"]]),
        )
        for row in found
    }
    for product_id in product_ids:
        if product_id not in offers:
            raise ProductUnknown(product=public_single("prd", product_id))
    return offers


def _offer(row: Mapping[str, Any], *, on: date) -> Offer:
    product = public_single("prd", row["id"])
    if not row["on_sale"]:
        raise ProductNotOnSale(product=product, name=row["name"])
    if row["price_fen"] is None or row["vat_permille"] is None:
        raise ProductWithoutPrice(product=product, name=row["name"], on=on.isoformat())
    return Offer(
        product_id=row["id"],
        code=row["code"],
        name=row["name"],
        specification=row["specification"],
        storage_class=StorageClass(row["storage_class"]),
        lead_days=row["lead_days"],
        shelf_life_days=row["shelf_life_days"],
        price_fen=row["price_fen"],
        vat_permille=row["vat_permille"],
        needs_box=row["needs_box"],
    )


async def get_lead_days(session: AsyncSession, *, product_ids: Collection[UUID]) -> dict[UUID, int]:
    """Lead days of these products, on sale or not; raises ProductUnknown."""
    found = await repository.list_lead_days(session, product_ids=product_ids)
    for product_id in product_ids:
        if product_id not in found:
            raise ProductUnknown(product=public_single("prd", product_id))
    return found


async def get_temperature_limit(session: AsyncSession, *, product_id: UUID) -> Decimal | None:
    """Limit of a product at handover in °C; none for shelf-stable goods. Raises ProductUnknown."""
    return (await repository.get_product(session, product_id)).max_celsius


async def match_products(
    session: AsyncSession, names: Collection[tuple[str, str | None]]
) -> dict[tuple[str, str | None], ProductMatch]:
    """What each written (name, specification) means, on sale or not; the catalogue is read once."""
    catalogue = ProductNames(
        NamedProduct(
            product_id=product.id,
            code=product.code,
            names=(product.name, *product.aliases),
            specification=product.specification,
        )
        for product in await repository.list_products(session)
    )
    return {(name, spec): catalogue.match(name, spec) for name, spec in set(names)}


async def find_product(session: AsyncSession, text: str, specification: str | None = None) -> UUID:
    """The product with this code, name or alias; raises ProductUnknown, ProductAmbiguous."""
    matched = await match_products(session, [(text, specification)])
    match = matched[text, specification]
    if match.product_id is not None:
        return match.product_id
    if match.candidates:
        raise ProductAmbiguous(
            candidates=[public_single("prd", candidate) for candidate in match.candidates]
        )
    raise ProductUnknown


async def list_offered(
    session: AsyncSession,
    *,
    on: date,
    limit: int,
    after_code: str | None = None,
    search: str | None = None,
    storage_class: StorageClass | None = None,
    market: Market = ANYWHERE,
) -> list[PricedProduct]:
    """Products on sale on a day with their price in a market, by code."""
    return await repository.list_catalogue(
        session,
        on=on,
        market=market,
        limit=limit,
        after_code=after_code,
        search=search,
        storage_class=storage_class,
        on_sale=None,
        offered_only=True,
    )


async def list_managed(
    session: AsyncSession,
    *,
    on: date,
    limit: int,
    after_code: str | None = None,
    search: str | None = None,
    on_sale: bool | None = None,
    market: Market = ANYWHERE,
) -> list[PricedProduct]:
    """All products with the day's price in a market, if any, by code."""
    return await repository.list_catalogue(
        session,
        on=on,
        market=market,
        limit=limit,
        after_code=after_code,
        search=search,
        storage_class=None,
        on_sale=on_sale,
        offered_only=False,
    )


async def list_products(
    session: AsyncSession, *, product_ids: Collection[UUID], on: date, market: Market = ANYWHERE
) -> dict[UUID, PricedProduct]:
    """These products with the day's price, if any, on sale or not, by product id."""
    found = await repository.list_priced(session, product_ids=product_ids, on=on, market=market)
    return {row.product.id: row for row in found}


async def view_product(
    session: AsyncSession, *, product_id: UUID, on: date, market: Market = ANYWHERE
) -> PricedProduct:
    """One product with the day's price in a market, if any; raises ProductUnknown."""
    found = await repository.list_priced(session, product_ids=[product_id], on=on, market=market)
    if not found:
        raise ProductUnknown
    return found[0]


async def create_product(
    session: AsyncSession,
    *,
    code: str,
    name: str,
    specification: str,
    storage_class: StorageClass,
    max_celsius: Decimal | None,
    shelf_life_days: int,
    lead_days: int,
    now: datetime,
    aliases: Collection[str] = (),
    on_sale: bool = True,
    needs_box: bool = False,
) -> Product:
    """Add a product; raises ProductCodeTaken, ChilledWithoutLimit (limit in °C, S1 4.4.6)."""
    product = Product(
        id=new_id(),
        code=code,
        name=name,
        specification=specification,
        aliases=list(aliases),
        storage_class=storage_class,
        max_celsius=_limit(storage_class, max_celsius),
        shelf_life_days=shelf_life_days,
        lead_days=lead_days,
        on_sale=on_sale,
        needs_box=needs_box,
        created_at=now,
    )
    if not await repository.add_product(session, product):
        raise ProductCodeTaken(product_code=code)
    return product


def _limit(storage_class: StorageClass, max_celsius: Decimal | None) -> Decimal | None:
    if storage_class is StorageClass.AMBIENT:
        return None
    if max_celsius is None:
        raise ChilledWithoutLimit
    return max_celsius


async def change_product(
    session: AsyncSession, *, product_id: UUID, changes: dict[str, Any]
) -> Product:
    """Change what `changes` names; raises ProductUnknown, ChilledWithoutLimit.

    Handovers checked before keep the limit they were held to.
    """
    product = await repository.get_product(session, product_id, lock=True)
    for field, value in changes.items():
        setattr(product, field, value)
    product.max_celsius = _limit(product.storage_class, product.max_celsius)
    await session.flush()
    return product


async def set_aliases(
    session: AsyncSession, *, product_id: UUID, aliases: Collection[str]
) -> Product:
    """Replace a product's other names; raises ProductUnknown."""
    product = await repository.get_product(session, product_id, lock=True)
    product.aliases = list(aliases)
    await session.flush()
    return product


def period_of(from_date: date, to_date: date | None) -> Range[date]:
    """Days as a range, the last one included; raises PeriodInvalid."""
    if to_date is not None and to_date < from_date:
        raise PeriodInvalid
    return Range(from_date, None if to_date is None else to_date + ONE_DAY, bounds="[)")


async def add_vat_rate(
    session: AsyncSession,
    *,
    product_id: UUID,
    permille: int,
    from_date: date,
    to_date: date | None,
) -> ProductVatRate:
    """VAT rate over days, the last one included; raises as `add_price`, VatRateOverlap."""
    await repository.get_product(session, product_id)
    rate = ProductVatRate(
        id=new_id(), product_id=product_id, valid=period_of(from_date, to_date), permille=permille
    )
    await repository.add_vat_rate(session, rate)
    return rate


async def end_vat_rate(
    session: AsyncSession, *, product_id: UUID, rate_id: UUID, to_date: date, today: date
) -> ProductVatRate:
    """Give a VAT rate another last day, today at the earliest, so that a new one can follow.

    Raises VatRateUnknown, PeriodInvalid, PeriodOver (a past rate, or a last day in the past),
    VatRateOverlap.
    """
    rate = await repository.lock_vat_rate(session, product_id=product_id, rate_id=rate_id)
    if to_date < today or (rate.valid.upper is not None and rate.valid.upper <= today):
        raise PeriodOver
    if rate.valid.lower is not None and to_date < rate.valid.lower:
        raise PeriodInvalid
    period = Range(rate.valid.lower, to_date + ONE_DAY, bounds="[)")
    await repository.set_vat_period(session, rate, period)
    return rate


async def list_vat_rates(session: AsyncSession, *, product_id: UUID) -> list[ProductVatRate]:
    """All VAT rates of a product, oldest first; raises ProductUnknown."""
    await repository.get_product(session, product_id)
    return await repository.list_vat_rates(session, product_id)


async def list_current_vat(
    session: AsyncSession, *, product_ids: Collection[UUID], on: date
) -> dict[UUID, int]:
    """VAT rate of each product on a date, in permille; 0 where none is recorded."""
    return await repository.list_vat_on(session, product_ids, on)
