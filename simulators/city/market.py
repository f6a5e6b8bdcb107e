"""The demo city's shop on a marketplace: the simulated Taobao, which knows its keys."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.crypto import Cell, KeyRing
from app.marketplaces.models import PullCursor, Shop, SkuMapping
from app.marketplaces.states import Marketplace
from simulators.city import names
from simulators.city.plan import OPENED, CityPlan

KNOWN_SKU = "MILK-30"
SINCE = timedelta(hours=2)
"""So far back the shop is read at first."""


async def write_market(
    session: AsyncSession,
    plan: CityPlan,
    keys: KeyRing,
    account: Mapping[str, str],
    *,
    now: datetime,
) -> None:
    """A shop that is pulled, whose listings show the agreement; one of its SKUs is known."""
    shop_id = plan.further_uuid()
    said = {name: account[name] for name in ("app_key", "app_secret", "session")}
    session.add(
        Shop(
            shop_id=shop_id,
            code="demo-tmall",
            name="随心订天猫旗舰店（演示）",
            source=Marketplace.TMALL,
            city_code=names.CITY_CODE,
            listing_agreement=names.AGREEMENT_VERSION,
            credentials_sealed=keys.seal(
                json.dumps(said), Cell("marketplace_shops", "credentials", shop_id)
            ),
            created_at=OPENED,
        )
    )
    await session.flush()
    session.add(PullCursor(shop_id=shop_id, pulled_until=now - SINCE))
    session.add(
        SkuMapping(
            shop_id=shop_id,
            sku=KNOWN_SKU,
            product_id=plan.products[0],
            bottles=30,
            quantity=1,
            interval_days=1,
            changed_at=OPENED,
            changed_by="system",
        )
    )
    await session.flush()
