"""A caller orders: the agent enters it, the SMS carries the link, the caller accepts and pays."""

import re

from playwright.async_api import Page, expect
from sqlalchemy import func, select, update

from app.aftersales.models import SlaRule, Ticket
from app.billing.models import Payment
from app.core.jobs import JobContext
from app.identity.models import AccessLogEntry, Role
from app.orders.models import Order
from app.web.common.qr import qr_svg
from tests.factories.aftersales import Desk
from tests.factories.links import tokens_of
from tests.fixtures.documents import text_in
from tests.fixtures.jobs import drain
from tests.fixtures.payments import open_payments
from tests.fixtures.site import PHONE, Site, check_axe, shot

CALLER = "13712345678"


async def fill_address(page: Page) -> None:
    await page.get_by_label("区县").fill("徐汇区")
    await page.get_by_label("小区").fill("梅陇一村")
    await page.get_by_label("门牌号").fill("12号")
    await page.get_by_label("室号").fill("602室")


async def enter_order(site: Site) -> Page:
    page = await site.page("/service/orders/new", Role.SERVICE_AGENT)
    await page.get_by_label("手机号").fill(CALLER)
    await page.get_by_label("姓名").fill("赵先生")
    await fill_address(page)
    await page.get_by_label("产品").select_option(index=1)
    await expect(page.locator("#quote")).to_contain_text("在配送范围内")
    await expect(page.locator("#quote .total")).to_contain_text("¥105.00")
    return page


async def the_order(site: Site) -> Order:
    async with site.database.transaction() as session:
        return (await session.scalars(select(Order))).one()


async def token_of(site: Site, template: str, customer_id: object) -> str:
    async with site.database.transaction() as session:
        return (await tokens_of(session, customer_id, template))[-1]  # type: ignore[arg-type]  # a UUID


async def code_shown(page: Page) -> str:
    """The modules of the code on the page."""
    code = page.get_by_role("img", name=re.compile("付款二维码"))
    await expect(code).to_be_visible()
    return await code.locator("path").get_attribute("d") or ""


async def looks_at(site: Site, order: Order) -> int:
    """How often the code was noted as seen by staff."""
    async with site.database.transaction() as session:
        looks = await session.scalar(
            select(func.count()).where(
                AccessLogEntry.customer_id == order.customer_id,
                AccessLogEntry.subject == "order_link",
            )
        )
    return looks or 0


async def test_from_the_call_to_the_payment(site: Site) -> None:
    page = await enter_order(site)
    await check_axe(page)
    await shot(page, "service-order")
    await page.get_by_role("button", name="下单并发付款短信").dblclick()
    await page.wait_for_url("**/service/orders/ord_*", wait_until="commit")
    await expect(page.get_by_text("订单已登记，付款链接已发短信")).to_be_visible()
    await expect(page.get_by_text("已发送 1 次（最多 5 次）")).to_be_visible()
    await check_axe(page)
    await shot(page, "service-ordered")
    order = await the_order(site)
    first = await token_of(site, "phone_order_link", order.customer_id)
    assert f' d="{await code_shown(page)}"' in qr_svg(f"{site.url}/l/{first}")
    await page.get_by_role("button", name="再发一次链接").click()
    await page.get_by_role("button", name="确定").click()
    await expect(page.get_by_text("已发送 2 次（最多 5 次）")).to_be_visible()
    token = await token_of(site, "phone_order_link", order.customer_id)
    assert f' d="{await code_shown(page)}"' in qr_svg(f"{site.url}/l/{token}")
    assert await looks_at(site, order) >= 2

    async with open_payments(site.runtime, parallel=True) as payments:
        site.expected = ["404"]
        phone = await site.page(f"/l/{first}", size=PHONE)
        await expect(phone.get_by_role("alert").get_by_text("链接已失效")).to_be_visible()
        await phone.goto(f"/l/{token}")
        for secret in (CALLER, "赵先生", "602室"):
            assert secret not in await phone.content()
        await expect(phone.locator("nav, .mainnav")).to_have_count(0)
        await expect(phone.locator("meta[name=robots]")).to_have_attribute(
            "content", "noindex,nofollow"
        )
        await check_axe(phone)
        await shot(phone, "link-order")
        await expect(phone.get_by_role("link", name="下载协议")).to_have_count(0)
        await phone.get_by_label("我已核对订单").check()
        await phone.get_by_role("button", name="同意并继续").click()
        async with phone.expect_download() as downloading:
            await phone.get_by_role("link", name="下载协议").click()
        paper = text_in(await (await downloading.value).path())
        assert "同意方式短信链接" in paper
        assert all(secret not in paper for secret in (CALLER, "赵先生", "602室"))
        await phone.get_by_role("button", name=re.compile("微信支付")).dblclick()
        link = phone.get_by_role("link", name=re.compile("打开微信付款"))
        await expect(link).to_be_visible()
        await phone.reload()
        await expect(link).to_be_visible()
        await shot(phone, "link-pay")
        async with site.database.transaction() as session:
            payment = (await session.scalars(select(Payment))).one()
        assert (payment.amount_fen, payment.reference_id) == (10500, order.order_id)
        payments.pay(payment.out_trade_no)
        await payments.deliver_notifications()
        await drain(JobContext(site.database, site.clock))
        await phone.get_by_role("link", name="我已付款").click()
        await expect(phone.get_by_text("已付款，配送中")).to_be_visible()
        await check_axe(phone)
        await page.reload()
        await expect(page.get_by_text("不再需要付款链接")).to_be_visible()
        await expect(page.locator(".qr")).to_have_count(0)


async def test_what_is_missing_is_named_and_nothing_is_placed(site: Site) -> None:
    site.expected = ["400", "422"]
    page = await site.page("/service/orders/new", Role.SERVICE_AGENT)
    await page.get_by_label("手机号").fill("12345678901")
    await page.get_by_label("姓名").fill("赵先生")
    await fill_address(page)
    await page.get_by_role("button", name="下单并发付款短信").click()
    await expect(page.locator("#order-error")).to_contain_text("电话号码不正确")
    await page.get_by_label("手机号").fill(CALLER)
    await page.get_by_role("button", name="下单并发付款短信").click()
    await expect(page.locator("#order-error")).to_contain_text("产品：太短")
    async with site.database.transaction() as session:
        assert (await session.scalars(select(Order))).all() == []


async def test_a_known_caller_orders_for_an_address_he_has(site: Site) -> None:
    page = await site.page("/service/orders/new", Role.SERVICE_AGENT)
    await page.get_by_label("手机号").fill(site.world.household.phone)
    await page.get_by_label("姓名").focus()
    await expect(page.locator("#caller")).to_contain_text("老顾客")
    await expect(page.locator("[data-new-address]")).to_be_hidden()
    await page.get_by_label("产品").select_option(index=1)
    await expect(page.locator("#quote .total")).to_contain_text("¥105.00")
    await page.get_by_role("button", name="再加一种").click()
    await page.get_by_label("产品").nth(1).select_option(index=2)
    await expect(page.locator("#quote .total")).to_contain_text("¥231.00")
    await page.get_by_role("button", name="去掉这种产品").click()
    await expect(page.locator("#quote .total")).to_contain_text("¥105.00")
    await page.get_by_role("button", name="下单并发付款短信").click()
    await page.wait_for_url("**/service/orders/ord_*", wait_until="commit")
    order = await the_order(site)
    assert order.customer_id == site.world.household.customer_id


async def resolved_link(site: Site, desk: Desk) -> str:
    ticket = await desk.file()
    await desk.resolve(ticket["id"], result="已补送 <b>一瓶</b>")
    return await token_of(site, "ticket_resolved", site.world.household.customer_id)


async def the_ticket(site: Site) -> Ticket:
    async with site.database.transaction() as session:
        return (await session.scalars(select(Ticket))).one()


async def test_a_result_is_confirmed_by_its_link(site: Site, desk: Desk) -> None:
    token = await resolved_link(site, desk)
    version = (await the_ticket(site)).version
    page = await site.page(f"/l/{token}", size=PHONE)
    await expect(page.locator(".result")).to_have_text("已补送 <b>一瓶</b>")
    await check_axe(page)
    await shot(page, "link-result")
    assert (await the_ticket(site)).version == version, "opening it changes nothing"
    await page.get_by_role("button", name="解决了").click()
    await expect(page.get_by_text("您已确认问题解决")).to_be_visible()
    assert (await the_ticket(site)).confirmed_at is not None
    await check_axe(page)


async def test_not_solved_takes_the_ticket_up_again(site: Site, desk: Desk) -> None:
    token = await resolved_link(site, desk)
    page = await site.page(f"/l/{token}", size=PHONE)
    await page.get_by_text("还没有解决").click()
    await page.get_by_label("哪里没有解决？").fill("补送的也漏了")
    await page.get_by_role("button", name="提交，请继续处理").click()
    await expect(page.get_by_text("已收到您的反馈")).to_be_visible()
    assert (await the_ticket(site)).status == "answered"


async def test_a_score_is_asked_where_it_closes(site: Site, desk: Desk) -> None:
    async with site.database.transaction() as session:
        await session.execute(update(SlaRule).values(needs_call_back=False))
    token = await resolved_link(site, desk)
    page = await site.page(f"/l/{token}", size=PHONE)
    await page.get_by_label("非常满意").check()
    await shot(page, "link-score")
    await page.get_by_role("button", name="解决了").click()
    await expect(page.get_by_text("您已确认问题解决")).to_be_visible()
    assert (await the_ticket(site)).status == "closed"


async def test_a_form_of_another_site_is_refused(site: Site, desk: Desk) -> None:
    token = await resolved_link(site, desk)
    answer = await desk.client.post(
        f"http://test/l/{token}/confirm", headers={"Origin": "https://evil.example"}
    )
    assert answer.status_code == 403
    assert (await the_ticket(site)).confirmed_at is None
