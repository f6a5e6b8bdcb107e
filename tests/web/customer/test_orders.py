"""The order's page: every kind of change the engine has, refunds shown, and what is refused."""

from playwright.async_api import Page, expect

from app.core.ids import public_pair
from app.orders.changes.kinds import KINDS
from app.orders.states import OrderStatus
from app.web.customer.fields import LABELS, change_forms
from tests.factories.world import TODAY
from tests.fixtures.site import DESK, check_axe, shot
from tests.web.customer.conftest import Home, arrive
from tests.web.customer.test_calendar import changes_of


def address_of(home: Home) -> str:
    return f"/my/orders/{public_pair('ord', home.milk.customer_id, home.milk.order_id)}"


async def do(page: Page, button: str = "确认变更") -> None:
    await page.get_by_role("button", name="先看看变化").click()
    preview = page.get_by_role("region", name="变更预览")
    await expect(preview).to_be_visible()
    await preview.get_by_role("button", name=button).click()
    await arrive(page, "**/changes/chg_*")


async def test_the_page_offers_every_kind_the_engine_has(home: Home) -> None:
    assert set(change_forms()) == {*KINDS, "renew"}
    page = await home.page(address_of(home))
    for form in change_forms().values():
        await expect(page.get_by_role("link", name=form.label, exact=True)).to_be_visible()
    for kind, form in change_forms().items():
        await page.goto(f"{address_of(home)}/change/{kind}")
        await expect(page.get_by_role("heading", name=form.label, exact=True)).to_be_visible()
        await check_axe(page)
    await page.goto(f"{address_of(home)}/change/change_pattern")
    await shot(page, "household-change")


async def test_paused_resumed_and_written_down(home: Home) -> None:
    page = await home.page(f"{address_of(home)}/change/pause")
    await page.get_by_label("从哪天起").fill("2026-03-18")
    await page.get_by_label("到哪天为止").fill("2026-03-22")
    await page.get_by_role("button", name="先看看变化").click()
    preview = page.get_by_role("region", name="变更预览")
    await expect(preview).to_contain_text("恢复出奶3月23日 周一")
    await expect(preview).to_contain_text("4月14日 周二 → 4月19日 周日")
    # The preview scrolled into view: half a field under the bar of tabs is no small target.
    await page.evaluate("scrollTo(0, 0)")
    await check_axe(page)
    await shot(page, "household-pause")
    # What is asked for otherwise is previewed anew before it can be confirmed.
    await page.get_by_label("到哪天为止").fill("2026-03-20")
    await expect(preview).to_have_count(0)
    await do(page)
    await page.goto("/my/calendar")
    await expect(page.locator(".day.paused")).to_have_count(3)
    await page.goto(f"{address_of(home)}/change/resume")
    await page.get_by_label("从哪天起").fill("2026-03-19")
    await do(page)
    await page.goto("/my/calendar")
    await expect(page.locator(".day.paused")).to_have_count(1)
    await page.goto(address_of(home))
    records = page.locator(".records li")
    await expect(records).to_have_count(2)
    await expect(records.first).to_contain_text("恢复出奶")
    await records.last.get_by_role("link").click()
    await expect(page.get_by_role("heading", name="停奶")).to_be_visible()
    # A later change stands on it, so the way back is not offered.
    await expect(page.get_by_role("button", name="撤销这次变更")).to_have_count(0)


async def test_quantity_pattern_swap_and_one_more_product(home: Home) -> None:
    page = await home.page(f"{address_of(home)}/change/change_quantity", size=DESK)
    await page.get_by_label("每次瓶数").fill("2")
    await do(page)
    await page.goto(f"{address_of(home)}/change/change_pattern")
    await page.get_by_label("自选星期").check()
    await page.get_by_label("周一", exact=True).check()
    await page.get_by_label("周四", exact=True).check()
    await page.get_by_label("每次瓶数").fill("2")
    await do(page)
    await page.goto(f"{address_of(home)}/change/swap")
    await page.get_by_label("换成").select_option(index=1)
    await do(page)
    await page.goto(f"{address_of(home)}/change/add_product")
    await page.get_by_label("产品").select_option(index=0)
    await do(page, "确认，去付款")
    await expect(page.get_by_role("button", name="微信支付")).to_be_visible()
    kinds = [change.kind for change in await changes_of(home)]
    assert kinds == ["change_quantity", "change_pattern", "swap", "add_product"]
    await page.goto(address_of(home))
    await expect(page.get_by_text("周一、四 2 瓶")).to_be_visible()
    await shot(page, "household-order-changed")


async def test_what_cannot_be_is_refused_with_the_first_day(home: Home) -> None:
    home.site.expected = ["409", "422", "404"]
    page = await home.page(f"{address_of(home)}/change/skip")
    await page.get_by_label("哪一天").fill(TODAY.isoformat())
    await page.get_by_role("button", name="先看看变化").click()
    await expect(page.locator("#preview")).to_contain_text("该日期已截单")
    await expect(page.locator("#preview")).to_contain_text("最早可从 2026-03-16 起改")
    await page.goto(f"{address_of(home)}/change/swap")
    await page.get_by_label("换成").select_option(index=0)
    await page.get_by_role("button", name="先看看变化").click()
    await expect(page.locator("#preview")).to_contain_text("所选产品与当前产品相同")
    await page.goto(f"{address_of(home)}/change/change_pattern")
    await page.get_by_label("自选星期").check()
    await page.get_by_role("button", name="先看看变化").click()
    await expect(page.locator("#preview")).to_be_visible()
    assert not await changes_of(home)
    await page.goto(f"{address_of(home)}/change/nonsense")
    await expect(page.get_by_role("alert")).to_be_visible()


async def test_another_households_order_is_not_there(home: Home) -> None:
    home.site.expected = ["404"]
    async with home.site.database.transaction() as session:
        other = await home.site.world.add_household(session)
    context = await home.site.context()
    await home.site.use_token(context, other.token)
    for path in ("", "/change/skip", "/paid"):
        page = await home.site.page(address_of(home) + path, context=context)
        await expect(page.get_by_role("alert")).to_contain_text("没有找到")


async def test_cancelled_and_refunded_before_the_first_bottle(home: Home) -> None:
    page = await home.page(address_of(home))
    await page.get_by_role("link", name="退订").click()
    await expect(page.get_by_text("退订不能撤销")).to_be_visible()
    await page.get_by_label("原因").fill('搬家<img src=x onerror="document.title=1">')
    await page.get_by_role("button", name="先看看变化").click()
    preview = page.get_by_role("region", name="变更预览")
    await expect(preview).to_contain_text("已送 0 瓶计")
    await expect(preview).to_contain_text("依据：消费者权益保护法实施条例第二十二条")
    await preview.get_by_role("button", name="确认退订").dblclick()
    await arrive(page, "**/changes/chg_*")
    await expect(page.get_by_text("已送 0 瓶计")).to_be_visible()
    order = await home.order()
    assert order.status is OrderStatus.CANCELLED
    await page.goto(address_of(home))
    await expect(page.get_by_text("订单已取消")).to_be_visible()
    await expect(page.get_by_role("heading", name="修改订单")).to_have_count(0)
    await check_axe(page)


def test_every_field_of_every_form_has_a_name_for_people() -> None:
    forms = change_forms()
    assert set(forms) == set(LABELS)
    unnamed = [
        (form.kind, field.name)
        for form in forms.values()
        for field in form.fields
        if field.label.isascii()
    ]
    assert unnamed == []
