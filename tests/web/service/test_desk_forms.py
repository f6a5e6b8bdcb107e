"""Tickets written down for a caller, call-backs, and the reviewer's decisions."""

from datetime import timedelta

from playwright.async_api import Page, expect
from sqlalchemy import func, select

from app.aftersales.models import Ticket
from app.core.ids import new_id
from app.identity.models import AccessLogEntry, Role
from app.network.models import CoverageKind, CoverageRule, HouseParity
from app.orders.models import Order, OrderReview
from app.orders.states import OrderStatus
from tests.factories import orders
from tests.factories.aftersales import HOUR, Desk
from tests.factories.world import ALWAYS, MORNING
from tests.fixtures.site import Site, check_axe, shot


async def count(site: Site, model: type) -> int:
    async with site.database.transaction() as session:
        return await session.scalar(select(func.count()).select_from(model)) or 0


async def write_down(page: Page, phone: str, words: str) -> None:
    await page.get_by_label("电话", exact=True).fill(phone)
    await page.get_by_label("顾客的原话").fill(words)


async def test_a_caller_s_complaint_is_written_down_once(site: Site) -> None:
    page = await site.page("/service/tickets/new", Role.SERVICE_AGENT)
    await expect(page.get_by_text("您好，我是随心订客服service_agent")).to_be_visible()
    await write_down(page, site.world.household.phone, "今天的奶是酸的，孩子肚子疼")
    await page.get_by_label("问题", exact=True).select_option("taste")
    await expect(page.locator("#caller")).to_contain_text("老顾客")
    await expect(page.locator("#caller")).not_to_contain_text(site.world.household.phone)
    await page.get_by_label("涉及食品安全").check()
    await check_axe(page)
    await shot(page, "service-filing")
    await page.get_by_role("button", name="登记并发受理短信").dblclick()
    await page.wait_for_url("**/service/tickets/tkt_*", wait_until="commit")
    await expect(page.get_by_text("工单已登记")).to_be_visible()
    await expect(page.locator(".ticket-head")).to_contain_text("食品安全")
    await expect(page.locator(".from-customer .message-body")).to_have_text(
        "今天的奶是酸的，孩子肚子疼"
    )
    assert await count(site, Ticket) == 1


async def test_a_wrong_phone_is_refused_and_nothing_is_lost(site: Site) -> None:
    site.expected = ["400", "422"]
    page = await site.page("/service/tickets/new", Role.SERVICE_AGENT)
    await write_down(page, "12345", "少送了一瓶")
    await page.get_by_role("button", name="登记并发受理短信").click()
    await expect(page.locator("#filing-error [role=alert]")).to_be_visible()
    await expect(page.get_by_label("顾客的原话")).to_have_value("少送了一瓶")
    assert await count(site, Ticket) == 0
    await page.get_by_label("电话", exact=True).fill("021-64321234")
    await page.get_by_role("button", name="登记并发受理短信").click()
    await page.wait_for_url("**/service/tickets/tkt_*", wait_until="commit")
    assert await count(site, Ticket) == 1


async def test_call_backs_are_worked_off(site: Site, desk: Desk) -> None:
    ticket = await desk.file()
    await desk.resolve(ticket["id"])
    await desk.visit(ticket["id"], None)
    site.clock.set(MORNING + 100 * HOUR)
    page = await site.page("/service/visits", Role.SERVICE_AGENT)
    row = page.locator("[data-row]")
    await expect(row).to_contain_text("未接通 1 次")
    await expect(row.locator("time[data-due].bad")).to_contain_text("超时")
    await check_axe(page)
    await shot(page, "service-visits")
    await page.keyboard.press("j")
    await page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="记录回访")
    await expect(dialog).to_be_visible()
    await dialog.get_by_text("4满意").first.click()
    await check_axe(page)
    await dialog.get_by_role("button", name="保存回访").click()
    await expect(page.get_by_text("回访已记录，售后单关闭")).to_be_visible()
    await page.goto("/service/visits")
    await expect(page.get_by_text("没有待回访的工单")).to_be_visible()


async def test_a_phone_in_full_leaves_its_trace(site: Site, desk: Desk) -> None:
    ticket = await desk.file()
    page = await site.page(f"/service/tickets/{ticket['id']}", Role.SERVICE_AGENT)
    phone = site.world.household.phone
    assert phone not in await page.content()
    before = await count(site, AccessLogEntry)
    await page.get_by_text("查看完整姓名和电话").click()
    await page.get_by_role("button", name="查看", exact=True).click()
    await expect(page.locator("#contact")).to_contain_text(phone)
    assert await count(site, AccessLogEntry) == before + 1


async def wait_for_review(site: Site, desk: Desk, compound: str) -> str:
    """A paid order at a building that two blocks claim; answers its number."""
    async with site.database.transaction() as session:
        session.add_all(
            CoverageRule(
                id=new_id(),
                block_id=block,
                city_code="310000",
                district="徐汇区",
                compound=compound,
                kind=CoverageKind.COMPOUND,
                parity=HouseParity.ALL,
                first_stop_no=1,
                valid=ALWAYS,
            )
            for block in site.world.blocks
        )
        household = await site.world.add_household(session, block=None, compound=compound)
    placed = await orders.place(desk.client, site.world, household)
    async with site.database.transaction() as session:
        order = await session.get_one(Order, orders.ids_of(placed))
        order.status, order.paid_at = OrderStatus.UNDER_REVIEW, MORNING
        session.add(
            OrderReview(
                customer_id=order.customer_id,
                order_id=order.order_id,
                verdict="unclear",
                opened_at=MORNING + timedelta(minutes=1),
            )
        )
    number: str = placed["order_no"]
    return number


async def test_an_unclear_address_is_given_to_a_block(site: Site, desk: Desk) -> None:
    site.expected = ["400", "409"]
    number = await wait_for_review(site, desk, "双界花园")
    page = await site.page("/service/reviews", Role.REVIEWER)
    card = page.locator(f"#review-{number}")
    await expect(card).to_contain_text("有多个区块可能配送，请选定一个")
    await check_axe(page)
    await shot(page, "service-reviews")
    late = await site.page("/service/reviews", Role.MANAGER)
    await card.get_by_label("配送区块").select_option(label="区块2（ST01-02，徐汇奶站）")
    await card.get_by_role("button", name="通过").click()
    await expect(page.get_by_text(f"订单 {number} 已通过")).to_be_visible()
    await expect(page.get_by_text("没有待审核的订单")).to_be_visible()
    async with site.database.transaction() as session:
        order = (await session.scalars(select(Order))).one()
        assert order.status is OrderStatus.DELIVERING

    again = late.locator(f"#review-{number}")
    await again.get_by_role("button", name="通过").click()
    await expect(again.get_by_role("alert")).to_contain_text("该订单不在待审核状态")


async def test_agents_do_not_review(site: Site) -> None:
    site.expected = ["403"]
    context = await site.context(Role.SERVICE_AGENT)
    page = await context.new_page()
    answer = await page.goto("/service/reviews")
    assert answer is not None
    assert answer.status == 403
