"""Shops, what their SKUs are, and promotion codes."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.catalog.service import get_lead_days
from app.core.ids import new_id
from app.marketplaces.errors import AgreementUnknown, PromotionCodeTaken, ShopCodeTaken
from app.marketplaces.models import PromotionCode, PullCursor, Shop, SkuMapping
from app.marketplaces.repository import orders as rows
from app.marketplaces.repository import shops
from app.marketplaces.service.receiving import enqueue_processing
from app.marketplaces.service.sealing import seal_shop
from app.marketplaces.states import ExternalState, Marketplace
from app.network.errors import CityUnknown
from app.network.service import list_cities
from app.orders.models import OrderAgreement
from app.orders.rules import Pattern
from app.workforce.service import get_deliverer


@dataclass(frozen=True, slots=True)
class ShopView:
    """A shop with how far it is pulled."""

    shop: Shop
    cursor: PullCursor | None


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a shop is pulled with, and what its pushes are signed with; None stays as it is."""

    app_key: str | None = None
    app_secret: str | None = field(default=None, repr=False)
    session: str | None = field(default=None, repr=False)
    push_secret: str | None = field(default=None, repr=False)


async def create_shop(
    session: AsyncSession,
    *,
    code: str,
    name: str,
    source: Marketplace,
    city_code: str,
    listing_agreement: str | None,
    now: datetime,
) -> Shop:
    """Add a shop; raises ShopCodeTaken, CityUnknown, AgreementUnknown."""
    if all(city.code != city_code for city in await list_cities(session)):
        raise CityUnknown
    await _require_agreement(session, listing_agreement)
    shop = Shop(
        shop_id=new_id(),
        code=code,
        name=name,
        source=source,
        city_code=city_code,
        listing_agreement=listing_agreement,
        is_active=True,
        created_at=now,
    )
    if not await shops.add_shop(session, shop):
        raise ShopCodeTaken(shop=code)
    return shop


async def change_shop(session: AsyncSession, *, code: str, changes: dict[str, Any]) -> Shop:
    """Change what `changes` names; raises ShopUnknown, AgreementUnknown.

    With another agreement in its listings, orders that waited only for it go on.
    """
    shop = await shops.get_shop(session, code, lock=True)
    for name, value in changes.items():
        setattr(shop, name, value)
    if "listing_agreement" in changes:
        await _require_agreement(session, shop.listing_agreement)
        await enqueue_processing(session, await rows.list_waiting_to_agree(session, shop.shop_id))
    await session.flush()
    return shop


async def _require_agreement(session: AsyncSession, version: str | None) -> None:
    if version is not None and await session.get(OrderAgreement, version) is None:
        raise AgreementUnknown


async def set_credentials(
    session: AsyncSession, *, code: str, given: Credentials, pull_from: datetime
) -> Shop:
    """Keep a shop's secrets, sealed; with an app key it is pulled from `pull_from` on (wall clock).

    Raises ShopUnknown.
    """
    shop = await shops.get_shop(session, code, lock=True)
    if given.app_key is not None:
        said = {
            "app_key": given.app_key,
            "app_secret": given.app_secret or "",
            "session": given.session or "",
        }
        shop.credentials_sealed = seal_shop(shop.shop_id, "credentials", json.dumps(said))
        await shops.start_cursor(session, shop_id=shop.shop_id, at=pull_from)
    if given.push_secret is not None:
        shop.push_secret_sealed = seal_shop(shop.shop_id, "push_secret", given.push_secret)
    await session.flush()
    return shop


async def list_shops(session: AsyncSession) -> list[ShopView]:
    """Every shop, by code."""
    return [ShopView(shop, cursor) for shop, cursor in await shops.list_shops(session)]


async def map_sku(
    session: AsyncSession,
    *,
    code: str,
    sku: str,
    product_id: UUID,
    bottles: int,
    pattern: Pattern,
    actor: str,
    now: datetime,
) -> tuple[SkuMapping, int]:
    """Say once what an outside SKU is; every order that waited for it goes on. Answers how many.

    Orders placed before keep what they were. Raises ShopUnknown, ProductUnknown.
    """
    shop = await shops.get_shop(session, code)
    await get_lead_days(session, product_ids={product_id})
    weekdays = pattern.weekday_quantities
    mapping = await shops.put_sku(
        session,
        {
            "shop_id": shop.shop_id,
            "sku": sku,
            "product_id": product_id,
            "bottles": bottles,
            "quantity": pattern.quantity,
            "interval_days": pattern.interval_days,
            "weekday_quantities": None if weekdays is None else list(weekdays),
            "changed_at": now,
            "changed_by": actor,
        },
    )
    waiting = await rows.list_waiting_for_skus(session, shop.shop_id, sku)
    for order in await rows.lock_orders(session, shop.source, [number for _, number in waiting]):
        if order.state is ExternalState.NEEDS_SKU:
            await rows.change_state(
                session, order, ExternalState.RECEIVED, at=now, actor=actor, reason="sku_mapped"
            )
    await enqueue_processing(session, waiting)
    return mapping, len(waiting)


async def list_skus(session: AsyncSession, *, code: str) -> tuple[Shop, Sequence[SkuMapping]]:
    """What a shop's SKUs are; raises ShopUnknown."""
    shop = await shops.get_shop(session, code)
    return shop, await shops.list_skus(session, shop.shop_id)


async def add_promotion_code(
    session: AsyncSession, *, code: str, deliverer_id: UUID, now: datetime
) -> PromotionCode:
    """Give a deliverer a code for buyers' remarks; raises DelivererUnknown, PromotionCodeTaken."""
    await get_deliverer(session, deliverer_id=deliverer_id)
    row = PromotionCode(
        code=code.upper(), deliverer_id=deliverer_id, is_active=True, created_at=now
    )
    if not await shops.add_promotion_code(session, row):
        raise PromotionCodeTaken(promotion_code=code)
    return row


async def switch_promotion_code(
    session: AsyncSession, *, code: str, is_active: bool
) -> PromotionCode:
    """Let a code count, or no longer; orders keep who won them. Raises PromotionCodeUnknown."""
    row = await shops.get_promotion_code(session, code.upper())
    row.is_active = is_active
    await session.flush()
    return row


async def list_promotion_codes(session: AsyncSession) -> Sequence[PromotionCode]:
    """Every code."""
    return await shops.list_promotion_codes(session)
