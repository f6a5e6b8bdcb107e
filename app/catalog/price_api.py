"""JSON endpoints of prices: rows by city, channel and period, kept by those who answer for money."""

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import Annotated, TypeVar

from fastapi import Depends, Response
from pydantic import BaseModel
from sqlalchemy.dialects.postgresql import Range

from app.catalog import pricing
from app.catalog.models import (
    Announcement,
    DepositRate,
    PeriodDiscount,
    PriceChannel,
    ProductPrice,
    Promotion,
)
from app.catalog.schemas import CityCode, PriceEnd, PriceIn, PriceOut, Prices
from app.core.db import SessionDep
from app.core.idempotency import IdempotentDep
from app.core.ids import public_single, read_single
from app.core.pagination import Page, PageRequest, cursor_of
from app.core.unit import Router
from app.identity.access import Allow, ClockDep, Principal
from app.identity.models import Role

router = Router()

Reader = Annotated[
    Principal,
    Depends(
        Allow(
            Role.ADMIN,
            Role.MANAGER,
            Role.FINANCE,
            Role.QUALITY,
            Role.SERVICE_AGENT,
            Role.AUDITOR,
        )
    ),
]
Pricer = Annotated[Principal, Depends(Allow(Role.FINANCE, Role.MANAGER, Role.ADMIN))]


def days_of(period: Range[date]) -> tuple[date | None, date | None]:
    """First and last day of a period."""
    return period.lower, None if period.upper is None else period.upper - timedelta(days=1)


Row = TypeVar("Row", Announcement, DepositRate, PeriodDiscount, Promotion)
Out = TypeVar("Out", bound=BaseModel)


def dated_page(found: Sequence[Row], page: PageRequest, out: Callable[[Row], Out]) -> Page[Out]:
    """A page of rows with a period, the latest first; one more than asked says that more follow."""
    shown = found[: page.limit]
    cursor = None
    if len(found) > page.limit and (first := shown[-1].valid.lower) is not None:
        cursor = cursor_of(first.isoformat(), str(shown[-1].id))
    return Page(items=[out(one) for one in shown], next_cursor=cursor)


def _price(price: ProductPrice) -> PriceOut:
    first, last = days_of(price.valid)
    return PriceOut(
        id=public_single("prc", price.id),
        city_code=price.city_code,
        channel=price.channel,
        price_fen=price.price_fen,
        from_date=first,
        to_date=last,
    )


@router.get("/products/{product}/prices")
async def list_prices(
    product: str,
    _: Reader,
    session: SessionDep,
    city: CityCode | None = None,
    channel: PriceChannel | None = None,
) -> Prices:
    """Past, present and coming prices, all or those written for a city or a channel."""
    found = await pricing.list_prices(
        session, product_id=read_single("prd", product), city_code=city, channel=channel
    )
    return Prices(items=[_price(price) for price in found])


@router.post("/products/{product}/prices", status_code=201, response_model=PriceOut)
async def add_price(
    product: str, _: Pricer, call: IdempotentDep, session: SessionDep, body: PriceIn
) -> Response:
    """Add a price; an overlap with another of the same market is refused."""
    price = await pricing.add_price(
        session,
        product_id=read_single("prd", product),
        price_fen=body.price_fen,
        from_date=body.from_date,
        to_date=body.to_date,
        market=body.market(),
    )
    return await call.remember(session, 201, _price(price))


@router.patch("/products/{product}/prices/{price}")
async def end_price(
    product: str, price: str, _: Pricer, session: SessionDep, clock: ClockDep, body: PriceEnd
) -> PriceOut:
    """Give a price another last day, so that a new one can follow."""
    changed = await pricing.end_price(
        session,
        product_id=read_single("prd", product),
        price_id=read_single("prc", price),
        to_date=body.to_date,
        today=clock.today(),
    )
    return _price(changed)


@router.delete("/products/{product}/prices/{price}", status_code=204)
async def drop_price(
    product: str, price: str, _: Pricer, session: SessionDep, clock: ClockDep
) -> None:
    """Take back a price that has not begun."""
    await pricing.drop_price(
        session,
        product_id=read_single("prd", product),
        price_id=read_single("prc", price),
        today=clock.today(),
    )
