"""A ticket's page: told, answered, escalated, two agents at once, an expired session."""

import re
from datetime import timedelta

from playwright.async_api import Page, expect
from sqlalchemy import func, select, text

from app.aftersales.jobs import watch_tickets
from app.aftersales.models import TicketMessage
from app.core.jobs import JobContext
from app.identity.models import Role
from tests.factories.aftersales import HOUR, Desk
from tests.factories.world import MORNING
from tests.fixtures.site import PASSWORD, Site, check_axe, shot

XSS = "<script>window.hacked=1</script><img src=x onerror=window.hacked=1>\"'{{7*7}}"


async def open_ticket(site: Site, ticket: dict[str, object]) -> Page:
    return await site.page(f"/service/tickets/{ticket['id']}", Role.SERVICE_AGENT)


async def messages(site: Site) -> int:
    async with site.database.transaction() as session:
        return await session.scalar(select(func.count()).select_from(TicketMessage)) or 0


async def send(page: Page, words: str) -> None:
    await page.locator("#reply-body").fill(words)
    await page.locator("#reply-form button.btn-primary").click()


async def test_one_is_answered_in_time_and_another_escalates(site: Site, desk: Desk) -> None:
    answered = await desk.file(category="late")
    forgotten = await desk.file(category="missing")
    page = await open_ticket(site, answered)
    site.clock.set(MORNING + 20 * HOUR)
    await send(page, "您好，今早车辆故障，已补送。")
    await expect(page.get_by_role("status").filter(has_text="答复已发给顾客")).to_be_visible()
    await expect(page.locator(".message.from-staff .message-body")).to_have_text(
        "您好，今早车辆故障，已补送。"
    )
    await expect(page.locator("#reply-body")).to_have_value("")
    await page.keyboard.press("e")
    await page.get_by_label("告知顾客的处理结果").fill("已补送，并更换车辆。")
    await page.get_by_role("button", name="告知顾客并完成").click()
    await expect(page.get_by_text("处理结果已告知顾客，等待回访")).to_be_visible()

    site.clock.set(MORNING + 25 * HOUR)
    await watch_tickets(JobContext(site.database, site.clock), {})
    await page.goto("/service")
    row = page.locator("[data-row]")
    await expect(row).to_have_count(1)
    await expect(row).to_contain_text("已升级")
    await row.click()
    await expect(page.locator(".history")).to_contain_text("第 1 级，通知")
    await expect(page.locator(".history")).to_contain_text("超时")
    assert forgotten["id"] in page.url
    await check_axe(page)
    await shot(page, "service-ticket-late")


async def test_everything_of_a_ticket_by_keyboard_alone(site: Site, desk: Desk) -> None:
    await desk.file()
    page = await site.page("/service", Role.SERVICE_AGENT)
    keys = page.keyboard
    await keys.press("j")
    await keys.press("Enter")
    await page.wait_for_url("**/service/tickets/*", wait_until="commit")
    await expect(page.locator("html[data-ready]")).to_be_attached()

    await keys.press("t")
    await expect(page.get_by_text("已接单")).to_be_visible()

    await keys.press("c")
    await keys.press("ArrowDown")
    for _ in range(4):
        await keys.press("Tab")
    await keys.type("奶瓶多次渗漏")
    await keys.press("Enter")
    await expect(page.get_by_text("分类已调整，时限随之更新")).to_be_visible()
    await expect(page.locator(".ticket-head")).to_contain_text("重大")
    await expect(page.locator(".history")).to_contain_text("级别 一般 → 重大。原因：奶瓶多次渗漏")

    await keys.press("r")
    await keys.type("您好，马上核实。")
    await keys.press("Control+Enter")
    await expect(page.get_by_text("答复已发给顾客")).to_be_visible()

    await keys.press("i")
    await keys.press("r")
    await keys.type("已通知奶站换箱")
    await keys.press("Control+Enter")
    await expect(page.get_by_text("内部备注已保存")).to_be_visible()
    await expect(page.locator(".is-internal .message-body")).to_have_text("已通知奶站换箱")

    await settle_by_keyboard(page)


async def settle_by_keyboard(page: Page) -> None:
    keys = page.keyboard
    await keys.press("p")
    await keys.press("ArrowRight")
    await keys.press("Tab")
    await keys.type("6.50")
    await keys.press("Enter")
    await expect(page.get_by_text("补偿已记入顾客余额")).to_be_visible()
    await expect(page.locator(".ticket-side")).to_contain_text("退款到余额 ¥6.50")

    await keys.press("e")
    await keys.type("已补偿并更换奶箱。")
    await keys.press("Control+Enter")
    await expect(page.get_by_text("处理结果已告知顾客，等待回访")).to_be_visible()

    await keys.press("v")
    await keys.press("Tab")
    await keys.press("Space")
    await keys.press("Tab")
    await keys.press("Space")
    await keys.press("Tab")
    await keys.type("顾客很满意")
    await keys.press("Control+Enter")
    await expect(page.get_by_text("回访已记录，售后单关闭")).to_be_visible()
    await expect(page.locator(".ticket-side")).to_contain_text("满意度 5 分，态度 5 分")

    await keys.press("o")
    await keys.type("顾客来电：又漏了")
    await keys.press("Control+Enter")
    await expect(page.get_by_text("已重新打开，时限重新计算")).to_be_visible()
    await keys.press("b")
    await page.wait_for_url("**/service", wait_until="commit")


async def test_two_agents_on_one_ticket(site: Site, desk: Desk) -> None:
    site.expected = ["409"]
    ticket = await desk.file()
    first = await open_ticket(site, ticket)
    second = await site.page(f"/service/tickets/{ticket['id']}", Role.QUALITY)
    await send(first, "我是第一位客服，正在核实。")
    await expect(first.get_by_text("答复已发给顾客")).to_be_visible()
    before = await messages(site)

    await send(second, "我也写好了很长的一段答复")
    told = second.locator("#reply-error [role=alert]")
    await expect(told).to_contain_text("service_agent")
    await expect(told).to_contain_text("刚更新了这张工单：答复")
    await expect(second.locator("#reply-body")).to_have_value("我也写好了很长的一段答复")
    await check_axe(second)
    await shot(second, "service-conflict")
    assert await messages(site) == before, "nothing was said"

    await told.get_by_role("link", name="刷新工单").click()
    await expect(second.get_by_text("我是第一位客服，正在核实。")).to_be_visible()
    await expect(second.locator("#reply-body")).to_have_value("我也写好了很长的一段答复")
    await second.locator("#reply-form button.btn-primary").click()
    await expect(second.get_by_text("答复已发给顾客")).to_be_visible()
    await expect(second.locator("#reply-body")).to_have_value("")
    assert await messages(site) == before + 1


async def test_news_of_a_colleague_are_told_before_anything_is_typed(
    site: Site, desk: Desk
) -> None:
    ticket = await desk.file()
    page = await open_ticket(site, ticket)
    await desk.act(ticket["id"], "assign")
    await page.evaluate(
        "htmx.ajax('GET', document.querySelector('#news').getAttribute('hx-get'), {target: '#news'})"
    )
    await expect(page.locator("#news")).to_contain_text("service_agent刚更新了这张工单：分派")


async def test_an_expired_session_keeps_the_reply(site: Site, desk: Desk) -> None:
    site.expected = ["401"]
    ticket = await desk.file()
    await site.add_login(Role.SERVICE_AGENT, "limin")
    page = await site.page(f"/login?next=/service/tickets/{ticket['id']}")
    await page.get_by_label("账号").fill("limin")
    await page.get_by_label("密码").fill(PASSWORD)
    await page.get_by_role("button", name="登录").click()
    await page.locator("#reply-body").fill("很抱歉给您带来不便")
    async with site.database.transaction() as session:
        await session.execute(text("DELETE FROM sessions"))
    await page.keyboard.press("Control+Enter")
    dialog = page.get_by_role("dialog", name="请重新登录")
    await expect(dialog).to_be_visible()
    await dialog.get_by_label("账号").fill("limin")
    await dialog.get_by_label("密码").fill(PASSWORD)
    await dialog.get_by_role("button", name="登录").click()
    await expect(dialog).to_be_hidden()
    await expect(page.locator("#reply-body")).to_have_value("很抱歉给您带来不便")
    before = await messages(site)
    await page.locator("#reply-form button.btn-primary").click()
    await expect(page.get_by_text("答复已发给顾客")).to_be_visible()
    assert await messages(site) == before + 1


async def test_what_customers_write_is_text(site: Site, desk: Desk) -> None:
    ticket = await desk.file(body=XSS)
    await desk.act(ticket["id"], "reply", by=site.world.household.headers, body=XSS)
    await desk.act(ticket["id"], "reopen", by=site.world.household.headers, reason=XSS, status=409)
    await desk.client.patch(
        "/me", json={"name": XSS[:90], "heard_from": XSS[:90]}, headers=site.world.household.headers
    )
    page = await open_ticket(site, ticket)
    bodies = page.locator(".message.from-customer .message-body")
    await expect(bodies).to_have_text([XSS, XSS])
    assert await page.evaluate("window.hacked") is None
    await expect(page.locator(".facts")).to_contain_text(XSS[:90])
    await page.goto("/service")
    assert await page.evaluate("window.hacked") is None


async def test_templates_are_shown_as_they_will_be_sent(site: Site, desk: Desk) -> None:
    manager = site.world.staff[Role.MANAGER].headers
    made = await desk.client.post(
        "/answer-templates",
        json={
            "purpose": "apology",
            "title": "漏奶致歉",
            "text": "{顾客称呼}您好，工单{工单号}给您添麻烦了。",
        },
        headers=manager | {"Idempotency-Key": "t" * 32},
    )
    assert made.status_code == 201, made.text
    ticket = await desk.file()
    page = await open_ticket(site, ticket)
    await page.locator("#template").select_option(label="漏奶致歉")
    await expect(page.locator("#template-preview")).to_contain_text(
        f"工单{ticket['ticket_no']}给您"
    )
    await shot(page, "service-ticket")
    await page.reload()
    await expect(page.locator("#template-preview")).to_contain_text(
        f"工单{ticket['ticket_no']}给您"
    )
    await send(page, "稍后再联系您。")
    await expect(page.locator(".message.from-staff .message-body")).to_have_text(
        re.compile(f"工单{ticket['ticket_no']}给您添麻烦了。\n稍后再联系您。")
    )


async def test_refusals_stand_beside_the_form_and_change_nothing(site: Site, desk: Desk) -> None:
    site.expected = ["400", "403"]
    ticket = await desk.file()
    page = await open_ticket(site, ticket)
    before = await messages(site)
    await page.locator("#reply-form button.btn-primary").click()
    await expect(page.locator("#reply-error")).to_contain_text("请填写内容，或选择一个答复模板")
    await page.keyboard.press("p")
    await page.get_by_text("退款到余额").click()
    await page.get_by_label("金额（元）").fill("50.01")
    await page.get_by_role("button", name="确认补偿").click()
    await expect(page.locator("#compensate-error")).to_contain_text("超出客服补偿额度")
    await page.get_by_label("金额（元）").fill("1.234")
    await page.get_by_role("button", name="确认补偿").click()
    await expect(page.locator("#compensate-error")).to_contain_text("金额填写有误")
    await check_axe(page)
    assert await messages(site) == before
    assert (await desk.read(ticket["id"]))["compensations"] == []


async def test_late_results_need_their_reason(site: Site, desk: Desk) -> None:
    ticket = await desk.file()
    site.clock.set(MORNING + 24 * HOUR + timedelta(minutes=1))
    page = await open_ticket(site, ticket)
    await page.keyboard.press("e")
    await page.get_by_label("告知顾客的处理结果").fill("已更换。")
    await page.get_by_label("逾期原因").fill("奶站停电")
    await page.get_by_role("button", name="告知顾客并完成").click()
    await expect(page.locator(".history")).to_contain_text("奶站停电")


async def test_readers_see_and_do_not_act(site: Site, desk: Desk) -> None:
    ticket = await desk.file()
    page = await site.page(f"/service/tickets/{ticket['id']}", Role.AUDITOR)
    await expect(page.get_by_text("今天的奶瓶漏了")).to_be_visible()
    await expect(page.locator("#reply-form")).to_have_count(0)
    await expect(page.locator(".acts")).to_have_count(0)
