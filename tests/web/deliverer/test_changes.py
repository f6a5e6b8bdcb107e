"""A change that a household asks for at its door, written down on the phone."""

from datetime import timedelta
from typing import Any

import httpx
from playwright.async_api import Locator, Page, Request, Route, expect
from sqlalchemy import func, select, update

from app.core.crypto import Cell
from app.customers.models import AddressVersion
from app.notifications.models import SmsMessage
from app.orders.models import OrderChange, OrderTerm
from tests.factories.delivery import TOMORROW, add_line
from tests.factories.links import tokens_of
from tests.factories.world import Household, once
from tests.fixtures.site import SCREENSHOTS, Site, check_axe
from tests.web.deliverer.round import Phone, open_phone, plan_round
from tests.web.deliverer.test_look import choose, picture

THURSDAY = TOMORROW + timedelta(days=3)
OFFLINE = ["ERR_INTERNET_DISCONNECTED"]
WITHOUT_NETWORK = "没有网络：代记变更需要联网预览"


def sheet_of(page: Page) -> Locator:
    return page.get_by_role("dialog", name="代记变更")


def list_of(page: Page) -> Locator:
    return page.get_by_role("dialog", name="我代记的变更")


async def open_sheet(phone: Phone, place: int = 0) -> Locator:
    await phone.card(place).get_by_role("button", name="其他").click()
    await phone.page.get_by_role("button", name="代记变更").click()
    sheet = sheet_of(phone.page)
    await expect(sheet).to_be_visible()
    return sheet


async def open_list(phone: Phone) -> Locator:
    await phone.page.get_by_role("link", name="我的").click()
    await phone.page.get_by_role("button", name="我代记的变更").click()
    return list_of(phone.page)


async def changes(site: Site) -> list[OrderChange]:
    async with site.database.transaction() as session:
        return list(await session.scalars(select(OrderChange).order_by(OrderChange.at)))


async def last_day(phone: Phone, place: int = 0) -> Any:
    async with phone.site.database.transaction() as session:
        return await session.scalar(
            select(func.max(func.upper(OrderTerm.valid))).where(
                OrderTerm.order_line_id == phone.lines[place].order_line_id
            )
        )


async def confirm_by_sms(site: Site, phone: Phone, place: int = 0) -> None:
    async with site.database.transaction() as session:
        *_, token = await tokens_of(session, phone.lines[place].customer_id, "change_recorded")
    async with httpx.AsyncClient(base_url=f"{site.url}/api/v1") as household:
        about = (await household.get(f"/links/{token}")).json()["about"]
        done = await household.post(
            f"/links/{token}/change-confirmation", json={"seen": about["seen"]}, headers=once()
        )
    assert (done.status_code, done.json()["status"]) == (201, "applied"), done.text


async def test_a_skip_asked_for_at_the_door_counts_once_the_household_confirms(site: Site) -> None:
    phone = await open_phone(site, await plan_round(site, stops=2))
    page = phone.page
    before = await last_day(phone)
    sheet = await open_sheet(phone)
    await sheet.get_by_label("哪一天不送").fill(THURSDAY.isoformat())
    await check_axe(page)
    await sheet.get_by_role("button", name="预览").click()
    await expect(sheet).to_contain_text("3月19日周四1 → 0 瓶")
    await expect(sheet).to_contain_text("最后一次送奶：4月14日周二 → 4月15日周三")
    await expect(sheet).to_contain_text("现在最早可以改 3月17日周二")
    await expect(sheet).to_contain_text("确认了才生效")
    await check_axe(page)
    await expect(sheet.get_by_text("最后一次送奶")).to_be_in_viewport()
    await expect(sheet.get_by_text("确认了才生效")).to_be_in_viewport()
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    await page.screenshot(path=SCREENSHOTS / "deliverer-change-to-record-360.png")
    assert await changes(site) == []
    await sheet.get_by_role("button", name="记录").dblclick()
    await expect(page.get_by_text("已记录，请顾客在 3月18日周三 16:00 前确认")).to_be_visible()
    (made,) = await changes(site)
    assert (made.status, made.recorded_by) == ("awaiting_confirmation", site.world.deliverers[0])
    assert await last_day(phone) == before

    await page.get_by_role("button", name="查看").click()
    shown = list_of(page)
    await expect(shown).to_contain_text("1 条待顾客确认")
    await expect(shown.get_by_role("listitem")).to_contain_text("1号楼 101室")
    await expect(shown.get_by_role("listitem")).to_contain_text("待顾客确认")
    await check_axe(page)
    await shown.get_by_role("button", name="关闭").click()

    await confirm_by_sms(site, phone)
    shown = await open_list(phone)
    await expect(shown.get_by_role("listitem")).to_contain_text("已生效")
    await expect(shown.get_by_role("button", name="撤回")).to_have_count(0)
    assert await last_day(phone) == before + timedelta(days=1)


async def test_without_network_it_says_so_and_keeps_what_was_typed(site: Site) -> None:
    site.expected = OFFLINE
    phone = await open_phone(site, await plan_round(site, stops=2))
    page = phone.page
    await phone.context.set_offline(True)
    sheet = await open_sheet(phone)
    await sheet.get_by_label("停奶").check()
    await sheet.get_by_label("从哪天停").fill(THURSDAY.isoformat())
    await sheet.get_by_label("停到哪天").fill((THURSDAY + timedelta(days=2)).isoformat())
    await sheet.get_by_role("button", name="预览").click()
    await expect(sheet.get_by_role("status")).to_contain_text(WITHOUT_NETWORK)
    await check_axe(page)
    await page.screenshot(path=SCREENSHOTS / "deliverer-change-offline-360.png")
    await phone.kept("wishes:")
    await page.reload()
    await page.wait_for_selector("html[data-ready]", state="attached")
    assert await phone.queue() == [], "nothing is promised that nobody has worked out"

    sheet = await open_sheet(phone)
    await expect(sheet).to_contain_text("上次没有记完")
    await expect(sheet.get_by_label("停奶")).to_be_checked()
    await expect(sheet.get_by_label("从哪天停")).to_have_value(THURSDAY.isoformat())
    await expect(sheet.get_by_role("status")).to_contain_text(WITHOUT_NETWORK)
    await phone.context.set_offline(False)
    await expect(sheet.get_by_text(WITHOUT_NETWORK)).to_be_hidden()
    await sheet.get_by_role("button", name="预览").click()
    await expect(sheet).to_contain_text("3月21日周六1 → 0 瓶")
    await sheet.get_by_role("button", name="记录").click()
    await expect(sheet).to_be_hidden()
    assert [one.kind for one in await changes(site)] == ["pause"]
    await open_sheet(phone)
    await expect(sheet.get_by_text("上次没有记完")).to_be_hidden()


async def test_a_lost_reply_is_asked_for_again_and_recorded_once(site: Site) -> None:
    site.expected = ["ERR_FAILED"]
    phone = await open_phone(site, await plan_round(site, stops=2))
    page = phone.page
    sent: list[str | None] = []

    async def lose_first(route: Route) -> None:
        sent.append(route.request.headers.get("idempotency-key"))
        answer = await route.fetch()
        if len(sent) == 1:
            await route.abort()
        else:
            await route.fulfill(response=answer)

    await page.route("**/api/v1/recorded-changes", lose_first)
    sheet = await open_sheet(phone)
    await sheet.get_by_label("改瓶数").check()
    await sheet.get_by_label("每次几瓶").fill("2")
    await sheet.get_by_role("button", name="预览").click()
    await sheet.get_by_role("button", name="记录").click()
    await expect(sheet.get_by_role("alert")).to_contain_text("不会记两遍")
    await sheet.get_by_role("button", name="记录").click()
    await expect(sheet).to_be_hidden()
    assert len(sent) == 2
    assert sent[0] == sent[1] is not None
    assert [one.kind for one in await changes(site)] == ["change_quantity"]
    async with site.database.transaction() as session:
        told = select(func.count()).where(SmsMessage.template == "change_recorded")
        assert await session.scalar(told) == 1


async def test_a_refusal_says_from_when_and_an_edit_forgets_the_preview(site: Site) -> None:
    site.expected = ["409"]
    phone = await open_phone(site, await plan_round(site, stops=2))
    sheet = await open_sheet(phone, 1)
    await expect(sheet.get_by_label("鲜牛奶")).not_to_be_checked()
    await sheet.get_by_label("鲜牛奶").check()
    await sheet.get_by_label("哪一天不送").fill(THURSDAY.isoformat())
    await sheet.get_by_role("button", name="预览").click()
    await expect(sheet.get_by_role("button", name="记录")).to_be_visible()
    await sheet.get_by_label("哪一天不送").fill((THURSDAY + timedelta(days=1)).isoformat())
    await expect(sheet.get_by_role("button", name="记录")).to_have_count(0)
    site.clock.set(site.clock.now() + timedelta(days=4))
    await sheet.get_by_role("button", name="预览").click()
    await expect(sheet.get_by_role("alert")).to_contain_text("已截单，配送计划已确定，最早可以改")
    assert await changes(site) == []


async def test_milk_again_for_a_whole_order_and_for_one_of_several(site: Site) -> None:
    phone = await open_phone(site, await plan_round(site, stops=2))
    page = phone.page
    wished: list[dict[str, Any]] = []

    def note(sent: Request) -> None:
        if "/recorded-changes" in sent.url:
            wished.append(sent.post_data_json or {})

    page.on("request", note)
    sheet = await open_sheet(phone)
    whole = sheet.get_by_label("这张订单的全部产品")
    await expect(whole).to_be_hidden()
    await expect(sheet.get_by_label("鲜牛奶")).to_be_checked()
    await sheet.get_by_label("停奶").check()
    await sheet.get_by_label("从哪天停").fill(THURSDAY.isoformat())
    await sheet.get_by_role("button", name="预览").click()
    await sheet.get_by_role("button", name="记录").click()
    await expect(sheet).to_be_hidden()
    await confirm_by_sms(site, phone)

    await open_sheet(phone)
    await sheet.get_by_label("恢复出奶").check()
    await whole.check()
    await sheet.get_by_label("从哪天恢复").fill((THURSDAY + timedelta(days=1)).isoformat())
    await sheet.get_by_role("button", name="预览").click()
    await expect(sheet).to_contain_text("3月20日周五0 → 1 瓶")
    assert (wished[-1]["whole_order"], wished[-1]["line_id"]) == (True, phone.lines[0].public_id)
    await sheet.get_by_label("改瓶数").check()
    await expect(whole).to_be_hidden()
    await expect(sheet.get_by_label("鲜牛奶")).to_be_checked()


async def test_what_waits_is_taken_back_with_two_taps(site: Site) -> None:
    lines = await plan_round(site, stops=2)
    hostile = '<img src="x" onerror="alert(1)">'
    async with site.database.transaction() as session:
        version = lines[0].address_version_id
        sealed = site.keys.seal(hostile, Cell("address_versions", "door", version))
        await session.execute(
            update(AddressVersion)
            .where(AddressVersion.address_version_id == version)
            .values(door_sealed=sealed)
        )
    phone = await open_phone(site, lines)
    page = phone.page
    sheet = await open_sheet(phone)
    await expect(sheet.get_by_role("heading").first).to_contain_text(hostile)
    await sheet.get_by_label("停奶").check()
    await sheet.get_by_label("从哪天停").fill(THURSDAY.isoformat())
    await sheet.get_by_role("button", name="预览").click()
    await expect(sheet).to_contain_text("送到 3月18日周三，之后一直停奶")
    await sheet.get_by_role("button", name="记录").click()
    await expect(sheet).to_be_hidden()
    shown = await open_list(phone)
    await expect(shown).to_contain_text(hostile)
    await expect(page.locator("img")).to_have_count(0)
    await shown.get_by_role("button", name="撤回", exact=True).click()
    assert [one.status for one in await changes(site)] == ["awaiting_confirmation"]
    await shown.get_by_role("button", name="确认撤回").click()
    await expect(shown.get_by_role("listitem")).to_contain_text("已撤回")
    assert [one.status for one in await changes(site)] == ["undone"]


async def test_the_sheets_are_readable_in_the_dark(site: Site) -> None:
    phone = await open_phone(site, await plan_round(site, stops=9))
    page = phone.page
    for theme in ("light", "dark"):
        await choose(page, theme)
        await page.get_by_role("link", name="路线").click()
        sheet = await open_sheet(phone, 1)
        await check_axe(page)
        await picture(page, f"change-{theme}")
        await sheet.get_by_label("鲜牛奶").check()
        await sheet.get_by_label("哪一天不送").fill(THURSDAY.isoformat())
        await sheet.get_by_role("button", name="预览").click()
        await expect(sheet.get_by_role("button", name="记录")).to_be_visible()
        await check_axe(page)
        await picture(page, f"change-preview-{theme}")
        await sheet.get_by_role("button", name="记录").click()
        await expect(sheet).to_be_hidden()
        shown = await open_list(phone)
        await expect(shown.get_by_role("listitem")).to_have_count(1)
        await check_axe(page)
        await picture(page, f"changes-{theme}")
        await shown.get_by_role("button", name="关闭").click()


async def test_a_household_without_milk_today_asks_for_credit(site: Site) -> None:
    lines = await plan_round(site, stops=2)
    async with site.database.transaction() as session:
        household = await site.world.add_household(session, house_no="9号楼", stop_no=90)
        quiet = await add_line(
            session, household, site.world.milk_id, first=TOMORROW + timedelta(days=1)
        )
        first = lines[0]
        household = Household(
            first.customer_id, first.address_id, first.address_version_id, phone="", token=""
        )
        second = await add_line(session, household, site.world.yogurt_id, first=THURSDAY)
    phone = await open_phone(site, lines)
    page = phone.page
    await page.get_by_role("button", name="今天没有奶的住户").click()
    shown = page.get_by_role("dialog", name="今天没有奶的住户")
    await expect(shown.get_by_role("status")).to_contain_text("1 户，订单还在送")
    await expect(shown.get_by_role("listitem")).to_contain_text("下次 3月17日周二")
    await check_axe(page)
    await page.screenshot(path=SCREENSHOTS / "deliverer-resting-360.png")
    await shown.get_by_label("查找住户").fill("1号楼")
    await expect(shown.get_by_role("status")).to_contain_text("没有找到")
    await shown.get_by_label("查找住户").fill("9号楼")
    await shown.get_by_role("button", name="代记变更").click()

    sheet = sheet_of(page)
    await expect(sheet.get_by_role("heading").first).to_contain_text("9号楼")
    await sheet.get_by_label("停奶").check()
    credit = sheet.get_by_label("折算到余额")
    await expect(credit).to_be_hidden()
    await sheet.get_by_label("从哪天停").fill(THURSDAY.isoformat())
    await sheet.get_by_label("停到哪天").fill((THURSDAY + timedelta(days=1)).isoformat())
    await credit.check()
    await sheet.get_by_role("button", name="预览").click()
    await expect(sheet).to_contain_text("存入顾客余额 ¥7.00")
    await check_axe(page)
    await page.screenshot(path=SCREENSHOTS / "deliverer-change-credit-360.png")
    await sheet.get_by_role("button", name="记录").click()
    await expect(sheet).to_be_hidden()
    (made,) = await changes(site)
    assert (made.order_id, made.request["settle"]) == (quiet.order_id, "money")
    shown = await open_list(phone)
    await expect(shown.get_by_role("listitem")).to_contain_text("9号楼")
    await shown.get_by_role("button", name="关闭").click()

    await page.get_by_role("link", name="路线").click()
    sheet = await open_sheet(phone)
    await expect(sheet.get_by_text("今天没有，下次 3月19日周四")).to_be_visible()
    await sheet.locator(f"[value='{second.public_id}']").check()
    await sheet.get_by_label("哪一天不送").fill(THURSDAY.isoformat())
    await sheet.get_by_role("button", name="预览").click()
    await expect(sheet).to_contain_text("3月19日周四1 → 0 瓶")
