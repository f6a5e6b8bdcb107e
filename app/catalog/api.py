"""JSON endpoints of catalog: anyone reads what is on sale, administrators keep it."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Annotated, TypeVar

from fastapi import Depends, Query, Response

from app.catalog import (
    announcement_api,
    deposit_api,
    discount_api,
    price_api,
    promotion_api,
    service,
)
from app.catalog.markets import Market
from app.catalog.models import PriceChannel, ProductVatRate, StorageClass
from app.catalog.price_api import Reader, days_of
from app.catalog.repository import PricedProduct
from app.catalog.schemas import (
    AliasesIn,
    CalendarDate,
    CityCode,
    OfferOut,
    ProductChange,
    ProductIn,
    ProductOut,
    Search,
    VatRateEnd,
    VatRateIn,
    VatRateOut,
    VatRates,
)
from app.core.db import SessionDep
from app.core.idempotency import IdempotentDep
from app.core.ids import public_single, read_single
from app.core.pagination import BadCursor, Page, PageDep, PageRequest, cursor_of
from app.core.unit import Router
from app.identity.access import OPEN, Allow, ClockDep, Principal
from app.identity.models import Role

router = Router(tags=["catalog"])
router.include_router(announcement_api.router)
router.include_router(price_api.router)
router.include_router(discount_api.router)
router.include_router(promotion_api.router)
router.include_router(deposit_api.router)

Keeper = Annotated[Principal, Depends(Allow(Role.ADMIN))]
RateSetter = Annotated[Principal, Depends(Allow(Role.FINANCE, Role.ADMIN))]
Out = TypeVar("Out", OfferOut, ProductOut)


def _after(page: PageRequest) -> str | None:
    match page.after:
        case None:
            return None
        case [str() as code]:
            return code
    raise BadCursor


def _page(
    rows: Sequence[PricedProduct], page: PageRequest, shown: Callable[[PricedProduct], Out]
) -> Page[Out]:
    more = len(rows) > page.limit
    kept = rows[: page.limit]
    return Page[Out](
        items=[shown(row) for row in kept],
        next_cursor=cursor_of(kept[-1].product.code) if more else None,
    )


def _offer(row: PricedProduct) -> OfferOut:
    return OfferOut.model_validate(_product(row).model_dump())


def _product(row: PricedProduct) -> ProductOut:
    product = row.product
    return ProductOut(
        id=public_single("prd", product.id),
        code=product.code,
        name=product.name,
        specification=product.specification,
        aliases=product.aliases,
        storage_class=product.storage_class,
        max_celsius=None if product.max_celsius is None else float(product.max_celsius),
        shelf_life_days=product.shelf_life_days,
        lead_days=product.lead_days,
        on_sale=product.on_sale,
        needs_box=product.needs_box,
        price_fen=row.price_fen,
        vat_permille=row.vat_permille,
    )


def _vat_rate(rate: ProductVatRate) -> VatRateOut:
    first, last = days_of(rate.valid)
    return VatRateOut(
        id=public_single("vat", rate.id), permille=rate.permille, from_date=first, to_date=last
    )


@router.get("/products", dependencies=[OPEN])
async def list_products(
    session: SessionDep,
    clock: ClockDep,
    page: PageDep,
    q: Search = "",
    storage_class: StorageClass | None = None,
    city: CityCode | None = None,
    channel: PriceChannel = PriceChannel.WEB,
) -> Page[OfferOut]:
    """What is on sale today, with today's price there; `q` searches name, code and aliases."""
    rows = await service.list_offered(
        session,
        on=clock.today(),
        limit=page.limit + 1,
        after_code=_after(page),
        search=q,
        storage_class=storage_class,
        market=Market(city, channel),
    )
    return _page(rows, page, _offer)


@router.get("/catalog/products")
async def list_all_products(
    _: Reader,
    session: SessionDep,
    clock: ClockDep,
    page: PageDep,
    q: Search = "",
    on_sale: Annotated[bool | None, Query()] = None,
    city: CityCode | None = None,
    channel: PriceChannel | None = None,
    on: CalendarDate | None = None,
) -> Page[ProductOut]:
    """All products, on sale or not, with the price of a market on a day, today's unless named."""
    rows = await service.list_managed(
        session,
        on=on or clock.today(),
        market=Market(city, channel),
        limit=page.limit + 1,
        after_code=_after(page),
        search=q,
        on_sale=on_sale,
    )
    return _page(rows, page, _product)


@router.get("/products/{product}", dependencies=[OPEN])
async def read_product(
    product: str,
    session: SessionDep,
    clock: ClockDep,
    city: CityCode | None = None,
    channel: PriceChannel = PriceChannel.WEB,
) -> ProductOut:
    """One product, on sale or not, with today's price there."""
    row = await service.view_product(
        session,
        product_id=read_single("prd", product),
        on=clock.today(),
        market=Market(city, channel),
    )
    return _product(row)


@router.post("/products", status_code=201, response_model=ProductOut)
async def create_product(
    _: Keeper, call: IdempotentDep, session: SessionDep, clock: ClockDep, body: ProductIn
) -> Response:
    """Add a product; it is offered once it has a price and a VAT rate."""
    made = await service.create_product(
        session,
        **body.model_dump(exclude={"max_celsius"}),
        max_celsius=_tenths(body.max_celsius),
        now=clock.now(),
    )
    return await call.remember(session, 201, _product(PricedProduct(made, None, None)))


def _tenths(celsius: float | None) -> Decimal | None:
    return None if celsius is None else Decimal(str(celsius)).quantize(Decimal("0.1"))


@router.patch("/products/{product}")
async def change_product(
    product: str, _: Keeper, session: SessionDep, clock: ClockDep, body: ProductChange
) -> ProductOut:
    """Change a product, or take it off or put it on sale."""
    product_id = read_single("prd", product)
    changes = body.model_dump(exclude_none=True)
    if "max_celsius" in changes:
        changes["max_celsius"] = _tenths(body.max_celsius)
    await service.change_product(session, product_id=product_id, changes=changes)
    row = await service.view_product(session, product_id=product_id, on=clock.today())
    return _product(row)


@router.put("/products/{product}/aliases")
async def set_aliases(
    product: str, _: Keeper, session: SessionDep, clock: ClockDep, body: AliasesIn
) -> ProductOut:
    """Replace the other names under which paper books and callers know a product."""
    product_id = read_single("prd", product)
    await service.set_aliases(session, product_id=product_id, aliases=body.aliases)
    row = await service.view_product(session, product_id=product_id, on=clock.today())
    return _product(row)


@router.get("/products/{product}/vat-rates")
async def list_vat_rates(product: str, _: Reader, session: SessionDep) -> VatRates:
    """Past, present and coming VAT rates."""
    found = await service.list_vat_rates(session, product_id=read_single("prd", product))
    return VatRates(items=[_vat_rate(rate) for rate in found])


@router.post("/products/{product}/vat-rates", status_code=201, response_model=VatRateOut)
async def add_vat_rate(
    product: str, _: RateSetter, call: IdempotentDep, session: SessionDep, body: VatRateIn
) -> Response:
    """Add a VAT rate; an overlap with another is refused."""
    rate = await service.add_vat_rate(
        session, product_id=read_single("prd", product), **body.model_dump()
    )
    return await call.remember(session, 201, _vat_rate(rate))


@router.patch("/products/{product}/vat-rates/{rate}")
async def end_vat_rate(
    product: str, rate: str, _: RateSetter, session: SessionDep, clock: ClockDep, body: VatRateEnd
) -> VatRateOut:
    """Give a VAT rate another last day, so that a new one can follow."""
    changed = await service.end_vat_rate(
        session,
        product_id=read_single("prd", product),
        rate_id=read_single("vat", rate),
        to_date=body.to_date,
        today=clock.today(),
    )
    return _vat_rate(changed)
