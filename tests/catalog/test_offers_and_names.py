"""Offers for orders, and products recognised as clerks write them."""

import unicodedata
from datetime import date, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncSession

from app.catalog import service
from app.catalog.errors import (
    ProductAmbiguous,
    ProductNotOnSale,
    ProductUnknown,
    ProductWithoutPrice,
)
from app.catalog.markets import ANYWHERE
from app.catalog.rules import plain, specification_fits
from app.core.ids import new_id
from tests.factories.catalog import add_product
from tests.factories.world import TODAY, World


async def test_offers_carry_the_price_of_their_day(world: World, session: AsyncSession) -> None:
    offers = await service.get_offers(
        session, product_ids={world.milk_id, world.yogurt_id}, on=TODAY, market=ANYWHERE
    )
    assert {offer.code: (offer.price_fen, offer.vat_permille) for offer in offers.values()} == {
        "MILK-195": (350, 90),
        "YOG-200": (420, 90),
    }
    assert offers[world.milk_id].product_id == world.milk_id


async def test_what_cannot_be_offered_says_why(world: World, session: AsyncSession) -> None:
    off_sale = await add_product(session, code="OFF", name="旧款", on_sale=False)
    unpriced = await add_product(session, code="NEW", name="新款", price_fen=None)
    untaxed = await add_product(session, code="TAX", name="无税", vat_permille=None)
    for product_id, error in (
        (off_sale, ProductNotOnSale),
        (unpriced, ProductWithoutPrice),
        (untaxed, ProductWithoutPrice),
        (new_id(), ProductUnknown),
    ):
        with pytest.raises(error):
            await service.get_offers(
                session, product_ids=[world.milk_id, product_id], on=TODAY, market=ANYWHERE
            )
    with pytest.raises(ProductWithoutPrice):
        await service.get_offers(
            session, product_ids=[world.milk_id], on=date(2019, 12, 31), market=ANYWHERE
        )


async def test_lead_days_are_known_off_sale_too(world: World, session: AsyncSession) -> None:
    old = await add_product(session, code="OFF", name="旧款", on_sale=False, lead_days=2)
    found = await service.get_lead_days(session, product_ids={old, world.milk_id})
    assert found == {old: 2, world.milk_id: 0}
    with pytest.raises(ProductUnknown):
        await service.get_lead_days(session, product_ids={new_id()})


@pytest.fixture
async def dairy(world: World, session: AsyncSession) -> dict[str, UUID]:
    """Two sizes of fresh milk, one of them with an alias, beside the world's products."""
    return {
        "small": world.milk_id,
        "large": await add_product(
            session,
            code="MILK-950",
            name="鲜牛奶",
            specification="950毫升 屋顶盒",
            aliases=("大盒鲜奶", "Ｆａｍｉｌｙ"),
        ),
        "yogurt": world.yogurt_id,
    }


@pytest.mark.parametrize(
    ("text", "specification", "meant"),
    [
        ("MILK-195", None, {"small"}),
        ("ｍｉｌｋ－９５０", None, {"large"}),
        ("大盒 鲜奶", None, {"large"}),
        ("family", None, {"large"}),
        ("鲜牛奶", None, {"small", "large"}),
        ("鲜牛奶", "950ml", {"large"}),
        ("鲜牛奶", "１９５ＭＬ", {"small"}),
        ("鲜牛奶", "195 瓶", {"small"}),
        ("鲜牛奶", "袋装", set()),
        ("鲜牛奶", "95ml", set()),
        ("鲜牛奶950ml", None, {"large"}),
        ("鲜牛奶（195ml玻璃瓶）", "", {"small"}),
        ("风味酸牛奶", "", {"yogurt"}),
        ("豆浆", None, set()),
        ("  ", None, set()),
    ],
)
async def test_a_written_name_means_a_product(
    dairy: dict[str, UUID],
    session: AsyncSession,
    text: str,
    specification: str | None,
    meant: set[str],
) -> None:
    matched = await service.match_products(session, [(text, specification)])
    match = matched[text, specification]
    assert set(match.candidates) == {dairy[name] for name in meant}
    assert match.product_id == (dairy[meant.pop()] if len(meant) == 1 else None)


async def test_one_product_is_found_or_the_reason_is_told(
    dairy: dict[str, UUID], session: AsyncSession
) -> None:
    assert await service.find_product(session, "鲜牛奶", "950ML") == dairy["large"]
    with pytest.raises(ProductAmbiguous):
        await service.find_product(session, "鲜牛奶")
    with pytest.raises(ProductUnknown):
        await service.find_product(session, "豆浆")


async def test_many_names_are_matched_with_one_read(
    dairy: dict[str, UUID], session: AsyncSession
) -> None:
    names = [("MILK-195", None), ("鲜牛奶", "950ml"), ("MILK-195", None), ("豆浆", "1L")]
    matched = await service.match_products(session, names)
    assert {key: match.product_id for key, match in matched.items()} == {
        ("MILK-195", None): dairy["small"],
        ("鲜牛奶", "950ml"): dairy["large"],
        ("豆浆", "1L"): None,
    }


WIDE = {ord(narrow): ord(narrow) + 0xFEE0 for narrow in map(chr, range(0x21, 0x7F))}


@given(st.text(alphabet="鲜牛奶MILKmilk0123456789.- （）", max_size=20))
def test_width_case_and_spaces_do_not_matter(text: str) -> None:
    assert plain(plain(text)) == plain(text)
    assert plain(text.translate(WIDE)) == plain(text)
    assert plain(f" {text.upper()} ") == plain(text.lower())
    assert plain(unicodedata.normalize("NFKD", text)) == plain(text)


@given(st.integers(1, 2000), st.integers(1, 2000))
def test_another_measure_never_fits(own: int, written: int) -> None:
    assert specification_fits(f"{written}ml", f"{own}毫升 瓶") is (own == written)
    assert specification_fits("", f"{own}ml")


def test_prices_end_with_their_last_day() -> None:
    period = service.period_of(TODAY, TODAY + timedelta(days=1))
    assert TODAY + timedelta(days=1) in period
    assert TODAY + timedelta(days=2) not in period
