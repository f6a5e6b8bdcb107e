"""Finance hands requests for invoices to the provider, takes its answer over, and mends the rest."""

from typing import Any

from playwright.async_api import expect
from sqlalchemy import select

from app.core.ids import read_pair
from app.core.jobs import JobContext
from app.identity.models import Role
from app.invoices.models import InvoiceRequest
from app.invoices.states import InvoiceState
from tests.factories import orders
from tests.factories.invoices import NUMBER, RED, ask
from tests.fixtures.invariants import assert_invariants
from tests.fixtures.jobs import drain
from tests.fixtures.payments import open_payments
from tests.fixtures.site import Site, check_axe, shot
from tests.orders.conftest import pay
from tests.web.finance.conftest import Till


async def asked(site: Site, till: Till) -> dict[str, Any]:
    """The request of a household for an order it has paid."""
    household = site.world.household
    async with open_payments(site.runtime, parallel=True) as payments:
        placed = await orders.place(till.client, site.world, household)
        await pay(till.client, payments, placed["id"], household)
        await payments.deliver_notifications()
        await drain(JobContext(site.database, site.clock))
        answer = await ask(till.client, placed, household)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_a_batch_goes_out_and_its_answer_comes_back(site: Site, till: Till) -> None:
    request = await asked(site, till)
    page = await site.page("/finance/invoices", Role.FINANCE)
    await expect(page.locator("[data-row]")).to_contain_text("单位 · 上**")
    await page.get_by_role("button", name="生成批次").click()
    await page.get_by_role("button", name="确定").click()
    await expect(page.get_by_text("批次已生成")).to_be_visible()
    async with page.expect_download() as downloading:
        await page.get_by_role("link", name="下载").click()
    assert (await downloading.value).suggested_filename.startswith("开票申请-FP")
    answer = f"申请编号,发票号码,开票日期\n{request['id']},{NUMBER},2026-03-15\ninv_wrong,{RED},2026-03-15\n"
    await page.get_by_label("回执文件").set_input_files(
        {"name": "回执.csv", "mimeType": "text/csv", "buffer": answer.encode()}
    )
    await page.get_by_role("button", name="导入回执").click()
    await expect(page.get_by_text("开票 1 张，拒绝 0 张，1 行没有导入")).to_be_visible()
    await expect(page.get_by_role("region", name="没有导入的行")).to_contain_text("申请编号有误")
    await check_axe(page)
    await shot(page, "finance-batch")

    await page.get_by_role("link", name="其中的发票").click()
    row = page.locator("[data-row]")
    await expect(row).to_contain_text(NUMBER)
    await row.locator("summary").click()
    await row.get_by_label("红字发票号码").fill(RED)
    await row.get_by_label("原因").fill("抬头有误")
    await check_axe(page)
    await shot(page, "finance-invoices")
    await row.get_by_role("button", name="登记红字发票").click()
    await page.get_by_role("button", name="确定").click()
    await expect(page.get_by_text("已登记红字发票")).to_be_visible()
    await expect(row).to_contain_text(f"红字 {RED}")
    async with site.database.transaction() as session:
        kept = (await session.scalars(select(InvoiceRequest))).one()
        assert (kept.request_id, kept.state, kept.invoice_number, kept.red_number) == (
            read_pair("inv", request["id"])[1],
            InvoiceState.REVERSED,
            NUMBER,
            RED,
        )
        await assert_invariants(session, site.clock.now(), only=("I1", "I3", "I5"))
