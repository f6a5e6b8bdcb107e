"""Prices by city, channel and period: written, ended, taken back; what was bought keeps its own."""

from datetime import date
from uuid import UUID

from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.ext.asyncio import AsyncSession

from app.catalog import repository
from app.catalog.errors import PeriodInvalid, PeriodOver
from app.catalog.markets import ANYWHERE, Market
from app.catalog.models import PriceChannel, ProductPrice
from app.catalog.service import ONE_DAY, period_of
from app.core.ids import new_id


async def add_price(
    session: AsyncSession,
    *,
    product_id: UUID,
    price_fen: int,
    from_date: date,
    to_date: date | None,
    market: Market = ANYWHERE,
) -> ProductPrice:
    """Price of one bottle (fen, VAT included) in a market over days, the last one included.

    Raises ProductUnknown, PeriodInvalid, PriceOverlap, PriceCityUnknown.
    """
    await repository.get_product(session, product_id)
    price = ProductPrice(
        id=new_id(),
        product_id=product_id,
        city_code=market.city_code,
        channel=market.channel,
        valid=period_of(from_date, to_date),
        price_fen=price_fen,
    )
    await repository.add_price(session, price)
    return price


async def end_price(
    session: AsyncSession, *, product_id: UUID, price_id: UUID, to_date: date, today: date
) -> ProductPrice:
    """Give a price another last day, today at the earliest; orders keep the price they bought at.

    Raises PriceUnknown, PeriodInvalid, PeriodOver (a past price, or a last day in the past),
    PriceOverlap.
    """
    price = await repository.lock_price(session, product_id=product_id, price_id=price_id)
    is_past = price.valid.upper is not None and price.valid.upper <= today
    if is_past or to_date < today:
        raise PeriodOver
    if price.valid.lower is not None and to_date < price.valid.lower:
        raise PeriodInvalid
    period = Range(price.valid.lower, to_date + ONE_DAY, bounds="[)")
    await repository.set_price_period(session, price, period)
    return price


async def drop_price(
    session: AsyncSession, *, product_id: UUID, price_id: UUID, today: date
) -> None:
    """Take back a price that has not begun; raises PriceUnknown, PeriodOver."""
    price = await repository.lock_price(session, product_id=product_id, price_id=price_id)
    if price.valid.lower is None or price.valid.lower <= today:
        raise PeriodOver
    await session.delete(price)
    await session.flush()


async def list_prices(
    session: AsyncSession,
    *,
    product_id: UUID,
    city_code: str | None = None,
    channel: PriceChannel | None = None,
) -> list[ProductPrice]:
    """Prices of a product, all or those written for a city or a channel, oldest first.

    Raises ProductUnknown.
    """
    await repository.get_product(session, product_id)
    return await repository.list_prices(session, product_id, city_code=city_code, channel=channel)
