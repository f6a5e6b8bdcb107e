"""The page behind a marketplace order's link: address, agreement, done."""

import httpx
from playwright.async_api import expect
from sqlalchemy import select

from app.core.jobs import JobContext
from app.identity.models import Role
from app.orders.models import Order
from tests.factories.marketplaces import MASKED, Market, pushed
from tests.fixtures.application import app_over
from tests.fixtures.jobs import drain
from tests.fixtures.site import PHONE, Site, check_axe, shot


async def test_a_household_says_where_its_tmall_milk_goes(site: Site) -> None:
    transport = httpx.ASGITransport(app=app_over(site.runtime), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test/api/v1") as client:
        market = Market(client, site.world)
        await market.open_shop()
        await market.push(pushed("T20260001", receiver=MASKED))
        context = JobContext(database=site.database, clock=site.clock)
        await drain(context)
        (waiting,) = await market.listed()
        await market.post(f"/marketplace-orders/{waiting['id']}/claim-link", Role.SERVICE_AGENT)
        token = await market.claim_token("T20260001")

        page = await (await site.context(size=PHONE)).new_page()
        await page.goto(f"/l/{token}")
        await expect(page.get_by_role("heading", level=1)).to_have_text("牛奶送到哪里？")
        await expect(page.locator("main")).to_contain_text("订单尾号 0001")
        await check_axe(page)
        await shot(page, "claim")
        for label, text in (
            ("区县", "徐汇区"),
            ("小区或道路", "梅陇一村"),
            ("楼号或门牌号", "12号"),
            ("室号", "301室"),
            ("收奶人", "李雷"),
            ("手机号", "13712340001"),
        ):
            await page.get_by_label(label).fill(text)
        await page.get_by_label("阅读并同意").check()
        await page.get_by_role("button", name="提交").click()
        await expect(page.locator("main")).to_contain_text("正在审核")
        await drain(context)
        await page.reload()
        await expect(page.locator("main")).to_contain_text("配送中")
        await check_axe(page)
    async with site.database.transaction() as session:
        order = (await session.scalars(select(Order))).one()
        assert (order.status, order.outside_number) == ("delivering", "T20260001")
