"""Prices, discounts, promotions and deposit rates are kept on pages, in the words of the house."""

from datetime import date
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.catalog.markets import Market
from app.catalog.models import (
    DepositKind,
    DepositRate,
    PeriodDiscount,
    PriceChannel,
    ProductPrice,
    Promotion,
)
from app.catalog.pricing import add_price
from app.core.db import Database
from app.core.ids import public_single
from app.core.runtime import Runtime
from app.identity.browser import cookie_name
from app.identity.models import Role
from app.web.common.forms import once_key
from tests.factories.world import World

ORIGIN = "http://test"
TERMS = f"{ORIGIN}/manager/terms"
TOMORROW = "2026-03-16"


class Desk:
    """The pages, as a member of staff sees them."""

    def __init__(self, client: httpx.AsyncClient, world: World, role: Role) -> None:
        self._client, self._headers = client, world.staff[role].headers

    async def get(self, path: str = "", **query: str) -> httpx.Response:
        """A page."""
        return await self._client.get(
            TERMS + path, params=query or None, headers=self._headers | {"Accept": "text/html"}
        )

    async def post(self, path: str, **form: Any) -> httpx.Response:
        """A form, sent once."""
        return await self._client.post(
            TERMS + path,
            data={"once": once_key()} | form,
            headers=self._headers | {"Accept": "text/html"},
        )


@pytest.fixture
def finance(client: httpx.AsyncClient, world: World) -> Desk:
    return Desk(client, world, Role.FINANCE)


@pytest.fixture
def milk(world: World) -> str:
    return public_single("prd", world.milk_id)


async def count(database: Database, table: type) -> int:
    async with database.transaction() as session:
        return await session.scalar(select(func.count()).select_from(table)) or 0


async def prices_of(session: AsyncSession, world: World) -> list[ProductPrice]:
    found = await session.scalars(
        select(ProductPrice)
        .where(ProductPrice.product_id == world.milk_id)
        .order_by(func.lower(ProductPrice.valid))
    )
    return list(found)


async def all_prices(database: Database, world: World) -> list[ProductPrice]:
    async with database.transaction() as session:
        return await prices_of(session, world)


async def test_prices_are_listed_by_phase_product_city_and_channel(
    finance: Desk, database: Database, world: World, milk: str
) -> None:
    async with database.transaction() as session:
        for fen, first, last, market in (
            (330, date(2026, 3, 1), date(2026, 3, 31), Market("310000", PriceChannel.WEB)),
            (340, date(2026, 4, 1), None, Market("310000", PriceChannel.WEB)),
            (310, date(2025, 1, 1), date(2025, 12, 31), Market(None, PriceChannel.SHOP)),
        ):
            await add_price(
                session,
                product_id=world.milk_id,
                price_fen=fen,
                from_date=first,
                to_date=last,
                market=market,
            )
    shown = (await finance.get()).text
    for told in (
        "每瓶 ¥3.30",
        "每瓶 ¥3.40",
        "上海市，网上渠道",
        "2026-03-01 至 2026-03-31",
        "2026-04-01 起长期有效",
    ):
        assert told in shown
    assert "¥3.10" not in shown
    ended = (await finance.get(phase="ended")).text
    assert "¥3.10" in ended
    assert "¥3.30" not in ended
    coming = (await finance.get(phase="coming", product=milk, city="310000", channel="web")).text
    assert "¥3.40" in coming
    assert "¥3.30" not in coming
    # A general price holds in every channel; another channel's does not.
    door = (await finance.get(channel="door", product=milk)).text
    assert "¥3.50" in door
    assert "网上渠道" not in door
    nothing = (await finance.get(phase="coming", channel="shop")).text
    assert "没有符合条件的价格" in nothing


async def test_a_long_list_is_read_by_page(finance: Desk, database: Database, world: World) -> None:
    async with database.transaction() as session:
        for year in range(2100, 2145):
            await add_price(
                session,
                product_id=world.milk_id,
                price_fen=year,
                from_date=date(year, 1, 1),
                to_date=date(year, 12, 31),
                market=Market("310000"),
            )
    seen: list[str] = []
    address, query = "", {"city": "310000"}
    while True:
        answer = await finance.get(address, **query)
        seen += [part.split("<")[0] for part in answer.text.split('term-what"><strong>')[1:]]
        _, found, rest = answer.text.partition('rel="next" href="')
        if not found:
            break
        query = dict(httpx.URL(rest.partition('"')[0].replace("&amp;", "&")).params)
    assert len(seen) == await count(database, ProductPrice)
    assert {f"每瓶 ¥{year / 100:.2f}" for year in range(2100, 2145)} <= {*seen}


async def test_a_season_card_is_added_in_folds_and_shown_before_it_counts(
    finance: Desk, database: Database
) -> None:
    form = {
        "name": "季卡",
        "min_days": "90",
        "off_fold": "9.5",
        "from_date": TOMORROW,
        "to_date": "",
    }
    seen = (await finance.post("/discounts/preview", **form)).text
    assert "90 天起 9.5 折" in seen
    assert "零售价 ¥315.00，优惠 ¥15.75，实付 ¥299.25" in seen
    assert await count(database, PeriodDiscount) == 0
    answer = await finance.post("/discounts", **form)
    assert (answer.status_code, answer.headers["location"]) == (
        303,
        "/manager/terms?kind=discounts",
    )
    async with database.transaction() as session:
        made = (await session.scalars(select(PeriodDiscount))).one()
        assert (made.min_days, made.off_permille, made.product_id) == (90, 50, None)
    assert "90 天起 9.5 折" in (await finance.get(kind="discounts")).text


@pytest.mark.parametrize(
    ("kind", "wrong", "field", "told"),
    [
        ("prices", {"amount": "3.505"}, "amount", "请填金额，最多两位小数"),
        ("prices", {"amount": ""}, "amount", "必填"),
        ("prices", {"amount": "0"}, "amount", "须大于 0"),
        ("prices", {"to_date": "2026-03-01"}, "to_date", "截止日期早于开始日期"),
        ("prices", {"from_date": "2026-02-30"}, "from_date", "日期不正确"),
        ("prices", {"from_date": "2026-03-10"}, "from_date", "价格有效期不能重叠"),
        ("prices", {"product_id": ""}, "product_id", "必填"),
        ("discounts", {"min_days": ""}, "min_days", "天数和瓶数填一项"),
        ("discounts", {"min_bottles": "60"}, "min_days", "天数和瓶数填一项"),
        ("discounts", {"min_days": "731"}, "min_days", "不能大于 730"),
        ("discounts", {"min_days": "三十"}, "min_days", "请填整数"),
        ("discounts", {"off_fold": "95"}, "off_fold", "请填 1 到 9.99 之间的折数"),
        ("discounts", {"off_yuan": "5"}, "off_fold", "折数和金额填一项"),
        ("discounts", {"from_date": "2026-03-15"}, "from_date", "最早从明天起"),
        ("discounts", {"name": " "}, "name", "必填"),
        ("promotions", {"gift_bottles": ""}, "gift_bottles", "必填"),
        ("promotions", {"off_fold": "9"}, "off_fold", "只能填一项"),
        ("promotions", {"rule": ""}, "rule", "必填"),
        ("promotions", {"forbids": "dance"}, "forbids", "请选择一项"),
        ("deposits", {"from_date": "2026-03-14"}, "from_date", "押金标准最早从今天起"),
        ("deposits", {"amount": "1e9"}, "amount", "不能大于"),
    ],
)
async def test_what_is_wrong_is_said_at_its_field_and_nothing_is_kept(
    finance: Desk,
    database: Database,
    milk: str,
    kind: str,
    wrong: dict[str, str],
    field: str,
    told: str,
) -> None:
    right = {
        "prices": {"product_id": milk, "amount": "3.60"},
        "discounts": {"name": "季卡", "min_days": "90", "off_fold": "9.5"},
        "promotions": {"name": "满赠", "rule": "买60赠2", "buy_bottles": "60", "gift_bottles": "2"},
        "deposits": {"amount": "20"},
    }[kind]
    tables = (ProductPrice, PeriodDiscount, Promotion, DepositRate)
    before = [await count(database, table) for table in tables]
    answer = await finance.post(f"/{kind}", **({"from_date": TOMORROW} | right | wrong))
    assert answer.status_code in {400, 409, 422}, answer.text
    _, found, rest = answer.text.partition(f'id="{field}-error">')
    assert found, answer.text
    assert told in rest.partition("</p>")[0]
    assert [await count(database, table) for table in tables] == before
    for name, said in (right | wrong).items():
        if name not in {"product_id", "forbids"} and said.strip():
            assert said in answer.text


async def test_a_new_price_ends_the_one_before_it(
    finance: Desk, database: Database, world: World, milk: str
) -> None:
    form = {"product_id": milk, "amount": "3.80", "from_date": "2026-04-01"}
    refused = await finance.post("/prices", **form)
    assert refused.status_code == 409
    answer = await finance.post("/prices", **form, replaces="1")
    assert answer.status_code == 303
    async with database.transaction() as session:
        old, new = await prices_of(session, world)
        assert (old.valid.upper, old.price_fen) == (date(2026, 4, 1), 350)
        assert (new.valid.lower, new.valid.upper, new.price_fen) == (date(2026, 4, 1), None, 380)
    # What cannot follow leaves the old one as it was.
    again = await finance.post("/prices", **(form | {"from_date": "2026-03-20", "replaces": "1"}))
    assert again.status_code == 409
    async with database.transaction() as session:
        old, _ = await prices_of(session, world)
        assert old.valid.upper == date(2026, 4, 1)


async def test_a_promotion_sent_twice_is_made_once(
    finance: Desk, database: Database, milk: str
) -> None:
    form = {
        "once": once_key(),
        "name": "夏日满赠",
        "rule": "每买 60 瓶赠 2 瓶，参加后不能退订",
        "product_ids": [milk],
        "channel": "web",
        "buy_bottles": "60",
        "gift_bottles": "2",
        "forbids": ["cancel", "swap"],
        "from_date": TOMORROW,
        "to_date": "2026-06-30",
    }
    for _ in range(2):
        assert (await finance.post("/promotions", **form)).status_code == 303
    async with database.transaction() as session:
        made = (await session.scalars(select(Promotion))).one()
        assert (made.gift_bottles, made.forbids) == (2, ["cancel", "swap"])
    shown = (await finance.get(kind="promotions")).text
    assert "每买 60 瓶赠 2 瓶" in shown
    assert "参加后不能退订、换产品" in shown


async def test_a_deposit_of_bottles_and_of_a_box(
    finance: Desk, database: Database, milk: str
) -> None:
    for product, amount in (("", "20"), (milk, "1.5")):
        form = {"product_id": product, "amount": amount, "from_date": "2026-03-15"}
        assert (await finance.post("/deposits", **form)).status_code == 303
    async with database.transaction() as session:
        found = {one.kind: one.amount_fen for one in await session.scalars(select(DepositRate))}
        assert found == {DepositKind.BOX: 2000, DepositKind.BOTTLES: 150}
    shown = (await finance.get(kind="deposits")).text
    for told in ("奶箱押金", "每个 ¥20.00", "空瓶押金", "每瓶 ¥1.50"):
        assert told in shown


async def test_ends_are_given_moved_and_coming_ones_taken_back(
    finance: Desk, database: Database, world: World, milk: str
) -> None:
    async with database.transaction() as session:
        (price,) = await prices_of(session, world)
    path = f"/prices/{public_single('prc', price.id)}"
    assert "撤回" not in (await finance.get(path)).text
    early = await finance.post(f"{path}/end", to_date="2026-03-14")
    assert early.status_code == 422
    assert "最早今天" in early.text
    assert (await finance.post(f"{path}/drop")).status_code == 409
    for last in ("2026-03-31", "2026-04-30"):
        assert (await finance.post(f"{path}/end", to_date=last)).status_code == 303
    async with database.transaction() as session:
        (price,) = await prices_of(session, world)
        assert price.valid.upper == date(2026, 5, 1)
    form = {"product_id": milk, "amount": "3.80", "from_date": "2026-05-01"}
    await finance.post("/prices", **form)
    over = await finance.post(f"{path}/end", to_date="2026-05-02")
    assert over.status_code == 409
    assert "不能重叠" in over.text
    async with database.transaction() as session:
        _, coming = await prices_of(session, world)
    assert "撤回" in (await finance.get(f"/prices/{public_single('prc', coming.id)}")).text
    dropped = await finance.post(f"/prices/{public_single('prc', coming.id)}/drop")
    assert dropped.status_code == 303
    assert len(await all_prices(database, world)) == 1


async def test_who_only_reads_sees_no_forms(
    client: httpx.AsyncClient, database: Database, world: World
) -> None:
    (price,) = await all_prices(database, world)
    path = f"/prices/{public_single('prc', price.id)}"
    reader = Desk(client, world, Role.QUALITY)
    page = await reader.get()
    assert page.status_code == 200
    assert "新增" not in page.text
    assert 'action="/manager/terms/prices' not in (await reader.get(path)).text
    assert (await reader.post(f"{path}/end", to_date="2026-03-31")).status_code == 403
    assert (await reader.get("/prices/new")).status_code == 403
    assert (await Desk(client, world, Role.STATION_MANAGER).get()).status_code == 403
    (kept,) = await all_prices(database, world)
    assert kept.valid.upper is None


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("?kind=secrets", 404),
        ("?product=prd_x", 404),
        ("?cursor=WzFd", 400),
        ("/secrets/new", 404),
        ("/prices/prc_aaaaaaaaaaaaaaaaaaaaaaaaaa", 404),
        ("/discounts/prc_aaaaaaaaaaaaaaaaaaaaaaaaaa", 404),
    ],
)
async def test_addresses_that_lead_nowhere(finance: Desk, path: str, status: int) -> None:
    assert (await finance.get(path)).status_code == status


async def test_a_browser_s_form_must_be_meant(
    client: httpx.AsyncClient, database: Database, world: World, runtime: Runtime, milk: str
) -> None:
    headers = {"Origin": ORIGIN, "Accept": "text/html"}
    client.cookies.set(cookie_name(runtime.installation), world.staff[Role.MANAGER].token)
    form = {"product_id": milk, "amount": "9.90", "from_date": "2030-01-01", "once": once_key()}
    before = await count(database, ProductPrice)
    for path in ("/prices", "/prices/preview"):
        answer = await client.post(TERMS + path, data=form, headers=headers)
        assert answer.status_code == 403, path
    assert await count(database, ProductPrice) == before
    page = await client.get(TERMS + "/prices/new", headers=headers)
    _, _, rest = page.text.partition('name="csrf_token" value="')
    token = {"csrf_token": rest.partition('"')[0]}
    meant = await client.post(TERMS + "/prices/preview", data=form | token, headers=headers)
    assert meant.status_code == 200
    assert "每瓶 ¥9.90" in meant.text
