"""The deposit of an order at the door: typed in yuan, shown apart, collected with the price."""

from playwright.async_api import expect
from sqlalchemy import select

from app.orders.models import Deposit, Order
from tests.fixtures.site import SCREENSHOTS, Site, check_axe
from tests.web.deliverer.round import open_phone, plan_round
from tests.web.deliverer.test_offline import fill_order


async def test_the_deposit_is_shown_apart_and_collected_with_the_price(site: Site) -> None:
    phone = await open_phone(site, await plan_round(site, stops=2))
    page = phone.page
    await page.get_by_role("link", name="订单").click()
    await fill_order(page)
    total = page.locator("#order-sum")
    await expect(total).to_have_text("¥105.00")
    field = page.get_by_label("奶箱押金（元，没有填 0）")
    await field.fill("-1")
    await page.get_by_role("button", name="保存订单").click()
    assert not await field.evaluate("input => input.validity.valid")
    await expect(page.locator("#order-taken li")).to_have_count(0)
    await field.fill("30.5")
    await expect(page.locator("#order-price")).to_have_text("¥105.00")
    await expect(page.locator("#order-deposit")).to_have_text("¥30.50")
    await expect(total).to_have_text("¥135.50")
    await phone.kept("draft:", saying="30.5")
    await page.reload()
    await expect(total).to_have_text("¥135.50")
    await check_axe(page)
    await page.set_viewport_size({"width": 360, "height": 740})
    await total.scroll_into_view_if_needed()
    assert await page.evaluate("document.documentElement.scrollWidth") == 360
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    await page.screenshot(path=SCREENSHOTS / "deliverer-deposit-360.png")
    await page.get_by_label("已向顾客宣读").check()
    await page.get_by_role("button", name="保存订单").dblclick()
    await expect(page.get_by_text("已保存：收款 ¥135.50")).to_be_visible()
    await phone.emptied()
    await expect(page.locator("#order-taken")).to_contain_text("含押金 ¥30.50")
    async with site.database.transaction() as session:
        order = (await session.scalars(select(Order).where(Order.source == "door"))).one()
        held = (await session.scalars(select(Deposit))).one()
        assert (order.price_fen, order.deposit_fen) == (10_500, 3_050)
        assert (held.kind, held.state, held.amount_fen) == ("box", "held", 3_050)
    await page.get_by_role("link", name="我的").click()
    await expect(page.locator("#cash")).to_have_text("¥135.50")
