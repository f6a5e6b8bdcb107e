"""Finance counts what a deliverer brings, prints its receipt, and writes down the bank's slip."""

import pytest
from playwright.async_api import Page, expect
from sqlalchemy import select

from app.billing.cash_models import BankDeposit, HandIn
from app.billing.cash_states import Confirmation, HandInState
from app.core.ids import public_single
from app.identity.models import Role
from app.web.finance.capitals import capital_yuan
from tests.billing.counting import Counter
from tests.fixtures.invariants import assert_invariants
from tests.fixtures.site import Site, check_axe, shot
from tests.web.finance.conftest import Till

A5_ACROSS = b"/MediaBox [0 0 594.95996 420]"


async def agree(page: Page, button: str) -> None:
    """Press a button and say yes."""
    await page.get_by_role("button", name=button, exact=True).click()
    await page.get_by_role("button", name="确定").click()


async def give_reason(page: Page, label: str, reason: str) -> None:
    """Open the note of an act, fill it in, send it, say yes."""
    await page.get_by_text(label, exact=True).first.click()
    await page.get_by_label("作废原因").fill(reason)
    await agree(page, label)


async def count_short(page: Page, counter: Counter) -> None:
    """Count 65.00 of the 90.00 he holds: refused without a reason, with one it waits."""
    await page.get_by_role("link", name="清点交款").click()
    station = page.get_by_label("奶站")
    await station.select_option(public_single("stn", counter.world.station_id))
    await page.get_by_label("送奶员", exact=True).select_option(counter.deliverer())
    await expect(page.get_by_label("本次应交")).to_have_value("90.00")
    await page.get_by_label("实点（元）").fill("65")
    before = await counter.count()
    await page.get_by_role("button", name="开交款单").click()
    await expect(page.get_by_text("请填写原因")).to_be_visible()
    assert await counter.count() == before
    await check_axe(page)
    await shot(page, "finance-count")

    await page.get_by_label("差异原因").fill("少一张收据")
    await page.get_by_role("button", name="开交款单").click()
    await expect(page.get_by_text("差异超过限额，待另一人复核")).to_be_visible()
    await expect(page.get_by_text("由您清点，须由另一人复核")).to_be_visible()
    await expect(page.get_by_text("大写 陆拾伍元整")).to_be_visible()
    await check_axe(page)
    await shot(page, "finance-hand-in")
    paper = await page.pdf(prefer_css_page_size=True)
    assert (paper.count(b"/MediaBox"), paper.count(A5_ACROSS)) == (1, 1)


async def bank_fifty(page: Page) -> None:
    """Write down a slip of 50.00 from the page of a receipt."""
    await page.get_by_role("link", name="现金", exact=True).last.click()
    await page.get_by_role("link", name="登记存款单").click()
    await expect(page.get_by_text("库存现金 ¥65.00")).to_be_visible()
    await page.get_by_label("存款单号").fill("6230-001")
    await page.get_by_label("金额").fill("50.00")
    await check_axe(page)
    await shot(page, "finance-slip")
    await page.get_by_role("button", name="登记").click()
    await expect(page.get_by_text("存款单已登记")).to_be_visible()
    await check_axe(page)
    await shot(page, "finance-cash-slip")


async def test_cash_from_a_hand_to_the_bank_and_all_of_it_taken_back(
    site: Site, till: Till
) -> None:
    await till.take(fen=9_000)
    counter = Counter(till.client, site.database, site.world)
    page = await site.page("/finance/cash", Role.FINANCE)
    site.expected.append("400 (Bad Request)")
    await count_short(page, counter)
    receipt = page.url.rpartition("/")[2]
    booked = await counter.act(f"hand-ins/{receipt}/approve")
    assert booked.json()["state"] == "booked", booked.text
    read = await counter.get(f"hand-ins/{receipt}", counter.finance)
    assert read == booked.json()

    await page.reload()
    await agree(page, "登记签字")
    await expect(page.get_by_text("已签字")).to_be_visible()
    await bank_fifty(page)
    slips = page.get_by_role("region", name="存款单")
    await slips.get_by_text("作废", exact=True).first.click()
    await slips.get_by_label("作废原因").fill("金额写错")
    await slips.get_by_role("button", name="作废").click()
    await page.get_by_role("button", name="确定").click()
    await expect(page.get_by_text("存款单已作废")).to_be_visible()
    await page.goto(f"/finance/cash/hand-ins/{receipt}")
    await give_reason(page, "作废", "重新清点")
    await expect(page.get_by_text("交款单已作废")).to_be_visible()
    await shot(page, "finance-hand-in-void")

    async with site.database.transaction() as session:
        row = (await session.scalars(select(HandIn))).one()
        assert (row.state, row.confirmation, row.cancel_reason, row.counted_fen) == (
            HandInState.CANCELLED,
            Confirmation.SIGNED,
            "重新清点",
            6_500,
        )
        slip = (await session.scalars(select(BankDeposit))).one()
        assert (slip.amount_fen, slip.cancel_reason) == (5_000, "金额写错")
        await assert_invariants(session, site.clock.now(), only=("I1", "I3", "I9", "I11"))
    assert await counter.held() == 9_000


@pytest.mark.parametrize(
    ("fen", "said"),
    [
        (0, "零元整"),
        (5, "伍分"),
        (30, "叁角整"),
        (1_005, "壹拾元零伍分"),
        (120_030, "壹仟贰佰元叁角整"),
        (100_500_00, "壹拾万零伍佰元整"),
        (1_000_000_050_12, "壹拾亿零伍拾元壹角贰分"),
        (2_0003_0000_00, "贰亿零叁万元整"),
    ],
)
def test_amounts_are_written_in_capitals(fen: int, said: str) -> None:
    assert capital_yuan(fen) == said
