"""The household itself: name, doors, consents, its data, its tickets, and leaving."""

import asyncio
import json
from pathlib import Path

from playwright.async_api import expect
from sqlalchemy import func, select

from app.aftersales.handling import Words, reply
from app.aftersales.models import Ticket
from app.aftersales.thread import Author
from app.customers.models import Address, ConsentPurpose
from app.customers.service import add_privacy_text
from app.identity.models import Role
from tests.factories.world import TODAY
from tests.fixtures.site import DESK, check_axe, shot
from tests.web.customer.conftest import Home, arrive


async def read_file(path: str) -> bytes:
    """A file, without holding up the loop."""
    return await asyncio.to_thread(Path(path).read_bytes)


PAYLOAD = '<svg onload="document.title=1">'


async def test_name_doors_and_consents(home: Home) -> None:
    home.site.expected = ["409", "422"]
    async with home.site.database.transaction() as session:
        await add_privacy_text(
            session,
            purpose=ConsentPurpose.MARKETING_SMS,
            version="1.0",
            title="优惠短信",
            text=f"我们会发优惠短信。{PAYLOAD}",
            effective_date=TODAY,
            today=TODAY,
        )
    page = await home.page("/my")
    await check_axe(page)
    await page.get_by_label("称呼").fill(PAYLOAD)
    await page.get_by_role("button", name="保存").click()
    await expect(page.get_by_role("heading", name=f"{PAYLOAD}，您好")).to_be_visible()
    await page.get_by_role("button", name="同意接收优惠短信").click()
    await expect(page.get_by_text("已同意")).to_be_visible()
    await page.get_by_role("button", name="撤回接收优惠短信").click()
    await expect(page.get_by_text("已撤回同意")).to_be_visible()
    await shot(page, "household-me")

    await page.get_by_role("link", name="修改").first.click()
    await page.get_by_label("楼栋室号").fill("")
    await page.get_by_role("button", name="保存").click()
    await expect(page.locator("#address-error")).to_contain_text("楼栋室号")
    await page.get_by_label("楼栋室号").fill("402室")
    await check_axe(page)
    await page.get_by_role("button", name="保存").click()
    await expect(page.get_by_text("地址已更新")).to_be_visible()
    await expect(page.get_by_text("梅陇一村402室")).to_be_visible()
    await page.get_by_role("link", name="修改").first.click()
    await page.get_by_role("button", name="删除这个地址").click()
    await page.get_by_role("button", name="确定").click()
    await expect(page.locator("#remove-error")).to_contain_text("该地址仍有配送中的订单")
    await page.goto("/my/addresses/new")
    await check_axe(page)
    for label, text in (
        ("区县", "徐汇区"),
        ("小区", "梅陇二村"),
        ("楼栋室号", "1室"),
        ("收奶人", "王女士"),
        ("联系电话", "13912345678"),
    ):
        await page.get_by_label(label, exact=True).fill(text)
    await page.get_by_role("button", name="保存").dblclick()
    await expect(page.get_by_text("地址已保存")).to_be_visible()
    async with home.site.database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(Address)) == 2


async def test_a_copy_of_ones_data_and_the_way_out(home: Home) -> None:
    home.site.expected = ["409"]
    page = await home.page("/my")
    async with page.expect_download() as coming:
        await page.get_by_role("button", name="下载我的全部资料").click()
    kept = json.loads((await read_file(str(await (await coming.value).path()))).decode())
    assert kept["profile"]["phone"] == home.household.phone
    assert kept["orders"]
    await page.get_by_text("注销账号").click()
    await page.get_by_role("button", name="注销并删除").click()
    await page.get_by_role("button", name="确定").click()
    await expect(page.locator("#erase-error")).to_contain_text("还有进行中的订单")
    async with home.site.database.transaction() as session:
        other = await home.site.world.add_household(session)
    context = await home.site.context(size=DESK)
    await home.site.use_token(context, other.token)
    page = await home.site.page("/my", context=context)
    await page.get_by_text("注销账号").click()
    await page.get_by_role("button", name="注销并删除").click()
    await page.get_by_role("button", name="确定").click()
    await expect(page.get_by_text("账号已注销")).to_be_visible()
    assert not [one for one in await context.cookies() if one["name"] == "suixinding"]


async def test_a_ticket_with_its_thread(home: Home) -> None:
    page = await home.page("/my/tickets")
    await expect(page.get_by_text("没有反馈过问题")).to_be_visible()
    await check_axe(page)
    await page.get_by_role("link", name="反馈问题").click()
    await page.get_by_label("咨询").check()
    await page.get_by_label("请说说情况").fill(f"春节送吗？{PAYLOAD}")
    await page.get_by_role("button", name="提交").click()
    await arrive(page, "**/my/tickets/tkt_*")
    agent = home.site.world.staff[Role.SERVICE_AGENT]
    async with home.site.database.transaction() as session:
        ticket = (await session.scalars(select(Ticket))).one()
        await reply(
            session,
            customer_id=ticket.customer_id,
            ticket_id=ticket.ticket_id,
            author=Author(agent.account_id, f"staff:{agent.account_id}", is_staff=True),
            words=Words("初三起照常送。"),
            now=home.site.clock.now(),
        )
    await page.reload()
    await expect(page.get_by_text("初三起照常送。")).to_be_visible()
    await expect(page.get_by_text(f"春节送吗？{PAYLOAD}")).to_be_visible()
    await page.get_by_label("补充说明").fill("谢谢")
    await page.get_by_role("button", name="发送").dblclick()
    await expect(page.get_by_text("已补充，客服会看到")).to_be_visible()
    await expect(page.locator(".talk-body", has_text="谢谢")).to_have_count(1)
    await check_axe(page)
    await shot(page, "household-ticket")
    await page.goto("/my/tickets")
    await shot(page, "household-tickets")


async def test_offline_is_told_and_nothing_typed_is_lost(home: Home) -> None:
    home.site.expected = ["ERR_INTERNET_DISCONNECTED", "Failed to fetch"]
    page = await home.page("/my/tickets/new")
    await page.get_by_label("请说说情况").fill("奶瓶有裂纹")
    await page.context.set_offline(True)
    await expect(page.get_by_text("网络已断开")).to_be_visible()
    await page.get_by_role("button", name="提交").click()
    await expect(page.get_by_text("网络不通，请稍后再试")).to_be_visible()
    await page.context.set_offline(False)
    await expect(page.get_by_text("网络已断开")).to_be_hidden()
    await page.reload()
    await expect(page.get_by_label("请说说情况")).to_have_value("奶瓶有裂纹")


async def test_keys_alone_are_enough_to_skip_a_day(home: Home) -> None:
    page = await home.page("/my/calendar", size=DESK)
    await page.get_by_role("link", name="3月18日 周三").focus()
    await page.keyboard.press("Enter")
    await expect(page.locator("#day-dialog")).to_be_visible()
    await page.get_by_role("button", name="这天不要").focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("region", name="变更预览")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.locator("#day-dialog")).to_be_hidden()
    assert await page.evaluate("document.activeElement.getAttribute('href')") == (
        "/my/days/2026-03-18"
    )
