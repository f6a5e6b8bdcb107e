"""A ticket with all that belongs to it, on paper too; how much a page weighs; whose it is."""

from datetime import timedelta
from typing import Any

from playwright.async_api import expect
from sqlalchemy import select

from app.aftersales.models import Ticket
from app.billing.models import Payment, Refund
from app.core.ids import new_id
from app.core.jobs import JobContext
from app.delivery.models import DeliveryStatus
from app.identity.models import Role
from app.network.models import CoverageKind, CoverageRule, HouseParity
from app.orders.models import Order
from bench.weight import QUEUE, TICKET, in_kb
from tests.factories import orders
from tests.factories.aftersales import HOUR, Desk, add_delivery
from tests.factories.delivery import add_line
from tests.factories.world import ALWAYS, MORNING, TODAY, once
from tests.fixtures.jobs import drain
from tests.fixtures.payments import open_payments
from tests.fixtures.site import SCREENSHOTS, Site, check_axe, shot, weight_of

DAY = timedelta(days=1)


async def busy_ticket(site: Site, desk: Desk) -> dict[str, Any]:
    """A ticket about a delivery, with a thread, notes, a compensation and a second ticket."""
    world = site.world
    async with site.database.transaction() as session:
        line = await add_line(
            session, world.household, world.milk_id, first=TODAY - 9 * DAY, bottles=60
        )
        for ago, status in enumerate(
            (DeliveryStatus.FAILED, DeliveryStatus.DELIVERED, DeliveryStatus.DELIVERED), start=0
        ):
            done = MORNING - ago * DAY - 4 * HOUR
            await add_delivery(session, world, line, TODAY - ago * DAY, status=status, done_at=done)
    await desk.file(category="late")
    site.clock.set(MORNING + HOUR)
    ticket = await desk.file(
        category="missing",
        order_line_id=line.public_id,
        service_date=TODAY.isoformat(),
        body="今天早上奶箱是空的，孩子没喝上奶。",
    )
    await desk.act(ticket["id"], "assign")
    await desk.act(ticket["id"], "classify", severity="major", reason="连续两次漏送")
    await desk.reply(ticket["id"], body="您好，已联系送奶员核实，稍后给您答复。")
    await desk.reply(ticket["id"], body="送奶员说门禁进不去，已请站长协调。", audience="internal")
    site.clock.set(MORNING + 2 * HOUR)
    await desk.act(
        ticket["id"],
        "reply",
        by=world.household.headers,
        body="好的，麻烦快一点，明天还要送吗？",
    )
    await desk.act(ticket["id"], "compensate", status=201, credit_fen=700)
    return ticket


async def test_all_of_a_ticket_stands_on_its_page(site: Site, desk: Desk) -> None:
    ticket = await busy_ticket(site, desk)
    page = await site.page(f"/service/tickets/{ticket['id']}", Role.SERVICE_AGENT)
    side = page.locator(".ticket-side")
    for told in ("王**", "本单涉及", "鲜牛奶 · 余", "未送达", "送奶员1", "投诉：送达晚", "第 1 级"):
        await expect(side).to_contain_text(told)
    for told in ("级别 一般 → 重大。原因：连续两次漏送", "退款到余额 ¥7.00", "响应小组"):
        await expect(page.locator("#ticket")).to_contain_text(told)
    await expect(page.locator(".is-internal")).to_contain_text("内部备注，顾客看不到")
    await expect(page.locator(".clocks")).to_contain_text("顾客等待答复")
    await check_axe(page)
    await shot(page, "service-ticket-full")
    await page.keyboard.press("c")
    await check_axe(page)
    await page.screenshot(path=SCREENSHOTS / "service-classify.png")
    await page.keyboard.press("Escape")
    await page.emulate_media(media="print")
    await expect(page.locator(".reply-panel")).to_be_hidden()
    await expect(page.locator(".acts")).to_be_hidden()
    await expect(page.locator(".message").first).to_be_visible()
    await page.screenshot(path=SCREENSHOTS / "service-print.png", full_page=True)


async def test_a_duplicate_goes_into_the_older_ticket(site: Site, desk: Desk) -> None:
    older = await desk.file(category="late")
    site.clock.set(MORNING + HOUR)
    newer = await desk.file(category="late")
    page = await site.page(f"/service/tickets/{newer['id']}", Role.SERVICE_AGENT)
    await page.keyboard.press("m")
    await page.get_by_role("button", name="并单").last.click()
    await expect(page.locator("#ticket-done")).to_be_visible()
    await expect(page.locator("#reply-form")).to_have_count(0)
    await page.get_by_role("link", name="原工单").click()
    await expect(page.locator(".ticket-no").first).to_have_text(older["ticket_no"])


async def test_a_ticket_is_handed_to_a_team_and_a_person(site: Site, desk: Desk) -> None:
    ticket = await desk.file()
    page = await site.page(f"/service/tickets/{ticket['id']}", Role.SERVICE_AGENT)
    await page.keyboard.press("a")
    await page.get_by_role("dialog", name="分派工单").get_by_label("小组").select_option("quality")
    await page.get_by_role("button", name="分派", exact=True).last.click()
    await expect(page.get_by_text("已分派")).to_be_visible()
    await expect(page.locator(".clocks")).to_contain_text("未分派 · 质检小组")
    assert (await desk.read(ticket["id"]))["desk"]["team"] == "quality"


async def test_bottles_are_brought_again(site: Site, desk: Desk) -> None:
    ticket = await busy_ticket(site, desk)
    page = await site.page(f"/service/tickets/{ticket['id']}", Role.SERVICE_AGENT)
    await page.keyboard.press("p")
    dialog = page.get_by_role("dialog", name="补偿顾客")
    await dialog.get_by_label("送达日期").fill((TODAY + 3 * DAY).isoformat())
    await dialog.get_by_label("瓶数").fill("2")
    await dialog.get_by_role("button", name="确认补偿").click()
    await expect(page.get_by_text("已安排补送 2 瓶")).to_be_visible()
    await expect(page.locator(".history")).to_contain_text(f"补送 2 瓶，{TODAY + 3 * DAY}")


async def test_pages_are_light(site: Site, desk: Desk) -> None:
    ticket = await busy_ticket(site, desk)
    for path, budget in (
        ("/service", QUEUE),
        (f"/service/tickets/{ticket['id']}", TICKET),
        ("/service/orders/new", TICKET),
    ):
        weights = await weight_of(site, path, Role.SERVICE_AGENT)
        assert 5 < in_kb(weights) <= budget.most_kb, weights


async def test_a_station_manager_sees_his_station(site: Site, desk: Desk) -> None:
    await busy_ticket(site, desk)
    async with site.database.transaction() as session:
        other = (await session.scalars(select(Ticket).where(Ticket.category == "late"))).one()
        other.station_id = None
    page = await site.page("/service", Role.STATION_MANAGER)
    await expect(page.locator(".ticket-subject")).to_have_text(["投诉：漏送少送（2026-03-15）"])
    site.expected = ["404"]
    page = await site.page("/service?station=stn_nonsense", Role.STATION_MANAGER)
    await expect(page.locator(".state-title")).to_be_visible()


async def test_a_rejected_address_is_refunded(site: Site, desk: Desk) -> None:
    site.expected = ["400"]
    world = site.world
    async with site.database.transaction() as session:
        session.add_all(
            CoverageRule(
                id=new_id(),
                block_id=block,
                city_code="310000",
                district="徐汇区",
                compound="双界花园",
                kind=CoverageKind.COMPOUND,
                parity=HouseParity.ALL,
                first_stop_no=1,
                valid=ALWAYS,
            )
            for block in world.blocks
        )
        household = await world.add_household(session, block=None, compound="双界花园")
    async with open_payments(site.runtime, parallel=True) as payments:
        placed = await orders.place(desk.client, world, household)
        started = await desk.client.post(
            f"/orders/{placed['id']}/payments", json={}, headers=household.headers | once()
        )
        assert started.status_code == 201, started.text
        async with site.database.transaction() as session:
            paid = (await session.scalars(select(Payment))).one()
        payments.pay(paid.out_trade_no)
        await payments.deliver_notifications()
        await drain(JobContext(site.database, site.clock))
        page = await site.page("/service/reviews", Role.REVIEWER)
        card = page.locator(f"#review-{placed['order_no']}")
        await card.get_by_text("拒绝", exact=True).click()
        await card.get_by_label("拒绝原因（发给顾客）").fill("小区暂不允许送奶车进入")
        await card.get_by_role("button", name="拒绝并退款 ¥105.00").click()
        await expect(page.get_by_text("已拒绝，退款将原路退回")).to_be_visible()
        async with site.database.transaction() as session:
            order = (await session.scalars(select(Order))).one()
            refund = (await session.scalars(select(Refund))).one()
        assert (order.status, refund.amount_fen) == ("rejected", 10500)
