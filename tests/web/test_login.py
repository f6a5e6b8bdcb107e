"""Coming in and going out."""

from playwright.async_api import expect

from app.identity.models import Role
from tests.fixtures.site import PHONE, Site, check_axe, shot


async def test_staff_log_in_and_out(site: Site) -> None:
    password = await site.add_login(Role.AUDITOR, "limin")
    page = await site.page("/work")
    assert page.url == f"{site.url}/login?next=%2Fwork"
    await check_axe(page)
    await shot(page, "login")
    await page.get_by_label("账号").fill("limin")
    await page.get_by_label("密码").fill(password)
    await page.get_by_role("button", name="登录").click()
    await expect(page.get_by_role("heading", name="李敏，您好")).to_be_visible()
    await check_axe(page)
    await shot(page, "home")

    kept = await page.context.cookies()
    assert [(cookie["name"], cookie["httpOnly"], cookie["sameSite"]) for cookie in kept] == [
        ("suixinding", True, "Lax")
    ]
    await page.get_by_text("李敏", exact=True).first.click()
    await page.get_by_role("button", name="退出登录").click()
    await expect(page.get_by_text("已退出登录")).to_be_visible()
    # The cookie is worth nothing any more, wherever a copy of it went.
    await page.context.add_cookies(
        [{"name": "suixinding", "value": kept[0]["value"], "url": site.url}]
    )
    await page.goto("/work")
    assert page.url == f"{site.url}/login?next=%2Fwork"


async def test_a_wrong_password_says_so_and_keeps_the_login(site: Site) -> None:
    await site.add_login(Role.MANAGER, "limin")
    site.expected = ["401"]
    page = await site.page("/login?next=/session", size=PHONE)
    await page.get_by_label("账号").fill("limin")
    await page.get_by_label("密码").fill("wrong-password-1")
    await page.get_by_role("button", name="登录").click()
    await expect(page.get_by_role("alert")).to_contain_text("账号或密码不正确")
    await expect(page.get_by_label("账号")).to_have_value("limin")
    await expect(page.get_by_label("密码")).to_have_value("")
    assert await page.locator("input[name=next]").input_value() == "/session"
    await check_axe(page)
    assert await page.context.cookies() == []
