"""The manager watches the morning and reads the eight."""

import re
from datetime import timedelta

import httpx
import pytest
from playwright.async_api import expect
from sqlalchemy import text

from app.core.clock import local_instant
from app.core.ids import public_single
from app.identity.models import Role
from app.kpi.trends import refresh_days
from bench.weight import DASHBOARD, in_kb
from tests.factories.history import SEVEN
from tests.factories.world import TODAY
from tests.fixtures.site import PHONE, Site, check_axe, shot, weight_of
from tests.orders.test_door_orders import door_order, send
from tests.web.manager.conftest import Door, Morning, write_past

PAYLOAD = '<img src=x onerror="document.title=1">=1+2'


async def test_a_door_confirmed_on_a_phone_shows_by_itself(morning: Morning) -> None:
    page = await morning.site.page("/manager", Role.MANAGER)
    await expect(page.locator("#live")).to_have_text("实时")
    done = page.locator("#morning .counts div", has_text="已完成").locator("dd")
    await expect(done).to_have_text("0")
    await expect(page.locator("#risks")).to_contain_text("1 户一户未送")
    await morning.report(morning.neighbour)
    await expect(done).to_have_text("1")
    await expect(page.locator(".gauge-value")).to_contain_text("33.33")
    await page.get_by_text("查看曲线数据表").click()
    await expect(page.locator("#curve-rows")).to_contain_text("33.33 %")
    # What was opened stays open when the next figures come.
    await morning.report(morning.milk, outcome="not_delivered", reason="locked_gate")
    await expect(page.locator("#risks")).to_contain_text("1 户未送达")
    await expect(page.locator("#curve-rows")).to_be_visible()


async def test_the_dashboard_is_light(morning: Morning) -> None:
    await morning.report(morning.neighbour)
    weights = await weight_of(morning.site, "/manager", Role.MANAGER)
    assert 5 < in_kb(weights) <= DASHBOARD.most_kb, weights
    assert "/manager/kpis" in weights


async def test_cash_taken_at_a_door_shows_by_itself(morning: Morning) -> None:
    site = morning.site
    page = await site.page("/manager", Role.MANAGER)
    await expect(page.locator("#live")).to_have_text("实时")
    total = page.locator("#morning .counts div", has_text="现金收款").locator("dd")
    await expect(total).to_have_text("¥0.00")
    await expect(page.locator("#cash")).to_contain_text("还没有上门现金收款")
    said = door_order(site.world, taken_at=site.clock.now().isoformat())
    async with httpx.AsyncClient(base_url=f"{site.url}/api/v1") as client:
        answer = await send(client, site.world, said)
    assert answer.status_code == 201, answer.text
    await expect(total).to_have_text("¥105.00")
    await page.locator("#cash").get_by_role("link", name="徐汇奶站").click()
    for told in ("送奶员1", "1 笔", "¥105.00"):
        await expect(page.locator("#cash li")).to_contain_text(told)
    await check_axe(page)
    await shot(page, "manager-station")


async def test_a_dropped_stream_says_until_when_and_comes_back(
    morning: Morning, door: Door
) -> None:
    site = morning.site
    site.expected = ["ERR_", "htmx:sse:error"]
    page = await site.page(f"{door.url}/manager", Role.MANAGER)
    await expect(page.locator("#live")).to_have_text("实时")
    await door.close()
    await expect(page.locator("#live")).to_have_text("数据截至 06:10")
    await morning.report(morning.neighbour)
    await door.open()
    await expect(page.locator("#live")).to_have_text("实时")
    done = page.locator("#morning .counts div", has_text="已完成").locator("dd")
    await expect(done).to_have_text("1")


async def test_past_midnight_the_page_is_that_of_the_new_day(morning: Morning) -> None:
    page = await morning.site.page("/manager", Role.MANAGER)
    await expect(page.locator("#live")).to_have_text("实时")
    await expect(page.locator(".page-head")).to_contain_text("2026-03-16")
    morning.site.clock.set(morning.site.clock.now() + timedelta(hours=18))
    await expect(page.locator(".page-head")).to_contain_text("2026-03-17")
    await expect(page.locator("#morning")).to_contain_text("没有应送户次")
    await check_axe(page)


async def test_down_from_the_city_to_the_deliverer_and_back(morning: Morning) -> None:
    site = morning.site
    page = await site.page("/manager", Role.MANAGER)
    crumbs = page.get_by_role("navigation", name="统计范围")
    await expect(crumbs).to_have_text("全部城市")
    await page.locator("#parts").get_by_role("link", name="徐汇奶站").click()
    await expect(crumbs).to_contain_text("上海市")
    await page.locator("#parts").get_by_role("link", name="区块1").click()
    await expect(page).to_have_url(re.compile("scope=block"))
    await expect(page.get_by_role("heading", name="送奶员")).to_be_visible()
    await page.locator("#deliverers-panel").get_by_role("link", name="送奶员1").click()
    await expect(crumbs.locator("[aria-current]")).to_have_text("送奶员1")
    await check_axe(page)
    await crumbs.get_by_role("link", name="徐汇奶站").click()
    await expect(page.locator("#parts")).to_contain_text("区块2")
    # Scope and period stay in the address from page to page.
    await page.get_by_role("link", name="近7天").click()
    await expect(page).to_have_url(re.compile("scope=station.*period=7"))
    await page.get_by_role("navigation", name="运营看板").get_by_role("link", name="区块").click()
    await expect(page).to_have_url(re.compile("blocks.scope=station.*period=7"))
    await expect(page.locator("#blocks tbody tr")).to_have_count(2)


async def test_the_eight_say_what_they_mean(site: Site) -> None:
    await write_past(site)
    await refresh_days(site.database, now=site.clock.now(), back=timedelta(days=5))
    page = await site.page("/manager?period=7", Role.MANAGER)
    tile = page.locator("#kpi-on_time_rate")
    await expect(tile).to_contain_text("50.00")
    await expect(tile).to_contain_text("未达标")
    await expect(tile).to_contain_text("目标 ≥ 95 %")
    await expect(tile).to_contain_text("准时户次 6 / 应送户次 12")
    await expect(tile.get_by_role("img", name="7点前送达服务成功率近30天趋势")).to_be_visible()
    await expect(page.locator("#kpi-satisfaction")).to_contain_text("无数据")
    await expect(page.locator("#kpi-satisfaction")).to_contain_text("没有回访和调查答复")
    await expect(page.locator(".kpi")).to_have_count(8)
    await tile.get_by_role("button", name="7点前送达服务成功率的定义").click()
    dialog = page.get_by_role("dialog", name="7点前送达服务成功率")
    await expect(dialog).to_contain_text("S1 5.2.1")
    await expect(dialog).to_contain_text("分子 ÷ 分母")
    await check_axe(page)
    await page.keyboard.press("Escape")
    await expect(dialog).to_be_hidden()
    await check_axe(page)
    await shot(page, "manager")


@pytest.mark.parametrize(
    ("query", "status", "said"),
    [
        ("scope=galaxy", "400", "统计范围无效"),
        ("scope=block:blk_aaaaaaaaaaaaaaaaaaaaaaaaaa", "404", "没有找到"),
        ("period=range&from=2026-03-10&to=2026-03-01", "400", "统计期间无效"),
        ("period=range&from=yesterday&to=2026-03-01", "400", "统计期间无效"),
        ("period=month&month=2026-13", "400", "月份无效"),
        ("period=soon", "400", "统计期间无效"),
    ],
)
async def test_what_cannot_be_is_said_and_not_a_fault(
    site: Site, query: str, status: str, said: str
) -> None:
    site.expected = [status]
    page = await site.page(f"/manager?{query}", Role.MANAGER, size=PHONE)
    await expect(page.get_by_role("alert")).to_contain_text(said)
    await expect(page.get_by_role("link", name="运营看板")).to_be_visible()


async def test_a_station_manager_sees_his_station_alone(morning: Morning) -> None:
    site = morning.site
    page = await site.page("/manager", Role.STATION_MANAGER)
    await expect(page.get_by_role("navigation", name="统计范围")).to_have_text("徐汇奶站")
    await expect(page.locator("#live")).to_have_text("实时")
    await expect(page.locator("#parts")).to_contain_text("区块1")
    site.expected = ["404"]
    for scope in ("operator", "city:310000"):
        await page.goto(f"/manager?scope={scope}")
        await expect(page.get_by_role("alert")).to_contain_text("没有找到")


async def test_names_are_text_whatever_they_hold(morning: Morning) -> None:
    site = morning.site
    async with site.database.transaction() as session:
        await session.execute(text("UPDATE blocks SET name = :name"), {"name": PAYLOAD})
        await session.execute(text("UPDATE deliverers SET name = :name"), {"name": PAYLOAD})
        await session.execute(text("UPDATE stations SET name = :name"), {"name": PAYLOAD})
    page = await site.page("/manager", Role.MANAGER)
    await expect(page.locator("#live")).to_have_text("实时")
    await morning.report(morning.neighbour)
    await expect(page.locator(".gauge-value")).to_contain_text("33.33")
    await expect(page.locator("#risks").get_by_text(PAYLOAD, exact=True).first).to_be_visible()
    await page.goto(f"/manager/blocks?q={PAYLOAD[:8]}")
    await expect(page.locator("#blocks").get_by_text(PAYLOAD, exact=True).first).to_be_visible()
    assert await page.locator("main img").count() == 0
    assert "区块" in await page.title()


async def test_three_thousand_blocks_are_read_by_page(site: Site) -> None:
    async with site.database.transaction() as session:
        values = {"station": site.world.station_id, "day": TODAY}
        await session.execute(
            text(
                "INSERT INTO blocks (id, code, name, station_id, is_active)"
                " SELECT uuidv7(), 'X-' || lpad(n::text, 4, '0'), '小区' || n, :station, true"
                " FROM generate_series(1, 3000) n"
            ),
            values,
        )
        await session.execute(
            text(
                "INSERT INTO block_mornings"
                " (block_id, service_date, station_id, city_code, due, still_open)"
                " SELECT id, :day, :station, '310000', 50, 50 FROM blocks WHERE code LIKE 'X-%'"
            ),
            values,
        )
    site.clock.set(local_instant(TODAY, SEVEN) - timedelta(minutes=30))
    page = await site.page("/manager", Role.MANAGER)
    await expect(page.locator("#morning .counts")).to_contain_text("150,000")
    assert await page.locator(".risk").count() == 8
    await page.get_by_role("link", name="全部 3,000 个有风险的区块").click()
    rows = page.locator("#blocks tbody tr")
    await expect(rows).to_have_count(40)
    first = await rows.first.inner_text()
    await page.get_by_role("link", name="下一页").click()
    await expect(page).to_have_url(re.compile("cursor="))
    await expect(rows).to_have_count(40)
    assert await rows.first.inner_text() != first
    await page.get_by_label("搜索").fill("小区2718")
    await expect(rows).to_have_count(1)
    await expect(page).to_have_url(re.compile("q="))
    await check_axe(page)
    await shot(page, "manager-blocks")
    await page.get_by_label("搜索").fill("没有这样的区块")
    await expect(page.get_by_text("没有符合条件的区块")).to_be_visible()
    await page.get_by_label("搜索").fill("")
    await expect(rows).to_have_count(40)
    await page.get_by_label("排序").select_option(label="按编号")
    await expect(page).to_have_url(re.compile("sort=code"))
    await page.get_by_label("风险").select_option(label="手机离线")
    await expect(page.get_by_text("没有符合条件的区块")).to_be_visible()
    await shot(page, "manager-blocks-none")


async def test_a_round_goes_to_a_stand_in(morning: Morning) -> None:
    site = morning.site
    await morning.report(morning.neighbour)
    page = await site.page("/manager", Role.MANAGER)
    block = public_single("blk", site.world.blocks[0])
    page_row = page.locator(f"[data-block={block}]")
    await page.goto("/manager/blocks?sort=code")
    await page_row.get_by_role("button", name="换人").click()
    dialog = page.get_by_role("dialog", name="换人送奶")
    await expect(dialog).to_contain_text("1 户待送")
    await check_axe(page)
    await shot(page, "manager-stand-in")
    await dialog.get_by_label("查找本站送奶员").fill("没有此人")
    await expect(dialog).to_contain_text("没有找到")
    await dialog.get_by_label("查找本站送奶员").fill("d002")
    await dialog.get_by_role("button", name="送奶员2").click()
    await page.get_by_role("button", name="确定").click()
    await expect(page.get_by_text("已换人")).to_be_visible()
    await expect(page_row).to_contain_text("送奶员2")
    async with site.database.transaction() as session:
        found = await session.execute(
            text("SELECT state, deliverer_id FROM stops WHERE block_id = :block"),
            {"block": site.world.blocks[0]},
        )
        assert {row.state: row.deliverer_id for row in found} == {
            "made": site.world.deliverers[0],
            "planned": site.world.deliverers[1],
        }


async def test_the_dashboard_fits_a_sheet_and_a_slow_line(morning: Morning) -> None:
    page = await morning.site.page("/manager", Role.MANAGER)
    await expect(page.locator(".kpi.loading")).to_have_count(0)
    sizes = await page.evaluate(
        "[...performance.getEntriesByType('resource'), ...performance.getEntriesByType('navigation')]"
        ".map(entry => entry.transferSize)"
    )
    assert sum(sizes) < 100 * 1024, sizes
    await page.emulate_media(media="print")
    await expect(page.locator(".subnav")).to_be_hidden()
    await expect(page.locator(".day-chart")).to_be_visible()
    assert len(await page.pdf(format="A4", prefer_css_page_size=True)) > 10_000
