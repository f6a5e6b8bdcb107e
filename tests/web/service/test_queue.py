"""The queue: the order of work, running clocks, filters in the address, rows by keyboard."""

import re
from datetime import timedelta

from playwright.async_api import Page, expect

from app.identity.models import Role
from tests.factories.aftersales import HOUR, Desk
from tests.factories.world import MORNING
from tests.fixtures.site import Site, check_axe, shot


async def ticking_page(site: Site, path: str) -> Page:
    """A page whose own time the test moves on."""
    context = await site.context(Role.SERVICE_AGENT)
    await context.clock.install()
    return await site.page(path, context=context)


async def test_work_stands_in_its_order_and_the_clocks_run(site: Site, desk: Desk) -> None:
    plain = await desk.file(category="late")
    site.clock.set(MORNING + HOUR)
    await desk.file(category="taste", is_food_safety=True)
    await desk.file(category="manner", severity="major")
    await desk.reply(plain["id"])
    site.clock.set(MORNING + 21 * HOUR)
    page = await site.page("/service", Role.SERVICE_AGENT)
    await expect(page.locator(".ticket-subject")).to_have_text(
        ["投诉：口味异常", "投诉：服务态度", "投诉：送达晚"]
    )
    last = page.locator("[data-row]").last
    await expect(last).to_contain_text("已答复")
    clock = last.locator("time[data-due]")
    await expect(clock).to_have_text(re.compile(r"^(3:00:00|2:59:\d\d)$"))
    await expect(clock).to_have_class(re.compile("warn"))
    await expect(page.locator("#view-safety")).to_contain_text("1")
    await check_axe(page)
    await shot(page, "service-queue")


async def test_filters_stand_in_the_address_and_hold_over_a_refresh(site: Site, desk: Desk) -> None:
    await desk.file(category="late")
    taste = await desk.file(category="taste", severity="major")
    page = await ticking_page(site, "/service")
    await expect(page.locator("[data-row]")).to_have_count(2)
    await page.get_by_label("级别").select_option("major")
    await expect(page.locator(".ticket-subject")).to_have_text(["投诉：口味异常"])
    await expect(page).to_have_url(re.compile(r"/service\?severity=major$"))
    await expect(page.locator("#view-all")).to_contain_text("1")
    await expect(page.get_by_label("问题")).to_contain_text("口味异常（1）")
    await expect(page.get_by_label("问题")).to_contain_text("送达晚（0）")
    await desk.file(category="manner", severity="major")
    await desk.file(category="manner")
    await page.clock.fast_forward(21_000)
    await expect(page.locator(".ticket-subject")).to_have_text(["投诉：口味异常", "投诉：服务态度"])
    await expect(page).to_have_url(re.compile(r"/service\?severity=major$"))
    await page.reload()
    await expect(page.locator("[data-row]")).to_have_count(2)
    await page.locator("#view-mine").click()
    await expect(page).to_have_url(re.compile(r"view=mine&severity=major"))
    await expect(page.get_by_text("没有符合条件的工单")).to_be_visible()
    await desk.act(taste["id"], "assign")
    await page.get_by_role("link", name="清除筛选").click()
    await expect(page).to_have_url(re.compile(r"/service\?view=mine$"))
    await expect(page.locator(".ticket-subject")).to_have_text(["投诉：口味异常"])


async def test_a_row_is_chosen_by_keyboard_and_stays_chosen(site: Site, desk: Desk) -> None:
    for category in ("late", "missing", "manner"):
        await desk.file(category=category)
    page = await ticking_page(site, "/service")
    await page.keyboard.press("j")
    await page.keyboard.press("j")
    chosen = page.locator("[data-row][data-selected]")
    await expect(chosen).to_contain_text("漏送少送")
    await expect(chosen).to_be_focused()
    await desk.file(category="taste", is_food_safety=True)
    await page.clock.fast_forward(21_000)
    await expect(page.locator("[data-row]")).to_have_count(4)
    await expect(chosen).to_contain_text("漏送少送")
    await expect(chosen).to_be_focused()
    await page.keyboard.press("k")
    await expect(chosen).to_contain_text("送达晚")
    await page.keyboard.press("/")
    await expect(page.locator("#search")).to_be_focused()
    await page.keyboard.press("Escape")
    await page.keyboard.press("?")
    await expect(page.get_by_role("dialog", name="键盘快捷键")).to_contain_text("下一单")
    await page.keyboard.press("Escape")
    await page.keyboard.press("j")
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(re.compile("/service/tickets/tkt_"))


async def test_a_ticket_is_found_by_number_and_by_phone(site: Site, desk: Desk) -> None:
    ticket = await desk.file()
    other = await desk.file(category="taste")
    page = await site.page("/service", Role.SERVICE_AGENT)
    box = page.locator("#search")
    await box.fill(ticket["ticket_no"])
    await box.press("Enter")
    await expect(page.get_by_role("heading", name="搜索结果")).to_be_visible()
    await expect(page.locator(".ticket-row .ticket-no")).to_have_text([ticket["ticket_no"]])
    await box.fill(site.world.household.phone)
    await box.press("Enter")
    await expect(page.locator("[data-row]")).to_have_count(2)
    assert site.world.household.phone not in page.url
    await box.fill("13000000000")
    await box.press("Enter")
    await expect(page.get_by_text("没有找到工单")).to_be_visible()
    site.expected = ["400"]
    await box.fill("12")
    await box.press("Enter")
    await expect(page.locator("#search-error")).to_contain_text("请输入完整的")
    assert other["ticket_no"]


async def test_nothing_to_do_is_said(site: Site) -> None:
    page = await site.page("/service", Role.SERVICE_AGENT)
    await expect(page.get_by_text("这里没有待处理的工单")).to_be_visible()
    await check_axe(page)
    await shot(page, "service-empty")


async def test_overdue_is_a_view_with_its_count(site: Site, desk: Desk) -> None:
    await desk.file()
    site.clock.set(MORNING + 25 * HOUR + timedelta(minutes=3))
    page = await site.page("/service?view=overdue", Role.SERVICE_AGENT)
    await expect(page.locator("[data-row] time[data-due].bad").first).to_contain_text("超时 1:03")
    await expect(page.locator("#view-overdue")).to_contain_text("1")


async def test_a_forgotten_desk_stops_asking(site: Site, desk: Desk) -> None:
    page = await ticking_page(site, "/service")
    await page.clock.run_for(21_000)
    await desk.file()
    await page.clock.run_for(21_000)
    await expect(page.locator("[data-row]")).to_have_count(1)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    await page.clock.fast_forward(16 * 60_000)
    await page.clock.run_for(61_000)
    assert asked == [], "else polling would keep an empty chair logged in"
    await page.keyboard.press("j")
    await desk.file()
    await page.clock.run_for(21_000)
    await expect(page.locator("[data-row]")).to_have_count(2)
