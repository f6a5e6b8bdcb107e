"""From a figure to the door, the ticket and the thermometer behind it."""

import re
from datetime import timedelta
from decimal import Decimal

import pytest
from playwright.async_api import expect

from app.core.clock import local_instant
from app.core.ids import public_single
from app.identity.models import Role
from tests.factories.coldchain import add_device, add_readings, add_store
from tests.factories.history import SEVEN, History
from tests.factories.world import TODAY
from tests.fixtures.site import Site, check_axe, shot
from tests.web.manager.conftest import Morning, write_past


async def test_from_the_tile_to_a_door_and_its_order(morning: Morning) -> None:
    site = morning.site
    await morning.report(morning.neighbour)
    site.clock.set(site.clock.now() + timedelta(hours=2))
    page = await site.page("/manager?period=today", Role.MANAGER)
    await page.get_by_role("link", name="7点前送达服务成功率").click()
    rows = page.locator("#rows tbody tr")
    await expect(rows).to_have_count(3)
    await check_axe(page)
    await shot(page, "manager-kpi")
    await page.get_by_label("只看不合格").check()
    await expect(rows).to_have_count(2)
    await expect(page).to_have_url(re.compile("missed=1"))
    await expect(rows.first).to_contain_text("区块1")
    await page.reload()
    await expect(rows).to_have_count(2)
    await page.get_by_label("只看不合格").uncheck()
    await expect(rows).to_have_count(3)

    made = rows.filter(has_text="已送齐")
    await expect(made).to_contain_text("送齐")
    await made.get_by_role("link", name="配送").click()
    await expect(page.get_by_role("heading", name="户次")).to_be_visible()
    await expect(page.get_by_role("main")).to_contain_text("送奶员1")
    await expect(page.get_by_role("main")).to_contain_text("已送达")
    await check_axe(page)
    await page.get_by_role("link", name=morning.neighbour.order_id.hex[-10:]).click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text("订单")
    await expect(page.get_by_role("main")).to_contain_text("网站")
    await check_axe(page)
    # Nothing of the household is told here.
    assert site.world.household.phone not in await page.content()


async def test_rows_come_page_by_page(site: Site) -> None:
    async with site.database.transaction() as session:
        history = History(session, site.world)
        for _ in range(60):
            await history.stop(TODAY)
    site.clock.set(local_instant(TODAY, SEVEN) + timedelta(hours=1))
    page = await site.page("/manager/kpi/on_time_rate?period=today", Role.MANAGER)
    rows = page.locator("#rows tbody tr")
    await expect(rows).to_have_count(50)
    await page.get_by_role("link", name="下一页").click()
    await expect(rows).to_have_count(10)
    await page.reload()
    await expect(rows).to_have_count(10)
    await page.get_by_role("link", name="回到第一页").click()
    await expect(rows).to_have_count(50)


async def test_a_complaint_leads_to_its_ticket(site: Site) -> None:
    async with site.database.transaction() as session:
        history = History(session, site.world)
        await history.stop(TODAY)
        ticket = await history.ticket(
            local_instant(TODAY, SEVEN) - timedelta(days=2), answered_after=timedelta(hours=30)
        )
    site.clock.set(local_instant(TODAY, SEVEN) + timedelta(hours=1))
    page = await site.page("/manager", Role.QUALITY)
    tile = page.locator("#kpi-complaint_rate")
    await expect(tile).to_contain_text("100,000.00")
    await tile.get_by_role("link", name="顾客服务投诉率").click()
    await expect(page.locator("#rows tbody tr").first).to_contain_text("计为投诉")
    await page.get_by_role("link", name="售后单").click()
    await expect(page.get_by_role("heading", name=f"售后单 {ticket.ticket_no}")).to_be_visible()
    await check_axe(page)


async def test_a_slot_leads_to_the_thermometer_s_day(site: Site) -> None:
    midnight = local_instant(TODAY, SEVEN) - timedelta(hours=7)
    async with site.database.transaction() as session:
        store_id = await add_store(session, site.world.station_id)
        device_id = await add_device(
            session, code="COLD-01", store_id=store_id, in_service_from=midnight
        )
        points = [(midnight + timedelta(minutes=10 * n), 9.5 if n == 6 else 4.0) for n in range(42)]
        await add_readings(session, device_id, points)
    site.clock.set(midnight + timedelta(hours=7))
    page = await site.page("/manager/kpi/cold_store_temp_rate?period=today&missed=1", Role.MANAGER)
    row = page.locator("#rows tbody tr")
    await expect(row).to_have_count(1)
    await expect(row).to_contain_text("超限")
    await expect(row).to_contain_text("9.5 °C")
    await row.get_by_role("link", name="温度曲线").click()
    await expect(page.get_by_role("heading", name="温度计 COLD-01")).to_be_visible()
    await expect(page.get_by_role("img", name=re.compile("COLD-01"))).to_be_visible()
    await expect(page.get_by_role("main")).to_contain_text("1 段")
    await check_axe(page)
    await shot(page, "manager-device")
    station = public_single("stn", site.world.station_id)
    await page.goto(f"/manager?scope=station:{station}")
    await expect(page.get_by_role("link", name="COLD-01")).to_be_visible()
    assert Decimal("4.0") == Decimal(
        (await page.locator(".devices strong").inner_text()).removesuffix(" °C")
    )


@pytest.mark.parametrize("path", ["kpi/none", "orders/ord_x", "stops/adr_x/2026-03-15", "trips/x"])
async def test_what_is_not_there_is_not_found(site: Site, path: str) -> None:
    site.expected = ["404"]
    page = await site.page(f"/manager/{path}", Role.MANAGER)
    await expect(page.get_by_role("alert")).to_contain_text(re.compile("没有"))


async def test_figures_of_a_past_day_show_its_morning(site: Site) -> None:
    await write_past(site)
    day = TODAY - timedelta(days=2)
    page = await site.page(f"/manager?period=range&from={day}&to={day}", Role.MANAGER)
    await expect(page.get_by_text("历史数据")).to_be_visible()
    await expect(page.get_by_role("heading", name=f"{day}送奶")).to_be_visible()
    await expect(page.locator("#morning .counts")).to_contain_text("4")
    await expect(page.locator("#stream")).to_have_count(0)
