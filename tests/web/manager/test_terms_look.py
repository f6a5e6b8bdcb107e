"""Terms, milk boxes and deposits in a browser: one visit from the dashboard on."""

import re
from datetime import timedelta

from playwright.async_api import expect
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.catalog.models import DepositKind, PeriodDiscount
from app.core.ids import new_id
from app.identity.models import Role
from app.orders.models import BoxInstallation, Deposit, Order
from app.orders.states import DepositState, InstallationState, OrderStatus
from bench.weight import in_kb
from tests.factories.delivery import add_line
from tests.factories.world import MORNING, TODAY, World
from tests.fixtures.site import PHONE, Site, check_axe, shot, weight_of

MOST_KB = 60


async def test_a_season_card_from_the_dashboard_to_its_end(site: Site) -> None:
    page = await site.page("/manager", Role.MANAGER)
    await page.get_by_role("navigation", name="运营看板").get_by_role("link", name="价目").click()
    await expect(page.locator("#terms")).to_contain_text("每瓶 ¥3.50")
    await check_axe(page)
    await shot(page, "manager-terms")
    await page.get_by_role("navigation", name="类别").get_by_role("link", name="折扣").click()
    await expect(page.locator("#terms")).to_contain_text("还没有折扣")
    await check_axe(page)
    await page.locator("#terms").get_by_role("link", name="新增折扣").click()
    await page.get_by_label("名称").fill("季卡")
    await page.get_by_label("天数").fill("90")
    await page.get_by_label("折数").fill("95")
    await expect(page.locator("#preview")).to_contain_text("请填 1 到 9.99 之间的折数")
    await page.get_by_label("折数").fill("9.5")
    await expect(page.locator("#preview")).to_contain_text("90 天起 9.5 折")
    await expect(page.locator("#preview")).to_contain_text("实付 ¥299.25")
    await check_axe(page)
    await shot(page, "manager-term-new")
    await page.get_by_role("button", name="保存").click()
    await expect(page.get_by_text("已添加，2026-03-16 起生效")).to_be_visible()
    await page.get_by_label("状态").select_option(label="生效中")
    await expect(page.locator("#terms")).to_contain_text("没有符合条件的折扣")
    await page.get_by_label("状态").select_option(label="未开始")
    await page.locator("#terms").get_by_role("link", name="季卡").click()
    await check_axe(page)
    await shot(page, "manager-term")
    await page.get_by_label("最后一天").fill("2026-06-30")
    await page.get_by_role("button", name="保存最后一天").click()
    await page.get_by_role("button", name="确定").click()
    await expect(page.get_by_text("已保存，最后一天 2026-06-30")).to_be_visible()
    await page.locator("#terms").get_by_role("link", name="季卡").click()
    await page.get_by_role("button", name="撤回").click()
    await page.get_by_role("button", name="取消").click()
    await page.get_by_role("button", name="撤回").click()
    await page.get_by_role("button", name="确定").click()
    await expect(page.get_by_text("已撤回")).to_be_visible()
    async with site.database.transaction() as session:
        assert (await session.scalars(select(PeriodDiscount))).all() == []


async def test_a_promotion_s_form_keeps_what_was_typed(site: Site) -> None:
    site.expected = ["422"]
    page = await site.page("/manager/terms/promotions/new", Role.FINANCE, size=PHONE)
    await page.get_by_label("名称").fill("夏日满赠")
    await page.get_by_label("规则").fill("每买 60 瓶赠 2 瓶")
    await page.get_by_label("购买").fill("60")
    await page.get_by_label("退订").check()
    await page.get_by_role("button", name="保存").click()
    await expect(page.locator("#gift_bottles-error")).to_have_text("必填")
    await expect(page.get_by_label("规则")).to_have_value("每买 60 瓶赠 2 瓶")
    await expect(page.get_by_label("退订")).to_be_checked()
    await check_axe(page)
    await shot(page, "manager-term-refused")
    await page.get_by_label("赠送").fill("2")
    await page.get_by_role("button", name="保存").click()
    await expect(page.locator("#terms")).to_contain_text("参加后不能退订")


async def write_boxes(session: AsyncSession, world: World) -> None:
    """A box that is late, one that hangs, and a deposit due back, each at a door of its own."""
    for number, state in enumerate((InstallationState.OPEN, InstallationState.DONE)):
        home = await world.add_household(session, house_no=str(20 + number))
        line = await add_line(session, home, world.milk_id, with_term=number > 0)
        box = BoxInstallation(
            customer_id=home.customer_id,
            installation_id=new_id(),
            address_id=home.address_id,
            station_id=world.station_id,
            due_date=TODAY - timedelta(days=1),
            state=state,
            created_at=MORNING,
            done_at=MORNING if number else None,
            note="挂在门左侧" if number else None,
            change_ids=[],
        )
        session.add(box)
        await session.flush()
        order = await session.get_one(Order, (line.customer_id, line.order_id))
        order.installation_id = box.installation_id
        session.add(_deposit(home.address_id, order, DepositState.HELD, DepositKind.BOX, 2000))
    home = await world.add_household(session, house_no="30")
    line = await add_line(session, home, world.milk_id)
    await session.execute(
        update(Order).where(Order.order_id == line.order_id).values(status=OrderStatus.COMPLETED)
    )
    order = await session.get_one(Order, (line.customer_id, line.order_id))
    for kind, fen in ((DepositKind.BOX, 2000), (DepositKind.BOTTLES, 150)):
        session.add(_deposit(home.address_id, order, DepositState.DUE_BACK, kind, fen))
    for deposit in session.new:
        if isinstance(deposit, Deposit) and deposit.kind is DepositKind.BOTTLES:
            deposit.product_id = world.milk_id
    await session.flush()


def _deposit(
    address_id: object, order: Order, state: DepositState, kind: DepositKind, fen: int
) -> Deposit:
    return Deposit(
        customer_id=order.customer_id,
        deposit_id=new_id(),
        order_id=order.order_id,
        address_id=address_id,
        kind=kind,
        amount_fen=fen,
        state=state,
        moved_at=MORNING,
    )


async def test_a_station_s_boxes_and_deposits_on_a_phone(site: Site) -> None:
    async with site.database.transaction() as session:
        await write_boxes(session, site.world)
    page = await site.page("/manager", Role.STATION_MANAGER, size=PHONE)
    await page.get_by_role("navigation", name="运营看板").get_by_role("link", name="奶箱").click()
    await expect(page.locator(".task")).to_have_count(1)
    await expect(page.locator(".task")).to_contain_text("已过 1 天")
    await page.locator(".task summary").click()
    await page.get_by_label("备注").fill("挂在信箱旁")
    await check_axe(page)
    await shot(page, "manager-boxes")
    await page.get_by_role("navigation", name="类别").get_by_role("link", name="押金").click()
    await expect(page.locator(".task")).to_have_count(2)
    await check_axe(page)
    await shot(page, "manager-deposits")
    await page.get_by_label("状态").select_option(label="已收")
    await expect(page).to_have_url(re.compile("state=held"))
    await expect(page.locator(".task")).to_have_count(2)
    await page.get_by_role("navigation", name="类别").get_by_role("link", name="奶箱安装").click()
    await page.get_by_label("状态").select_option(label="已安装")
    await expect(page.locator(".task")).to_contain_text("挂在门左侧")
    await page.locator(".task summary", has_text="撤销安装").click()
    await page.locator(".task form").get_by_role("button", name="撤销安装").click()
    await page.get_by_role("button", name="确定").click()
    await expect(page.get_by_text("已撤销安装，任务回到待安装")).to_be_visible()
    await page.get_by_label("状态").select_option(label="待安装")
    await expect(page.locator(".task")).to_have_count(2)


async def test_the_pages_are_light(site: Site) -> None:
    for path in ("/manager/terms", "/manager/boxes", "/manager/deposits"):
        weights = await weight_of(site, path, Role.MANAGER)
        assert 5 < in_kb(weights) <= MOST_KB, weights


async def test_the_eight_by_hand_are_a_page(site: Site) -> None:
    page = await site.page("/manager/kpis?period=7", Role.MANAGER)
    await expect(page.get_by_role("heading", name="八项指标")).to_be_visible()
    await expect(page.locator(".kpi")).to_have_count(8)
    await page.get_by_role("button", name="顾客满意度的定义").click()
    await expect(page.get_by_role("dialog", name="顾客满意度")).to_contain_text("S1 5.2.1")
    await page.keyboard.press("Escape")
    await check_axe(page)
    await page.get_by_role("link", name="近30天").click()
    await expect(page).to_have_url(re.compile("/manager/kpis.period=30"))
    await shot(page, "manager-kpis")
