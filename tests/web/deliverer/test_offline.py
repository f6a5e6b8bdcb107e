"""A morning without network: nothing said at a door is lost, and nothing counts twice."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
from playwright.async_api import BrowserContext, Page, expect
from playwright.async_api import Error as PlaywrightError
from sqlalchemy import delete, select

from app.billing.models import Receipt
from app.coldchain.models import Trip
from app.delivery.models import DeliveryStatus
from app.identity.models import AccountKind, Role, SessionRow
from app.identity.service import issue_tokens
from app.orders.models import Order, OrderAgreement
from tests.factories.delivery import TOMORROW
from tests.fixtures.site import CHROMIUM_FLAGS, PHONE, Site
from tests.web.deliverer.proxy import Proxy
from tests.web.deliverer.round import Phone, open_phone, plan_round
from tools.find_browser import find_browser

OFFLINE = ["ERR_INTERNET_DISCONNECTED"]


async def test_forty_doors_offline_reach_the_server_once_each(site: Site, proxy: Proxy) -> None:
    site.expected = OFFLINE
    phone = await open_phone(site, await plan_round(site, stops=40))
    page = phone.page
    await phone.context.set_offline(True)
    for place in range(4):
        await phone.deliver(place)
    await expect(page.locator("#count")).to_have_text("4/40 户")
    await expect(page.locator("#net")).to_have_text("离线 · 待上传 4 条")
    await page.get_by_role("button", name="批量").click()
    for place in range(4, 40):
        await phone.card(place).get_by_role("checkbox").check()
    await page.get_by_role("button", name="登记 36 户").click()
    await expect(page.get_by_text("不计入 7 点前准时送达")).to_be_visible()
    await page.get_by_role("button", name="确认登记").click()
    await expect(page.locator("#count")).to_have_text("40/40 户")
    assert len(await phone.queue("waiting")) == 40
    assert await phone.events() == []

    await page.reload()
    await page.wait_for_selector("html[data-ready]", state="attached")
    await expect(page.locator("#count")).to_have_text("40/40 户")
    await expect(page.locator("#net")).to_have_text("离线 · 待上传 40 条")
    await expect(page.get_by_role("heading", name="今天的都登记完了")).to_be_visible()

    await phone.context.set_offline(False)
    await phone.emptied()
    events = await phone.events()
    assert len(events) == len({event.content["stop"] for event in events}) == 40
    assert sum(bool(event.content.get("bulk")) for event in events) == 36
    assert await phone.deliveries(DeliveryStatus.PLANNED) == 0
    assert len(proxy.batches) >= 1
    assert max(proxy.batches) <= 50
    await page.get_by_role("button", name="全部").click()
    await expect(phone.card(0)).to_contain_text("已上传")
    await expect(phone.card(39)).to_contain_text("（批量）")


async def test_a_lost_reply_is_sent_again_and_counts_once(site: Site, proxy: Proxy) -> None:
    site.expected = ["503"]
    phone = await open_phone(site, await plan_round(site, stops=3))
    proxy.lose_replies = 2
    await phone.deliver(1)
    await phone.emptied(1)
    assert len(proxy.batches) >= 3
    assert len(await phone.events()) == 1
    assert await phone.deliveries(DeliveryStatus.DELIVERED) == 2
    assert [one["state"] for one in await phone.queue()] == ["uploaded"]


async def test_two_tabs_say_one_thing(site: Site, proxy: Proxy) -> None:
    site.expected = OFFLINE
    phone = await open_phone(site, await plan_round(site, stops=3))
    other = Phone(
        site, await site.page("/deliverer", context=phone.context, size=PHONE), phone.lines
    )
    await phone.context.set_offline(True)
    # Both see the door open and hold at once.
    await asyncio.gather(phone.deliver(0), other.deliver(0))
    await expect(phone.page.locator("#net")).to_have_text("离线 · 待上传 1 条")
    assert len(await phone.queue()) == 1
    await phone.context.set_offline(False)
    await phone.emptied()
    await other.emptied()
    assert len(await phone.events()) == 1
    assert sum(proxy.batches) == 1


@contextlib.asynccontextmanager
async def phone_browser(site: Site, profile: Path) -> AsyncIterator[BrowserContext]:
    """A browser with a profile on disk, logged in; it may be killed inside."""
    context = await site.browser.browser_type.launch_persistent_context(
        str(profile),
        executable_path=find_browser(),
        args=CHROMIUM_FLAGS,
        base_url=site.url,
        viewport={"width": PHONE[0], "height": PHONE[1]},
        locale="zh-CN",
        timezone_id="Asia/Shanghai",
    )
    context.set_default_timeout(15_000)
    try:
        yield context
    finally:
        with contextlib.suppress(PlaywrightError):  # gone already
            await context.close()


async def test_a_flat_battery_loses_nothing(site: Site, tmp_path: Path) -> None:
    site.expected = ["401", *OFFLINE]
    lines = await plan_round(site, stops=3)
    profile = tmp_path / "profile"
    token = site.world.staff[Role.DELIVERER].token
    async with phone_browser(site, profile) as first:
        await site.use_token(first, token)
        phone = await open_phone(site, lines, context=first)
        await first.set_offline(True)
        await phone.deliver(2)
        await expect(phone.page.locator("#net")).to_have_text("离线 · 待上传 1 条")
        for process in psutil.process_iter(["cmdline"]):  # this test's browser only: its profile
            if any(str(profile) in word for word in process.info["cmdline"] or []):
                process.kill()
    for left in profile.glob("Singleton*"):
        left.unlink()

    async with phone_browser(site, profile) as second:
        again = await open_phone(site, lines, context=second)
        # The cookie was in memory alone; what was said at the door was on disk.
        await expect(again.page.locator("#net")).to_have_text("请登录 · 待上传 1 条")
        await site.use_token(second, token)
        await again.page.reload()
        await again.emptied()
        assert len(await again.events()) == 1
        await again.page.get_by_role("button", name="全部").click()
        await expect(again.card(2)).to_contain_text("已送达")


async def test_an_expired_login_keeps_the_queue_and_its_owner(site: Site) -> None:
    site.expected = ["401", *OFFLINE]
    lines = await plan_round(site, stops=3)
    phone = await open_phone(site, lines)
    await phone.context.set_offline(True)
    await phone.deliver(0)
    async with site.database.transaction() as session:
        await session.execute(delete(SessionRow))
    await phone.context.set_offline(False)
    dialog = phone.page.get_by_role("dialog", name="送奶员登录")
    await expect(dialog).to_contain_text("1 条记录都安全地存在手机上")
    await expect(phone.page.locator("#net")).to_have_text("请登录 · 待上传 1 条")
    # Without a login the round goes on.
    await dialog.get_by_role("button", name="以后再登录").click()
    await phone.deliver(1)
    await expect(phone.page.locator("#net")).to_have_text("请登录 · 待上传 2 条")

    # Somebody else's login does not send what this one said.
    password = await site.add_login(Role.DELIVERER, "other")
    await phone.page.get_by_role("button", name="重新登录").click()
    await dialog.get_by_label("账号").fill("other")
    await dialog.get_by_label("密码").fill(password)
    await dialog.get_by_role("button", name="登录", exact=True).click()
    await expect(dialog.get_by_role("alert")).to_contain_text("请用「deliverer」的账号登录")
    assert await phone.events() == []
    assert len(await phone.queue("waiting")) == 2

    async with site.database.transaction() as session:
        owner = site.world.staff[Role.DELIVERER].account_id
        tokens = await issue_tokens(session, account_id=owner, kind=AccountKind.STAFF)
    await site.use_token(phone.context, tokens.access_token)
    await phone.page.reload()
    await phone.emptied()
    assert len(await phone.events()) == 2


async def test_a_new_version_is_offered_and_the_queue_stays(site: Site, proxy: Proxy) -> None:
    site.expected = OFFLINE
    phone = await open_phone(site, await plan_round(site, stops=3))
    page = phone.page
    await phone.context.set_offline(True)
    await phone.deliver(0)
    await expect(page.locator("#net")).to_have_text("离线 · 待上传 1 条")
    proxy.new_version = True
    proxy.hold_back = True
    await phone.context.set_offline(False)
    await page.evaluate("dispatchEvent(new Event('focus'))")
    await expect(page.get_by_text("有新版本")).to_be_visible()
    await expect(page.locator("#new-version")).to_have_count(0)
    await page.get_by_role("button", name="立即更新").click()
    await expect(page.locator("#new-version")).to_have_count(1)
    assert len(await phone.queue("waiting")) == 1
    site.expected.append("503")
    proxy.hold_back = False
    await phone.emptied()
    assert len(await phone.events()) == 1


async def test_a_tap_can_be_taken_back_and_a_short_one_does_nothing(site: Site) -> None:
    phone = await open_phone(site, await plan_round(site, stops=3))
    page = phone.page
    await phone.card(0).get_by_role("button", name="已送达").click()
    await expect(page.get_by_text("请按住「已送达」")).to_be_visible()
    assert await phone.queue() == []
    await phone.deliver(0)
    await page.get_by_role("button", name="撤销").click()
    await expect(page.get_by_text("已撤销")).to_be_visible()
    await expect(page.locator("#count")).to_have_text("0/3 户")
    assert await phone.queue() == []
    await page.get_by_role("button", name="上传记录").first.click()
    await page.get_by_role("button", name="立即上传").click()
    await phone.emptied()
    assert await phone.events() == []


async def test_by_keyboard_the_same(site: Site) -> None:
    phone = await open_phone(site, await plan_round(site, stops=12))
    page = phone.page
    await page.mouse.wheel(0, 2000)
    await page.get_by_role("button", name="下一户").focus()
    await page.keyboard.press("Enter")
    await expect(phone.card(0).get_by_role("button", name="已送达")).to_be_focused()
    await page.keyboard.down("Enter")
    await expect(page.locator("#count")).to_have_text("1/12 户")
    await page.keyboard.up("Enter")
    await expect(phone.card(1).get_by_role("button", name="已送达")).to_be_focused()


async def test_who_cannot_hold_gets_plain_buttons(site: Site) -> None:
    phone = await open_phone(site, await plan_round(site, stops=3))
    page = phone.page
    # A click without a press, as screen readers make it.
    await phone.card(1).get_by_role("button", name="已送达").evaluate("button => button.click()")
    sheet = page.get_by_role("dialog", name="202室")
    await sheet.get_by_role("button", name="保存").click()
    await expect(page.locator("#count")).to_have_text("1/3 户")
    await phone.emptied(1)


async def write_order(page: Page) -> None:
    """Customer and address of an order at a door."""
    for label, value in {
        "姓名": "陈先生",
        "手机号": "13811112222",
        "小区": "梅陇一村",
        "楼号或门牌号": "7号楼",
        "室": "502室",
    }.items():
        await page.get_by_label(label, exact=True).fill(value)


async def fill_order(page: Page) -> None:
    """All an order needs."""
    await write_order(page)
    await page.get_by_label("已向顾客宣读").check()


async def test_an_order_taken_offline_is_placed_once(site: Site) -> None:
    site.expected = OFFLINE
    phone = await open_phone(site, await plan_round(site, stops=2))
    page = phone.page
    await page.get_by_role("link", name="订单").click()
    await phone.context.set_offline(True)
    await write_order(page)
    await page.get_by_label("总瓶数").fill("60")
    await expect(page.locator("#order-sum")).to_have_text("¥210.00")
    await expect(page.locator("#order-form")).to_be_visible()
    # What was typed survives a reload.
    await expect(page.get_by_label("姓名", exact=True)).to_have_value("陈先生")
    await phone.kept("draft:")
    await page.reload()
    await expect(page.get_by_label("姓名", exact=True)).to_have_value("陈先生")
    await expect(page.locator("#order-sum")).to_have_text("¥210.00")
    await page.get_by_label("已向顾客宣读").check()
    await page.get_by_role("button", name="保存订单").dblclick()
    await expect(page.get_by_text("已保存：收款 ¥210.00")).to_be_visible()
    await expect(page.locator("#order-taken")).to_contain_text("已保存，待上传")
    await page.get_by_role("link", name="我的").click()
    await expect(page.locator("#cash")).to_have_text("¥210.00")
    await phone.context.set_offline(False)
    await phone.emptied()
    await page.get_by_role("link", name="订单").click()
    await expect(page.locator("#order-taken")).to_contain_text("订单号")
    async with site.database.transaction() as session:
        placed = (await session.scalars(select(Order).where(Order.source == "door"))).all()
        assert [order.price_fen for order in placed] == [21000]
    await page.get_by_role("link", name="我的").click()
    await expect(page.locator("#cash")).to_have_text("¥210.00")


async def test_what_is_refused_stays_in_sight_until_it_is_mended(site: Site) -> None:
    phone = await open_phone(site, await plan_round(site, stops=2))
    page = phone.page
    async with site.database.transaction() as session:
        trip = (await session.scalars(select(Trip))).one()
        loaded_at, trip.loaded_at = trip.loaded_at, None
    await page.get_by_role("link", name="测温").click()
    await page.get_by_label("温度（℃）").fill("7.5")
    await expect(page.get_by_role("alert")).to_contain_text("高于 6 ℃")
    await page.get_by_label("温度（℃）").fill("4.2")
    await page.get_by_role("button", name="保存温度").click()
    await expect(page.locator("#net")).to_have_text("1 条需处理")
    await expect(page.locator("#handover-told")).to_contain_text("奶站还没有登记当天已装车的车次")
    async with site.database.transaction() as session:
        trip = (await session.scalars(select(Trip))).one()
        trip.loaded_at = loaded_at
    await page.locator("#net").click()
    await expect(page.locator("#records")).to_contain_text("请站长登记后重新提交")
    await page.get_by_role("button", name="重新提交").click()
    await phone.emptied()
    await page.get_by_role("button", name="关闭").click()
    await expect(page.locator("#handover-told")).to_contain_text("4.2 ℃")
    await expect(page.locator("#handover-told")).to_contain_text("已上传 · 合格")


async def test_a_refused_order_is_mended_and_keeps_its_receipt(site: Site) -> None:
    phone = await open_phone(site, await plan_round(site, stops=2))
    page = phone.page
    async with site.database.transaction() as session:
        session.add(
            OrderAgreement(version="2026-03", text="新的订奶协议……", effective_date=TOMORROW)
        )
    await page.get_by_role("link", name="订单").click()
    await fill_order(page)
    receipt = await page.get_by_label("收据号").input_value()
    await page.get_by_role("button", name="保存订单").click()
    await expect(page.locator("#net")).to_have_text("1 条需处理")
    await page.locator("#net").click()
    await page.get_by_role("button", name="立即上传").click()  # fetches the new agreement
    await page.get_by_role("button", name="修改后提交").click()
    await expect(page.get_by_label("姓名", exact=True)).to_have_value("陈先生")
    await expect(page.get_by_label("收据号")).to_have_value(receipt)
    await expect(page.locator("#agreement-version")).to_have_text("2026-03")
    await page.get_by_label("已向顾客宣读").check()
    await page.get_by_role("button", name="保存订单").click()
    await expect(page.locator("#order-taken")).to_contain_text("订单号")
    await expect(page.locator("#net")).to_have_text("已全部上传")
    assert sorted(one["state"] for one in await phone.queue()) == ["closed", "uploaded"]
    async with site.database.transaction() as session:
        receipts = (await session.scalars(select(Receipt))).all()
        assert [one.receipt_no for one in receipts] == [receipt]


async def test_by_thumb_and_not_while_scrolling(site: Site) -> None:
    lines = await plan_round(site, stops=6)
    thumb = await site.context(Role.DELIVERER, size=PHONE, is_mobile=True, has_touch=True)
    phone = await open_phone(site, lines, context=thumb)
    page = phone.page
    touch = await thumb.new_cdp_session(page)

    async def middle_of(place: int) -> tuple[float, float]:
        box = await phone.card(place).get_by_role("button", name="已送达").bounding_box()
        assert box is not None
        return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    async def at(kind: str, *points: tuple[float, float]) -> None:
        places = [{"x": left, "y": top} for left, top in points]
        await touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": places})

    await at("touchStart", await middle_of(0))
    await expect(page.locator("#count")).to_have_text("1/6 户")
    await at("touchEnd")

    x, y = await middle_of(1)
    await at("touchStart", (x, y))
    await expect(page.locator(".holding")).to_have_count(1)
    for step in range(1, 6):
        await at("touchMove", (x, y - 20 * step))
    await expect(page.locator(".holding")).to_have_count(0)
    await at("touchEnd")
    await phone.emptied(1)
    assert [event.content["stop"] for event in await phone.events()] == [lines[0].public_address_id]
