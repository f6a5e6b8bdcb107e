"""What anyone sees: products, news, coverage; and coming in with a code."""

from datetime import timedelta

import httpx
from playwright.async_api import Page, expect
from sqlalchemy import select

from app.catalog.announcing import add_announcement
from app.catalog.models import AnnouncementKind
from app.core.ids import public_pair, public_single
from app.identity.browser import cookie_name
from app.identity.models import LoginCode
from bench.weight import in_kb, weigh
from tests.factories.identity import another_code, code_of
from tests.factories.world import MORNING, TODAY
from tests.fixtures.site import PHONE, Site, check_axe, shift_of, shot
from tests.web.customer.conftest import Home, arrive

PAYLOAD = '<img src=x onerror="document.title=1">'
PHONE_NO = "13912345678"
MOST_SHIFT = 0.1
"""What browsers call a good cumulative layout shift."""


async def add_news(site: Site) -> None:
    async with site.database.transaction() as session:
        for kind, title, body, ahead in (
            (AnnouncementKind.PROMOTION, "春季满赠", "订满 90 天，赠酸牛奶 3 瓶。", 0),
            (AnnouncementKind.NEW_PRODUCT, "新品上市", PAYLOAD, 0),
            (AnnouncementKind.CHANGE_NOTICE, "清明停送", "4 月 5 日停送一天，顺延。", 1),
        ):
            await add_announcement(
                session,
                kind=kind,
                title=title,
                body=body,
                from_date=TODAY + timedelta(days=ahead),
                to_date=TODAY + timedelta(days=30),
                now=MORNING,
            )


async def sent_code(site: Site) -> str:
    """The code of the last request."""
    async with site.database.transaction() as session:
        last = await session.scalar(
            select(LoginCode.request_id).order_by(LoginCode.created_at.desc()).limit(1)
        )
    assert last is not None
    return await code_of(site.database, site.keys, last)


async def ask(page: Page) -> None:
    await page.get_by_label("手机号").fill(PHONE_NO)
    await page.get_by_role("button", name="获取验证码").click()
    await expect(page.get_by_text("验证码已发往 139****5678")).to_be_visible()


async def test_anyone_sees_products_news_and_whether_it_comes(site: Site) -> None:
    await add_news(site)
    page = await site.page("/", size=PHONE)
    await expect(page.get_by_role("heading", name="每天清晨，鲜奶到家")).to_be_visible()
    milk = page.locator(".product", has_text="鲜牛奶")
    await expect(milk).to_contain_text("¥3.50")
    await expect(milk).to_contain_text("冷藏 6 ℃ 以下，保质期 7 天")
    await expect(page.get_by_text("春季满赠")).to_be_visible()
    await expect(page.get_by_text(PAYLOAD)).to_be_visible()
    await expect(page.get_by_text("清明停送")).to_have_count(0)
    await check_axe(page)
    await shot(page, "household-home")

    await page.get_by_label("区县").fill("徐汇区")
    await page.get_by_role("button", name="查一查").click()
    await expect(page.locator("#covered")).to_contain_text("请填写区县，以及小区或路名")
    await page.get_by_label("小区", exact=True).fill("梅陇一村")
    await page.get_by_role("button", name="查一查").click()
    await expect(page.locator("#covered")).to_contain_text("可以送到。最早 3月16日 周一 起送")
    await page.get_by_label("小区", exact=True).fill("没有的小区")
    await page.get_by_role("button", name="查一查").click()
    await expect(page.locator("#covered")).to_contain_text("暂时送不到这里")
    await page.get_by_label("小区", exact=True).fill("")
    await page.get_by_text("没有小区？填路名和门牌号").click()
    await page.get_by_label("路名").fill("漕溪北路")
    await page.get_by_role("button", name="查一查").click()
    await expect(page.locator("#covered")).to_contain_text("要人工核对")
    await check_axe(page)


async def test_a_household_comes_in_with_a_code_and_goes_out(site: Site) -> None:
    site.expected = ["401"]
    page = await site.page("/my/calendar", size=PHONE)
    assert page.url == f"{site.url}/enter?next=%2Fmy%2Fcalendar"
    await check_axe(page)
    await ask(page)
    await expect(page.get_by_role("button", name="秒后再取")).to_be_disabled()
    await shot(page, "household-enter")
    code = await sent_code(site)
    await page.get_by_label("验证码").fill(another_code(code))
    await page.get_by_role("button", name="登录", exact=True).click()
    await expect(page.get_by_role("alert")).to_contain_text("验证码不正确或已失效")
    await expect(page.get_by_label("手机号")).to_have_value(PHONE_NO)
    await page.get_by_label("验证码").fill(code)
    await page.get_by_role("button", name="登录", exact=True).click()
    await arrive(page, "**/my/calendar")
    await expect(page.get_by_text("还没有在送的奶")).to_be_visible()
    await check_axe(page)
    (kept,) = await page.context.cookies()
    assert (kept["httpOnly"], kept["sameSite"]) == (True, "Lax")
    await page.get_by_role("button", name="退出").first.click()
    await expect(page.get_by_text("已退出登录")).to_be_visible()
    await page.context.add_cookies(
        [{"name": kept["name"], "value": kept["value"], "url": site.url}]
    )
    await page.goto("/my")
    assert page.url == f"{site.url}/enter?next=%2Fmy"


async def test_without_script_the_code_comes_all_the_same(site: Site) -> None:
    context = await site.context(size=PHONE, java_script_enabled=False)
    page = await context.new_page()
    await page.goto("/enter?next=/my/orders")
    await page.get_by_label("手机号").fill(PHONE_NO)
    await page.get_by_role("button", name="获取验证码").click()
    await expect(page.get_by_text("验证码已发送，10 分钟内有效")).to_be_visible()
    await page.get_by_label("验证码").fill(await sent_code(site))
    await page.get_by_role("button", name="登录", exact=True).click()
    await expect(page.get_by_text("还没有订单")).to_be_visible()


async def test_what_fails_is_told_in_the_households_own_page(site: Site) -> None:
    site.expected = ["404", "403", "429"]
    page = await site.page("/my/orders/ord_nothing", size=PHONE)
    assert "/enter" in page.url
    context = await site.context(size=PHONE)
    await site.use_token(context, site.world.household.token)
    page = await site.page("/my/orders/ord_nothing", context=context)
    await expect(page.get_by_role("alert")).to_be_visible()
    await expect(page.locator(".tabs")).to_be_visible()
    await check_axe(page)
    page = await site.page("/enter", size=PHONE)
    await page.get_by_label("手机号").fill("13912345670")
    await page.get_by_role("button", name="获取验证码").click()
    await expect(page.get_by_text("验证码已发往")).to_be_visible()
    await page.reload()
    await page.get_by_label("手机号").fill("13912345670")
    await page.get_by_role("button", name="获取验证码").click()
    await expect(page.locator("#asked")).to_contain_text("秒后再试")


async def test_no_page_weighs_more_than_a_phone_should_carry(site: Site) -> None:
    cookies = {cookie_name(site.runtime.installation): site.world.household.token}
    async with httpx.AsyncClient(base_url=site.url, cookies=cookies) as client:
        for path in (
            "/",
            "/order",
            "/my",
            "/my/calendar",
            "/my/orders",
            "/my/money",
            "/my/tickets",
        ):
            weights = await weigh(client, path)
            assert 5 < in_kb(weights) <= 60, (path, weights)


async def test_no_page_moves_under_the_thumb(home: Home) -> None:
    """Layout shift at 360 pixels, to the end of each page and with all that comes later."""
    milk = home.milk
    for path, shown in (
        ("/", ".products"),
        (f"/order?product={public_single('prd', milk.product_id)}", "#quote .total"),
        ("/my/calendar", "[data-month], .month"),
        (f"/my/orders/{public_pair('ord', milk.customer_id, milk.order_id)}", ".change-kinds"),
    ):
        page = await home.page(path)
        await expect(page.locator(shown).first).to_be_visible()
        await page.evaluate("scrollTo(0, document.body.scrollHeight)")
        moved = await shift_of(page)
        assert moved <= MOST_SHIFT, (path, moved)
    await page.evaluate("scrollTo(0, 0)")
    await shift_of(page)
    await page.evaluate("""() => {
        const late = document.createElement("p");
        late.style.height = "300px";
        document.querySelector("main").prepend(late);
    }""")
    assert await shift_of(page) > MOST_SHIFT, "what comes in late above the rest is noticed"
