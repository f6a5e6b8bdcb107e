"""What a deliverer says at the doors, and what the server makes of it."""

import json
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from playwright.async_api import expect
from sqlalchemy import select, update

from app.coldchain.models import HandoverCheck, Trip
from app.core.crypto import Cell
from app.customers.models import AddressVersion
from app.delivery.models import Delivery, DeliveryStatus
from app.delivery.service.reading import hand_over_route
from app.identity.models import Role
from tests.factories.delivery import TOMORROW
from tests.fixtures.site import PHONE, Site, check_axe
from tests.web.deliverer.round import Phone, open_phone, plan_round

OFFLINE = ["ERR_INTERNET_DISCONNECTED"]


async def deliveries_of(phone: Phone, place: int) -> list[Delivery]:
    async with phone.site.database.transaction() as session:
        found = await session.scalars(
            select(Delivery)
            .where(Delivery.address_id == phone.lines[place].address_id)
            .order_by(Delivery.quantity.desc())
        )
        return list(found)


async def test_short_and_undelivered_name_their_reason_and_can_be_corrected(site: Site) -> None:
    phone = await open_phone(site, await plan_round(site, stops=3))
    page = phone.page
    sheet = page.get_by_role("dialog", name="1号楼 202室")
    await phone.card(1).get_by_role("button", name="其他").click()
    await sheet.get_by_label("少送").check()
    await sheet.get_by_label("鲜牛奶").fill("1")
    await sheet.get_by_role("button", name="保存").click()
    await expect(sheet.get_by_role("alert")).to_have_text("请选择原因")
    await check_axe(page)
    await sheet.get_by_label("奶不够").check()
    await sheet.get_by_label("门口温度").fill("5.5")
    await sheet.get_by_role("button", name="保存").dblclick()
    await phone.emptied(1)
    milk, yogurt = await deliveries_of(phone, 1)
    assert (milk.status, milk.quantity_delivered, milk.reason) == (
        DeliveryStatus.SHORT, 1, "milk_short",
    )  # fmt: skip
    assert (yogurt.status, yogurt.celsius) == (DeliveryStatus.DELIVERED, Decimal("5.5"))

    site.clock.set(site.clock.now() + timedelta(minutes=1))
    await page.get_by_role("button", name="全部").click()
    await expect(phone.card(1)).to_contain_text("少送，送到 2/3 瓶 · 奶不够")
    await phone.card(1).get_by_role("button", name="更正").click()
    await expect(sheet).to_contain_text("原来的记录会留底")
    await sheet.get_by_label("未送达").check()
    await sheet.get_by_label("门禁进不去").check()
    await sheet.get_by_role("button", name="保存").click()
    await phone.emptied(2)
    assert [one.status for one in await deliveries_of(phone, 1)] == [DeliveryStatus.FAILED] * 2
    assert [(event.kind, event.content.get("reason")) for event in await phone.events()] == [
        ("stop_done", "milk_short"),
        ("correction", "locked_gate"),
    ]
    await expect(phone.card(1)).to_contain_text("未送达 · 门禁进不去")
    await expect(page.locator("#count")).to_have_text("1/3 户")


async def test_the_round_is_found_through_and_counted(site: Site) -> None:
    phone = await open_phone(site, await plan_round(site, stops=9))
    page = phone.page
    await expect(page.locator("#left")).to_contain_text("还剩 9 户 · 共 20 瓶 · 距 7:00 还有")
    await page.get_by_role("searchbox", name="查找", exact=True).fill("3号楼")
    await expect(page.locator("[data-stop]")).to_have_count(1)
    await expect(phone.card(8)).to_be_visible()
    await page.get_by_role("searchbox", name="查找", exact=True).fill("没有这家")
    await expect(page.get_by_role("heading", name="没有找到")).to_be_visible()
    await page.get_by_role("searchbox", name="查找", exact=True).fill("")
    await phone.deliver(0)
    await expect(page.locator("[data-stop]")).to_have_count(8)
    await page.get_by_role("link", name="我的").click()
    await expect(page.locator("#day")).to_contain_text("送齐1 户")
    await expect(page.locator("#day")).to_contain_text("未登记8 户")
    await expect(page.locator("#month")).to_contain_text("7 点前送齐")


async def test_tomorrow_can_be_seen_and_not_marked(site: Site) -> None:
    lines = await plan_round(site, stops=3)
    site.clock.set(site.clock.now().replace(hour=12))
    phone = await open_phone(site, lines)
    await expect(phone.page.get_by_role("button", name="明天")).to_have_attribute(
        "aria-pressed", "true"
    )
    await expect(phone.card(0)).to_contain_text("到 3月16日周一 才能登记")
    await expect(phone.page.get_by_role("button", name="已送达")).to_have_count(0)


async def test_the_login_stands_in_the_shell(site: Site) -> None:
    site.expected = ["401"]
    await plan_round(site, stops=2)
    managers = await site.add_login(Role.MANAGER, "limin")
    page = await site.page("/deliverer", size=PHONE)
    dialog = page.get_by_role("dialog", name="送奶员登录")
    await expect(dialog).to_contain_text("请用送奶员账号登录")
    await check_axe(page)
    await page.keyboard.press("Escape")
    await expect(dialog).to_be_visible()
    for login, password, said in (
        ("limin", "wrong-password-1", "账号或密码不正确"),
        ("limin", managers, "不是送奶员"),
    ):
        await dialog.get_by_label("账号").fill(login)
        await dialog.get_by_label("密码").fill(password)
        await dialog.get_by_role("button", name="登录", exact=True).click()
        await expect(dialog.get_by_role("alert")).to_contain_text(said)
    await expect(page.locator("[data-stop]")).to_have_count(0)
    own = await site.add_login(Role.DELIVERER, "wang")
    await dialog.get_by_label("账号").fill("wang")
    await dialog.get_by_label("密码").fill(own)
    await dialog.get_by_role("button", name="登录", exact=True).click()
    await expect(dialog).to_be_hidden()
    await expect(page.locator("[data-stop]")).to_have_count(2)


async def test_a_logout_warns_of_what_waits_and_forgets_the_households(
    site: Site, tmp_path: Path
) -> None:
    site.expected = ["401", *OFFLINE]
    phone = await open_phone(site, await plan_round(site, stops=2))
    page = phone.page
    await phone.context.set_offline(True)
    await phone.deliver(0)
    await expect(page.locator("#net")).to_have_text("离线 · 待上传 1 条")
    await page.get_by_role("button", name="上传记录").first.click()
    async with page.expect_download() as downloading:
        await page.get_by_role("dialog").get_by_role("button", name="导出").click()
    saved = tmp_path / "export.json"
    await (await downloading.value).save_as(saved)
    exported = json.loads(saved.read_text())
    assert [one["event"]["kind"] for one in exported["events"]] == ["stop_done"]
    await page.get_by_role("button", name="关闭").click()

    await page.get_by_role("link", name="我的").click()
    await page.get_by_role("button", name="退出登录").click()
    dialog = page.get_by_role("dialog", name="退出登录")
    await expect(dialog).to_contain_text("还有 1 条记录没有上传成功")
    await dialog.get_by_role("button", name="仍要退出").click()
    await expect(page.get_by_text("没有网络，暂时不能退出")).to_be_visible()
    assert len(await phone.queue("waiting")) == 1

    await phone.context.set_offline(False)
    await phone.emptied()
    await page.get_by_role("button", name="退出登录").click()
    await expect(dialog.get_by_text("没有上传成功")).to_be_hidden()
    await dialog.get_by_role("button", name="退出登录").click()
    await expect(page.get_by_role("dialog", name="送奶员登录")).to_be_visible()
    assert await phone.queue() == []
    assert await page.evaluate("indexedDB.databases().then(all => all.length)") == 1
    await expect(page.locator("[data-stop]")).to_have_count(0)
    assert len(await phone.events()) == 1


async def test_a_stand_in_goes_both_rounds(site: Site) -> None:
    lines = await plan_round(site, stops=4, next_block=2)
    me = site.world.deliverers[0]
    async with site.database.transaction() as session:
        await hand_over_route(
            session,
            block_id=site.world.blocks[1],
            service_date=TOMORROW,
            deliverer_id=me,
            actor="system",
            now=site.clock.now(),
        )
    phone = await open_phone(site, lines)
    page = phone.page
    await expect(page.locator("#title")).to_have_text("区块1、区块2")
    await phone.deliver(3)
    await page.get_by_role("link", name="测温").click()
    await page.get_by_label("区块").select_option("区块2")
    await expect(page.locator("#handover-totals")).to_contain_text("鲜牛奶 195ml 玻璃瓶4 瓶")
    await page.get_by_label("温度（℃）").fill("3.8")
    await page.get_by_role("button", name="保存温度").click()
    await phone.emptied(2)
    async with site.database.transaction() as session:
        check = (await session.scalars(select(HandoverCheck))).one()
    assert (check.block_id, check.celsius) == (site.world.blocks[1], Decimal("3.8"))
    assert (await deliveries_of(phone, 3))[0].status is DeliveryStatus.DELIVERED


async def test_what_people_wrote_is_text_and_never_markup(site: Site) -> None:
    lines = await plan_round(site, stops=1)
    hostile = '<img src="x" onerror="alert(1)">&amp;'
    async with site.database.transaction() as session:
        version_id = lines[0].address_version_id
        await session.execute(
            update(AddressVersion)
            .where(AddressVersion.address_version_id == version_id)
            .values(
                note_sealed=site.keys.seal(hostile, Cell("address_versions", "note", version_id))
            )
        )
    phone = await open_phone(site, lines)
    await expect(phone.card(0)).to_contain_text(hostile)
    await expect(phone.page.locator("#stops img")).to_have_count(0)


async def test_what_a_person_has_settled_is_put_aside(site: Site) -> None:
    phone = await open_phone(site, await plan_round(site, stops=2))
    page = phone.page
    async with site.database.transaction() as session:
        await session.execute(update(Trip).values(loaded_at=None))
    await page.get_by_role("link", name="测温").click()
    await page.get_by_label("温度（℃）").fill("4.0")
    await page.get_by_role("button", name="保存温度").click()
    await expect(page.locator("#net")).to_have_text("1 条需处理")
    await page.locator("#net").click()
    await page.get_by_role("button", name="已处理").click()
    await expect(page.locator("#net")).to_have_text("已全部上传")
    assert [one["state"] for one in await phone.queue()] == ["closed"]
