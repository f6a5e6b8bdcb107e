"""The milk calendar: what comes when, a day without, one day otherwise, and taking it back."""

from datetime import timedelta

from playwright.async_api import Page, expect
from sqlalchemy import func, select, update

from app.aftersales.models import SatisfactionAnswer, Ticket
from app.core.clock import wall_now
from app.core.ids import new_id, public_pair
from app.delivery.models import Delivery, DeliveryStatus
from app.delivery.service import withdrawing
from app.identity.models import SessionRow
from app.orders.models import LineGift, OrderChange, OrderLine
from app.orders.repository.withdrawals import Scope
from app.orders.states import WithdrawalSettle
from tests.factories.orders import change
from tests.factories.world import TODAY
from tests.fixtures.site import DESK, check_axe, shot
from tests.web.customer.conftest import TOMORROW, Home, arrive


async def open_day(page: Page, day: str) -> None:
    await page.get_by_role("link", name=day).click()
    await expect(page.locator("#day-dialog .sheet-title")).to_contain_text(day)


async def changes_of(home: Home) -> list[OrderChange]:
    async with home.site.database.transaction() as session:
        return list(await session.scalars(select(OrderChange).order_by(OrderChange.change_id)))


async def write_past(home: Home) -> None:
    """Three mornings: one brought, one that failed, one without a word."""
    async with home.site.database.transaction() as session:
        for ahead, status, count, reason in (
            (-3, DeliveryStatus.DELIVERED, 1, None),
            (-2, DeliveryStatus.FAILED, 0, "locked_gate"),
        ):
            day = TODAY + timedelta(days=ahead)
            session.add(
                Delivery(
                    customer_id=home.milk.customer_id,
                    service_date=day,
                    order_line_id=home.milk.order_line_id,
                    delivery_no=0,
                    product_id=home.milk.product_id,
                    quantity=1,
                    quantity_delivered=count,
                    address_id=home.milk.address_id,
                    address_version_id=home.milk.address_version_id,
                    station_id=home.site.world.station_id,
                    block_id=home.site.world.blocks[0],
                    deliverer_id=home.site.world.deliverers[0],
                    stop_no=1,
                    status=status,
                    reason=reason,
                    our_fault=None if reason is None else False,
                    done_at=home.site.clock.now() + timedelta(days=ahead, hours=-4),
                    restored_bottles=0,
                )
            )


async def test_a_day_is_skipped_seen_and_taken_back(home: Home) -> None:
    await write_past(home)
    page = await home.page("/my/calendar")
    await expect(page.get_by_role("heading", name="2026年3月")).to_be_visible()
    await expect(page.locator(".cutoff")).to_contain_text("今天 16:00 前，可修改 3月16日 周一")
    await expect(page.locator(".day.planned")).to_have_count(16)
    await expect(page.locator(".day.delivered")).to_have_count(1)
    await expect(page.locator(".day.failed")).to_contain_text("未送")
    await check_axe(page)
    await shot(page, "household-calendar")
    await page.set_viewport_size({"width": 360, "height": 780})
    await open_day(page, "3月18日 周三")
    await check_axe(page)
    await page.get_by_role("button", name="这天不要").click()
    preview = page.get_by_role("region", name="变更预览")
    await expect(preview).to_contain_text("1 → 0 瓶")
    await expect(preview).to_contain_text("4月14日 周二 → 4月15日 周三")
    await expect(preview).to_contain_text("不收费，也不退费")
    await check_axe(page)
    await page.screenshot(path="var/screenshots/household-day-360.png")
    assert not await changes_of(home)
    await preview.get_by_role("button", name="确认变更").dblclick()
    await arrive(page, "**/changes/chg_*")
    await expect(page.get_by_text("变更已生效")).to_be_visible()
    (done,) = await changes_of(home)
    assert (done.kind, done.actor) == ("skip", "customer")
    await check_axe(page)
    await shot(page, "household-receipt")
    await page.get_by_role("link", name="在奶历里看").click()
    await expect(page.locator(".day.skipped")).to_have_count(1)
    await expect(page.get_by_role("link", name="3月18日 周三")).to_contain_text("跳过")
    await page.go_back()
    await page.get_by_role("button", name="撤销这次变更").click()
    await page.get_by_role("button", name="确定").click()
    await expect(page.get_by_text("变更已撤销，一切如前")).to_be_visible()
    await page.goto("/my/calendar")
    await expect(page.locator(".day.skipped")).to_have_count(0)
    await expect(page.locator(".day.planned")).to_have_count(16)


async def test_a_gift_is_marked_on_its_day(home: Home) -> None:
    day = TODAY + timedelta(days=5)
    async with home.site.database.transaction() as session:
        await session.execute(
            update(OrderLine)
            .where(OrderLine.order_line_id == home.milk.order_line_id)
            .values(dated_gifts=2, gift_every=10)
        )
        session.add(
            LineGift(
                customer_id=home.milk.customer_id,
                gift_id=new_id(),
                order_line_id=home.milk.order_line_id,
                bottles=2,
                promised_date=day,
                due_date=day,
            )
        )
    page = await home.page("/my/calendar")
    marked = page.get_by_role("link", name="3月20日 周五")
    await expect(marked).to_contain_text("3 瓶，其中赠 2 瓶")
    await expect(page.locator(".day.planned .day-word")).to_have_text(["赠"])
    await open_day(page, "3月20日 周五")
    gift = page.locator(".day-line").nth(1)
    await expect(gift).to_contain_text("赠")
    await expect(gift).to_contain_text("2 瓶，随当天的奶一起送")
    # A gift follows the milk: nothing is to be changed about it alone.
    await expect(page.get_by_role("button", name="这天不要")).to_have_count(1)
    await expect(gift.get_by_role("button")).to_have_count(0)
    await check_axe(page)
    await shot(page, "household-gift-day")


async def test_one_day_more_and_one_day_another_product(home: Home) -> None:
    page = await home.page("/my/calendar", size=DESK)
    await open_day(page, "3月20日 周五")
    await page.get_by_text("这天改数量").click()
    await page.get_by_label("多一瓶").click()
    await page.get_by_role("button", name="看看变化").first.click()
    preview = page.get_by_role("region", name="变更预览")
    await expect(preview).to_contain_text("1 → 3 瓶")
    await preview.get_by_role("button", name="确认变更").click()
    await arrive(page, "**/changes/chg_*")
    await page.goto("/my/calendar")
    await expect(page.get_by_role("link", name="3月20日 周五")).to_contain_text("3瓶")
    await open_day(page, "3月21日 周六")
    await page.get_by_text("这天换产品").click()
    await page.get_by_label("换成").select_option(index=0)
    await page.get_by_role("button", name="看看变化").last.click()
    await expect(preview).to_contain_text("鲜牛奶 195ml 玻璃瓶 → 风味酸牛奶 195ml 玻璃瓶")
    await expect(preview).to_contain_text("¥0.70")
    await preview.get_by_role("button", name="确认，去付款 ¥0.70").click()
    await expect(page.get_by_text("请付款，付款后变更生效")).to_be_visible()
    await check_axe(page)
    await shot(page, "household-change-to-pay")


async def test_what_changed_meanwhile_is_shown_as_a_fresh_preview(home: Home) -> None:
    home.site.expected = ["409"]
    page = await home.page("/my/calendar")
    await open_day(page, "3月18日 周三")
    await page.get_by_role("button", name="这天不要").click()
    preview = page.get_by_role("region", name="变更预览")
    await expect(preview).to_contain_text("4月15日 周三")
    # The other tab: two days are skipped first.
    await change(
        home.api,
        public_pair("ord", home.milk.customer_id, home.milk.order_id),
        home.household,
        kind="skip",
        date=TOMORROW + timedelta(days=3),
    )
    await preview.get_by_role("button", name="确认变更").click()
    await expect(page.get_by_text("情况已变化，什么都没有改")).to_be_visible()
    await expect(preview).to_contain_text("4月15日 周三 → 4月16日 周四")
    assert len(await changes_of(home)) == 1
    await preview.get_by_role("button", name="确认变更").click()
    await arrive(page, "**/changes/chg_*")
    assert len(await changes_of(home)) == 2


async def test_a_day_past_its_cut_off_and_a_day_the_operator_withdrew(home: Home) -> None:
    home.site.clock.set(home.site.clock.now() + timedelta(hours=7))
    page = await home.page("/my/calendar")
    await open_day(page, "3月16日 周一")
    await expect(page.locator("#day-dialog")).to_contain_text(
        "已过修改截止时间。最早可改 3月17日 周二"
    )
    await expect(page.get_by_role("button", name="这天不要")).to_have_count(0)
    await page.get_by_role("button", name="关闭").click()
    async with home.site.database.transaction() as session:
        day = TODAY + timedelta(days=4)
        await withdrawing.withdraw(
            session,
            Scope(stations=[home.site.world.station_id], first=day, last=day + timedelta(days=1)),
            settle=WithdrawalSettle.PERIOD,
            reason="暴雪",
            actor="staff:1",
            now=home.site.clock.now(),
        )
    await page.reload()
    await expect(page.locator(".day.withdrawn")).to_contain_text(["停送", "停送"])
    await open_day(page, "3月20日 周五")
    await expect(page.locator("#day-dialog")).to_contain_text("我方停送，奶已顺延或折算到余额")


async def test_an_expired_session_over_a_preview(home: Home) -> None:
    home.site.expected = ["401"]
    page = await home.page("/my/calendar")
    await open_day(page, "3月18日 周三")
    async with home.site.database.transaction() as session:
        await session.execute(update(SessionRow).values(access_expires_at=wall_now()))
    await page.get_by_role("button", name="这天不要").click()
    await expect(page.get_by_role("dialog", name="请重新登录")).to_be_visible()
    assert not await changes_of(home)


async def test_a_delivery_is_rated_and_one_that_did_not_come_opens_a_ticket(home: Home) -> None:
    home.site.expected = ["409"]
    await write_past(home)
    page = await home.page("/my/calendar")
    await open_day(page, "3月12日 周四")
    await expect(page.locator("#day-dialog")).to_contain_text("送到 1 瓶，06:00")
    await page.screenshot(path="var/screenshots/household-day-past-360.png")
    await page.get_by_role("button", name="非常满意").dblclick()
    await expect(page.get_by_text("谢谢您的评价")).to_be_visible()
    async with home.site.database.transaction() as session:
        assert await session.scalar(select(func.sum(SatisfactionAnswer.score))) == 5
    await open_day(page, "3月12日 周四")
    await expect(page.locator("#day-dialog")).to_contain_text("您已评价：5 分")
    await page.get_by_role("button", name="关闭").click()
    await open_day(page, "3月13日 周五")
    await expect(page.locator("#day-dialog")).to_contain_text("门禁进不去")
    await check_axe(page)
    await page.get_by_role("link", name="没收到").click()
    await expect(page.get_by_role("heading", name="没收到奶")).to_be_visible()
    await expect(page.get_by_label("漏送少送")).to_be_checked()
    await page.get_by_label("请说说情况").fill('<script>document.title="x"</script>奶箱是空的')
    await check_axe(page)
    await shot(page, "household-not-come")
    await page.get_by_role("button", name="提交").dblclick()
    await arrive(page, "**/my/tickets/tkt_*")
    await expect(page.get_by_text('<script>document.title="x"</script>奶箱是空的')).to_be_visible()
    await check_axe(page)
    async with home.site.database.transaction() as session:
        ticket = (await session.scalars(select(Ticket))).one()
    assert ticket.service_date == TODAY - timedelta(days=2)
    assert ticket.order_line_id == home.milk.order_line_id
