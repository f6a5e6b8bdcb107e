"""A missed target gets its cause and action; a month is closed."""

import re
from datetime import timedelta

from playwright.async_api import Page, expect
from sqlalchemy import text

from app.core.clock import local_instant
from app.delivery.repository.mornings import rebuild_mornings
from app.identity.models import Role
from app.kpi.trends import refresh_days
from tests.factories.history import SEVEN, History
from tests.factories.world import TODAY
from tests.fixtures.site import Site, check_axe, shot
from tests.web.manager.conftest import write_past


async def fill_in(page: Page) -> None:
    await page.get_by_label("原因").fill("3号车晚到40分钟\n<b>雪</b>")
    await page.get_by_label("措施").fill("车队提前半小时预冷")
    await page.get_by_label("负责人").fill("王站长")
    await page.get_by_label("完成期限").fill("2026-03-20")


async def test_a_missed_target_is_recorded_acted_on_and_closed(site: Site) -> None:
    await write_past(site)
    page = await site.page("/manager?period=today", Role.MANAGER)
    await page.locator("#kpi-on_time_rate").get_by_role("link", name="登记原因和措施").click()
    await expect(page.get_by_role("main")).to_contain_text("2 / 4")
    await check_axe(page)
    await fill_in(page)
    await page.get_by_role("button", name="登记").click()
    await expect(page.get_by_text("已登记")).to_be_visible()
    await expect(page.locator(".said", has_text="<b>雪</b>")).to_be_visible()
    await page.get_by_role("button", name="开始整改").click()
    await expect(page.get_by_text("已保存")).to_be_visible()
    await page.get_by_label("备注").fill("已与车队确认")
    await page.get_by_role("button", name="整改完成，待验证").click()
    await expect(page.locator(".timeline")).to_contain_text("已与车队确认")
    await page.get_by_role("button", name="验证有效，关闭").click()
    await page.get_by_role("button", name="确定").click()
    await expect(page.locator(".page-head")).to_contain_text("已关闭")
    await expect(page.get_by_role("heading", name="下一步")).to_have_count(0)
    await check_axe(page)
    await shot(page, "manager-finding")
    async with site.database.transaction() as session:
        states = await session.scalars(text("SELECT state FROM kpi_finding_events ORDER BY at, id"))
        assert list(states) == ["open", "acting", "done", "closed"]


async def test_one_target_has_one_open_finding(site: Site) -> None:
    await write_past(site)
    site.expected = ["409"]
    page = await site.page("/manager?period=today", Role.STATION_MANAGER)
    form = page.locator("#kpi-on_time_rate").get_by_role("link", name="登记原因和措施")
    address = await form.get_attribute("href")
    assert address is not None
    for _ in range(2):
        await page.goto(address)
        await fill_in(page)
        await page.get_by_role("button", name="登记").click()
    await expect(page.get_by_role("alert")).to_contain_text("已有未关闭的整改记录")
    await expect(page.get_by_label("负责人")).to_have_value("王站长")
    await page.get_by_role("link", name="打开这条记录").click()
    await expect(page).to_have_url(re.compile("/manager/findings/fnd_"))
    # Nobody verifies his own work.
    await page.get_by_role("button", name="整改完成，待验证").click()
    await expect(page.get_by_text("已保存")).to_be_visible()
    await expect(page.get_by_role("button", name="验证有效，关闭")).to_have_count(0)
    await page.goto("/manager/findings")
    await expect(page.locator("#findings tbody tr")).to_have_count(1)
    await expect(page.locator("#findings")).to_contain_text("徐汇奶站")
    await check_axe(page)
    await shot(page, "manager-findings")
    await page.get_by_label("状态").select_option(label="已作废")
    await expect(page.get_by_text("没有整改记录")).to_be_visible()
    async with site.database.transaction() as session:
        assert await session.scalar(text("SELECT count(*) FROM kpi_findings")) == 1


async def test_who_only_reads_finds_nothing_to_press(site: Site) -> None:
    await write_past(site)
    page = await site.page("/manager?period=today", Role.AUDITOR)
    tile = page.locator("#kpi-on_time_rate")
    await expect(tile).to_contain_text("未达标")
    await expect(tile.get_by_role("link", name="登记原因和措施")).to_have_count(0)
    await expect(page.get_by_role("button", name="换人")).to_have_count(0)
    await page.goto("/manager/months")
    await expect(page.get_by_role("button", name=re.compile("关账"))).to_have_count(0)


async def test_a_month_is_closed_and_stands(site: Site) -> None:
    day = TODAY.replace(month=2, day=27)
    async with site.database.transaction() as session:
        history = History(session, site.world)
        await history.stop(day)
        await history.stop(day, seconds_from_seven=60)
        await rebuild_mornings(session, [(site.world.blocks[0], day)])
    site.clock.set(local_instant(TODAY, SEVEN))
    page = await site.page("/manager/months", Role.MANAGER)
    await expect(page.get_by_text("还没有关账的月份")).to_be_visible()
    await page.get_by_role("button", name="关账 2026-02").click()
    await page.get_by_role("button", name="取消").click()
    async with site.database.transaction() as session:
        assert await session.scalar(text("SELECT count(*) FROM kpi_months")) == 0
    await page.get_by_role("button", name="关账 2026-02").click()
    await page.get_by_role("button", name="确定").click()
    await expect(page.get_by_text("2026-02 已关账")).to_be_visible()
    month = page.get_by_role("region", name="2026-02", exact=True)
    row = month.locator("tbody tr", has_text="7点前送达服务成功率")
    await expect(row).to_contain_text("50.00")
    await expect(row).to_contain_text("1 / 2")

    async with site.database.transaction() as session:  # two late phones
        history = History(session, site.world)
        await history.stop(day)
        await history.stop(day)
        await rebuild_mornings(session, [(site.world.blocks[0], day)])
    await refresh_days(site.database, now=site.clock.now(), back=timedelta(days=20))
    await page.reload()
    await expect(row).to_contain_text("+25.00")
    await check_axe(page)
    await shot(page, "manager-months")
    async with page.expect_download() as report:
        await page.get_by_role("link", name="月报 PDF").click()
    assert (await report.value).suggested_filename == "kpi-2026-02.pdf"

    await page.goto("/manager?period=month&month=2026-02")
    tile = page.locator("#kpi-on_time_rate")
    await expect(tile).to_contain_text("75.00")
    await expect(tile).to_contain_text("上报值 50.00，之后变化 +25.00")
    async with page.expect_download() as book:
        await page.get_by_role("link", name="导出 XLSX").click()
    assert (await book.value).suggested_filename == "kpi-2026-02-01-2026-02-28.xlsx"
