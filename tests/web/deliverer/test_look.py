"""How the phone's page looks and reads, at 360 and 1440 px, light and dark."""

from typing import Literal

import pytest
from playwright.async_api import Page, expect

from tests.fixtures.site import DESK, PHONE, SCREENSHOTS, Site, check_axe
from tests.web.deliverer.round import open_phone, plan_round

Theme = Literal["light", "dark"]
VIEWS = ("route", "handover", "order", "me")


async def picture(page: Page, name: str) -> None:
    """What a person sees at once: bars that stand still would lie across a picture of it all."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    for width, height in (DESK, PHONE):
        await page.set_viewport_size({"width": width, "height": height})
        wide = await page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, f"{name}: {wide} px on a screen of {width}"
        await page.screenshot(path=SCREENSHOTS / f"deliverer-{name}-{width}.png")


async def choose(page: Page, theme: Theme) -> None:
    await page.get_by_role("link", name="我的").click()
    await page.get_by_label("深色" if theme == "dark" else "浅色").check()
    await expect(page.locator("html")).to_have_attribute("data-theme", theme)


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_every_view_is_readable(site: Site, theme: Theme) -> None:
    phone = await open_phone(site, await plan_round(site, stops=9))
    page = phone.page
    await choose(page, theme)
    for view in VIEWS:
        await page.goto(f"/deliverer#{view}")
        await expect(page.locator(f"[data-view={view}]")).to_be_visible()
        await check_axe(page)
        await picture(page, f"{view}-{theme}")
    await page.get_by_role("link", name="订单").click()
    await page.get_by_label("POS 刷卡").check()
    await page.get_by_label("按星期").check()
    await check_axe(page)
    await page.get_by_label("周一").scroll_into_view_if_needed()
    await picture(page, f"order-pos-{theme}")


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_every_sheet_is_readable(site: Site, theme: Theme) -> None:
    phone = await open_phone(site, await plan_round(site, stops=9))
    page = phone.page
    await choose(page, theme)
    await page.get_by_role("link", name="路线").click()
    await phone.deliver(0)
    await picture(page, f"undo-{theme}")
    await phone.card(1).get_by_role("button", name="其他").click()
    await page.get_by_label("少送").check()
    await check_axe(page)
    await picture(page, f"stop-{theme}")
    await page.get_by_label("奶不够").check()
    await page.get_by_role("spinbutton", name="鲜牛奶").fill("1")
    await page.get_by_role("button", name="保存", exact=True).click()
    await phone.emptied(2)
    await page.get_by_role("button", name="全部").click()
    await check_axe(page)
    await picture(page, f"all-{theme}")
    await page.get_by_role("button", name="批量").click()
    await phone.card(2).get_by_role("checkbox").check()
    await check_axe(page)
    await picture(page, f"several-{theme}")
    await page.get_by_role("button", name="登记 1 户").click()
    await check_axe(page)
    await picture(page, f"bulk-{theme}")
    await page.get_by_role("dialog").get_by_role("button", name="取消").click()
    await page.locator("#net").click()
    await check_axe(page)
    await picture(page, f"records-{theme}")


@pytest.mark.parametrize(
    ("at", "theme"),
    [("2026-03-16T05:30:00+08:00", "dark"), ("2026-03-16T06:31:00+08:00", "light")],
)
async def test_it_is_dark_before_dawn(site: Site, at: str, theme: Theme) -> None:
    context = await site.context(size=PHONE, color_scheme="light")
    await context.clock.set_fixed_time(at)
    page = await context.new_page()
    await page.goto("/deliverer")
    await expect(page.locator("html")).to_have_attribute("data-theme", theme)
