"""What the demo city sells by: a price list of a channel, a season card, promotions, deposits."""

from datetime import date, timedelta

from sqlalchemy import update
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.ext.asyncio import AsyncSession

from app.catalog.models import ProductPrice
from app.core.bulk import copy_rows
from app.core.clock import local_date
from simulators.city import names
from simulators.city.plan import DEPOSITS_SINCE, OPENED, SEASON_SINCE, CityPlan

SHOP_OFF_FEN = 20
"""Bottles fetched in a shop cost less."""
DEARER, DEARER_FEN = "JD-236C", 750
"""A price that is to come."""
DEARER_IN = timedelta(days=20)
GIVES = "XM-195B"
LASTS = timedelta(days=30)
ACTOR = "system"


async def write_terms(session: AsyncSession, plan: CityPlan) -> None:
    """Everything that has a page under 价目; before the orders that were bought by it."""
    codes = [product[0] for product in names.PRODUCTS]
    ids = dict(zip(codes, plan.products, strict=True))
    opened = local_date(OPENED)
    await _prices(session, plan, ids[DEARER], opened)
    common = ("id", "valid", "created_by", "created_at", "name")
    season = plan.today - SEASON_SINCE
    await copy_rows(
        session,
        "period_discounts",
        (*common, "min_days", "min_bottles", "off_permille", "off_fen"),
        [
            (plan.season_id, _days(season), ACTOR, OPENED, "季卡")
            + (names.SEASON_DAYS, None, names.SEASON_OFF_PERMILLE, None),
            (plan.further_uuid(), _days(plan.today + DEARER_IN), ACTOR, OPENED, "年卡")
            + (365, None, 120, None),
            (plan.further_uuid(), _days(opened, season), ACTOR, OPENED, "大户立减")
            + (None, 500, None, 5_000),
        ],
    )
    await copy_rows(
        session,
        "promotions",
        (*common, "rule", "product_ids", "channel", "buy_bottles", "gift_bottles", "forbids"),
        [
            (plan.further_uuid(), _days(plan.today - LASTS, plan.today + LASTS), ACTOR, OPENED)
            + ("鲜奶满赠", "每买 60 瓶赠 2 瓶，赠奶最后送；参加后不能换产品、不能改数量。")
            + ([ids[GIVES]], "web", 60, 2, ["swap", "quantity"]),
        ],
    )
    since = _days(plan.today - DEPOSITS_SINCE)
    await copy_rows(
        session,
        "deposit_rates",
        ("id", "valid", "created_by", "created_at", "kind", "product_id", "amount_fen"),
        [
            (plan.further_uuid(), since, ACTOR, OPENED, "box", None, names.BOX_DEPOSIT_FEN),
            *(
                (plan.further_uuid(), since, ACTOR, OPENED, "bottles", ids[code], fen)
                for code, fen in names.BOTTLE_DEPOSITS_FEN.items()
            ),
        ],
    )


async def _prices(session: AsyncSession, plan: CityPlan, dearer: object, opened: date) -> None:
    """Shops sell for less, and one product becomes dearer."""
    begins = plan.today + DEARER_IN
    await session.execute(
        update(ProductPrice)
        .where(ProductPrice.product_id == dearer)
        .values(valid=_days(opened, begins))
    )
    await copy_rows(
        session,
        "product_prices",
        ("id", "product_id", "channel", "valid", "price_fen"),
        [
            *(
                (plan.further_uuid(), product_id, "shop", _days(opened), price - SHOP_OFF_FEN)
                for product_id, (*_, price, _lead) in zip(
                    plan.products, names.PRODUCTS, strict=True
                )
            ),
            (plan.further_uuid(), dearer, None, _days(begins), DEARER_FEN),
        ],
    )


def _days(first: date, until: date | None = None) -> Range[date]:
    return Range(first, until, bounds="[)")
