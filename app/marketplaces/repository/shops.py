"""SQL of shops, their SKUs, cursors, nonces and promotion codes."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.bulk import insert_unless_there
from app.marketplaces.errors import PromotionCodeUnknown, ShopUnknown
from app.marketplaces.models import PromotionCode, PullCursor, PushNonce, Shop, SkuMapping


async def add_shop(session: AsyncSession, shop: Shop) -> bool:
    """Insert a shop; false when its code is taken."""
    return await insert_unless_there(session, shop)


async def get_shop(session: AsyncSession, code: str, *, lock: bool = False) -> Shop:
    """A shop by its code; raises ShopUnknown."""
    query = select(Shop).where(Shop.code == code).execution_options(populate_existing=True)
    found = await session.scalar(query.with_for_update() if lock else query)
    if found is None:
        raise ShopUnknown
    return found


async def get_shop_by_id(session: AsyncSession, shop_id: UUID) -> Shop:
    """A shop by its id; raises ShopUnknown."""
    found = await session.get(Shop, shop_id, populate_existing=True)
    if found is None:
        raise ShopUnknown
    return found


async def list_shops(session: AsyncSession) -> Sequence[tuple[Shop, PullCursor | None]]:
    """Every shop with how far it is pulled, by code."""
    rows = await session.execute(
        select(Shop, PullCursor)
        .outerjoin(PullCursor, PullCursor.shop_id == Shop.shop_id)
        .order_by(Shop.code)
    )
    return [(shop, cursor) for shop, cursor in rows]


async def list_pulled(session: AsyncSession) -> Sequence[UUID]:
    """Active shops that are pulled."""
    found = await session.scalars(
        select(Shop.shop_id)
        .join(PullCursor, PullCursor.shop_id == Shop.shop_id)
        .where(Shop.is_active, Shop.credentials_sealed.is_not(None))
        .order_by(Shop.code)
    )
    return found.all()


async def start_cursor(session: AsyncSession, *, shop_id: UUID, at: datetime) -> None:
    """Let a shop be pulled from an instant on, unless it is already."""
    await session.execute(
        insert(PullCursor)
        .values(shop_id=shop_id, pulled_until=at, failures=0)
        .on_conflict_do_nothing()
    )


async def lock_cursor(session: AsyncSession, shop_id: UUID) -> PullCursor | None:
    """A shop's cursor, re-read under its row lock."""
    return await session.get(PullCursor, shop_id, populate_existing=True, with_for_update=True)


async def put_sku(session: AsyncSession, values: dict[str, Any]) -> SkuMapping:
    """Say what an outside SKU is; said again it is replaced."""
    statement = insert(SkuMapping).values(**values)
    changed = {name: statement.excluded[name] for name in values if name not in {"shop_id", "sku"}}
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=[SkuMapping.shop_id, SkuMapping.sku], set_=changed
        )
    )
    found = await session.get(
        SkuMapping, (values["shop_id"], values["sku"]), populate_existing=True
    )
    if found is None:
        raise LookupError("a mapping vanished")
    return found


async def list_skus(session: AsyncSession, shop_id: UUID) -> Sequence[SkuMapping]:
    """What the SKUs of a shop are."""
    found = await session.scalars(
        select(SkuMapping).where(SkuMapping.shop_id == shop_id).order_by(SkuMapping.sku)
    )
    return found.all()


async def find_skus(
    session: AsyncSession, shop_id: UUID, skus: Collection[str]
) -> dict[str, SkuMapping]:
    """Those of the SKUs that are mapped."""
    found = await session.scalars(
        select(SkuMapping).where(
            tuple_(SkuMapping.shop_id, SkuMapping.sku).in_([(shop_id, sku) for sku in skus])
        )
    )
    return {mapping.sku: mapping for mapping in found}


async def is_first_use(session: AsyncSession, *, shop_id: UUID, nonce: str, at: datetime) -> bool:
    """Remember a nonce; false when it was used before."""
    return await insert_unless_there(session, PushNonce(shop_id=shop_id, nonce=nonce, seen_at=at))


async def prune_nonces(session: AsyncSession, *, before: datetime) -> None:
    """Forget nonces whose timestamp would no longer be taken."""
    await session.execute(delete(PushNonce).where(PushNonce.seen_at < before))


async def add_promotion_code(session: AsyncSession, code: PromotionCode) -> bool:
    """Insert a code; false when it is taken."""
    return await insert_unless_there(session, code)


async def get_promotion_code(session: AsyncSession, code: str) -> PromotionCode:
    """A code, locked; raises PromotionCodeUnknown."""
    found = await session.get(PromotionCode, code, with_for_update=True, populate_existing=True)
    if found is None:
        raise PromotionCodeUnknown
    return found


async def list_promotion_codes(session: AsyncSession) -> Sequence[PromotionCode]:
    """Every code."""
    return (await session.scalars(select(PromotionCode).order_by(PromotionCode.code))).all()


async def find_promoters(session: AsyncSession, words: Collection[str]) -> dict[str, UUID]:
    """Deliverers behind those of the words that are promotion codes in force."""
    if not words:
        return {}
    rows = await session.execute(
        select(PromotionCode.code, PromotionCode.deliverer_id).where(
            PromotionCode.code.in_(words), PromotionCode.is_active
        )
    )
    return {row.code: row.deliverer_id for row in rows}
