"""Orders of marketplaces on a page: matched, given their address, accepted or refused."""

import re
from typing import Any

import httpx
import pytest
from playwright.async_api import expect
from sqlalchemy import func, select

from app.core.db import Database
from app.core.ids import public_single
from app.core.jobs import JobContext
from app.identity.models import Role
from app.marketplaces.models import ExternalOrder, SkuMapping
from app.marketplaces.states import ExternalState
from app.web.common.forms import once_key
from tests.factories.marketplaces import MASKED, SKU, Market, pushed
from tests.factories.world import World
from tests.fixtures.application import app_over
from tests.fixtures.jobs import drain
from tests.fixtures.site import Site, check_axe, shot

PAGE = "http://test/marketplace-orders"


@pytest.fixture
def market(client: httpx.AsyncClient, world: World) -> Market:
    return Market(client, world)


async def fill(market: Market) -> None:
    """An order that needs its SKU, one its address, one a person."""
    await market.open_shop(mapped=False)
    unknown = [{"line_no": "1", "sku": "YOG-30", "title": "酸奶月卡", "units": 1, "paid_fen": 9000}]
    await market.map()
    await market.push(
        pushed("A1", lines=unknown),
        pushed("A2", receiver=MASKED),
        pushed("A3", lines=[unknown[0] | {"sku": SKU, "title": "鲜牛奶月卡", "paid_fen": 8000}]),
    )


async def states_of(database: Database) -> dict[str, ExternalState]:
    async with database.transaction() as session:
        rows = await session.scalars(select(ExternalOrder))
        return {one.number: one.state for one in rows}


async def send(market: Market, path: str, role: Role, **form: Any) -> httpx.Response:
    return await market.client.post(
        PAGE + path,
        data={"once": once_key()} | form,
        headers=market.world.staff[role].headers | {"Accept": "text/html"},
    )


async def show(market: Market, role: Role = Role.SERVICE_AGENT, **query: str) -> str:
    answer = await market.client.get(
        PAGE,
        params=query,
        headers=market.world.staff[role].headers | {"Accept": "text/html"},
    )
    assert answer.status_code == 200, answer.text
    return answer.text


async def test_an_sku_is_matched_once_and_its_orders_go_on(
    market: Market, database: Database, job_context: JobContext
) -> None:
    await fill(market)
    await drain(job_context)
    page = await show(market)
    assert "商家编码 YOG-30" in page
    for told in ("待匹配商品", "平台隐藏了地址，等顾客填写", "实付金额与明细不符", "李*"):
        assert told in page
    assert "13712340001" not in page
    form = {
        "once": once_key(),
        "shop": "tmall-flagship",
        "sku": "YOG-30",
        "product": public_single("prd", market.world.milk_id),
        "bottles": "30",
    }
    wrong = await send(market, "/skus", Role.SERVICE_AGENT, **(form | {"bottles": "0"}))
    assert wrong.status_code == 422
    for _ in range(2):
        answer = await send(market, "/skus", Role.SERVICE_AGENT, **form)
        assert (answer.status_code, answer.headers["location"]) == (303, "/marketplace-orders")
    await drain(job_context)
    assert (await states_of(database))["A1"] is ExternalState.PLACED
    async with database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(SkuMapping)) == 2
    assert "商家编码 YOG-30" not in await show(market)
    assert "A1" not in await show(market, state="needs_review")


async def test_an_order_is_accepted_or_refused_by_an_agent(
    market: Market, database: Database, job_context: JobContext
) -> None:
    await fill(market)
    await drain(job_context)
    ids = {one["number"]: one["id"] for one in await market.listed()}
    assert (await send(market, f"/{ids['A3']}/accept", Role.FINANCE)).status_code == 403
    assert (await send(market, f"/{ids['A2']}/accept", Role.MANAGER)).status_code == 409
    assert (await send(market, f"/{ids['A3']}/accept", Role.MANAGER)).status_code == 303
    unexplained = await send(market, f"/{ids['A1']}/refuse", Role.SERVICE_AGENT, note="")
    assert unexplained.status_code == 422
    refused = await send(market, f"/{ids['A1']}/refuse", Role.SERVICE_AGENT, note="不在范围")
    assert refused.status_code == 303
    await drain(job_context)
    assert await states_of(database) == {
        "A1": ExternalState.REFUSED,
        "A2": ExternalState.NEEDS_ADDRESS,
        "A3": ExternalState.PLACED,
    }


async def test_the_link_for_the_address_is_shown_to_agents_alone(
    market: Market, job_context: JobContext
) -> None:
    await fill(market)
    await drain(job_context)
    (one,) = await market.listed(state="needs_address")
    assert (await send(market, f"/{one['id']}/claim-link", Role.FINANCE)).status_code == 403
    assert (await send(market, f"/{one['id']}/claim-link", Role.SERVICE_AGENT)).status_code == 303
    for role, status in ((Role.SERVICE_AGENT, 200), (Role.FINANCE, 403)):
        answer = await market.client.get(
            f"{PAGE}/{one['id']}/claim-text", headers=market.world.staff[role].headers
        )
        assert answer.status_code == status
        assert ("/l/" in answer.text) is (status == 200)
        assert status != 200 or answer.headers["cache-control"] == "no-store"
    assert "看链接" not in await show(market, Role.FINANCE)


async def test_the_page_in_a_browser(site: Site) -> None:
    transport = httpx.ASGITransport(app=app_over(site.runtime), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test/api/v1") as client:
        await fill(Market(client, site.world))
    context = JobContext(site.database, site.clock)
    await drain(context)
    page = await site.page("/service", Role.SERVICE_AGENT)
    await page.get_by_role("navigation", name="主导航").get_by_role("link", name="平台订单").click()
    await expect(page.locator("#rows .task")).to_have_count(3)
    await check_axe(page)
    await shot(page, "marketplace-orders")
    waiting = page.locator("#rows .task", has_text="待顾客填写地址")
    await waiting.get_by_role("button", name="生成链接").click()
    await expect(page.get_by_text("新链接已生成")).to_be_visible()
    await page.get_by_role("button", name="看链接").click()
    await expect(page.get_by_label("复制给顾客")).to_have_value(re.compile("/l/.+填写收奶地址"))
    await check_axe(page)
    await page.get_by_label("状态").select_option(label="全部")
    await page.get_by_label("是哪个产品").select_option(index=1)
    await page.get_by_label("每件几瓶").fill("30")
    await page.get_by_role("button", name="匹配").click()
    await expect(page.get_by_text("已匹配，1 个订单继续处理")).to_be_visible()
    await drain(context)
    await page.reload()
    await expect(page.locator("#rows .task", has_text="已下单")).to_have_count(1)
