"""JSON endpoints of shops, their SKUs, promotion codes and canvassers."""

from datetime import date, timedelta
from typing import Annotated

from fastapi import Path, Query, Response

from app.core.clock import wall_now
from app.core.db import SessionDep
from app.core.errors import InvalidInput
from app.core.idempotency import IdempotentDep
from app.core.ids import read_single
from app.core.unit import Router
from app.identity.access import ClockDep
from app.marketplaces.api.callers import Keeper, Mapper, Reader, SecretKeeper, ShopCode
from app.marketplaces.service import reading, shops
from app.marketplaces.shop_schemas import (
    CanvasserOut,
    CanvassersOut,
    CredentialsIn,
    PromotionCodeIn,
    PromotionCodeOut,
    PromotionCodePatch,
    PromotionCodesOut,
    ShopIn,
    ShopOut,
    ShopPatch,
    ShopsOut,
    SkuIn,
    SkuOut,
    SkusOut,
    UnmappedListOut,
    UnmappedOut,
)

router = Router()

LONGEST_REPORT = timedelta(days=366)
FARTHEST_BACK = timedelta(days=90)


class PullFromOutOfRange(InvalidInput):
    """A shop is read from at most 90 days back on, and not from the future."""

    code = "pull_from_out_of_range"
    title = "起始时间须在最近 90 天内"


class ReportPeriodInvalid(InvalidInput):
    """The days are in the wrong order or more than a year."""

    code = "report_period_invalid"
    title = "日期范围有误，最长一年"


@router.get("/marketplaces/shops")
async def list_shops(_: Reader, session: SessionDep) -> ShopsOut:
    """Every shop, and how far it is pulled."""
    found = await shops.list_shops(session)
    return ShopsOut(items=[ShopOut.of_view(view) for view in found])


@router.post("/marketplaces/shops", status_code=201, response_model=ShopOut)
async def create_shop(
    _: Keeper, call: IdempotentDep, session: SessionDep, clock: ClockDep, body: ShopIn
) -> Response:
    """Add a shop."""
    shop = await shops.create_shop(session, now=clock.now(), **body.model_dump())
    return await call.remember(session, 201, ShopOut.of(shop))


@router.patch("/marketplaces/shops/{shop}")
async def change_shop(_: Keeper, shop: ShopCode, session: SessionDep, body: ShopPatch) -> ShopOut:
    """Rename a shop, stop it, or say which agreement its listings show."""
    return ShopOut.of(await shops.change_shop(session, code=shop, changes=body.changes()))


@router.put("/marketplaces/shops/{shop}/credentials")
async def set_credentials(
    _: SecretKeeper, shop: ShopCode, session: SessionDep, body: CredentialsIn
) -> ShopOut:
    """Keep a shop's keys; from then on it is pulled, and its pushes are taken."""
    wall = wall_now()
    pull_from = body.pull_from or wall
    if not wall - FARTHEST_BACK <= pull_from <= wall:
        raise PullFromOutOfRange
    changed = await shops.set_credentials(
        session, code=shop, given=body.given(), pull_from=pull_from
    )
    return ShopOut.of(changed)


@router.get("/marketplaces/shops/{shop}/skus")
async def list_skus(_: Reader, shop: ShopCode, session: SessionDep) -> SkusOut:
    """What a shop's SKUs are."""
    row, found = await shops.list_skus(session, code=shop)
    return SkusOut(items=[SkuOut.of(row.code, mapping) for mapping in found])


@router.post("/marketplaces/shops/{shop}/skus", status_code=201, response_model=SkuOut)
async def map_sku(
    caller: Mapper,
    call: IdempotentDep,
    shop: ShopCode,
    session: SessionDep,
    clock: ClockDep,
    body: SkuIn,
) -> Response:
    """Say once what an SKU is: every order that waited for it goes on."""
    mapping, released = await shops.map_sku(
        session,
        code=shop,
        sku=body.sku,
        product_id=read_single("prd", body.product_id),
        bottles=body.bottles,
        pattern=body.pattern.pattern(),
        actor=caller.actor,
        now=clock.now(),
    )
    return await call.remember(session, 201, SkuOut.of(shop, mapping, released=released))


@router.get("/marketplaces/unmapped-skus")
async def list_unmapped(_: Reader, session: SessionDep) -> UnmappedListOut:
    """SKUs that orders wait for, the longest wait first."""
    return UnmappedListOut(
        items=[
            UnmappedOut(shop=shop.code, sku=sku, title=title, orders=count, since=since)
            for shop, sku, title, count, since in await reading.list_unmapped(session)
        ]
    )


@router.get("/marketplaces/promotion-codes")
async def list_promotion_codes(_: Reader, session: SessionDep) -> PromotionCodesOut:
    """Every code and whose it is."""
    found = await shops.list_promotion_codes(session)
    return PromotionCodesOut(items=[PromotionCodeOut.of(row) for row in found])


@router.post("/marketplaces/promotion-codes", status_code=201, response_model=PromotionCodeOut)
async def add_promotion_code(
    _: Keeper, call: IdempotentDep, session: SessionDep, clock: ClockDep, body: PromotionCodeIn
) -> Response:
    """Give a deliverer a code for buyers' remarks."""
    row = await shops.add_promotion_code(
        session,
        code=body.code,
        deliverer_id=read_single("dlv", body.deliverer_id),
        now=clock.now(),
    )
    return await call.remember(session, 201, PromotionCodeOut.of(row))


@router.patch("/marketplaces/promotion-codes/{code}")
async def switch_promotion_code(
    _: Keeper,
    code: Annotated[str, Path(max_length=40)],
    session: SessionDep,
    body: PromotionCodePatch,
) -> PromotionCodeOut:
    """Let a code count, or no longer."""
    row = await shops.switch_promotion_code(session, code=code, is_active=body.is_active)
    return PromotionCodeOut.of(row)


@router.get("/marketplaces/canvassers")
async def list_canvassers(
    _: Reader,
    session: SessionDep,
    from_date: Annotated[date, Query(ge=date(2000, 1, 1), le=date(2100, 1, 1))],
    to_date: Annotated[date, Query(ge=date(2000, 1, 1), le=date(2100, 1, 1))],
) -> CanvassersOut:
    """What canvassers have won on marketplaces, by orders received on these days."""
    if not timedelta() <= to_date - from_date <= LONGEST_REPORT:
        raise ReportPeriodInvalid
    found = await reading.list_canvassers(session, from_date=from_date, to_date=to_date)
    return CanvassersOut(items=[CanvasserOut.of(row) for row in found])
