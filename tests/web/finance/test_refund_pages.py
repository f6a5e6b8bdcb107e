"""Refunds are approved, paid out and settled on the page, by a second person where needed."""

import asyncio
from io import BytesIO

from openpyxl import load_workbook
from playwright.async_api import expect
from sqlalchemy import select

from app.billing.models import Refund
from app.billing.states import PaymentChannel, RefundStatus
from app.core.ids import read_pair
from app.identity.models import Role
from app.web.common.forms import once_key
from tests.factories.world import MORNING
from tests.fixtures.invariants import assert_invariants
from tests.fixtures.site import Site, check_axe, shot
from tests.web.finance.conftest import Till


async def test_from_the_approval_to_the_paper(site: Site, till: Till) -> None:
    order_id, order_no = await till.order()
    cash = await till.take(order_id, fen=9_000)
    card = await till.take(channel=PaymentChannel.POS, fen=6_000)
    wanted = await till.ask(cash, fen=4_500)
    own = await till.ask(card, fen=6_000, by=site.world.staff[Role.FINANCE].account_id)

    page = await site.page("/finance/refunds", Role.FINANCE)
    row = page.locator(f"#refund-{wanted}")
    await expect(row).to_contain_text(f"退订 · 订单 {order_no}")
    await expect(row).to_contain_text("¥45.00")
    foreign = page.locator(f"#refund-{own}")
    await expect(foreign).to_contain_text("由您申请，须由另一位财务人员处理")
    await expect(foreign.get_by_role("button")).to_have_count(0)
    await check_axe(page)
    await shot(page, "finance-refunds")

    await page.keyboard.press("j")
    await expect(row).to_be_focused()
    await page.keyboard.press("Enter")
    await page.get_by_role("button", name="确定").click()
    await expect(page.get_by_text("已批准退款")).to_be_visible()
    await expect(page.locator(f"#refund-{wanted}")).to_have_count(0)
    await page.get_by_role("link", name="待付款").click()
    row = page.locator(f"#refund-{wanted}")
    await row.get_by_text("已付款").first.click()
    await row.get_by_label("凭证").fill("收条 0007")
    await row.get_by_role("button", name="已付款").click()
    await page.get_by_role("button", name="确定").click()
    await expect(page.get_by_text("没有待付款的退款")).to_be_visible()
    await page.get_by_role("link", name="已退款").click()
    await expect(page.locator(f"#refund-{wanted}")).to_contain_text("凭证：收条 0007")

    paid = await till.refund(read_pair("rfd", wanted)[1])
    assert (paid.status, paid.settled_by) == (
        RefundStatus.SUCCEEDED,
        site.world.staff[Role.FINANCE].account_id,
    )
    waits = await till.refund(read_pair("rfd", own)[1])
    assert waits.status == RefundStatus.REQUESTED
    async with site.database.transaction() as session:
        assert len((await session.scalars(select(Refund))).all()) == 2
        await assert_invariants(session, MORNING, only=("I1", "I3", "I4", "I9"))


async def test_a_statement_is_found_and_adds_up(site: Site, till: Till) -> None:
    site.expected = ["400"]
    order_id, order_no = await till.order()
    cash = await till.take(order_id, fen=9_000)
    await till.ask(cash, fen=4_500)
    page = await site.page("/finance/statements", Role.AUDITOR)
    await page.keyboard.press("/")
    await page.keyboard.type("13900000000")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert")).to_contain_text("没有找到顾客")
    await check_axe(page)
    await page.get_by_label("订单号或手机号").fill(order_no)
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/finance/statements/cus_*", wait_until="commit")
    await expect(page.get_by_role("heading", name="预付款")).to_be_visible()
    prepaid = page.get_by_role("region", name="预付款流水")
    await expect(prepaid.locator("tr", has_text="现金收款")).to_contain_text(order_no)
    await expect(prepaid.locator("tr", has_text="期末")).to_contain_text("¥45.00")
    waiting = page.get_by_role("region", name="待退款流水")
    await expect(waiting.locator("tr", has_text="期末")).to_contain_text("¥45.00")
    household = site.world.household
    assert household.phone not in await page.content()
    await check_axe(page)
    await shot(page, "finance-statement")
    await page.keyboard.press("6")
    await expect(page.get_by_text("借贷平衡")).to_be_visible()
    owed = page.get_by_role("region", name="欠顾客的款项科目")
    await expect(owed.locator("tr", has_text="预付款")).to_contain_text("贷 ¥45.00")
    await check_axe(page)
    await shot(page, "finance-balances")
    async with page.expect_download() as downloading:
        await page.keyboard.press("e")
    file = await (await downloading.value).path()
    sheet = await asyncio.to_thread(lambda: load_workbook(BytesIO(file.read_bytes())).worksheets[0])
    rows = {row[0]: row for row in sheet.iter_rows(values_only=True)}
    assert rows["prepaid"][1:] == ("预付款", 45, 90, 45)
    assert list(rows.values())[-1][1:] == ("合计", 135, 135, 0)


async def test_auditors_read_and_nobody_acts_alone(site: Site, till: Till) -> None:
    finance = site.world.staff[Role.FINANCE]
    wanted = await till.ask(await till.take(), fen=4_500, by=finance.account_id)
    auditor = {"Accept": "text/html"} | site.world.staff[Role.AUDITOR].headers
    pages = till.client
    seen = await pages.get("http://test/finance/refunds", headers=auditor)
    assert wanted in seen.text
    assert '<form method="post" action="/finance/refunds' not in seen.text
    for act in ("approve", "paid-out", "settle"):
        address = f"http://test/finance/refunds/{wanted}/{act}"
        form = {"once": once_key(), "note": "收条 0007"}
        refused = await pages.post(address, data=form, headers=auditor)
        assert refused.status_code == 403
        own = await pages.post(address, data=form, headers=finance.headers)
        assert own.status_code == 409, act
    assert (await till.refund(read_pair("rfd", wanted)[1])).status == RefundStatus.REQUESTED


async def test_what_waits_is_counted_by_act(site: Site, till: Till) -> None:
    cash = await till.take(fen=9_000)
    first = await till.ask(cash, fen=1_000)
    second = await till.ask(cash, fen=2_000)
    broken = await till.ask(await till.take(channel=PaymentChannel.POS, fen=3_000), fen=3_000)
    await till.approve(read_pair("rfd", second)[1])
    async with site.database.transaction() as session:
        row = await session.get_one(Refund, read_pair("rfd", broken))
        row.status = RefundStatus.SUBMITTED
        row.failure = "refused: NOT_ENOUGH"
    auditor = site.world.staff[Role.AUDITOR].headers

    async def sums() -> dict[str, tuple[int, int]]:
        answer = await till.client.get("/refund-work/sums", headers=auditor)
        return {one["work"]: (one["count"], one["amount_fen"]) for one in answer.json()["items"]}

    waiting = {"approve": (1, 1_000), "pay_out": (1, 2_000), "by_hand": (0, 0)}
    assert await sums() == waiting | {"under_way": (1, 3_000)}
    async with site.database.transaction() as session:
        row = await session.get_one(Refund, read_pair("rfd", broken))
        row.failure = "refused: USER_ACCOUNT_ABNORMAL"
    assert await sums() == waiting | {"by_hand": (1, 3_000), "under_way": (0, 0)}
    for work, wanted in (("approve", first), ("pay_out", second), ("by_hand", broken)):
        found = await till.client.get("/refund-work", params={"work": work}, headers=auditor)
        assert [one["id"] for one in found.json()["items"]] == [wanted], work
    done = await till.client.get("/refund-work?work=done", headers=auditor)
    assert done.json() == {"items": [], "next_cursor": None}
