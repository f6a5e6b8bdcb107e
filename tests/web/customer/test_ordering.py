"""From the catalogue to the first bottle: quote, agreement, payment, and what is told honestly."""

import re
from datetime import timedelta

from playwright.async_api import Page, expect
from sqlalchemy import func, select, update

from app.billing.models import Payment
from app.catalog.models import PeriodDiscount, Promotion
from app.core.clock import wall_now
from app.core.ids import new_id
from app.core.jobs import JobContext
from app.customers.models import Address
from app.identity.models import SessionRow
from app.orders.models import Order, OrderAgreement
from app.orders.states import AgreementChannel, OrderSource, OrderStatus
from tests.factories.world import ALWAYS, MORNING, TODAY
from tests.fixtures.documents import text_in
from tests.fixtures.jobs import drain
from tests.fixtures.payments import Payments, open_payments
from tests.fixtures.site import PHONE, Site, check_axe, shot
from tests.web.customer.conftest import arrive
from tests.web.customer.test_shell import PHONE_NO, sent_code

PAYLOAD = '<img src=x onerror="document.title=1">'


async def own_page(site: Site, path: str) -> Page:
    context = await site.context(size=PHONE)
    await site.use_token(context, site.world.household.token)
    return await site.page(path, context=context)


async def choose_milk(page: Page) -> None:
    await page.get_by_label("鲜牛奶 多一瓶").click()
    await expect(page.locator("#quote .total")).to_contain_text("¥105.00")


async def orders_of(site: Site) -> list[Order]:
    async with site.database.transaction() as session:
        return list(await session.scalars(select(Order)))


async def pay_the_one(site: Site, payments: Payments) -> None:
    async with site.database.transaction() as session:
        payment = (await session.scalars(select(Payment))).one()
    payments.pay(payment.out_trade_no)
    await payments.deliver_notifications()
    await drain(JobContext(site.database, site.clock))


async def test_from_the_catalogue_to_the_paid_order(site: Site) -> None:
    page = await own_page(site, "/")
    await page.get_by_role("link", name=re.compile("订这个.*鲜牛奶")).click()
    await expect(page.get_by_label("鲜牛奶 195ml 玻璃瓶 每次瓶数")).to_have_value("1")
    quote = page.locator("#quote")
    await expect(quote).to_contain_text("在配送范围内")
    await expect(quote.locator(".total")).to_contain_text("¥105.00")
    await expect(quote).to_contain_text("3月16日 周一 起，至 4月14日 周二")
    await expect(quote.locator("table.month .has")).to_have_count(30)
    await page.get_by_label("自选星期").check()
    await page.get_by_label("周六", exact=True).check()
    await expect(quote).to_contain_text("共送 4 次")
    await page.get_by_label("每天", exact=True).check()
    await expect(quote.locator(".total")).to_contain_text("¥105.00")
    await check_axe(page)
    await shot(page, "household-order")
    await page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    await page.get_by_label("我已阅读并同意订奶协议").check()
    await page.get_by_role("button", name="提交订单，去付款").dblclick()
    await arrive(page, "**/my/orders/ord_*")
    await expect(page.get_by_text("订单已提交，请在 30 分钟内付款")).to_be_visible()
    (order,) = await orders_of(site)
    assert (order.source, order.price_fen) == (OrderSource.WEB, 10500)
    assert (order.agreement_version, order.agreed_through) == ("2026-01", AgreementChannel.WEB)
    await check_axe(page)
    await shot(page, "household-to-pay")

    async with open_payments(site.runtime, parallel=True) as payments:
        await page.get_by_role("button", name=re.compile("微信支付")).dblclick()
        link = page.get_by_role("link", name=re.compile("打开微信付款"))
        await expect(link).to_be_visible()
        assert (await link.get_attribute("href") or "").startswith("http")
        await expect(page.get_by_text("正在等待付款结果")).to_be_visible()
        await check_axe(page)
        await pay_the_one(site, payments)
        await expect(page.get_by_text("付款已到账")).to_be_visible()
    (order,) = await orders_of(site)
    assert order.status is OrderStatus.DELIVERING
    await expect(page.get_by_text("还剩 30 瓶")).to_be_visible()
    await check_axe(page)
    await shot(page, "household-order-page")
    await page.locator("summary", has_text="订奶协议（版本 2026-01").click()
    await check_axe(page)
    async with page.expect_download() as downloading:
        await page.get_by_role("link", name="下载协议").click()
    paper = await downloading.value
    assert paper.suggested_filename == f"agreement-{order.order_no}.pdf"
    assert "同意方式网站" in text_in(await paper.path())
    await page.goto("/")
    await expect(page.locator(".tomorrow")).to_contain_text("3月16日 周一")
    await expect(page.locator(".tomorrow")).to_contain_text("今天 16:00 前，可修改 3月16日 周一")
    await check_axe(page)
    await shot(page, "household-home-own")


async def test_a_visitor_fills_in_first_and_logs_in_on_the_way(site: Site) -> None:
    site.expected = ["401"]
    page = await site.page("/order", size=PHONE)
    await page.get_by_label("鲜牛奶 多一瓶").click()
    await page.get_by_label("区县").fill("徐汇区")
    await page.get_by_label("小区", exact=True).fill("梅陇一村")
    await page.get_by_label("楼栋室号").fill(PAYLOAD)
    await page.get_by_label("收奶人").fill("赵女士")
    await page.get_by_label("联系电话").fill(PHONE_NO)
    await expect(page.locator("#quote .total")).to_contain_text("¥105.00")
    await page.get_by_label("我已阅读并同意订奶协议").check()
    await page.get_by_role("button", name="提交订单，去付款").click()
    dialog = page.get_by_role("dialog", name="请先登录")
    await expect(dialog).to_be_visible()
    await check_axe(page)
    assert not await orders_of(site)
    await dialog.get_by_label("手机号").fill(PHONE_NO)
    await dialog.get_by_role("button", name="获取验证码").click()
    await expect(dialog.get_by_text("验证码已发往")).to_be_visible()
    await dialog.get_by_label("验证码").fill(await sent_code(site))
    await dialog.get_by_role("button", name="登录", exact=True).click()
    await expect(page.get_by_text("已重新登录，请再提交一次")).to_be_visible()
    await expect(page.get_by_label("楼栋室号")).to_have_value(PAYLOAD)
    await page.get_by_role("button", name="提交订单，去付款").click()
    await arrive(page, "**/my/orders/ord_*")
    assert len(await orders_of(site)) == 1
    await page.goto("/my")
    await expect(page.get_by_text(PAYLOAD)).to_be_visible()
    # The door is served from the first day on, and the day after can be changed all the same.
    async with open_payments(site.runtime, parallel=True) as payments:
        await page.goto("/my/orders")
        await page.locator(".order-card").click()
        await page.get_by_role("button", name=re.compile("微信支付")).click()
        await expect(page.get_by_role("link", name=re.compile("打开微信付款"))).to_be_visible()
        await pay_the_one(site, payments)
    await page.goto("/my/calendar")
    await page.get_by_role("link", name="3月18日 周三").click()
    await expect(page.get_by_role("button", name="这天不要")).to_be_visible()


async def test_an_expired_session_keeps_the_form(site: Site) -> None:
    site.expected = ["401"]
    page = await own_page(site, "/order")
    await choose_milk(page)
    await page.get_by_label("我已阅读并同意订奶协议").check()
    async with site.database.transaction() as session:
        await session.execute(update(SessionRow).values(access_expires_at=wall_now()))
    await page.get_by_role("button", name="提交订单，去付款").click()
    dialog = page.get_by_role("dialog", name="请重新登录")
    await expect(dialog).to_be_visible()
    assert not await orders_of(site)
    await dialog.get_by_label("手机号").fill(site.world.household.phone)
    await dialog.get_by_role("button", name="获取验证码").click()
    await expect(dialog.get_by_text("验证码已发往")).to_be_visible()
    await dialog.get_by_label("验证码").fill(await sent_code(site))
    await dialog.get_by_role("button", name="登录", exact=True).click()
    await expect(dialog).to_be_hidden()
    await expect(page.get_by_label("鲜牛奶 195ml 玻璃瓶 每次瓶数")).to_have_value("1")
    await page.get_by_role("button", name="提交订单，去付款").click()
    await arrive(page, "**/my/orders/ord_*")
    assert len(await orders_of(site)) == 1


async def test_an_address_out_of_reach_is_told_before_and_after(site: Site) -> None:
    page = await own_page(site, "/order")
    await choose_milk(page)
    await page.get_by_text("新地址").click()
    await page.get_by_label("区县").fill("浦东新区")
    await page.get_by_label("小区", exact=True).fill("远方花园")
    await page.get_by_label("楼栋室号").fill("1室")
    await page.get_by_label("收奶人").fill("王女士")
    await expect(page.locator("#quote")).to_contain_text("暂不在配送范围内")
    await page.get_by_label("我已阅读并同意订奶协议").check()
    await page.get_by_role("button", name="提交订单，去付款").click()
    await arrive(page, "**/my/orders/ord_*")
    async with open_payments(site.runtime, parallel=True) as payments:
        await page.get_by_role("button", name=re.compile("微信支付")).click()
        await expect(page.get_by_role("link", name=re.compile("打开微信付款"))).to_be_visible()
        await pay_the_one(site, payments)
        await payments.finish_refunds()
        await expect(page.get_by_text("很抱歉，地址暂时送不到")).to_be_visible()
        await page.get_by_role("main").get_by_role("link", name="钱款").click()
        await expect(page.get_by_text("原路退回")).to_be_visible()
        await check_axe(page)
        await shot(page, "household-money")


async def test_a_new_agreement_is_read_anew(site: Site) -> None:
    site.expected = ["409"]
    page = await own_page(site, "/order")
    await choose_milk(page)
    await page.get_by_label("我已阅读并同意订奶协议").check()
    async with site.database.transaction() as session:
        session.add(OrderAgreement(version="2026-02", text="新协议全文", effective_date=TODAY))
    await page.get_by_role("button", name="提交订单，去付款").click()
    await expect(page.locator("#order-error")).to_contain_text("订奶协议已更新")
    await expect(page.get_by_text("新协议全文")).to_be_visible()
    await expect(page.get_by_label("我已阅读并同意订奶协议")).not_to_be_checked()
    assert not await orders_of(site)
    await page.get_by_label("我已阅读并同意订奶协议").check()
    await page.get_by_role("button", name="提交订单，去付款").click()
    await arrive(page, "**/my/orders/ord_*")
    (order,) = await orders_of(site)
    assert order.agreement_version == "2026-02"


async def test_what_is_missing_is_named_and_nothing_is_kept(site: Site) -> None:
    site.expected = ["422", "400"]
    page = await own_page(site, "/order")
    await page.get_by_label("我已阅读并同意订奶协议").check()
    await page.get_by_role("button", name="提交订单，去付款").click()
    await expect(page.locator("#order-error")).to_contain_text("请至少选择一种产品")
    await choose_milk(page)
    await page.get_by_label("从哪天起").fill((TODAY + timedelta(days=400)).isoformat())
    await expect(page.locator("#quote")).to_contain_text("起送日期太远")
    await page.get_by_label("从哪天起").fill(TODAY.isoformat())
    await expect(page.locator("#quote")).to_contain_text("起送日期太早，最早可从 2026-03-16 起送")
    await page.get_by_text("新地址").click()
    await page.get_by_label("区县").fill("徐汇区")
    await page.get_by_label("楼栋室号").fill("1室")
    await page.get_by_label("收奶人").fill("王女士")
    await page.get_by_label("从哪天起").fill("")
    await page.get_by_role("button", name="提交订单，去付款").click()
    await expect(page.locator("#order-error")).to_be_visible()
    assert not await orders_of(site)
    async with site.database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(Address)) == 1


async def test_the_channel_does_not_answer_and_nothing_is_taken(site: Site) -> None:
    page = await own_page(site, "/order")
    await choose_milk(page)
    await page.get_by_label("我已阅读并同意订奶协议").check()
    await page.get_by_role("button", name="提交订单，去付款").click()
    await arrive(page, "**/my/orders/ord_*")
    site.expected = ["503"]
    await page.get_by_role("button", name=re.compile("微信支付")).click()
    await expect(page.locator("#pay, #pay-error").first).to_contain_text(re.compile("支付|渠道|暂"))
    (order,) = await orders_of(site)
    assert order.status is OrderStatus.PENDING_PAYMENT


async def test_gifts_with_dates_are_quoted_with_them(site: Site) -> None:
    async with site.database.transaction() as session:
        promotion = Promotion(name="每送10天赠1瓶", rule="每订 30 瓶赠 3 瓶。", forbids=[])
        promotion.buy_bottles, promotion.gift_bottles, promotion.gift_every = 30, 3, 10
        promotion.id, promotion.created_by, promotion.created_at = new_id(), "test", MORNING
        promotion.valid = ALWAYS
        session.add(promotion)
    page = await own_page(site, "/order")
    quote = page.locator("#quote")
    await choose_milk(page)
    await expect(quote).to_contain_text("赠 3 瓶，随这些天的奶送：")
    await expect(quote).to_contain_text("3月25日 周三、4月4日 周六、4月14日 周二")
    await shot(page, "household-quote-gifts")


async def test_full_price_discount_gifts_and_what_is_left_to_pay(site: Site) -> None:
    async with site.database.transaction() as session:
        season = PeriodDiscount(name="季卡九五折", min_days=91, off_permille=50)
        gifts = Promotion(name="春季满赠", rule="每订 30 瓶赠 1 瓶。", forbids=["pause"])
        gifts.buy_bottles, gifts.gift_bottles = 30, 1
        for row in (season, gifts):
            row.id, row.valid, row.created_by, row.created_at = new_id(), ALWAYS, "system", MORNING
            session.add(row)
    page = await own_page(site, "/order")
    quote = page.locator("#quote")
    await choose_milk(page)
    await expect(quote).to_contain_text("赠 1 瓶")
    await expect(quote).to_contain_text("春季满赠：每订 30 瓶赠 1 瓶。")
    await expect(quote).not_to_contain_text("零售价")
    await page.get_by_label("季卡 91 天").check()
    await expect(quote.locator(".total")).to_contain_text("应付")
    await expect(quote.locator(".total")).to_contain_text("¥302.58")
    await expect(quote).to_contain_text("季卡九五折 减 ¥15.92")
    await expect(quote).to_contain_text("赠 3 瓶")
    await expect(quote).to_contain_text("共送 94 次")
    await check_axe(page)
    await page.get_by_label("我已阅读并同意订奶协议").check()
    await page.get_by_role("button", name="提交订单，去付款").click()
    await arrive(page, "**/my/orders/ord_*")
    await expect(page.get_by_text("共 91 瓶，赠 3 瓶")).to_be_visible()
    await expect(page.get_by_text("零售价 ¥318.50，优惠 ¥15.92")).to_be_visible()
    (order,) = await orders_of(site)
    assert order.price_fen == 30258
