"""Finance closes a day: what the channel's bill says otherwise is worked off, cash is closed."""

from dataclasses import dataclass
from datetime import date

import pytest
from playwright.async_api import Page, expect
from sqlalchemy import select

from app.billing.bill_models import BillDifference
from app.billing.cash_models import CashDay
from app.billing.cash_states import CashDayState
from app.billing.states import DifferenceState
from app.core.clock import local_date
from app.core.ids import public_single
from app.identity.models import Role
from bench.weight import in_kb
from tests.billing.bills import NEXT_MORNING, Desk, bill_of, row, set_both
from tests.billing.conftest import heard
from tests.billing.counting import Counter
from tests.factories.billing import pay_one
from tests.factories.world import MORNING, TODAY
from tests.fixtures.invariants import assert_invariants
from tests.fixtures.payments import open_payments
from tests.fixtures.site import PHONE, Site, check_axe, shot, weight_of
from tests.web.finance.conftest import Till

__all__ = ["heard"]
MOST_KB = 60


@dataclass(frozen=True)
class Traded:
    """The cashier's desk, and the bill's rows in its file."""

    counter: Counter
    rows: list[dict[str, str]]


@pytest.fixture
async def traded(site: Site, till: Till, heard: object) -> Traded:
    """The morning after a day whose bill has one sum otherwise, and cash that was counted short."""
    counter = Counter(till.client, site.database, site.world)
    async with open_payments(site.runtime, parallel=True) as payments:
        set_both(site.clock, payments, MORNING)
        household = site.world.household
        agreed = await pay_one(site.database, payments, household)
        off = await pay_one(site.database, payments, household, amount_fen=3_000)
        await till.take(fen=9_000)
        counted = await counter.hand_in(9_000, 6_500, reason="少一张收据", is_signed=True)
        assert counted.status_code == 201, counted.text
        site.clock.set(NEXT_MORNING)
        merchant = payments.gateway.merchant
        rows = [
            row(merchant, 商户订单号=agreed.out_trade_no),
            row(merchant, 商户订单号=off.out_trade_no, 订单金额="30.01"),
        ]
        await Desk(till.client, site.world).bring(TODAY.isoformat(), bill_of(rows))
    return Traded(counter, rows)


async def same_figures(counter: Counter, day: date) -> None:
    """All stations at a glance say what each station's own day says."""
    headers = counter.finance.headers
    glance = (await counter.client.get(f"/closings/{day}", headers=headers)).json()
    [station] = [one for one in glance["stations"] if one["station"] == counter.station]
    alone = await counter.get(f"days/{counter.station}/{day}", counter.finance)
    assert {name: station[name] for name in alone["figures"]} == alone["figures"]
    assert station["state"] == alone["state"]


async def test_a_day_is_closed_in_minutes(site: Site, traded: Traded) -> None:
    page = await site.page("/finance", Role.FINANCE)
    await expect(page.get_by_role("region", name="各渠道账单")).to_contain_text("1 笔 · ¥0.01")
    await expect(page.get_by_role("link", name="待复核 1")).to_be_visible()
    await check_axe(page)
    await shot(page, "finance-day")

    await page.get_by_role("link", name="1 笔差异待处理").click()
    item = page.locator("[data-row]")
    await expect(item).to_contain_text("金额不符")
    await check_axe(page)
    await shot(page, "finance-differences")
    await page.keyboard.press("j")
    await page.keyboard.press("Enter")
    await item.get_by_label("说明").fill("银行手续费，已问渠道")
    await item.get_by_role("button", name="说明").click()
    await page.get_by_role("button", name="确定").click()
    await expect(page.get_by_text("已说明，继续跟踪")).to_be_visible()
    await expect(page.get_by_text("没有符合条件的差异")).to_be_visible()

    await look_into_it(site, page, traded)
    await page.goto(f"/finance?day={TODAY}")
    await page.get_by_role("link", name="待复核 1").click()
    await expect(page.get_by_text("差异原因：少一张收据")).to_be_visible()
    await check_axe(page)
    await shot(page, "finance-cash")
    await page.get_by_role("button", name="复核入账").click()
    await page.get_by_role("button", name="确定").click()
    await expect(page.get_by_text("已复核入账")).to_be_visible()

    await page.goto(f"/finance?day={TODAY}")
    await page.keyboard.press("y")
    await page.get_by_role("button", name="确定").click()
    await expect(page.get_by_text("这一天已经结清")).to_be_visible()
    await shot(page, "finance-day-closed")
    async with site.database.transaction() as session:
        difference = (await session.scalars(select(BillDifference))).one()
        assert (difference.state, difference.reason) == (
            DifferenceState.EXPLAINED,
            "银行手续费，已问渠道",
        )
        day = await session.get_one(CashDay, (site.world.station_id, TODAY))
        assert (day.state, day.closed_by) == (
            CashDayState.CLOSED,
            site.world.staff[Role.FINANCE].account_id,
        )
        await assert_invariants(session, site.clock.now(), only=("I1", "I3", "I9", "I11"))
    await same_figures(traded.counter, TODAY)
    await same_figures(traded.counter, local_date(site.clock.now()))
    assert 5 < in_kb(await weight_of(site, "/finance", Role.FINANCE)) <= MOST_KB


async def bring_file(page: Page, file: bytes) -> None:
    """Import a bill's file by hand."""
    await page.get_by_label("账单文件", exact=True).set_input_files(
        {"name": "bill.csv", "mimeType": "text/csv", "buffer": file}
    )
    await page.get_by_role("button", name="导入并对账").click()


async def look_into_it(site: Site, page: Page, traded: Traded) -> None:
    """The history of the difference, then its bill: brought broken, with a bad row, and whole."""
    await page.goto("/finance/differences?state=explained")
    await page.locator("[data-row] .number-code a").click()
    history = page.get_by_role("region", name="处理记录")
    await expect(history).to_contain_text("银行手续费，已问渠道")
    await expect(history).to_contain_text("自动对账")
    await check_axe(page)
    await shot(page, "finance-difference")
    await page.get_by_role("link", name=TODAY.isoformat(), exact=True).click()
    site.expected.append("400 (Bad Request)")
    await bring_file(page, b"no bill")
    await expect(page.get_by_text("不是该渠道完整的交易账单文件")).to_be_visible()
    await bring_file(page, bill_of([*traded.rows, row("1900000000", 商户订单号="P-9")]))
    faults = page.get_by_role("region", name="无法识别的行")
    await expect(faults).to_contain_text("商户号不是本账户")
    await check_axe(page)
    await shot(page, "finance-bill")
    await bring_file(page, bill_of(traded.rows))
    await expect(faults).to_have_count(0)


async def test_an_auditor_sees_all_of_it_and_no_button(site: Site, traded: Traded) -> None:
    station = public_single("stn", site.world.station_id)
    page = await site.page(f"/finance?day={TODAY}", Role.AUDITOR, size=PHONE)
    for path in (
        f"/finance?day={TODAY}",
        "/finance/differences",
        "/finance/invoices",
        f"/finance/cash?day={TODAY}&station={station}",
    ):
        await page.goto(path)
        await expect(page.locator("main h1")).to_be_visible()
        await expect(page.locator("main form[method=post]")).to_have_count(0)
        await check_axe(page)
    await same_figures(traded.counter, TODAY)
    headers = site.world.staff[Role.AUDITOR].headers
    read = await traded.counter.client.get(f"/closings/{TODAY}", headers=headers)
    closing = read.json()
    assert (closing["is_done"], closing["open_count"], closing["missing_count"]) == (False, 1, 0)
    [cash] = [one for one in closing["stations"] if one["station"] == station]
    assert (cash["taken_fen"], cash["waiting"], cash["closing_fen"]) == (9_000, 1, 0)
    listed = await traded.counter.client.get(
        "/bill-differences",
        params={"date": TODAY.isoformat(), "channel": "wechat"},
        headers=headers,
    )
    assert [one["theirs_fen"] - one["ours_fen"] for one in listed.json()["items"]] == [1]
    none = await traded.counter.client.get("/bill-differences?kind=only_ours", headers=headers)
    assert none.json()["items"] == []
