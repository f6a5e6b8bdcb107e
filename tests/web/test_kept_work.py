"""What is typed survives: an expired session, an error, a reload. And nothing is sent twice."""

import re

import pytest
from playwright.async_api import Page, expect
from sqlalchemy import text

from app.identity.models import Role
from tests.fixtures.site import Site, check_axe, shot
from tests.web.workshop import Workshop, open_workshop


@pytest.fixture
def workshop(site: Site) -> Workshop:
    """The tests' own page."""
    return open_workshop(site)


@pytest.fixture
async def page(site: Site, workshop: Workshop) -> Page:
    """The page, opened by somebody who logged in with a password."""
    await site.add_login(Role.SERVICE_AGENT, "limin")
    opened = await site.page("/login?next=/workshop")
    await log_in(opened)
    await expect(opened.get_by_role("heading", name="工作台")).to_be_visible()
    return opened


async def log_in(page: Page) -> None:
    await page.get_by_label("账号").fill("limin")
    await page.get_by_label("密码").fill("Gentle-Morning-Milk-26")
    await page.get_by_role("button", name="登录").click()


async def end_sessions(site: Site) -> None:
    async with site.database.transaction() as session:
        await session.execute(text("DELETE FROM sessions"))


async def save_whole(page: Page) -> None:
    await page.get_by_role("button", name="保存整页").click()
    await page.get_by_role("button", name="确定").click()


async def test_the_ground_is_accessible_and_fits_a_phone(page: Page) -> None:
    await check_axe(page)
    await shot(page, "workshop")


async def test_an_expired_session_asks_in_place_and_the_form_stays(
    site: Site, workshop: Workshop, page: Page
) -> None:
    site.expected = ["401"]
    await page.get_by_label("局部留言").fill("明早少送一瓶")
    await end_sessions(site)
    await page.get_by_role("button", name="保存局部").click()
    dialog = page.get_by_role("dialog", name="请重新登录")
    await expect(dialog).to_be_visible()
    assert workshop.notes == []
    await check_axe(page)

    await dialog.get_by_label("账号").fill("limin")
    await dialog.get_by_label("密码").fill("not-the-password")
    await dialog.get_by_role("button", name="登录").click()
    await expect(dialog.get_by_role("alert")).to_have_text("账号或密码不正确")
    await dialog.get_by_label("密码").fill("Gentle-Morning-Milk-26")
    await dialog.get_by_role("button", name="登录").click()
    await expect(dialog).to_be_hidden()
    await expect(page.get_by_label("局部留言")).to_have_value("明早少送一瓶")
    await page.get_by_role("button", name="保存局部").click()
    await expect(page.locator("#part")).to_have_text("已收到")
    assert workshop.notes == ["明早少送一瓶"]


async def test_a_whole_page_s_form_comes_back_after_the_login(
    site: Site, workshop: Workshop, page: Page
) -> None:
    await page.get_by_label("整页留言").fill("周三改送酸奶")
    await end_sessions(site)
    await save_whole(page)
    await expect(page).to_have_url(re.compile("/login"))
    assert workshop.notes == []
    await log_in(page)
    await expect(page.get_by_label("整页留言")).to_have_value("周三改送酸奶")
    await expect(page.locator(".draft-note")).to_be_visible()
    await save_whole(page)
    await expect(page.get_by_text("已保存")).to_be_visible()
    await expect(page.get_by_label("整页留言")).to_have_value("")
    assert workshop.notes == ["周三改送酸奶"]
    await page.reload()
    await expect(page.get_by_label("整页留言")).to_have_value("")
    await expect(page.get_by_text("已保存")).to_have_count(0)


async def test_a_refused_form_can_be_sent_again(site: Site, workshop: Workshop, page: Page) -> None:
    site.expected = ["409"]
    workshop.fails = True
    await page.get_by_label("整页留言").fill("补送一瓶")
    await save_whole(page)
    await expect(page.get_by_role("alert")).to_contain_text("当前状态不允许此操作")
    await check_axe(page)
    await shot(page, "problem-409")
    await page.goto("/workshop")
    await expect(page.get_by_label("整页留言")).to_have_value("补送一瓶")
    await page.get_by_label("局部留言").fill("补送一瓶")
    await page.get_by_role("button", name="保存局部").click()
    await expect(page.locator("#toasts")).to_contain_text("当前状态不允许此操作")
    await expect(page.locator("#part")).to_have_text("还没有留言")
    assert workshop.notes == []


async def test_a_login_in_another_tab_does_not_stop_this_one(
    site: Site, workshop: Workshop, page: Page
) -> None:
    site.expected = ["403"]
    await page.get_by_label("局部留言").fill("请按门铃")
    other = await page.context.new_page()
    site.watch(other)
    await other.goto("/workshop")
    await other.get_by_text("李敏", exact=True).first.click()
    await other.get_by_role("button", name="退出登录").click()
    await log_in(other)
    await expect(other.get_by_role("heading", name="客服工单")).to_be_visible()
    await page.get_by_role("button", name="保存局部").click()
    await expect(page.locator("#toasts")).to_contain_text("请再提交一次")
    assert workshop.notes == []
    await page.get_by_role("button", name="保存局部").click()
    await expect(page.locator("#part")).to_have_text("已收到")
    assert workshop.notes == ["请按门铃"]


async def test_a_wrong_field_is_told_beside_the_form(
    site: Site, workshop: Workshop, page: Page
) -> None:
    site.expected = ["422"]
    await page.get_by_label("局部留言").fill("短")
    await page.get_by_role("button", name="保存局部").click()
    await expect(page.locator("#wrong")).to_contain_text("局部留言：太短")
    await expect(page.locator("#toasts")).to_be_empty()
    await expect(page.get_by_label("局部留言")).to_have_value("短")
    assert workshop.notes == []


async def test_a_stream_flows_part_by_part(workshop: Workshop, page: Page) -> None:
    for number in ("1", "2", "3"):
        await expect(page.locator("#live")).to_have_text(number)
        workshop.ticks.set()


async def test_no_is_no_and_yes_is_once(workshop: Workshop, page: Page) -> None:
    await page.get_by_label("整页留言").fill("停送三天")
    await page.get_by_role("button", name="保存整页").click()
    await expect(page.get_by_role("dialog")).to_contain_text("确定保存吗？")
    await page.get_by_role("button", name="取消").click()
    await expect(page.get_by_role("dialog")).to_be_hidden()
    assert workshop.notes == []
    await save_whole(page)
    await expect(page.get_by_text("已保存")).to_be_visible()
    assert workshop.notes == ["停送三天"]


async def test_keys_and_times_work(page: Page) -> None:
    await expect(page.locator("time[data-relative]")).to_have_text("1 小时前")
    await expect(page.locator("time[data-due]")).to_have_text(re.compile(r"^\d+:\d\d:\d\d$"))
    await page.keyboard.press("?")
    keys = page.get_by_role("dialog", name="键盘快捷键")
    await expect(keys).to_contain_text("看留言")
    await page.keyboard.press("Escape")
    await expect(keys).to_be_hidden()
    await page.keyboard.press("g")
    await expect(page).to_have_url(re.compile("#part$"))
    await page.get_by_label("局部留言").focus()
    await page.keyboard.type("g?")
    await expect(page.get_by_label("局部留言")).to_have_value("g?")


async def test_another_account_s_draft_is_not_shown(site: Site, page: Page) -> None:
    await page.get_by_label("整页留言").fill("只有我该看到")
    await site.use_token(page.context, site.world.staff[Role.MANAGER].token)
    await page.reload()
    await expect(page.get_by_label("整页留言")).to_have_value("")
